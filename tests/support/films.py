"""Small films for tests."""

from collections.abc import Sequence
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
