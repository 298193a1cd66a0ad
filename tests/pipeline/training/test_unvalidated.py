"""Training without a validation split: to the last epoch, without alarm, and gone on with."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from pipeline.reading.bundle import read_metadata
from pipeline.training.history import read_history
from pipeline.training.recognizer import SequenceRecognizer

RUN = Path("runs/words")
UNVALIDATED = ("fit", "-c", "words.yaml", "--data.source.validation=0")
pytestmark = pytest.mark.usefixtures("folder")


def weights(run: Path) -> tuple[dict, dict]:
    """Those of the bundle, and of the last checkpoint as a bundle keeps them."""
    last = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    last = {key.removeprefix("model."): values.half() for key, values in last.items()}
    return load_file(run / "best.safetensors"), last


def test_the_last_epoch_is_kept_and_nothing_is_chosen(command):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        code, out, err = command(*UNVALIDATED)
    assert code == 0, err
    noise = [str(w.message) for w in said if w.category is not FutureWarning]
    about = ("validation", "val_", "zero")
    assert not [told for told in noise if any(word in told for word in about)], noise
    assert out.count("no validation split") == 1
    assert "12 train, 0 validation" in out and "epoch 0: training loss" in out
    bundle, last = weights(RUN)
    assert_close(bundle, last, rtol=0, atol=0)
    assert read_metadata(RUN / "best.safetensors")["scores"] == {}
    best = torch.load(RUN / "checkpoints/best.ckpt", weights_only=True)
    assert best["global_step"] == 6  # both epochs, of 3 steps
    history = read_history(RUN)
    assert [row["validation"] for row in history] == [{}, {}]
    assert all(row["train_loss"] > 0 for row in history)
    assert json.loads((RUN / "result.json").read_text())["best_epoch"] == 2


def test_an_interrupted_one_goes_on(command, monkeypatch):
    command(*UNVALIDATED, "--name=whole")

    def stop(module, *_) -> None:
        if module.global_step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SequenceRecognizer, "on_train_batch_end", stop)
        code, out, _ = command(*UNVALIDATED)
    assert code == 130 and not (RUN / "best.safetensors").exists()
    code, _, err = command(*out.splitlines()[-1].split()[6:])
    assert code == 0 and (RUN / "result.json").exists(), err
    bundle, last = weights(RUN)
    assert_close(bundle, last, rtol=0, atol=0)
    assert_close(bundle, weights(Path("runs/whole"))[0], rtol=0, atol=1e-3)


def test_validate_still_needs_a_split(command):
    command(*UNVALIDATED)
    checkpoint = ("--ckpt_path", RUN / "checkpoints/last.ckpt")
    code, _, err = command("validate", *UNVALIDATED[1:], *checkpoint)
    assert code == 2 and "error: the validation split is empty; keep a group for it" in err
