"""Checkpoint, bundle, history and early stopping agree on the best epoch."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from pipeline.reading.bundle import read_metadata
from pipeline.training import recognizer
from pipeline.training.history import read_history
from pipeline.training.recognizer import SequenceRecognizer

pytestmark = pytest.mark.usefixtures("folder")
RUN = Path("runs/words")
STEPS = 3  # in an epoch


@pytest.fixture
def scored(monkeypatch):
    """Lets the validations of later trainings find these errors and losses, in turn."""

    def score(errors: list[float], losses: list[float]) -> None:
        errors, losses = iter(errors), iter(losses)
        monkeypatch.setattr(recognizer, "error_rate", lambda scores: next(errors))
        monkeypatch.setattr(SequenceRecognizer, "_mean_loss", lambda self: next(losses))

    return score


def kept(run: Path = RUN) -> int:
    """The best epoch by result.json, whose weights must be those of best.ckpt and of the bundle."""
    best = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    weights = {k.removeprefix("model."): w.half() for k, w in best["state_dict"].items()}
    assert_close(load_file(run / "best.safetensors"), weights, rtol=0, atol=0)
    epoch = json.loads((run / "result.json").read_text("utf-8"))["best_epoch"]
    assert best["global_step"] == STEPS * epoch
    marked = [row["epoch"] for row in read_history(run) if row["best"]]
    assert marked[-1] == epoch
    return epoch


@pytest.mark.parametrize(
    ("errors", "losses", "best"),
    [
        ([50] * 7, [0.7] * 7, 1),
        ([50] * 4, [0.7, 0.5, 0.5, 0.6], 2),
        ([50, 40, 40, 45], [0.1, 0.9, 0.8, 0.1], 3),
        ([50, 50], [float("nan"), 0.8], 2),
    ],
)
def test_the_first_of_the_best_is_kept_everywhere(run, scored, errors, losses, best):
    scored(errors, losses)
    run("fit", "-c", "words.yaml", f"--trainer.max_epochs={len(errors)}")
    assert kept() == best
    rows = [row["validation"] for row in read_history(RUN)]
    assert [row["error"] for row in rows] == errors


def test_the_bundle_is_of_the_epoch_that_the_checkpoint_monitors(run, scored):
    scored([50, 40, 45], [0.5, 0.6, 0.4])
    run("fit", "-c", "words.yaml", "--trainer.max_epochs=3", "--checkpoint.monitor=validation/loss")
    assert kept() == 3


def test_a_resumed_training_goes_on_with_the_best(run, scored):
    scored([40, 50, 40, 39], [0.5, 0.1, 0.5, 0.9])
    run("fit", "-c", "words.yaml", "--trainer.max_epochs=2")
    again = ("fit", "-c", "runs/words/config.yaml", "--ckpt_path=runs/words/checkpoints/last.ckpt")
    run(*again, "--trainer.max_epochs=3")
    assert kept() == 1
    run(*again, "--trainer.max_epochs=4")
    assert kept() == 4


def test_the_checkpoint_of_an_older_version_goes_on_with_its_best(run, scored):
    """It has the error alone, and under its name the states of the callbacks."""
    scored([40, 40, 39], [0.5, 0.1, 0.9])
    run("fit", "-c", "words.yaml", "--trainer.max_epochs=1")
    last = RUN / "checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    states = content["callbacks"]
    content["callbacks"] = {k.replace("/selection'", "/error'"): v for k, v in states.items()}
    (best,) = (state for key, state in states.items() if "BestBundle" in key)
    (early,) = (state for key, state in states.items() if "EarlyStopping" in key)
    del best["epochs"], best["monitor"], early["best_epoch"]
    best["best"] = 39.5
    torch.save(content, last)
    run("fit", "-c", "words.yaml", f"--ckpt_path={last}", "--trainer.max_epochs=2")
    assert read_history(RUN)[1]["best"] is False
    run("fit", "-c", "words.yaml", f"--ckpt_path={last}", "--trainer.max_epochs=3")
    assert kept() == 3


@pytest.mark.parametrize("every", [1, 2])
def test_an_early_stop_says_so_and_counts_from_the_best_epoch(run, scored, every):
    """In epochs, also if only every second one is validated."""
    scored([50, 40] + [45] * 20, [0.5] * 22)
    options = ("--early_stopping.patience=4", f"--trainer.check_val_every_n_epoch={every}")
    out = run("fit", "-c", "words.yaml", "--trainer.max_epochs=30", *options)
    best = 2 * every
    assert (
        f"stopped early after epoch {best + 4}: validation/selection has not improved in 4 epochs, "
        f"since epoch {best}; for more, give --early_stopping.patience (here 4)\n"
    ) in out
    assert len(read_history(RUN)) == best + 4
    assert kept() == best


def test_other_reasons_to_stop_are_told(run, scored):
    scored([50, float("nan")], [0.5, 0.5])
    out = run("fit", "-c", "words.yaml", "--trainer.max_epochs=5")
    assert "stopped early after epoch 2: validation/selection is not finite\n" in out
    scored([50, 3], [0.5, 0.5])
    more = ("--early_stopping.stopping_threshold=5", "--trainer.max_epochs=5")
    out = run("fit", "-c", "words.yaml", *more)
    assert (
        "stopped early after epoch 2: validation/selection has reached stopping_threshold 5" in out
    )


def test_the_loss_of_the_validation_is_a_mean_over_samples(run, monkeypatch):
    """Batches of 4 and 3 samples."""
    values = []
    step = SequenceRecognizer._step

    def record(self, batch, stage):
        loss = step(self, batch, stage)
        if stage == "validation":
            values.append((float(self._losses[-1][0]), len(batch.lengths)))
        return loss

    monkeypatch.setattr(SequenceRecognizer, "_step", record)
    run("fit", "-c", "words.yaml", "--trainer.max_epochs=1", "--data.source.validation=7")
    assert [size for _, size in values] in ([4, 3], [3, 4])
    mean = sum(loss * size for loss, size in values) / 7
    assert read_history(RUN)[0]["validation"]["loss"] == pytest.approx(mean, abs=1e-6)
    assert "validation/mean_class_accuracy" in read_metadata(RUN / "best.safetensors")["scores"]
