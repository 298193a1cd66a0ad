"""Losses and decoding of the heads against sums computed by hand."""

from math import exp, log

import pytest
import torch

from models import CTCHead, SequenceClassificationHead, TokenClassificationHead
from models.heads.labels import Label, StepLabels

FEATURES = torch.arange(48.0).view(3, 4, 4).sin()
LENGTHS = torch.tensor([4, 2, 0])


def test_classification_loss_and_decoding_by_hand():
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    targets, ones, plain = torch.tensor([0, 1]), torch.ones(2), SequenceClassificationHead(4, 3)
    loss = plain.loss(probs.log(), ones, targets, ones)
    assert loss.item() == pytest.approx(-log(0.7 * 0.3) / 2)
    smooth = SequenceClassificationHead(4, 3, label_smoothing=0.3)
    expected = 0.7 * loss.item() - 0.3 * probs.log().mean().item()
    assert smooth.loss(probs.log(), ones, targets, ones).item() == pytest.approx(expected)
    readings = [Label(0, pytest.approx(0.7)), Label(2, pytest.approx(0.6))]
    assert plain.decode(probs.log(), ones) == readings


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_token_loss_is_the_mean_over_labelled_steps(smoothing):
    head = TokenClassificationHead(4, 3, label_smoothing=smoothing)
    targets, lengths = torch.tensor([[2, -100, 1], [0, -100, -100]]), torch.tensor([3, 1])
    logits = torch.randn(2, 3, 3, requires_grad=True)
    loss = head.loss(logits, lengths, targets, lengths)
    log_likelihood = 0.0
    for row, label in ((logits[0, 0], 2), (logits[0, 2], 1), (logits[1, 0], 0)):
        scores = [x - log(sum(map(exp, row.tolist()))) for x in row.tolist()]
        log_likelihood += (1 - smoothing) * scores[label] + smoothing * sum(scores) / 3
    assert loss.item() == pytest.approx(-log_likelihood / 3)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().sum(2).gt(0).tolist() == targets.ge(0).tolist()


def test_multi_label_loss_is_the_mean_over_labelled_decisions():
    targets = torch.tensor([[[1, 0], [-100, 1]], [[0, 0], [-100, -100]]])
    logits = torch.randn(2, 2, 2, requires_grad=True)
    head = TokenClassificationHead(4, 2, multi_label=True)
    loss = head.loss(logits, torch.tensor([2, 1]), targets, torch.tensor([2, 1]))
    pairs = zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True)
    probs = [1 / (1 + exp(-x if on else x)) for x, on in pairs if on >= 0]
    assert loss.item() == pytest.approx(-sum(map(log, probs)) / 5)
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
    probs = torch.tensor([[[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.9, 0.0, 0.1]]])
    (reading,) = TokenClassificationHead(4, 3).decode(probs.log(), torch.tensor([2]))
    assert reading == StepLabels([[0], [2]], pytest.approx([0.7, 0.4]))
    probs = torch.tensor([[[0.7, 0.2, 0.9], [0.3, 0.1, 0.4], [0.9, 0.5, 0.1]]])
    (reading,) = TokenClassificationHead(4, 3, True).decode(probs.logit(), torch.tensor([2]))
    assert reading == StepLabels([[0, 2], []], pytest.approx([0.7, 0.6]))


@pytest.mark.parametrize("option", ["label_smoothing", "class_weight_power", "smoothing"])
def test_options_are_refused_where_they_do_nothing(option):
    with pytest.raises(ValueError, match=f"{option} works with single labels only; set it to 0"):
        TokenClassificationHead(4, 3, multi_label=True, **{option: 0.1})
    with pytest.raises(ValueError, match=rf"{option} -0\.1: give 0 \(none\) or more"):
        TokenClassificationHead(4, 3, **{option: -0.1})


# of labels 0 to 3: 4, 1, 0 and 1 steps, in two batches
COUNTED = [torch.tensor([[0, 0, 1], [0, -100, -100]]), torch.tensor([[3, 0]])]
TEXTS = [(None, None, targets, None) for targets in COUNTED]


@pytest.mark.parametrize(
    ("power", "weights"),
    # power 1: 1/4, 1, (1), 1 weigh 4/4 + 1 + 1 = 3 over 6 steps; 0.5: 1/2, 1, (1), 1 weigh 4 over 6
    [(1.0, [0.5, 2.0, 2.0, 2.0]), (0.5, [0.75, 1.5, 1.5, 1.5])],
)
def test_rare_labels_weigh_more_in_training(power, weights):
    head = TokenClassificationHead(4, 4, class_weight_power=power, label_smoothing=0.2)
    head.count(iter(TEXTS))
    assert head.class_weights.tolist() == pytest.approx(weights)
    assert "class_weights" not in head.state_dict()
    targets, lengths = torch.tensor([[0, 3, -100], [2, -100, -100]]), torch.tensor([3, 1])
    logits = torch.randn(2, 3, 4)
    unweighted = TokenClassificationHead(4, 4, label_smoothing=0.2)
    shares = []
    for step in ((0, 0), (0, 1), (1, 0)):
        only = torch.full_like(targets, -100)
        only[step] = targets[step]
        shares.append(unweighted.loss(logits, lengths, only, lengths).item() / 3)
    weighted = sum(s * weights[label] for s, label in zip(shares, (0, 3, 2), strict=True))
    assert head.train().loss(logits, lengths, targets, lengths).item() == pytest.approx(weighted)
    # in evaluation no weights are used
    assert head.eval().loss(logits, lengths, targets, lengths).item() == pytest.approx(sum(shares))


def test_nothing_is_read_for_weights_that_nobody_asked_for():
    def texts():
        raise AssertionError("read")
        yield

    TokenClassificationHead(4, 4).count(texts())
    with pytest.raises(AssertionError, match="read"):
        TokenClassificationHead(4, 4, class_weight_power=0.5).count(texts())


def test_labels_that_nobody_gave_all_weigh_one():
    head = TokenClassificationHead(4, 3, class_weight_power=0.5)
    head.count([(None, None, torch.tensor([[-100, -100]]), None)])
    assert head.class_weights.tolist() == [1.0, 1.0, 1.0]


def test_smoothing_is_over_pairs_of_real_steps_labelled_or_not():
    head, plain = TokenClassificationHead(4, 3, smoothing=0.15), TokenClassificationHead(4, 3)
    targets, lengths = torch.tensor([[2, -100, -100, 1], [0, 1, -100, -100]]), torch.tensor([4, 2])
    logits = torch.randn(2, 4, 3)
    logits[0, 3] = torch.tensor([30.0, 0.0, 0.0])  # a difference of more than 4: truncated
    logits.requires_grad_()
    log_probabilities = [
        [[x - log(sum(map(exp, step))) for x in step] for step in row] for row in logits.tolist()
    ]
    pairs = [(0, 1), (0, 2), (0, 3), (1, 1)]
    squares = [
        min(16.0, (current - previous) ** 2)
        for row, step in pairs
        for current, previous in zip(
            log_probabilities[row][step], log_probabilities[row][step - 1], strict=True
        )
    ]
    assert 16.0 in squares and min(squares) < 1
    loss = head.loss(logits, lengths, targets, lengths)
    extra = loss - plain.loss(logits, lengths, targets, lengths)
    assert extra.item() == pytest.approx(0.15 * sum(squares) / (6 * 3), rel=1e-4)
    (gradient,) = torch.autograd.grad(extra, logits)
    # the first step of a row has none before it and is not moved; nor is padding
    assert (gradient.abs().sum(2) > 1e-7).tolist()[0][:3] == [False, True, True]
    assert (gradient.abs().sum(2) > 1e-7).tolist()[1] == [False, True, False, False]


@pytest.mark.parametrize("kind", [CTCHead, SequenceClassificationHead, TokenClassificationHead])
def test_dropout_is_in_training_only(kind):
    head = kind(4, 3, dropout=1.0)
    dropped, kept = (head.train(on)(FEATURES, LENGTHS) for on in (True, False))
    assert torch.equal(dropped, head.linear.bias.expand_as(dropped))
    assert not torch.equal(kept, dropped)
