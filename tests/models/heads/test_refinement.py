"""Refinement stages against convolutions in a loop; their reach, and their losses."""

import pytest
import torch
from torch.testing import assert_close

from models import RefinedTokenHead, TokenClassificationHead

LENGTHS = torch.tensor([7, 3, 0])
SMALL = {"stages": 2, "refinement_channels": 4, "refinement_layers": 2}


def naive_stage(stage, probabilities: torch.Tensor, causal: bool) -> torch.Tensor:
    """Probabilities (T, L) of one sequence without padding -> logits (T, L), step by step."""
    states = [stage.enter.weight[:, :, 0] @ c + stage.enter.bias for c in probabilities]
    for number, layer in enumerate(stage.layers):
        dilation, changed = 2**number, []
        for step, own in enumerate(states):
            positions = [step + dilation * (k - (2 if causal else 1)) for k in range(3)]
            hidden = layer.conv.bias + sum(
                layer.conv.weight[:, :, k] @ states[position]
                for k, position in enumerate(positions)
                if 0 <= position < len(states)
            )
            changed.append(own + layer.mix.weight[:, :, 0] @ hidden.relu() + layer.mix.bias)
        states = changed
    return torch.stack([stage.leave.weight[:, :, 0] @ s + stage.leave.bias for s in states])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("multi_label", [False, True])
def test_every_stage_is_its_convolutions_over_the_real_steps(causal, multi_label):
    head = RefinedTokenHead(5, 3, multi_label, smoothing=0.0, causal=causal, **SMALL)
    features = torch.randn(3, 9, 5)  # garbage behind the ends
    stages = head.train()(features, LENGTHS)
    assert stages.shape == (3, 3, 9, 3)
    for row, length in enumerate(LENGTHS.tolist()):
        logits = head.linear(features[row, :length])
        assert_close(stages[0, row, :length], logits)
        for number, stage in enumerate(head.refinements, 1):
            if length:
                logits = naive_stage(
                    stage, logits.sigmoid() if multi_label else logits.softmax(1), causal
                )
            assert_close(stages[number, row, :length], logits, rtol=0, atol=1e-5)
    assert torch.equal(head.eval()(features, LENGTHS), stages[-1])


@pytest.mark.parametrize(("causal", "reach"), [(False, (6, 6)), (True, (12, 0))])
def test_context_and_lookahead_are_exactly_what_a_step_depends_on(causal, reach):
    # so wide that no path is shut by its ReLUs
    head = RefinedTokenHead(5, 3, causal=causal, **SMALL | {"refinement_channels": 64}).double()
    assert (head.context, head.lookahead) == reach
    features = torch.randn(1, 31, 5, dtype=torch.float64, requires_grad=True)
    head.eval()(features, torch.tensor([31]))[0, 15].square().sum().backward()
    used = features.grad[0].abs().sum(1).nonzero().flatten()
    assert (int(used.min()), int(used.max())) == (15 - reach[0], 15 + reach[1])


def test_plain_heads_look_at_their_own_step_only():
    head = TokenClassificationHead(5, 3)
    assert (head.context, head.lookahead) == (0, 0)


@pytest.mark.parametrize("piece", [1, 4])
def test_a_causal_head_streams_when_shown_its_context_again(piece):
    head = RefinedTokenHead(5, 3, causal=True, **SMALL).eval()
    features = torch.randn(1, 30, 5)
    whole = head(features, torch.tensor([30]))
    for start in range(0, 30, piece):
        seen = features[:, max(0, start - head.context) : start + piece]
        logits = head(seen, torch.tensor([seen.shape[1]]))
        new = min(piece, 30 - start)
        assert_close(logits[:, -new:], whole[:, start : start + piece], rtol=0, atol=1e-5)


def test_the_training_loss_is_the_sum_over_all_stages():
    options = {"smoothing": 0.3, "label_smoothing": 0.1, "class_weight_power": 0.5}
    head, plain = (
        RefinedTokenHead(5, 3, **options, **SMALL),
        TokenClassificationHead(5, 3, **options),
    )
    targets = torch.tensor([[0, 1, 1, 2, -100, 0, 0], [2, 2, -100, -100, -100, -100, -100],
                            [-100] * 7])  # fmt: skip
    for one in (head, plain):
        one.train().count([(None, LENGTHS, targets, None)])
    assert torch.equal(head.class_weights, plain.class_weights)
    stages = head(torch.randn(3, 7, 5), LENGTHS)
    loss = head.loss(stages, LENGTHS, targets, LENGTHS)
    parts = [plain.loss(stage, LENGTHS, targets, LENGTHS) for stage in stages]
    assert_close(loss, sum(parts))
    last = head.eval().loss(stages[-1], LENGTHS, targets, LENGTHS)
    assert_close(last, plain.eval().loss(stages[-1], LENGTHS, targets, LENGTHS))
    loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in head.parameters())


def test_a_batch_of_empty_sequences_gets_no_logits():
    head, empty = RefinedTokenHead(5, 3, **SMALL), torch.zeros(2, dtype=torch.int64)
    assert head.eval()(torch.randn(2, 0, 5), empty).shape == (2, 0, 3)
    stages = head.train()(torch.randn(2, 0, 5), empty)
    assert stages.shape == (3, 2, 0, 3)
    assert head.loss(stages, empty, torch.zeros(2, 0, dtype=torch.int64), empty).item() == 0


def test_dropout_is_in_training_only():
    head = RefinedTokenHead(5, 3, dropout=1.0, **SMALL)
    features = torch.randn(1, 6, 5)
    length = torch.tensor([6])
    stages = head.train()(features, length)
    assert torch.equal(stages[0], head.linear.bias.expand(1, 6, 3))
    assert_close(stages[1, 0, 0], stages[1, 0, 5])  # no layer looks around
    kept = head.eval()(features, length)
    assert not torch.allclose(kept[0, 0], kept[0, 5], atol=1e-4)


def test_no_refinement_at_all_is_refused():
    with pytest.raises(ValueError, match="stages 0, refinement_layers 10: give at least 1 of each"):
        RefinedTokenHead(5, 3, stages=0)
