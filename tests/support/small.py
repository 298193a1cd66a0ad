"""Small networks, images and configs for tests of every room."""

from pathlib import Path

import cv2
import numpy as np
import pytorch_lightning  # noqa: F401
import torch

from datasets import LineReader
from models import CTCHead, LineCNN, RecurrentStack, SequenceModel
from pipeline.reading.bundle import Bundle
from tests.support.images import noise_line, write_image
from tests.support.networks import connect

ALPHABET = "abcdefgh "

WORDS = """
model:
  encoder:
    class_path: models.TokenEmbedding
    init_args: {embedding_size: 8}
  recurrent:
    class_path: models.RecurrentStack
    init_args: {hidden_size: 6, num_layers: 1}
  head:
    class_path: models.SequenceClassificationHead
  schedule: constant
data:
  source:
    class_path: datasets.SyntheticReviews
    init_args: {count: 12, validation: 8, test: 4}
  batch_size: 4
  workers: 0
trainer:
  max_epochs: 2
"""
LINES = """
model:
  encoder:
    class_path: models.LineCNN
    init_args: {channels: [4, 6, 5], width_reduction: 2, height_reduction: 4}
  recurrent:
    class_path: models.RecurrentStack
    init_args: {hidden_size: 8, num_layers: 1}
  head:
    class_path: models.CTCHead
data:
  source:
    class_path: datasets.RealLines
    init_args: {folders: [{root: lines, validation: [p0, p1]}], height: 16, max_width: 500}
  workers: 0
trainer:
  max_epochs: 1
"""


def tiny_model(labels: int = len(ALPHABET), seed: int = 0) -> SequenceModel:
    """A line network of random weights, loud enough to read letters into noise."""
    torch.manual_seed(seed)
    model = connect(
        16,
        labels,
        lambda size: LineCNN(size, [4, 6, 5], width_reduction=2, height_reduction=4),
        lambda size: RecurrentStack(size, 8, 1),
        lambda size, count: CTCHead(size, count),
    )
    with torch.no_grad():
        for name, values in model.named_buffers():
            if "running_var" in name:
                values.uniform_(0.5, 1.5)
            elif "running_mean" in name:
                values.normal_(0, 0.2)
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.mul_(6)
    return model.eval()


def tiny_bundle(seed: int = 0) -> Bundle:
    scores, card = {"validation/cer": 12.5}, {"data": "noise", "terms": "none"}
    return Bundle(tiny_model(seed=seed), list(ALPHABET), LineReader(16, 500), scores, card)


def break_images(folder: Path) -> dict[Path, str]:
    """Seven image files that cannot be read, each for another reason -> what the message says."""
    good = cv2.imencode(".png", noise_line(1))[1].tobytes()
    contents = {
        "a_random.png": (bytes(np.random.default_rng(0).integers(0, 256, 400).astype(np.uint8)),
                         "not an image"),
        "b_text.png": (b"a text, not an image\n", "not an image"),
        "c_truncated.png": (good[: len(good) // 2], "not an image, or damaged"),
        "d_empty.png": (b"", "the file is empty"),
        "e_wide.png": (cv2.imencode(".png", np.full((2, 30000), 255, np.uint8))[1].tobytes(),
                       "30000 x 2 pixels are"),
        "f_high.png": (cv2.imencode(".png", np.full((30000, 2), 255, np.uint8))[1].tobytes(),
                       "2 x 30000 pixels are 0 columns"),
        "g_missing.png": (None, "No such file"),
    }  # fmt: skip
    for name, (content, _) in contents.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return {folder / name: says for name, (_, says) in contents.items()}


def write_lines(*texts: str) -> None:
    """Line i shows noise, belongs to page i and has this transcript."""
    for place, text in enumerate(texts):
        write_image(Path(f"lines/p{place}__.png"), noise_line(place, width=40))
        Path(f"lines/p{place}__.gt.txt").write_text(text + "\n", encoding="utf-8")
