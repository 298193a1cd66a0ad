"""Pooling of whole sequences against loops over their steps, in float64."""

import pytest
import torch
from torch.testing import assert_close

from models import SequenceClassificationHead

LENGTHS = torch.tensor([4, 2, 0])
# below 0, so that a zero of the padding would win
FEATURES = -1 - torch.arange(48, dtype=torch.float64).view(3, 4, 4).sin()
FEATURES[1, 2:], FEATURES[2] = 0, 0
POOLINGS = ["last", "mean", "max", "attention", "max_mean", "last_max_mean"]


def head_of(pooling: str, backward_size: int = 0) -> SequenceClassificationHead:
    head = SequenceClassificationHead(4, 2, pooling).double()
    head.read_after(backward_size)
    return head


def exact(actual, expected) -> None:
    assert_close(actual, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("backward_size", "joined"),
    [
        (0, [FEATURES[0, 3], FEATURES[1, 1]]),
        (1, [[*FEATURES[0, 3, :3], FEATURES[0, 0, 3]], [*FEATURES[1, 1, :3], FEATURES[1, 0, 3]]]),
        (4, [FEATURES[0, 0], FEATURES[1, 0]]),
    ],
)
def test_last_joins_the_last_forward_and_the_first_backward_step(backward_size, joined):
    head = head_of("last", backward_size)
    expected = torch.tensor([*map(list, joined), [0.0] * 4], dtype=torch.float64)
    assert torch.equal(head.pool(FEATURES, LENGTHS), expected)
    exact(head(FEATURES, LENGTHS), head.linear(expected))


def pooled_by_hand(head: SequenceClassificationHead, steps: list[torch.Tensor]) -> torch.Tensor:
    """Pool the real steps (D,) of one sample, all read forward."""
    if head.pooling == "attention":
        weights = [head.score(s.detach()).exp() for s in steps]
        return sum(w * s for w, s in zip(weights, steps, strict=True)) / sum(weights)
    parts = {"last": steps[-1], "mean": sum(steps) / len(steps)}
    parts["max"] = torch.stack([max(column) for column in torch.stack(steps).T])
    return torch.cat([parts[name] for name in head.pooling.split("_")])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_takes_the_real_steps_only(pooling):
    head = head_of(pooling)
    by_hand = [pooled_by_hand(head, list(f[:n])) for f, n in zip(FEATURES[:2], (4, 2), strict=True)]
    expected = torch.stack([*by_hand, torch.zeros_like(by_hand[0])])
    # the softmax of attention is float32 by design
    tolerance = 1e-6 if pooling == "attention" else 1e-10
    assert_close(head.pool(FEATURES, LENGTHS), expected, rtol=0, atol=tolerance)
    assert_close(head(FEATURES, LENGTHS), head.linear(expected), rtol=0, atol=tolerance)


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "max_mean", "last_max_mean"])
def test_gradients_are_those_of_the_loop(pooling):
    head, features = head_of(pooling), FEATURES.clone().requires_grad_()
    weights = torch.randn(3, head.linear.in_features, dtype=torch.float64)
    found = torch.autograd.grad((head.pool(features, LENGTHS) * weights).sum(), features)[0]
    loss = sum(
        (pooled_by_hand(head, list(features[i, :n])) * weights[i]).sum()
        for i, n in enumerate((4, 2))
    )
    expected = torch.autograd.grad(loss, features)[0]
    for sample, length in enumerate(LENGTHS):  # what is behind is masked by whoever made it
        exact(found[sample, :length], expected[sample, :length])


def test_equal_maxima_give_the_gradient_to_one():
    features = torch.ones(1, 3, 4, dtype=torch.float64, requires_grad=True)
    pooled = head_of("max").pool(features, torch.tensor([3]))
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    assert gradient.sum(1).tolist() == [[1, 1, 1, 1]]
    assert sorted(gradient[0, :, 0].tolist()) == [0, 0, 1]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("steps", [0, 3])
def test_an_empty_sequence_is_classified_by_the_bias(pooling, steps):
    head = SequenceClassificationHead(4, 2, pooling)
    features = torch.randn(2, steps, 4, requires_grad=True)
    logits = head(features, torch.zeros(2, dtype=torch.int64))
    assert_close(logits, head.linear.bias.expand(2, 2))
    assert head.required_steps(torch.tensor([0, 1]), torch.tensor([1, 1])).tolist() == [0, 0]
    (gradient,) = torch.autograd.grad(logits.sum(), features, materialize_grads=True)
    assert not gradient.any()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_under_autocast_pooling_is_close_to_float32(pooling):
    features, lengths = torch.randn(3, 50, 4), torch.tensor([50, 20, 0])
    features[1, 20:], features[2] = 0, 0
    head = SequenceClassificationHead(4, 2, pooling)
    whole = head(features, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(head(features.bfloat16(), lengths).float(), whole, rtol=0, atol=0.03)


def test_mixed_directions_have_no_last_step():
    for pooling in ("last", "last_max_mean"):
        with pytest.raises(ValueError, match=f"'{pooling}' needs the last step of each direction"):
            head_of(pooling, -1)
    for pooling in ("mean", "max", "max_mean", "attention"):
        assert head_of(pooling, -1).backward_size == -1
