"""Every recurrent variant against its reference, in chunks, and by finite differences; the noise of
each regulariser; incompatible options.
"""

import warnings
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch.testing import assert_close

from models import RecurrentStack
from models.recurrent.regularization import drop
from models.recurrent.stack import MIXED, Cell, warn_slow_loop
from tests.support.recurrent_references import (
    HIDDEN,
    LENGTHS,
    REFERENCES,
    SIZE,
    VARIANTS,
    build,
    check_gradients,
    directions,
    measure_reference_error,
    measure_streaming_error,
    sequences,
)

every_variant = pytest.mark.parametrize("variant", VARIANTS)


def test_every_cell_has_its_reference():
    assert list(REFERENCES) == list(get_args(Cell))


@pytest.mark.parametrize(
    ("variant", "direction"), [(v, d) for v in VARIANTS for d in directions(v)]
)
def test_equals_the_reference(variant, direction):
    assert measure_reference_error(variant, direction) < 1e-10


@pytest.mark.parametrize("variant", [v for v in VARIANTS if "forward" in directions(v)])
def test_chunks_equal_the_whole(variant):
    assert measure_streaming_error(variant) < 1e-10


@every_variant
def test_gradients(variant):
    assert check_gradients(variant)


@every_variant
def test_training_reaches_every_weight(variant):
    """With all noise: every parameter gets a gradient, and the forward pass changes none."""
    stack = build("both", **VARIANTS[variant]).train()
    before = {name: weight.detach().clone() for name, weight in stack.named_parameters()}
    stack(sequences(), LENGTHS).square().sum().backward()
    for name, weight in stack.named_parameters():
        assert weight.grad.isfinite().all() and weight.grad.any(), name
        assert torch.equal(weight, before[name]), name


def test_a_batch_of_empty_sequences_in_segments():
    stack = build("both", segment=3)
    for steps in (0, 4):
        features = torch.randn(2, steps, SIZE, dtype=torch.float64)
        outputs, states = stack.run(features, torch.zeros(2, dtype=torch.int64))
        assert outputs.shape == (2, steps, 2 * HIDDEN) and not outputs.any()
        assert not any(part.any() for state in states for part in state)


def test_dropped_weights_are_a_copy_scaled_and_gone_in_evaluation():
    """LSTM with HIDDEN = 50: 10,000 entries, of which 30 % are dropped; sd 0.5 %."""
    torch.manual_seed(0)
    layer = RecurrentStack(SIZE, 50, 1, "lstm", "forward", weight_drop=0.3).layers[0].train()
    own = layer.core.weight_hh_l0
    own.data.uniform_(0.5, 1)
    dropped, again = layer.weights(0)["weight_hh"], layer.weights(0)["weight_hh"]
    assert not torch.equal(dropped, again)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    kept = dropped != 0
    assert_close(dropped[kept], own[kept] / 0.7)
    assert own.min() >= 0.5  # the parameter itself has lost nothing
    dropped.sum().backward()
    assert_close(own.grad, kept / 0.7)
    assert layer.eval().weights(0)["weight_hh"] is own
    for name in ("weight_ih", "bias_ih", "bias_hh"):
        assert layer.train().weights(0)[name] is getattr(layer.core, name + "_l0")


def test_a_locked_mask_is_one_for_all_steps_of_a_sample():
    torch.manual_seed(0)
    ones = torch.ones(6, 9, 40)
    masked = drop(ones, 0.5, locked=True, training=True)
    assert torch.equal(masked, masked[:, :1].expand_as(masked))
    assert set(masked.unique().tolist()) == {0.0, 2.0}
    assert len({tuple(row.tolist()) for row in masked[:, 0]}) == 6
    free = drop(ones, 0.5, locked=False, training=True)
    assert not torch.equal(free, free[:, :1].expand_as(free))
    for locked in (True, False):
        assert torch.equal(drop(ones, 0.5, locked, training=False), ones)


@pytest.mark.parametrize("locked", [False, True])
def test_input_dropout_is_on_the_first_layers_input_and_in_training_only(locked):
    stack = build("both", 2, input_dropout=1.0, locked=locked)
    features = sequences()
    assert not torch.equal(stack(features, LENGTHS), stack(torch.zeros_like(features), LENGTHS))
    stack.train()
    assert_close(stack(features, LENGTHS), stack.eval()(torch.zeros_like(features), LENGTHS))


@pytest.mark.parametrize("cell", ["gru", "lstm", "min_gru"])
def test_zoneout_keeps_units_by_chance_and_is_its_expectation_in_evaluation(cell):
    """One step from state 0: some units stay 0, the others are those without zoneout."""
    torch.manual_seed(0)
    stack = build("forward", 1, cell=cell, zoneout=0.25)
    plain = build("forward", 1, cell=cell)
    features = torch.randn(1, 1, SIZE, dtype=torch.float64).expand(4000, 1, SIZE)
    new, old = plain.step(features)[0], stack.step(features)[0]
    assert_close(old, 0.75 * new)
    noisy = stack.train().step(features)[0]
    stayed = noisy == 0
    assert float(stayed.double().mean()) == pytest.approx(0.25, abs=0.02)
    if cell != "lstm":  # there h also depends on whether c is kept
        assert_close(noisy, torch.where(stayed, 0.0, new))
        assert_close(noisy.mean(0), old[0], rtol=0.1, atol=0)


def test_the_loop_tells_its_cost_once():
    warn_slow_loop.cache_clear()
    with pytest.warns(UserWarning, match=r"cell peephole_lstm runs.* times .*fused lstm"):
        RecurrentStack(SIZE, HIDDEN, 1, "peephole_lstm")
    with pytest.warns(UserWarning, match=r"zoneout runs .* times .*fused lstm"):
        RecurrentStack(SIZE, HIDDEN, 1, "gru", zoneout=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RecurrentStack(SIZE, HIDDEN, 1, "peephole_lstm")
        RecurrentStack(SIZE, HIDDEN, 1, "min_lstm", zoneout=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "gru", "projection": 2}, "cell lstm only, not gru"),
        ({"projection": 3}, "projection 3 must be smaller than hidden_size 3"),
        ({"merge": "sum", "direction": "forward"}, "needs two directions, not .*'forward'"),
        ({"skip": "residual", "num_layers": 1}, "num_layers is 1; take 2 or more"),
        ({"cell": "min_gru", "weight_drop": 0.1}, "min_gru has no recurrent matrix"),
        ({"segment": -1}, "segment -1 must be 0"),
        ({"zoneout": 1.5}, "zoneout 1.5 must be a share"),
        ({"weight_drop": -0.1}, "weight_drop -0.1 must be a share"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        RecurrentStack(SIZE, HIDDEN, **{"num_layers": 2} | options)


def test_segments_of_unequal_progress_are_no_stream():
    stack, features = build("forward", segment=4), sequences()
    _, state = stack.run(features, LENGTHS)
    with pytest.raises(ValueError, match="equally far"):
        stack.step(features, state)
    with pytest.raises(ValueError, match="use step"):
        stack.run(features, LENGTHS, state)


@pytest.mark.parametrize(
    ("options", "output_size", "backward_size"),
    [
        ({"projection": 2}, 4, 2),
        ({"projection": 2, "direction": "backward"}, 2, 2),
        ({"merge": "sum"}, HIDDEN, MIXED),
        ({"merge": "mean", "projection": 2}, 2, MIXED),
        ({"merge": "sum", "num_layers": 0}, SIZE, 0),
    ],
)
def test_sizes(options, output_size, backward_size):
    stack = RecurrentStack(SIZE, HIDDEN, **options)
    assert (stack.output_size, stack.backward_size) == (output_size, backward_size)


def test_the_table_lists_the_variants_that_exist():
    """`python -m benchmarks.recurrent.variants` writes the table."""
    file = Path(__file__).parents[3] / "docs" / "variants.md"
    table = file.read_text(encoding="utf-8").split("| variant |")[1].split("\n\n")[0]
    rows = table.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == list(VARIANTS)
