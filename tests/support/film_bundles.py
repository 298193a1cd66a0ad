"""Tiny bundles that read films and were never trained, for the tests of the demo."""

import torch

from datasets import ClipReader
from datasets.video.synthetic import ACTIONS, MOTIONS
from models import (
    FrameCNN,
    RecurrentStack,
    SequenceClassificationHead,
    TokenClassificationHead,
)
from pipeline.reading.bundle import Bundle
from tests.support.networks import connect


def film_bundles() -> dict[str, Bundle]:
    """By the names that the demo asks for."""
    torch.manual_seed(0)
    heads = {
        "motions": (SequenceClassificationHead, MOTIONS),
        "events": (TokenClassificationHead, ACTIONS),
    }
    return {
        name: Bundle(
            connect(
                1,
                len(labels),
                lambda size: FrameCNN(size, channels=(4,), grid=2),
                lambda size: RecurrentStack(size, hidden_size=4),
                head,
            ),
            list(labels),
            ClipReader(32, 32, 1),
        )
        for name, (head, labels) in heads.items()
    }
