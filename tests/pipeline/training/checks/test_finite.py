"""What is not finite ends a training, with what is needed to find its cause."""

from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.training.checks.finite import (
    DivergenceError,
    check_step,
    check_weights_finite,
    clip_gradients,
)
from pipeline.training.recognizer import SequenceRecognizer
from pipeline.training.selection.best_bundle import BestBundle

FINE, NAN, INFINITE = torch.tensor(1.5), torch.tensor(torch.nan), torch.tensor(torch.inf)


def test_finite_steps_pass():
    check_step("step 1", [FINE, FINE], FINE, ["a"], 0.1)


@pytest.mark.parametrize(("loss", "norm"), [(NAN, FINE), (FINE, INFINITE), (INFINITE, NAN)])
def test_a_step_that_is_not_finite_is_described(loss, norm):
    names = [f"line{i}.png" for i in range(10)]
    with pytest.raises(DivergenceError) as caught:
        check_step("epoch 3, step 7", [FINE, loss], norm, names, 0.01)
    text = str(caught.value)
    assert f"epoch 3, step 7: the loss is 1.5, {loss:g}, the gradient norm {norm:g}" in text
    assert "learning rate 0.01" in text and "line7.png and 2 more;" in text


@pytest.mark.parametrize(
    ("limit", "algorithm", "clipped"),
    [
        (None, None, [3.0, -4.0]),
        (0, None, [3.0, -4.0]),
        (1.0, None, [0.6, -0.8]),
        (1.0, "norm", [0.6, -0.8]),
        (3.5, "value", [3.0, -3.5]),
        (None, "value", [3.0, -4.0]),
    ],
)
def test_gradients_are_clipped_as_asked_and_measured_before(limit, algorithm, clipped):
    weights, unused = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    weights.grad = torch.tensor([3.0, -4.0])
    norm = clip_gradients(torch.optim.SGD([weights, unused], lr=1.0), limit, algorithm)
    assert float(norm) == 5.0
    torch.testing.assert_close(weights.grad, torch.tensor(clipped))


def test_weights_beyond_float16_are_not_finite():
    module = nn.Linear(2, 2)
    check_weights_finite(module)
    module.bias.data[0] = 70_000.0
    with pytest.raises(DivergenceError, match=r"1 of 2 weights are not finite \(bias\)"):
        check_weights_finite(module)


@pytest.fixture
def diverge(command, monkeypatch, folder):
    """Train 6 steps, 3 an epoch, and spoil the loss in the given step; returns (code, err)."""

    def run(step: int, value: float, *more: str) -> tuple[int, str]:
        compute = SequenceRecognizer._step

        def spoil(self, batch, stage):
            loss = compute(self, batch, stage)
            return loss * value if stage == "train" and self.global_step == step else loss

        monkeypatch.setattr(SequenceRecognizer, "_step", spoil)
        code, _, err = command("fit", "-c", "words.yaml", *more)
        return code, err

    return run


def test_a_nan_in_the_first_epoch_ships_nothing(diverge):
    code, err = diverge(1, float("nan"))
    assert code == 1 and err.startswith("error: epoch 1, step 2: the loss is nan, the gradient ")
    assert "its samples: synthetic train " in err and err.endswith("; nothing was saved\n")
    assert err.count("\n") == 1
    assert not Path("runs/words/best.safetensors").exists()
    assert not Path("runs/words/result.json").exists()


def test_an_infinite_loss_leaves_the_last_good_checkpoint(diverge):
    code, err = diverge(4, float("inf"), "--trainer.accumulate_grad_batches=1")
    assert code == 1 and "epoch 2, step 5: the loss is inf" in err
    last = Path("runs/words/checkpoints/last.ckpt")
    assert f"the last good checkpoint is {last}" in err
    content = torch.load(last, weights_only=True)
    assert content["global_step"] == 3
    assert all(w.isfinite().all() for w in content["state_dict"].values())


def test_weights_spoiled_outside_a_step_are_not_shipped(command, monkeypatch, folder):
    save = BestBundle._save

    def spoil(self, trainer, module, *rest):
        next(module.parameters()).data[0] = torch.nan
        save(self, trainer, module, *rest)

    monkeypatch.setattr(BestBundle, "_save", spoil)
    code, _, err = command("fit", "-c", "words.yaml")
    assert code == 1 and "weights are not finite" in err
    assert not Path("runs/words/best.safetensors").exists()
