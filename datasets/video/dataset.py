"""One split of labelled clips as a dataset: windows, speed changes and augmentation of frames."""

from typing import NamedTuple

import numpy as np

from ..batch import Sample
from ..digests import as_digests
from ..source import SequenceDataset
from .cache import FrameCache, Stored, content_digest


class LabelledClip(NamedTuple):
    """name: as used in messages. stored: its frames. target: () | (T,) | (S,) int64. path: of the
    video.
    """

    name: str
    group: str
    stored: Stored
    target: np.ndarray
    path: str = ""


class ClipDataset(SequenceDataset):
    """The clips of one split.

    Args:
        clips, cache: the clips, and the cache with their frames.
        per_step: the targets label steps, and are cut together with them.
        window: above 0, clips longer than so many steps are cut: each epoch draws as many windows
            of that length from a clip as are needed to cover it, at random positions.
        speed: maximal fraction by which a clip is randomly sped up or slowed down.
        seed: of both draws, together with the epoch, which the sampler sets.

    `augmentation.clip` (frames (T, H, W, C) -> the same), if set, changes all frames of a clip in
    the same way.
    """

    def __init__(
        self,
        clips: list[LabelledClip],
        cache: FrameCache,
        per_step: bool,
        window: int = 0,
        speed: float = 0.0,
        seed: int = 0,
    ):
        self.cache, self.per_step = cache, per_step
        self.window, self.speed, self.seed = window, speed, seed
        self.epoch = 0
        self.augmentation = None
        steps = [len(clip.stored.times) for clip in clips]
        self.clips = [
            clip
            for clip, count in zip(clips, steps, strict=True)
            for _ in range(-(-count // window) if window else 1)
        ]
        self.names = [clip.name for clip in self.clips]
        self.files = [clip.path for clip in self.clips]
        self.groups = [clip.group for clip in self.clips]
        sizes = np.array([len(clip.stored.times) for clip in self.clips], dtype=np.int64)
        longest = np.ceil(sizes * (1 + speed)).astype(np.int64)
        self.sizes = np.where(sizes > window, window, longest) if window else longest

    def read(self, index: int) -> Sample:
        clip = self.clips[index]
        steps = self._steps(len(clip.stored.times), index)
        frames = np.asarray(self.cache.frames(clip.stored)[steps])
        if self.augmentation is not None:
            images = self.augmentation.clip(np.ascontiguousarray(frames.transpose(0, 2, 3, 1)))
            frames = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        return Sample(frames, clip.target[steps] if self.per_step else clip.target)

    def digests(self) -> np.ndarray:
        return as_digests(content_digest(clip.stored.content) for clip in self.clips)

    def _steps(self, count: int, index: int) -> slice | np.ndarray:
        """The steps of a clip that this sample has in this epoch."""
        if not (self.window or self.speed):
            return slice(None)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        factor = (1 + self.speed) ** rng.uniform(-1, 1)
        if self.window and count > self.window:
            span = min(count, round(self.window * factor))
            start, length = int(rng.integers(count - span + 1)), self.window
        else:
            start, span, length = 0, count, max(1, round(count / factor))
        return start + (np.arange(length) * (span / length)).astype(np.int64)
