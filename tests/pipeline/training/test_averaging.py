"""The moving average of the weights: by hand, and in the checkpoints and bundle of a training."""

import json
import signal
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import nn
from torch.testing import assert_close

from pipeline.reading.bundle import load_bundle
from pipeline.training.averaging import MovingAverage, averaged_weights
from pipeline.training.interrupt import StopBetweenBatches
from pipeline.training.recognizer import SequenceRecognizer
from pipeline.training.selection.best_bundle import BestBundle

AVERAGE = ["--model.average_decay=0.9", "--model.learning_rate=0.05"]
FAST = [*AVERAGE, "--model.warmup_steps=0"]  # weights and average differ after one epoch


@pytest.mark.parametrize("decay", [0.5, 0.15])
def test_the_average_by_hand(decay):
    average = MovingAverage(decay)
    values = [4.0, 1.0, -2.0, 7.0]
    actual, expected = torch.tensor(values[0]), values[0]
    for steps, value in enumerate(values[1:], 1):
        actual = average._average(actual, torch.tensor(value), torch.tensor(steps))
        kept = min(decay, (1 + steps) / (10 + steps))
        expected = kept * expected + (1 - kept) * value
    assert float(actual) == pytest.approx(expected)
    count = average._average(torch.tensor(3), torch.tensor(8), torch.tensor(1))
    assert count.dtype == torch.int64 and int(count) == 8


@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=f"average_decay {decay}: between 0 and 1"):
        MovingAverage(decay)


class Spy(pl.Callback):
    """Record the weights of the network in each validation, and after it."""

    def __init__(self):
        self.validated, self.trained = [], []

    def on_validation_batch_end(self, trainer, module, *_) -> None:
        if len(self.validated) == len(self.trained):
            self.validated.append(weights_of(module.model))

    def on_validation_end(self, trainer, module) -> None:
        self.trained.append(weights_of(module.model))


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def differ(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return any(not torch.allclose(first[k], second[k], atol=1e-3) for k in first)


@pytest.fixture
def spied(run, folder, monkeypatch) -> Spy:
    """A short training with averaging; the spy is the last of its callbacks."""
    spy, own = Spy(), SequenceRecognizer.configure_callbacks
    monkeypatch.setattr(SequenceRecognizer, "configure_callbacks", lambda self: [*own(self), spy])
    run("fit", "-c", "words.yaml", *FAST)
    return spy


def test_validation_bundle_and_checkpoint_hold_the_average(spied):
    best = min(range(2), key=lambda i: validations()[i])
    assert differ(spied.validated[best], spied.trained[best])
    bundle = load_bundle("runs/words/best.safetensors")
    weights = weights_of(bundle.model)
    expected = {name: spied.validated[best][name].half().float() for name in weights}
    assert_close(weights, expected, rtol=0, atol=0)
    assert bundle.calibration.temperature != 1.0
    last = torch.load("runs/words/checkpoints/last.ckpt", weights_only=True)
    state = {k.removeprefix("model."): v for k, v in last["state_dict"].items()}
    assert_close(state, spied.validated[-1])
    current = {k.removeprefix("model."): v for k, v in last["current_model_state"].items()}
    assert_close(current, spied.trained[-1])


def validations() -> list[tuple[float, float]]:
    """Error and loss of each epoch."""
    lines = Path("runs/words/history.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line)["validation"] for line in lines]
    return [(row["error"], row["loss"]) for row in rows]


def load_whole_and_parts() -> tuple[dict, dict]:
    """The last checkpoints of the two runs, after checking that their weights are equal."""
    files = [f"runs/{name}/checkpoints/last.ckpt" for name in ("whole", "parts")]
    whole, parts = (torch.load(file, weights_only=True) for file in files)
    assert_close(parts["state_dict"], whole["state_dict"])
    assert_close(parts["current_model_state"], whole["current_model_state"])
    return whole, parts


def test_a_resumed_training_continues_average_and_weights(run, folder):
    """Two epochs in one run or in two: the same average and the same weights."""
    run("fit", "-c", "words.yaml", *AVERAGE, "--name=whole")
    run("fit", "-c", "words.yaml", *AVERAGE, "--trainer.max_epochs=1", "--name=parts")
    last = "runs/parts/checkpoints/last.ckpt"
    run("fit", "-c", "words.yaml", *AVERAGE, f"--ckpt_path={last}")
    load_whole_and_parts()


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_ctrl_c_within_a_validation_keeps_average_and_weights_apart(
    command, run, folder, monkeypatch, index
):
    """After the first or the last batch in the first epoch; resumed it equals one training."""
    run("fit", "-c", "words.yaml", *FAST, "--name=whole")
    seen = []

    def interrupt(stop, trainer, module, outputs, batch, batch_idx, *_):
        if batch_idx == index:
            average = next(c for c in trainer.callbacks if isinstance(c, MovingAverage))
            weights = average._average_model.module  # the two are swapped
            seen.extend([weights_of(module), weights_of(weights)])
            stop.requested = True
        stop.on_train_batch_end(trainer, module)

    with monkeypatch.context() as patch:
        patch.setattr(StopBetweenBatches, "on_validation_batch_end", interrupt)
        code, out, _ = command("fit", "-c", "words.yaml", *FAST, "--name=parts")
    assert code == 130
    last = torch.load("runs/parts/checkpoints/last.ckpt", weights_only=True)
    assert differ(*seen)
    assert_close(last["state_dict"], dict(seen[0]))
    assert_close(last["current_model_state"], dict(seen[1]))
    run(*out.splitlines()[-1].split()[6:])
    whole, parts = load_whole_and_parts()
    assert parts["global_step"] == whole["global_step"] == 6


def test_without_an_average_nothing_is_swapped():
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.callbacks.append(BestBundle())
    module = pl.LightningModule()
    module.weight = nn.Parameter(torch.ones(()))
    with averaged_weights(trainer, module):
        assert module.weight.item() == 1.0


def test_ctrl_c_never_interrupts_a_swap(monkeypatch):
    module, average = nn.Linear(2, 2), MovingAverage(0.5)
    calls = []

    def swap(self, module):
        calls.append("begun")
        signal.raise_signal(signal.SIGINT)
        calls.append("done")

    monkeypatch.setattr(WeightAveraging, "_swap_models", swap)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), average.applied(module):
            pytest.fail("not interrupted")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == ["begun", "done"] * 2 and not average.swapped
