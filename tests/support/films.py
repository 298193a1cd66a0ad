"""Small films for tests."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


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
