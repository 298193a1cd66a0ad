"""The comparison of two trainings sees every difference, and no time or folder."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from benchmarks.torture.trainings import differences, same

NAN = float("nan")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (torch.tensor([NAN, 1.0]), torch.tensor([NAN, 1.0]), True),
        (torch.tensor([0.0]), torch.tensor([-0.0]), False),
        (torch.tensor([1.0]), torch.tensor([1.0 + 2**-23]), False),
        (torch.ones(2), torch.ones(2, 1), False),
        (torch.ones(2), torch.ones(2).double(), False),
        (torch.ones(1), None, False),
        ({"a": [1, (2, "x")]}, {"a": [1, (2, "x")]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "seconds": 2.0}, {"a": 1, "seconds": 3.0}, True),
        (1, True, False),
    ],
)
def test_equal_is_bit_for_bit(one, other, equal):
    assert same(one, other) == equal and same(other, one) == equal


@pytest.fixture
def runs(tmp_path) -> tuple[Path, Path]:
    """Two equal run folders."""
    one, other = tmp_path / "one", tmp_path / "other"
    (one / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": {"w": torch.ones(2)}, "seed": 0}, one / "checkpoints/last.ckpt")
    row = {"epoch": 1, "train_loss": NAN, "validation": {"cer": 2.0}, "seconds": 3.0}
    (one / "history.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (one / "best.safetensors").write_bytes(b"bundle")
    shutil.copytree(one, other)
    return one, other


def test_times_make_no_difference(runs):
    history = runs[1] / "history.jsonl"
    history.write_text(history.read_text(encoding="utf-8").replace("3.0", "4.0"), encoding="utf-8")
    assert differences(*runs) == []


def test_all_differences_are_named(runs):
    history = runs[1] / "history.jsonl"
    history.write_text(history.read_text(encoding="utf-8").replace("2.0", "2.1"), encoding="utf-8")
    (runs[1] / "best.safetensors").write_bytes(b"other")
    content = {"state_dict": {"w": torch.zeros(2)}, "seed": 1}
    torch.save(content, runs[1] / "checkpoints/last.ckpt")
    assert differences(*runs) == ["seed", "state_dict", "history", "bundle"]
