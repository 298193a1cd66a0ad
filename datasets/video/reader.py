"""Video reader: a video file -> the frames that a model reads, with their presentation times."""

import os
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from ..files import VIDEO_SUFFIXES
from ..source import Reader
from .decoder import TimedFrame, decode_video, frame_times
from .frame_folders import read_frames

MAX_SIDE = 2**14  # pixels of a frame that is scaled, with what a crop leaves out


class Clip(NamedTuple):
    """frames: (T, C, H, W) uint8. times: (T,) float64 seconds since the start of the file.

    numbers: (T,) int64 index of each frame in the file, in presentation order.
    """

    frames: np.ndarray
    times: np.ndarray
    numbers: np.ndarray


class ClipReader(Reader):
    """Frames of a video, in presentation order, scaled to one size.

    Args:
        height, width: pixels of a frame.
        channels: 1 grey, 3 RGB.
        rate_hz: maximal number of frames per second, by presentation time; null: every frame. A
            folder of images (0001.jpg ...) has so many a second and needs it.
        frames: number of frames, spread evenly over the whole clip, whatever its length (a shorter
            clip gives all it has); null: as rate_hz says.
        crop: the part of the image to read: left, top, right, bottom as fractions of its width and
            height; null: all of it.
    """

    suffixes = VIDEO_SUFFIXES

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
        part = (1, 1) if crop is None else (crop[2] - crop[0], crop[3] - crop[1])
        if max(width / part[0], height / part[1]) > MAX_SIDE:
            raise ValueError(
                f"ClipReader: {width} x {height} pixels of crop={crop} are more than {MAX_SIDE} "
                "pixels in the whole frame; take a larger part, or a smaller size"
            )
        self.rate_hz, self.frames = rate_hz, frames
        self.crop = None if crop is None else list(crop)  # as JSON returns it

    def read(self, item: str) -> np.ndarray:
        """Read a path -> (T, C, height, width) uint8.

        Raises OSError or ValueError that names the file.
        """
        return self.read_clip(item).frames

    def read_clip(self, path: str) -> Clip:
        """Read the frames and their times into memory."""
        if self.frames is None:
            frames = self.stream(path)
        else:  # decodes twice: no header is trusted for the number of frames
            count = 0 if os.path.isdir(path) else len(frame_times(path))
            selected = spread(count, self.frames)
            frames = self._decode(path, lambda _, number: number in selected)
        seconds, numbers, pixels = zip(*frames, strict=True)
        return Clip(np.stack(pixels), np.array(seconds), np.array(numbers))

    def stream(
        self, path: str, container_format: str | None = None, live: bool = False
    ) -> Iterator[TimedFrame]:
        """Iterate over the frames in bounded memory.

        container_format: of a device; live: path may be a URL; see `decode_video`. Raises
        ValueError if `frames` is set.
        """
        if self.frames is not None:
            raise ValueError(
                f"{path}: frames={self.frames} are spread over a whole clip, which a stream has "
                "not; use a model that was trained with rate_hz, or on every frame"
            )
        return self._decode(path, self.pace(), container_format, live)

    def pace(self) -> Callable[[float, int], bool] | None:
        """Return a function of a frame's (seconds, number): whether it is read. None: all are.

        It must be called for each frame in order. With a rate, the first frame at or after each
        multiple of 1 / rate_hz is read.
        """
        if self.rate_hz is None:
            return None
        rate, tick = self.rate_hz, 0

        def wanted(seconds: float, number: int) -> bool:
            nonlocal tick
            # times are rounded to the file's time base: accept a frame just before its tick
            due = seconds * rate > tick - 1e-3
            if due:
                tick = int(seconds * rate + 1e-3) + 1
            return due

        return wanted

    def _decode(
        self,
        path: str,
        wanted: Callable[[float, int], bool] | None,
        container_format: str | None = None,
        live: bool = False,
    ) -> Iterator[TimedFrame]:
        """Iterate over the wanted frames, cut from a larger scaled image if there is a crop."""
        left, top, right, bottom = self.crop or (0, 0, 1, 1)
        height, width = round(self.height / (bottom - top)), round(self.width / (right - left))
        y = min(round(top * height), height - self.height)
        x = min(round(left * width), width - self.width)
        size = height, width, self.channels
        if os.path.isdir(path):
            frames = self._read_folder(path, *size)
        else:
            frames = decode_video(path, *size, wanted, container_format, live)
        for frame in frames:
            part = frame.pixels[:, y : y + self.height, x : x + self.width]
            yield frame._replace(pixels=np.ascontiguousarray(part))

    def _read_folder(self, path: str, *size: int) -> Iterator[TimedFrame]:
        """Iterate over all images of a folder. Raises ValueError without a rate."""
        if self.rate_hz is None:
            raise ValueError(
                f"{path}: a folder of images does not say how many there are a second; set rate_hz "
                "(not frames) to that number, or make a video of them"
            )
        return read_frames(path, *size, self.rate_hz)


def spread(count: int, frames: int) -> set[int]:
    """Indices of the middle frames of `frames` equal parts of `count`; all if there are fewer."""
    if count <= frames:
        return set(range(count))
    return {int((2 * part + 1) * count / (2 * frames)) for part in range(frames)}
