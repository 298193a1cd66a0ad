"""Decoding of video files with PyAV: frames with their presentation times, and facts on files."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from .opening import opened, videos
from .pixels import PixelConverter, orientation_of

PUSHED_SECONDS = 1e-3  # minimal distance of a frame whose time does not increase
RESTART_SECONDS = 1.0  # a larger step back is a restarted clock, not disorder
BATCH_FRAMES = 8  # decoded, then converted: alternating costs 7 % through cache misses


class TimedFrame(NamedTuple):
    """seconds: since the start of the file. number: index in the file, from 0.

    pixels: (C, height, width) uint8, RGB or grey, an array of its own that may be kept.
    """

    seconds: float
    number: int
    pixels: np.ndarray


class VideoFacts(NamedTuple):
    """Facts from decoding a whole file, and the claims of its header.

    width, height: pixels as shown, after rotation (degrees counter-clockwise, as in ffprobe;
    mirroring is not reported). header_frames, header_seconds: None if missing in the header.
    seconds: until the end of the last frame. rate_hz: the mean rate. ended_early: why decoding
    stopped before the end of the file, or "". first_seconds: time of the first frame, above 0 if
    other streams (sound) start earlier. streams: number of video streams, of which one is read.
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
    first_seconds: float = 0.0
    streams: int = 1


def decode_video(
    path: str,
    height: int,
    width: int,
    channels: Literal[1, 3],
    wanted: Callable[[float, int], bool] | None = None,
    container_format: str | None = None,
    live: bool = False,
) -> Iterator[TimedFrame]:
    """Iterate over the frames of a video, scaled to one size (area averaging), on one thread.

    Frames are oriented as shown. Memory does not grow with the file's length, and the file is
    closed together with the generator. Frames for which `wanted(seconds, number)` is false are not
    converted. container_format: FFmpeg's name of a device's format (`v4l2` for cameras); files need
    none. live: path may be a pipe or a URL, which is never opened otherwise.

    Times are the presentation times, from 0 at the start of the earliest stream, as players count
    (in most files that is the first frame; the sound may start earlier), and always increase: a
    duplicate or disordered one is put 1 ms after its predecessor, a restarted clock continues one
    frame later, and frames without a time follow at the file's rate. Frames hidden by an edit list
    are left out. Of several video streams the one marked as default is read.

    Raises OSError or ValueError, one line that names the file, also for a file that breaks off in
    the middle of a frame, after the frames before it; a file with fewer frames than its header
    claims raises nothing.
    """
    with opened(path, live=live, container_format=container_format) as (container, stream):
        convert = None
        for batch in _batches(_shown(path, container, stream), wanted):
            if convert is None:
                convert = PixelConverter(height, width, channels, _orientation(path, batch[0][2]))
            for seconds, number, frame in batch:
                yield TimedFrame(seconds, number, convert(frame))


def frame_times(path: str) -> np.ndarray:
    """Seconds (T,) float64 of every frame that `decode` yields; nothing is converted.

    The only reliable way to count them: headers err, and edit lists hide frames.
    """
    with opened(path, exact=False) as (container, stream):
        shown = _shown(path, container, stream)
        return np.fromiter((seconds for seconds, *_ in shown), np.float64)


def describe_video(path: str) -> VideoFacts:
    """Decode a whole file and describe it, including one that breaks off.

    Raises OSError or ValueError that names the file, for one without any frame.
    """
    times, frame, ended_early = [], None, ""
    with opened(path, exact=False) as (container, stream):
        try:
            for seconds, _, shown in _shown(path, container, stream):
                times.append(seconds)
                frame = frame or shown
        except ValueError as error:
            if frame is None:
                raise
            ended_early = str(error)
        transposed, *_ = _orientation(path, frame)
        size = (frame.height, frame.width) if transposed else (frame.width, frame.height)
        steps = np.diff(times)
        single = (frame.duration or 0) * float(stream.time_base) or 1 / _rate_hz(stream)
        last_duration = float(np.median(steps)) if len(steps) else single
        return VideoFacts(
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=frame.format.name,
            width=size[0],
            height=size[1],
            rotation=frame.rotation,
            header_frames=stream.frames or None,
            header_seconds=container.duration / 1e6 if container.duration else None,
            frames=len(times),
            seconds=times[-1] + last_duration,
            constant_rate=_constant(np.array(times), float(stream.time_base)),
            rate_hz=len(steps) / (times[-1] - times[0]) if len(steps) else _rate_hz(stream),
            ended_early=ended_early,
            first_seconds=times[0],
            streams=len(videos(container)),
        )


class _Clock:
    """Assign increasing times in seconds to frames in decoder output order.

    Time 0 is the start of the container, which is that of its earliest stream.
    """

    def __init__(self, container, stream):
        self.tick, self.step = float(stream.time_base), 1 / _rate_hz(stream)
        # AVI stores no presentation times, and those guessed are disordered after B-frames
        self.by_decoding = container.format.name == "avi"
        self.min_step = min(PUSHED_SECONDS, self.step / 2)
        # below 0 is sound that decoders drop (the delay of AAC and Opus)
        microseconds = container.start_time
        self.start = None if microseconds is None else max(0.0, microseconds / 1e6)
        self.last: float | None = None

    def __call__(self, frame) -> float:
        """Return the time of the next frame."""
        stamp = frame.dts if self.by_decoding else frame.pts
        if self.last is None:
            first = (stamp or 0) * self.tick
            # an AVI has one start for all of its streams
            if self.start is None or self.by_decoding or first - self.start < self.tick:
                self.start = first
            self.last = first - self.start
        elif stamp is None:
            self.last += self.step
        else:
            seconds = stamp * self.tick - self.start
            if seconds < self.last - RESTART_SECONDS:
                self.start -= self.last + self.step - seconds
                seconds = self.last + self.step
            self.last = max(seconds, self.last + self.min_step)
        return self.last


def _shown(path: str, container, stream) -> Iterator[tuple[float, int, object]]:
    """Yield (seconds, number, av.VideoFrame). Raises ValueError where the frames break off."""
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
                continue  # a recording that starts between key frames
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


def _batches(frames: Iterator, wanted: Callable[[float, int], bool] | None) -> Iterator[list]:
    """Group the wanted frames of `_shown`; on an error, yield those already decoded first."""
    batch = []
    try:
        for frame in frames:
            if wanted is None or wanted(frame[0], frame[1]):
                batch.append(frame)
            if len(batch) == BATCH_FRAMES:
                yield batch
                batch = []
    except ValueError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _orientation(path: str, frame) -> tuple[bool, bool, bool]:
    """`orientation_of` with the file's name in its error."""
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
    grid = np.linspace(times[0], times[-1], len(times))
    # a third of a frame: one missing frame is at least half a frame off the grid
    return bool(np.abs(times - grid).max() <= min(tick, (grid[1] - grid[0]) / 3) + 1e-6)
