"""A film of squares, and a network with random weights that tells them apart."""

import av
import numpy as np
import torch

from datasets import ClipReader
from models import FrameCNN, RecurrentStack, TokenClassificationHead
from pipeline.reading.bundle import Bundle
from pipeline.reading.prediction import Recognizer
from tests.support.networks import connect

FRAMES = 60
LABELS = ["in", "out", "up", "down"]


def write_squares(path, frames: int = FRAMES, rate: int = 10, seed: int = 5) -> str:
    """Squares that come and go, 32 x 32, as MPEG-4."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width = stream.height = 32
        stream.pix_fmt, stream.bit_rate = "yuv420p", 1_000_000
        for number in range(frames):
            if number % 7 == 0:
                image = np.repeat(np.repeat(rng.integers(0, 256, (4, 4), np.uint8), 8, 0), 8, 1)
            frame = av.VideoFrame.from_ndarray(image, format="gray8")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    return str(path)


def squares_bundle(
    head=TokenClassificationHead, direction="forward", seed: int = 9, **reading
) -> Bundle:
    """Reads 16 x 16 grey with random weights, loud enough to tell squares apart."""
    torch.manual_seed(seed)
    model = connect(
        1,
        len(LABELS),
        lambda size: FrameCNN(size, [4, 5], grid=2, difference=True),
        lambda size: RecurrentStack(size, 6, 1, "gru", direction),
        head,
    )
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.mul_(4)
    return Bundle(model.eval(), LABELS, ClipReader(16, 16, **reading))


def recognizer(*arguments, **options) -> Recognizer:
    """Reads with `squares_bundle`."""
    made = Recognizer(squares_bundle(*arguments, **options))
    made.precision = torch.float32  # whether this machine multiplies bfloat16 or not
    return made
