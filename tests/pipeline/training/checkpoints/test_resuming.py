"""A training that was stopped and gone on with equals one that never stopped, bit for bit."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.torture.trainings import KINDS, differences, write_training
from pipeline.training.history import read_history
from pipeline.training.recognizer import SequenceRecognizer

pytestmark = pytest.mark.usefixtures("folder")


def press_ctrl_c(monkeypatch, hook: str, number: int) -> None:
    """Send SIGINT in the given call of a method of the recognizer, counted from 1."""
    calls, method = [], getattr(SequenceRecognizer, hook)

    def interrupt(self, *arguments):
        calls.append(hook)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGINT)
        return method(self, *arguments)

    monkeypatch.setattr(SequenceRecognizer, hook, interrupt)


@pytest.fixture
def stop(command, monkeypatch) -> Callable[..., list[str]]:
    """Start a training, stop it in the given call of a method, and return how to go on."""

    def run(hook: str, number: int, *arguments: object) -> list[str]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with monkeypatch.context() as patch:
            press_ctrl_c(patch, hook, number)
            code, out, err = command("fit", *arguments)
        assert code == 130, err
        return out.splitlines()[-1].partition("run.py ")[2].split()

    return run


def compare(run, stop, config: Path, stops: list[tuple[str, int]], *more: object) -> None:
    """Train at once, and with each of the stops in turn, one after the other."""
    run("fit", "-c", config, "--name=whole", *more)
    again: list[object] = ["fit", "-c", config, "--name=parts", *more]
    for hook, number in stops:
        again = stop(hook, number, *again[1:])
    run(*again)
    assert differences(Path("runs/whole"), Path("runs/parts")) == []


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_twice_within_epochs_then_in_a_validation(run, stop, kind, workers, tmp_path):
    config = write_training(tmp_path, kind, workers=workers)
    stops = [("training_step", 2), ("training_step", 4), ("validation_step", 1)]
    compare(run, stop, config, stops)


def test_within_an_epoch(run, stop, tmp_path):
    config = write_training(tmp_path, "synthetic reviews", epochs=2, workers=1)
    compare(run, stop, config, [("training_step", 2)])


def test_after_the_last_batch_and_in_the_only_validation(run, stop, tmp_path):
    """The validation is done again from its start, and the bundle written."""
    config = write_training(tmp_path, "synthetic reviews", epochs=1, workers=0)
    compare(run, stop, config, [("training_step", 4), ("validation_step", 1)])


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        ["--trainer.accumulate_grad_batches=2"],
        ["--trainer.val_check_interval=0.5"],
        ["--trainer.check_val_every_n_epoch=2"],
        ["--trainer.max_epochs=-1", "--trainer.max_steps=10"],
        ["--data.source.validation=0"],
        ["--model.schedule=one_cycle", "--model.average_decay=null"],
    ],
)
def test_with_other_options(run, stop, tmp_path, more):
    """Batch 1 accumulates, batch 4 is the last of its epoch, batch 7 the third of the next."""
    config = write_training(tmp_path, "synthetic reviews", workers=0)
    compare(run, stop, config, [("training_step", n) for n in (1, 2, 3)], *more)


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--trainer.max_epochs=-1", "--trainer.max_steps=8"]])
def test_in_the_last_validation(run, stop, tmp_path, more):
    config = write_training(tmp_path, "synthetic reviews", epochs=2, workers=0)
    compare(run, stop, config, [("validation_step", 3)], *more)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["last", "best"])
@pytest.mark.parametrize("more", [[], ["--trainer.max_epochs=-1", "--trainer.max_steps=12"]])
def test_from_the_end_of_an_epoch_after_an_error(run, command, monkeypatch, tmp_path, name, more):
    """Inside a step the weights may be half updated: the checkpoint of the epoch before stays."""
    config = write_training(tmp_path, "synthetic reviews", workers=0)
    run("fit", "-c", config, "--name=whole", *more)
    step = SequenceRecognizer.training_step

    def fail(self, batch, batch_idx):
        if self.global_step == 6:
            raise ArithmeticError
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(SequenceRecognizer, "training_step", fail)
        with pytest.raises(ArithmeticError):
            command("fit", "-c", config, "--name=parts", *more)
    checkpoint = f"runs/parts/checkpoints/{name}.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 4
    run("fit", "-c", "runs/parts/config.yaml", "--ckpt_path", checkpoint)
    assert differences(Path("runs/whole"), Path("runs/parts")) == []


@pytest.mark.slow
def test_a_training_that_stopped_early_stays_stopped_unless_its_patience_is_raised(run, tmp_path):
    config = write_training(tmp_path, "synthetic reviews", epochs=6, workers=0)
    run(
        "fit",
        "-c",
        config,
        "--name=stopped",
        "--early_stopping.patience=1",
        "--model.learning_rate=0",
    )
    epochs = len(read_history(Path("runs/stopped")))
    assert epochs == 2
    again = ("fit", "-c", "runs/stopped/config.yaml", "--ckpt_path")
    again += ("runs/stopped/checkpoints/last.ckpt",)
    Path("runs/stopped/result.json").unlink()  # as if killed before it was written
    run(*again)
    assert len(read_history(Path("runs/stopped"))) == epochs
    assert Path("runs/stopped/result.json").exists()
    run(*again, "--early_stopping.patience=3")
    assert len(read_history(Path("runs/stopped"))) == epochs + 2
