"""A bundle for texts whose answers are known by heart: it counts good words against bad ones."""

import torch

from datasets import TextReader
from models import RecurrentStack, SequenceClassificationHead, TokenEmbedding
from pipeline.reading.bundle import Bundle
from pipeline.scoring.temperature import Calibration
from tests.support.networks import connect

LABELS = ["negative", "positive"]


def opinion_bundle(temperature: float = 1.0) -> Bundle:
    """Logits of minus and plus the mean over words of 1 for "good" and -1 for "bad"."""
    model = connect(
        4,
        2,
        lambda size: TokenEmbedding(size, 1),
        lambda size: RecurrentStack(size, num_layers=0),
        lambda size, count: SequenceClassificationHead(size, count, "mean"),
    )
    with torch.no_grad():
        model.encoder.table.weight[:, 0] = torch.tensor([0.0, 0.0, 1.0, -1.0])
        model.head.linear.bias.zero_()
        model.head.linear.weight[:, 0] = torch.tensor([-1.0, 1.0])
    reader = TextReader(["good", "bad"])
    return Bundle(model.eval(), LABELS, reader, calibration=Calibration(temperature))
