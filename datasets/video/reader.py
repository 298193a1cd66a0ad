"""A video file -> the frames that a model reads, and when each is shown."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from ..source import Reader
from .decoder import TimedFrame, decode, frame_times


class Clip(NamedTuple):
    """frames: (T, C, H, W) uint8. times: (T,) float64 seconds since the first frame of the file.

    numbers: (T,) int64 place of each in the file, in the order shown.
    """

    frames: np.ndarray
    times: np.ndarray
    numbers: np.ndarray


class ClipReader(Reader):
    """Frames of a video, in the order they are shown, scaled to one size.

    Args:
        height, width: pixels of a frame.
        channels: 1 grey, 3 RGB.
        rate_hz: at most so many frames a second, by presentation time; null: every frame.
        frames: so many, spread evenly over the whole clip, whatever its length (a shorter clip
            gives all it has); null: as rate_hz says.
        crop: the part of the picture to read: left, top, right, bottom as shares of its width and
            height; null: all of it.
    """

    suffixes = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".gif", ".mpg", ".mpeg", ".m4v", ".wmv")

    def __init__(
        self,
        height: int,
        width: int,
        channels: Literal[1, 3] = 1,
        rate_hz: float | None = None,
        frames: int | None = None,
        crop: tuple[float, float, float, float] | None = None,
    ):
        if min(height, width) < 1 or channels not in (1, 3):
            raise ValueError(
                f"ClipReader: {width} x {height} pixels, {channels} channels; give a size of at "
                "least 1 x 1 and 1 (grey) or 3 (RGB) channels"
            )
        if rate_hz is not None and frames is not None:
            raise ValueError(f"ClipReader: rate_hz={rate_hz} and frames={frames}; give one of them")
        if (rate_hz is not None and rate_hz <= 0) or (frames is not None and frames < 1):
            raise ValueError(f"ClipReader: rate_hz={rate_hz}, frames={frames}; give more than 0")
        self.height, self.width, self.channels = height, width, channels
        if crop is not None and not (0 <= crop[0] < crop[2] <= 1 and 0 <= crop[1] < crop[3] <= 1):
            raise ValueError(
                f"ClipReader: crop={list(crop)}; give left, top, right, bottom from 0 to 1"
            )
        self.rate_hz, self.frames = rate_hz, frames
        self.crop = None if crop is None else list(crop)  # as JSON gives it back

    def read(self, item: str) -> np.ndarray:
        """A path -> (T, C, height, width) uint8.

        Raises OSError or ValueError that names the file.
        """
        return self.read_clip(item).frames

    def read_clip(self, path: str) -> Clip:
        """The frames with their times; all of them in memory."""
        found = list(self._chosen(path) if self.frames else self.stream(path))
        seconds, numbers, pixels = zip(*found, strict=True)
        return Clip(np.stack(pixels), np.array(seconds), np.array(numbers))

    def stream(self, path: str, container_format: str | None = None) -> Iterator[TimedFrame]:
        """The frames one by one, in bounded memory; not for a fixed number of frames.

        container_format: of a device, see `decode`.
        """
        if self.frames is not None:
            raise ValueError(
                f"{path}: frames={self.frames} are spread over a whole clip, which a stream has "
                "not; use a model that was trained with rate_hz, or on every frame"
            )
        return self._decode(path, self.pace(), container_format)

    def pace(self) -> Callable[[float, int], bool] | None:
        """Says of each frame in turn (its seconds, its place) whether it is read; null: all are.

        Of a rate it is the first frame at or after each multiple of 1 / rate_hz.
        """
        if self.rate_hz is None:
            return None
        rate, tick = self.rate_hz, 0

        def wanted(seconds: float, number: int) -> bool:
            nonlocal tick
            # times are rounded to the file's time base: a frame just before its tick belongs to it
            due = seconds * rate > tick - 1e-3
            if due:
                tick = int(seconds * rate + 1e-3) + 1
            return due

        return wanted

    def _chosen(self, path: str) -> Iterator[TimedFrame]:
        """The middles of `frames` equal parts. Decodes twice: no header is trusted to count."""
        wanted = spread(len(frame_times(path)), self.frames)
        return self._decode(path, lambda _, number: number in wanted)

    def _decode(
        self,
        path: str,
        wanted: Callable[[float, int], bool] | None,
        container_format: str | None = None,
    ) -> Iterator[TimedFrame]:
        """The wanted frames; with a crop the whole is scaled so that its part has our size."""
        if self.crop is None:
            yield from decode(
                path, self.height, self.width, self.channels, wanted, container_format
            )
            return
        left, top, right, bottom = self.crop
        height, width = round(self.height / (bottom - top)), round(self.width / (right - left))
        y = min(round(top * height), height - self.height)
        x = min(round(left * width), width - self.width)
        for frame in decode(path, height, width, self.channels, wanted, container_format):
            part = frame.pixels[:, y : y + self.height, x : x + self.width]
            yield frame._replace(pixels=np.ascontiguousarray(part))


def spread(count: int, frames: int) -> set[int]:
    """Places of the middle frames of `frames` equal parts of `count`; all if there are fewer."""
    if count <= frames:
        return set(range(count))
    return {int((2 * part + 1) * count / (2 * frames)) for part in range(frames)}
