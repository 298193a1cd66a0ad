"""Small films for the tests, and small bundles that read them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from datasets import ClipReader
from models import (
    CTCHead,
    FrameCNN,
    RecurrentStack,
    SequenceClassificationHead,
    SequenceModel,
    TokenClassificationHead,
)
from pipeline.reading.bundle import Bundle
from tests.support.networks import connect

TICK = Fraction(1, 1000)  # of the times of `write_film`


def write_film(path: Path, frames: Sequence[np.ndarray], seconds: Sequence[float]) -> str:
    """RGB frames (H, W, 3) uint8 shown at these times, in H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", options={"crf": "1"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", TICK
        for image, time in zip(frames, seconds, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time / TICK), TICK
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return str(path)


def read_film(path: Path) -> list[tuple[float, np.ndarray]]:
    """(seconds, RGB (H, W, 3) uint8) of each frame, by PyAV itself."""
    with av.open(str(path)) as container:
        return [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def plain(grey: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


def even(count: int, step: float = 0.04) -> list[float]:
    """Times of frames that are evenly apart."""
    return [i * step for i in range(count)]


def clip_bundle(head: str, labels: Sequence[str] = ("dark", "bright")) -> Bundle:
    """Reads grey frames of 8 x 12. head: "steps", "clip" or "text" (that of random weights).

    The first two labels are told apart: a step is what it is more like, a black frame or a white.
    """
    torch.manual_seed(0)
    kinds = {
        "steps": TokenClassificationHead,
        "clip": SequenceClassificationHead,
        "text": CTCHead,
    }
    model = connect(
        1,
        len(labels),
        lambda size: FrameCNN(size, [4], grid=2),
        lambda size: RecurrentStack(size, 4, 1, direction="forward"),
        lambda size, count: kinds[head](size, count),
    ).eval()
    if head != "text":
        teach(model)
    return Bundle(model, list(labels), ClipReader(8, 12))


@torch.no_grad()
def teach(model: SequenceModel) -> None:
    """The head's first two labels become the nearer one of what black and white frames leave."""
    shades = torch.tensor([0, 255], dtype=torch.uint8)
    films = shades[:, None, None, None, None].expand(2, 3, 1, 8, 12)
    lengths = torch.tensor([3, 3])
    features = model.recurrent(*model.encoder(films, lengths))[:, -1]
    linear = model.head.linear
    linear.weight.zero_()
    linear.bias.fill_(-100.0)
    linear.weight[:2] = 400 * features
    linear.bias[:2] = -200 * features.square().sum(1)
