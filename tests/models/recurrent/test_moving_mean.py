"""MovingMean against a loop."""

import pytest
import torch
from torch.testing import assert_close

from datasets import LineReader
from models import MovingMean
from pipeline.reading.bundle import Bundle, load_bundle, part_spec, save_bundle
from tests.support.small import ALPHABET, tiny_model

LENGTHS = torch.tensor([9, 4, 0, 1])


def naive(features: torch.Tensor, window: int | None) -> torch.Tensor:
    radius = 11 if window is None else window // 2
    rows = []
    for row, length in zip(features, LENGTHS.tolist(), strict=True):
        for step in range(len(row)):
            window_steps = row[max(0, step - radius) : min(length, step + radius + 1)]
            rows.append(window_steps.mean(0) if step < length else torch.zeros(3))
    return torch.stack(rows).view_as(features)


@pytest.mark.parametrize("window", [3, 5, 7, 21, None])
def test_each_step_is_the_mean_of_the_real_steps_around_it(window):
    torch.manual_seed(0)
    features = torch.randn(4, 11, 3, requires_grad=True)  # padding is not even zero
    mean = MovingMean(3, window)
    assert (mean.output_size, mean.backward_size) == (3, 0)
    expected = naive(features, window)
    assert_close(mean(features, LENGTHS), expected, rtol=0, atol=1e-6)
    weights = torch.randn_like(expected)
    grads = [
        torch.autograd.grad((means * weights).sum(), features)[0]
        for means in (mean(features, LENGTHS), expected)
    ]
    assert_close(*grads, rtol=0, atol=1e-6)


def test_a_short_window_late_in_a_long_sequence_is_as_exact():
    features = torch.full((1, 100_000, 1), 1000.1)
    features[0, -5:, 0] = torch.tensor([1.0, 2.0, 3.0, 4.0, 6.0])
    means = MovingMean(1, 3)(features, torch.tensor([100_000]))
    assert_close(means[0, -4:, 0], torch.tensor([2.0, 3.0, 13 / 3, 5.0]), rtol=0, atol=1e-4)


def test_a_window_of_one_is_each_step_by_itself_and_streams():
    features, lengths = torch.randn(2, 4, 3), torch.tensor([4, 4])
    alone = MovingMean(3, 1)
    assert torch.equal(alone(features, lengths), features)
    assert torch.equal(alone.step(features[:, :2])[0], features[:, :2])
    assert alone.direction == "forward"


@pytest.mark.parametrize(("window", "message"), [(5, "2 later steps"), (None, "all steps")])
def test_other_windows_cannot_stream_and_say_so(window, message):
    mean = MovingMean(3, window)
    assert mean.num_layers and mean.direction == "both"
    with pytest.raises(ValueError, match=f"needs {message} before it can answer; read the whole"):
        mean.step(torch.randn(1, 4, 3))


@pytest.mark.parametrize("window", [0, -3, 4])
def test_windows_without_a_middle_are_refused(window):
    with pytest.raises(ValueError, match=f"window {window} has no step in its middle; give an odd"):
        MovingMean(3, window)


def test_a_bundle_brings_it_back(tmp_path):
    model = tiny_model()
    model.recurrent = MovingMean(model.encoder.output_size, 3)
    model.head = type(model.head)(model.encoder.output_size, len(ALPHABET)).eval()
    path = tmp_path / "mean.safetensors"
    save_bundle(Bundle(model, list(ALPHABET), LineReader(16)), path)
    loaded = load_bundle(str(path)).model
    assert part_spec(loaded.recurrent) == {
        "class": "MovingMean",
        "options": {"input_size": model.encoder.output_size, "window": 3},
    }
    inputs, lengths = torch.randint(256, (1, 40, 1, 16), dtype=torch.uint8), torch.tensor([40])
    assert_close(loaded(inputs, lengths)[0], model(inputs, lengths)[0], rtol=0, atol=0.02)
