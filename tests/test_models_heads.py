"""Heads against sums done by hand."""

from math import exp, log

import pytest
import torch

from models import CTCHead, SequenceClassificationHead, TokenClassificationHead
from models.heads import Label, StepLabels


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


FEATURES = torch.arange(48.0).view(3, 4, 4).sin()
LENGTHS = torch.tensor([4, 2, 0])


def test_classification_loss_and_decoding_by_hand():
    chances = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    targets, ones, plain = torch.tensor([0, 1]), torch.ones(2), SequenceClassificationHead(4, 3)
    loss = plain.loss(chances.log(), ones, targets, ones)
    assert loss.item() == pytest.approx(-log(0.7 * 0.3) / 2)
    smooth = SequenceClassificationHead(4, 3, label_smoothing=0.3)
    expected = 0.7 * loss.item() - 0.3 * chances.log().mean().item()
    assert smooth.loss(chances.log(), ones, targets, ones).item() == pytest.approx(expected)
    readings = [Label(0, pytest.approx(0.7)), Label(2, pytest.approx(0.6))]
    assert plain.decode(chances.log(), ones) == readings


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_token_loss_is_the_mean_over_labelled_steps(smoothing):
    head = TokenClassificationHead(4, 3, label_smoothing=smoothing)
    targets, lengths = torch.tensor([[2, -100, 1], [0, -100, -100]]), torch.tensor([3, 1])
    logits = torch.randn(2, 3, 3, requires_grad=True)
    loss = head.loss(logits, lengths, targets, lengths)
    said = 0.0
    for row, label in ((logits[0, 0], 2), (logits[0, 2], 1), (logits[1, 0], 0)):
        scores = [x - log(sum(map(exp, row.tolist()))) for x in row.tolist()]
        said += (1 - smoothing) * scores[label] + smoothing * sum(scores) / 3
    assert loss.item() == pytest.approx(-said / 3)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().sum(2).gt(0).tolist() == targets.ge(0).tolist()


def test_multi_label_loss_is_the_mean_over_labelled_decisions():
    targets = torch.tensor([[[1, 0], [-100, 1]], [[0, 0], [-100, -100]]])
    logits = torch.randn(2, 2, 2, requires_grad=True)
    head = TokenClassificationHead(4, 2, multi_label=True)
    loss = head.loss(logits, torch.tensor([2, 1]), targets, torch.tensor([2, 1]))
    pairs = zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True)
    chances = [1 / (1 + exp(-x if on else x)) for x, on in pairs if on >= 0]
    assert loss.item() == pytest.approx(-sum(map(log, chances)) / 5)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.ne(0).tolist() == targets.ge(0).tolist()


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("steps", [0, 3])
def test_a_batch_without_a_label_costs_nothing(multi_label, steps):
    head = TokenClassificationHead(4, 3, multi_label)
    logits = torch.randn(2, steps, 3, requires_grad=True)
    targets = torch.full((2, steps, 3) if multi_label else (2, steps), -100)
    lengths = torch.tensor([steps, 0])
    loss = head.loss(logits, lengths, targets, lengths)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert torch.equal(gradient, torch.zeros_like(logits))


def test_token_head_names_the_sample_whose_labels_do_not_match():
    targets, lengths = torch.zeros(2, 5, dtype=torch.int64), torch.tensor([5, 5])
    logits, head = torch.randn(2, 5, 3), TokenClassificationHead(4, 3)
    with pytest.raises(ValueError, match="sample 1 of the batch has 3 labels for 5 steps; label"):
        head.loss(logits, lengths, targets, torch.tensor([5, 3]))


def test_token_decoding_by_hand():
    chances = torch.tensor([[[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.9, 0.0, 0.1]]])
    (reading,) = TokenClassificationHead(4, 3).decode(chances.log(), torch.tensor([2]))
    assert reading == StepLabels([[0], [2]], pytest.approx([0.7, 0.4]))
    chances = torch.tensor([[[0.7, 0.2, 0.9], [0.3, 0.1, 0.4], [0.9, 0.5, 0.1]]])
    (reading,) = TokenClassificationHead(4, 3, True).decode(chances.logit(), torch.tensor([2]))
    assert reading == StepLabels([[0, 2], []], pytest.approx([0.7, 0.6]))


def test_label_smoothing_is_refused_where_it_does_nothing():
    with pytest.raises(ValueError, match="single labels only; set it to 0"):
        TokenClassificationHead(4, 3, multi_label=True, label_smoothing=0.1)


@pytest.mark.parametrize("kind", [CTCHead, SequenceClassificationHead, TokenClassificationHead])
def test_dropout_is_in_training_only(kind):
    head = kind(4, 3, dropout=1.0)
    dropped, kept = (head.train(on)(FEATURES, LENGTHS) for on in (True, False))
    assert torch.equal(dropped, head.linear.bias.expand_as(dropped))
    assert not torch.equal(kept, dropped)
