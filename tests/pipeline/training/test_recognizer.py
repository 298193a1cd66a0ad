"""The LightningModule on lines whose case is unknown: what is learnt, and what is scored."""

from types import SimpleNamespace

import pytest
import torch

from datasets import LineReader
from datasets.batch import SequenceBatch
from models import CTCHead, LineCNN, RecurrentStack
from pipeline.training.recognizer import SequenceRecognizer

LABELS = list("abAB")


@pytest.fixture
def recognizer():
    parts = {
        "encoder": lambda size: LineCNN(size, channels=[8, 8, 8]),
        "recurrent": lambda size: RecurrentStack(size, hidden_size=4),
        "head": CTCHead,
        "shortcut": CTCHead,
    }
    return SequenceRecognizer(16, LABELS, **parts)


def batch_of(targets: list[list[int]]) -> SequenceBatch:
    count = len(targets)
    return SequenceBatch(
        torch.zeros(count, 40, 1, 16, dtype=torch.uint8),
        torch.full((count,), 40),
        torch.tensor(targets),
        torch.full((count,), len(targets[0])),
        torch.arange(count),
    )


def test_both_heads_learn_letters_of_any_case(recognizer):
    pairs = [[0, 2], [1, 3]]
    assert recognizer.model.head.pairs.tolist() == recognizer.model.shortcut.pairs.tolist() == pairs
    recognizer.train()
    loss, *_ = recognizer.model.loss(*batch_of([[5, 6]])[:4])
    known, *_ = recognizer.model.loss(*batch_of([[0, 1]])[:4])
    assert torch.isfinite(loss) and loss < known  # one of the ways to read it
    assert not any("pairs" in name for name in recognizer.state_dict())


def test_case_counts_where_it_is_known(recognizer):
    """Three lines read as "aB": the labels are "AB" of any case, "AB", and "aB"."""
    data = SimpleNamespace(groups=["x", "y", "z"], any_case=[True, False, False])
    module = SimpleNamespace(split=lambda name: data, source=SimpleNamespace(reader=LineReader()))
    recognizer._trainer = SimpleNamespace(datamodule=module, world_size=1)
    batch = batch_of([[2, 3], [2, 3], [0, 3]])
    logits = torch.full((3, 4, 5), -9.0)
    for step, label in enumerate([0, 4, 3, 4]):
        logits[:, step, label] = 9.0
    recognizer._score(batch, logits, torch.full((3,), 4), "validation")
    (tally,) = recognizer._tallies
    assert tally.groups == ["x", "y", "z"]
    (evidence,) = recognizer._strings.evidence()
    assert evidence.exact.tolist() == [True, False, True]
    assert evidence.correct.tolist() == [True, True, False, True, True, True]
