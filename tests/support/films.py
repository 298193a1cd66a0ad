"""Small films for tests, their frames as OpenCV reads them, and the check of a refused one."""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from datasets.video.decoder import decode_video, describe_video, frame_times


def film(
    path: Path | str,
    frames: Sequence[int | np.ndarray],
    rate: int = 10,
    size: tuple[int, int] = (48, 32),
) -> str:
    """Greys, or RGB frames (H, W, 3) uint8 -> an MPEG-4 file of nearly these values; its path.

    size: (width, height) of grey frames.
    """
    pictures = [
        np.full((size[1], size[0], 3), f, np.uint8) if np.isscalar(f) else f for f in frames
    ]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate, stream.gop_size = "yuv420p", 4_000_000, 4
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return str(path)


def with_sound(path: Path | str, video_ms: int, sound_ms: int, rate: int = 8000) -> str:
    """A film of three frames, 100 ms apart, and a second of silence, each beginning at a time."""
    tick = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("mpeg4", rate=10), container.add_stream("pcm_s16le")
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        video.codec_context.time_base, sound.rate, sound.layout = tick, rate, "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.int16), "s16", "mono")
        silence.rate, silence.pts = rate, sound_ms * rate // 1000
        silence.time_base = Fraction(1, rate)
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
        for i in range(3):
            image = np.full((32, 32, 3), 40 + 60 * i, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = video_ms + 100 * i, tick
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return str(path)


TICK = Fraction(1, 1000)
LEVELS = [40 + 12 * i for i in range(12)]  # each frame's luma, far enough apart to tell them


def encode(
    path,
    planes: list[np.ndarray],
    codec: str = "ffv1",
    pixel_format: str = "gray",
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    full_range: bool | None = None,
    matrix: int | None = None,
    b_frames: int = 0,
    gop: int = 12,
) -> str:
    """Images in the layout of `VideoFrame.from_ndarray`, 10 a second or at times in ms -> a file.

    FFV1 is lossless, so that what is decoded can be computed by hand.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10, options=codec_options or {})
        first = av.VideoFrame.from_ndarray(planes[0], format=pixel_format)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, pixel_format
        context = stream.codec_context
        context.time_base = TICK if times else Fraction(1, 10)
        context.gop_size, context.max_b_frames = gop, b_frames
        if codec != "ffv1":
            context.bit_rate = 8_000_000
        if full_range is not None:
            context.color_range = 2 if full_range else 1
        if matrix is not None:
            context.colorspace = matrix
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for i, plane in enumerate(planes):
            frame = av.VideoFrame.from_ndarray(plane, format=pixel_format)
            frame.pts, frame.time_base = (times[i] if times else i), context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def luma(levels: list[int], height: int = 32, width: int = 48, dtype=np.uint8) -> list[np.ndarray]:
    """Uniform grey images as yuv420p planes: luma above, neutral chroma below."""
    neutral = 128 if dtype == np.uint8 else 512
    images = [np.full((height * 3 // 2, width), neutral, dtype) for _ in levels]
    for image, level in zip(images, levels, strict=True):
        image[:height] = level
    return images


def coloured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 RGB: smooth colours on the left, hard edges of saturated ones on the
    right.
    """
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 220, (4, 5, 3), np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    hard = random.integers(0, 2, (height // 3 + 1, width // 3 + 1, 3), np.uint8) * 255
    hard = hard.repeat(3, 0).repeat(3, 1)[:height, :width]
    image[:, width // 2 :] = hard[:, width // 2 :]
    return image


def by_opencv(path: str) -> np.ndarray:
    """(T, H, W, 3) uint8 RGB, as decoded and oriented by OpenCV."""
    capture, frames = cv2.VideoCapture(path, cv2.CAP_FFMPEG), []
    while True:
        more, image = capture.read()
        if not more:
            return np.stack(frames)[..., ::-1]
        frames.append(image)


def levels_of(frames) -> list[int]:
    return [round(float(frame.pixels.mean())) for frame in frames]


def refused(path, pattern: str, kind: type[Exception] = ValueError) -> None:
    """Assert that every way to read a file fails in one line that names it."""
    for read in (lambda p: list(decode_video(p, 8, 8, 1)), frame_times, describe_video):
        with pytest.raises(kind, match=re.escape(str(path)) + pattern) as caught:
            read(str(path))
        assert "\n" not in str(caught.value)
