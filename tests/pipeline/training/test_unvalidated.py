"""Training without a validation split: to the last epoch, without warnings, and resumable."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from pipeline.reading.bundle import read_metadata
from pipeline.training.history import read_history
from tests.pipeline.training.test_command_line import interrupt_at

RUN = Path("runs/words")
UNVALIDATED = ("fit", "-c", "words.yaml", "--data.source.validation=0")
pytestmark = pytest.mark.usefixtures("folder")


def weights(run: Path) -> tuple[dict, dict]:
    """Of the bundle, and of the last checkpoint in the bundle's precision."""
    last = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    last = {key.removeprefix("model."): values.half() for key, values in last.items()}
    return load_file(run / "best.safetensors"), last


def test_the_last_epoch_is_kept_and_nothing_is_selected(run):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = run(*UNVALIDATED)
    messages = [str(w.message) for w in caught if w.category is not FutureWarning]
    words = ("validation", "val_", "zero")
    assert not [text for text in messages if any(word in text for word in words)], messages
    assert out.count("no validation: ") == 1
    assert "12 train, 0 validation" in out and "epoch 1: training loss" in out
    bundle, last = weights(RUN)
    assert_close(bundle, last, rtol=0, atol=0)
    assert read_metadata(RUN / "best.safetensors")["scores"] == {}
    best = torch.load(RUN / "checkpoints/best.ckpt", weights_only=True)
    assert best["global_step"] == 6  # both epochs, of 3 steps
    history = read_history(RUN)
    assert [row["validation"] for row in history] == [{}, {}]
    assert all(row["train_loss"] > 0 for row in history)
    assert json.loads((RUN / "result.json").read_text())["best_epoch"] == 2


def test_an_interrupted_training_is_resumed(command, run, monkeypatch):
    run(*UNVALIDATED, "--name=whole")

    with monkeypatch.context() as patch:
        interrupt_at(patch, 4)
        code, out, _ = command(*UNVALIDATED)
    assert code == 130 and not (RUN / "best.safetensors").exists()
    run(*out.splitlines()[-1].split()[6:])
    assert (RUN / "result.json").exists()
    bundle, last = weights(RUN)
    assert_close(bundle, last, rtol=0, atol=0)
    assert_close(bundle, weights(Path("runs/whole"))[0], rtol=0, atol=1e-3)


def test_validate_still_needs_a_split(command):
    command(*UNVALIDATED)
    checkpoint = ("--ckpt_path", RUN / "checkpoints/last.ckpt")
    code, _, err = command("validate", *UNVALIDATED[1:], *checkpoint)
    assert code == 2 and "error: the validation split is empty; keep a group for it" in err
