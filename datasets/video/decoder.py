"""Frames of a video file, in the order and at the times they are shown."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import numpy as np

from .pixels import PixelConverter, orientation_of

PUSHED_SECONDS = 1e-3  # a frame whose time does not come after the one before: so much later
RESTART_SECONDS = 1.0  # a step back this long is a clock that starts again, no muddle
TOGETHER = 8  # frames decoded, then converted: in turns, each evicts the other from the cache (7 %)


class TimedFrame(NamedTuple):
    """seconds: since the first frame. number: place in the file, from 0.

    pixels: (C, height, width) uint8, RGB or grey, an array of its own: it may be kept.
    """

    seconds: float
    number: int
    pixels: np.ndarray


class VideoFacts(NamedTuple):
    """What decoding all of a file found, beside what its header claims.

    width, height: pixels as shown, after rotation (degrees counter-clockwise, as ffprobe says it;
    a mirrored film is said only by its pixels). header_frames, header_seconds: None where the
    header is silent. seconds: until the last frame ends. rate_hz: the mean. ended_early: why
    decoding stopped before the file's end, or "".
    """

    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    header_frames: int | None
    header_seconds: float | None
    frames: int
    seconds: float
    constant_rate: bool
    rate_hz: float
    ended_early: str


def decode(
    path: str,
    height: int,
    width: int,
    channels: Literal[1, 3],
    wanted: Callable[[float, int], bool] | None = None,
    container_format: str | None = None,
) -> Iterator[TimedFrame]:
    """Every frame, scaled to one size (area averaging), turned as the file says, on one thread.

    Memory does not grow with the file's length, and the file is closed when the generator is.
    `wanted(seconds, number)` spares the frames for which it is false their conversion.
    container_format: FFmpeg's name of a device's (`v4l2`, a camera's); files tell theirs.

    Times are the presentation times, from 0 at the first frame shown, and always increase: a
    duplicate or muddled one is put 1 ms behind its predecessor, a clock that starts again goes on
    one frame later, and frames without a time follow at the file's rate. Frames that an edit list
    hides are left out.

    Raises OSError or ValueError, one line that names the file. So does a file that breaks off in
    the middle of a picture, after the frames before it; one that has fewer frames than its header
    says does not.
    """
    with _opened(path, container_format=container_format) as (container, stream):
        convert = None
        for together in _grouped(_shown(path, container, stream), wanted):
            if convert is None:
                turned = _orientation(path, together[0][2])
                convert = PixelConverter(height, width, channels, turned)
            for seconds, number, frame in together:
                yield TimedFrame(seconds, number, convert(frame))


def frame_times(path: str) -> np.ndarray:
    """(T,) float64 seconds of every frame that `decode` gives; nothing is converted.

    The only way to know how many there are: headers err, and edit lists hide frames.
    """
    with _opened(path, exact=False) as (container, stream):
        shown = _shown(path, container, stream)
        return np.fromiter((seconds for seconds, *_ in shown), np.float64)


def describe(path: str) -> VideoFacts:
    """Decodes all of a file, and says what was found, also of one that breaks off.

    Raises OSError or ValueError that names the file, for one that gives no frame at all.
    """
    times, frame, ended_early = [], None, ""
    with _opened(path, exact=False) as (container, stream):
        try:
            for seconds, _, shown in _shown(path, container, stream):
                times.append(seconds)
                frame = frame or shown
        except ValueError as error:
            if frame is None:
                raise
            ended_early = str(error)
        sideways, *_ = _orientation(path, frame)
        size = (frame.height, frame.width) if sideways else (frame.width, frame.height)
        steps = np.diff(times)
        only = (frame.duration or 0) * float(stream.time_base) or 1 / _rate_hz(stream)
        last = float(np.median(steps)) if len(steps) else only
        return VideoFacts(
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=frame.format.name,
            width=size[0],
            height=size[1],
            rotation=frame.rotation,
            header_frames=stream.frames or None,
            header_seconds=container.duration / 1e6 if container.duration else None,
            frames=len(times),
            seconds=times[-1] + last,
            constant_rate=_constant(np.array(times), float(stream.time_base)),
            rate_hz=len(steps) / times[-1] if len(steps) else _rate_hz(stream),
            ended_early=ended_early,
        )


class _Clock:
    """Frames, in the order the decoder shows them -> seconds since the first, increasing."""

    def __init__(self, container, stream):
        self.tick, self.step = float(stream.time_base), 1 / _rate_hz(stream)
        # AVI stores none: the demuxer's guess is muddled behind B-frames, decoding time is not
        self.by_decoding = container.format.name == "avi"
        self.least = min(PUSHED_SECONDS, self.step / 2)
        self.start, self.last = 0.0, None

    def __call__(self, frame) -> float:
        stamp = frame.dts if self.by_decoding else frame.pts
        if self.last is None:
            self.start, self.last = (stamp or 0) * self.tick, 0.0
        elif stamp is None:
            self.last += self.step
        else:
            seconds = stamp * self.tick - self.start
            if seconds < self.last - RESTART_SECONDS:
                self.start -= self.last + self.step - seconds
                seconds = self.last + self.step
            pushed = self.last + self.least
            self.last = seconds if seconds > pushed else pushed
        return self.last


@contextmanager
def _opened(path: str, exact: bool = True, container_format: str | None = None):
    """(container, its video stream). Without `exact` the pixels are of no use, only quicker."""
    import av  # imported late: line reading starts without it
    from av.stream import Disposition

    try:
        # titles may be in any encoding; nobody reads them here
        container = av.open(path, format=container_format, metadata_errors="ignore")
    except FileNotFoundError as error:  # PyAV's is an FFmpegError too
        raise FileNotFoundError(f"{path}: no such file") from error
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and not isinstance(error, ValueError):
            raise OSError(f"{path}: {error.strerror}") from error
        raise ValueError(f"{path}: {_what_it_is(path)} ({error.strerror})") from error
    with container:
        films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not films:
            held = "a cover picture" if container.streams.video else "sound"
            if not container.streams.video and not container.streams.audio:
                raise ValueError(f"{path}: holds nothing that can be shown; is it complete?")
            raise ValueError(f"{path}: holds {held}, no video; give another file")
        stream = films[0]
        # one thread: clips are small, and every worker decodes its own
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        if not exact:
            stream.codec_context.options = {"skip_loop_filter": "all"}
        yield container, stream


def _shown(path: str, container, stream) -> Iterator[tuple[float, int, object]]:
    """(seconds, number, av.VideoFrame) of every frame. Raises ValueError where they break off."""
    import av

    clock, number, key_seen = _Clock(container, stream), 0, False
    try:
        for packet in container.demux(stream):
            key_seen = key_seen or packet.is_keyframe
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                if key_seen:
                    raise
                continue  # a recording that starts between key frames: nothing to show yet
            for frame in frames:
                if frame.is_corrupt:
                    raise ValueError("a picture is incomplete")
                yield clock(frame), number, frame
                number += 1
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{path}: breaks off after {number} frames ({reason}); re-encode it or cut it there"
        ) from error
    if number == 0:
        raise ValueError(f"{path}: no frame could be decoded; is the file complete?")


def _grouped(frames: Iterator, wanted: Callable[[float, int], bool] | None) -> Iterator[list]:
    """The wanted of `_shown`, up to TOGETHER at a time; all that came, before an error goes on."""
    held = []
    try:
        for shown in frames:
            if wanted is None or wanted(shown[0], shown[1]):
                held.append(shown)
            if len(held) == TOGETHER:
                yield held
                held = []
    except ValueError:
        if held:
            yield held
        raise
    if held:
        yield held


def _orientation(path: str, frame) -> tuple[bool, bool, bool]:
    try:
        return orientation_of(frame)
    except ValueError as error:
        raise ValueError(f"{path}: {error}, not a quarter turn; re-encode it") from error


def _rate_hz(stream) -> float:
    return float(stream.guessed_rate or stream.average_rate or 25)


def _constant(times: np.ndarray, tick: float) -> bool:
    """Whether the times lie on an even grid, up to the rounding of the file's time base."""
    if len(times) < 2:
        return True
    grid = np.linspace(0, times[-1], len(times))
    # a third of a frame: one missing frame is at least half a frame off the grid
    return bool(np.abs(times - grid).max() <= min(tick, grid[1] / 3) + 1e-6)


def _what_it_is(path: str) -> str:
    """What a file is that no demuxer took, and what to do."""
    if not os.path.isfile(path):  # a pipe, an address
        return "gives nothing that can be read as a video"
    with open(path, "rb") as file:
        start = file.read(64)
    if not start:
        return "is empty; copy it again"
    if start.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the video itself; run `git lfs pull`"
    if all(32 <= byte < 127 or byte in b"\r\n\t" for byte in start):
        return "is a text file, not a video; give the video itself"
    return "cannot be read as a video; is it complete? convert it otherwise"
