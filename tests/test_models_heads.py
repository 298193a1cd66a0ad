"""Heads against enumeration and sums done by hand."""

from itertools import product
from math import exp, log, prod

import pytest
import torch
from torch.testing import assert_close

from models import CTCHead, SequenceClassificationHead, TokenClassificationHead
from models.heads import Label, StepLabels

BLANK = 2  # of two labels, 0 and 1


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def collapse(path) -> list[int]:
    """Merge repeats, drop blanks."""
    merged = [s for i, s in enumerate(path) if i == 0 or path[i - 1] != s]
    return [s for s in merged if s != BLANK]


def enumerated_loss(logits: torch.Tensor, target: list[int]) -> torch.Tensor:
    """-log of the summed probabilities of all paths that say the target, divided by its symbols."""
    scores = logits.log_softmax(1)
    paths = [p for p in product(range(3), repeat=len(logits)) if collapse(p) == target]
    sums = torch.stack([scores[range(len(p)), list(p)].sum() for p in paths])
    return -sums.logsumexp(0) / max(1, len(target))


def sayable(steps: int) -> list[list[int]]:
    """Every string that some path of so many steps says."""
    return [list(s) for s in sorted({tuple(collapse(p)) for p in product(range(3), repeat=steps)})]


def ctc_loss(logits, lengths, targets):
    longest = max(map(len, targets))
    filled = torch.tensor([t + [-100] * (longest - len(t)) for t in targets]).long()
    sizes = torch.tensor([len(t) for t in targets])
    return CTCHead(4, 2).loss(logits, torch.tensor(lengths), filled, sizes)


@pytest.mark.parametrize(("steps", "target"), [(n, t) for n in (1, 2, 3, 4) for t in sayable(n)])
def test_ctc_loss_and_gradient_equal_enumeration(steps, target):
    logits = (2 * torch.randn(1, steps, 3)).requires_grad_()
    expected = enumerated_loss(logits[0], target)
    loss = ctc_loss(logits, [steps], [target])
    assert_close(loss, expected)
    (gradient,), (right,) = (torch.autograd.grad(x, logits) for x in (loss, expected))
    assert_close(gradient, right, rtol=0, atol=1e-5)


def test_ctc_loss_of_a_batch_is_the_mean_of_its_samples():
    lengths, targets = [4, 2, 3, 1, 0], [[0, 0], [1], [], [0], []]
    logits = torch.randn(5, 6, 3)
    each = [enumerated_loss(x[:n], t) for x, n, t in zip(logits, lengths, targets, strict=True)]
    assert_close(ctc_loss(logits, lengths, targets), torch.stack(each).mean())
    half = logits.bfloat16()  # under autocast the logits are rounded, the loss is not
    assert torch.equal(ctc_loss(half, lengths, targets), ctc_loss(half.float(), lengths, targets))


def test_ctc_loss_passes_gradcheck():
    # the loss is float32 by design, hence the long step and the tolerance
    logits = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    loss = lambda x: ctc_loss(x, [4, 3], [[0, 0], [1]])  # noqa: E731
    assert torch.autograd.gradcheck(loss, logits, eps=1e-2, atol=1e-3)


@pytest.mark.parametrize("steps", [0, 3])
def test_ctc_loss_of_empty_transcripts_for_empty_lines_is_zero(steps):
    logits = torch.randn(2, steps, 3, requires_grad=True)
    loss = ctc_loss(logits, [0, 0], [[], []])
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert not gradient.any()


def test_ctc_names_the_transcript_that_does_not_fit():
    message = "2 transcripts .* sample 1 of the batch, needs 4 steps but the encoder leaves 3"
    with pytest.raises(ValueError, match=message):
        ctc_loss(torch.randn(3, 9, 3), [3, 3, 1], [[0, 1, 0], [0, 0, 1], [1, 1]])


@pytest.mark.parametrize(
    ("targets", "lengths", "required"),
    [
        ([[5, 5, 5], [5, 6, 5], [5, 5, -100], [6, -100, -100]], [3, 3, 2, 1], [5, 3, 3, 1]),
        ([[4], [-100]], [1, 0], [1, 0]),
        ([[], []], [0, 0], [0, 0]),
    ],
)
def test_ctc_required_steps(targets, lengths, required):
    steps = CTCHead(4, 9).required_steps(torch.tensor(targets).long(), torch.tensor(lengths))
    assert steps.tolist() == required


@pytest.mark.parametrize("levels", [2, 1000])  # of few levels many classes are equal
def test_ctc_greedy_is_the_best_path_collapsed(levels):
    for steps in (0, 1, 2, 3, 4):
        logits = torch.randint(levels, (20, 4, 3)) * 4.0 / levels
        readings = CTCHead(4, 2).decode(logits, torch.full((20,), steps))
        for reading, scores in zip(readings, logits.softmax(2).tolist(), strict=True):
            paths = list(product(range(3), repeat=steps))  # of equals, the one of lower ids first
            chances = [prod(scores[i][s] for i, s in enumerate(path)) for path in paths]
            best = next(i for i, c in enumerate(chances) if c > max(chances) * (1 - 1e-6))
            assert reading.ids == collapse(paths[best])
            assert reading.confidence == pytest.approx(chances[best], abs=1e-6)


def test_ctc_confidences_and_steps_of_each_symbol():
    best = [(0, 0.5), (0, 0.8), (0, 0.6), (2, 0.9), (0, 0.7), (1, 0.4), (2, 0.5), (1, 0.9)]
    chances = torch.tensor([[p if i == s else (1 - p) / 2 for i in range(3)] for s, p in best])
    (reading,) = CTCHead(4, 2).decode(chances.log().unsqueeze(0), torch.tensor([7]))
    assert reading.ids == [0, 0, 1]
    assert reading.steps == [(0, 2), (4, 4), (5, 5)]
    assert reading.confidences == pytest.approx([0.8, 0.7, 0.4])
    assert reading.confidence == pytest.approx(prod(p for _, p in best[:7]))


FEATURES = -1 - torch.arange(48.0).view(3, 4, 4).sin()  # below 0: a zero of the padding would win
LENGTHS = torch.tensor([4, 2, 0])


@pytest.mark.parametrize(
    ("backward_size", "joined"),
    [
        (0, [FEATURES[0, 3], FEATURES[1, 1]]),
        (1, [[*FEATURES[0, 3, :3], FEATURES[0, 0, 3]], [*FEATURES[1, 1, :3], FEATURES[1, 0, 3]]]),
        (4, [FEATURES[0, 0], FEATURES[1, 0]]),
    ],
)
def test_last_joins_the_last_forward_and_the_first_backward_step(backward_size, joined):
    head = SequenceClassificationHead(4, 2, "last")
    head.backward_size = backward_size
    expected = torch.tensor([*map(list, joined), [0.0] * 4])
    assert torch.equal(head.pool(FEATURES, LENGTHS), expected)
    assert_close(head(FEATURES, LENGTHS), head.linear(expected))


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_pooling_takes_the_real_steps_only(pooling):
    head = SequenceClassificationHead(4, 2, pooling)
    expected = [torch.zeros(4)]
    for steps in (FEATURES[1, :2], FEATURES[0]):
        if pooling == "max":
            expected.insert(0, torch.stack([max(column) for column in steps.T]))
        else:
            weights = [head.score(s).exp() if pooling == "attention" else 1 for s in steps]
            weighted = sum(w * s for w, s in zip(weights, steps, strict=True))
            expected.insert(0, weighted / sum(weights))
    assert_close(head.pool(FEATURES, LENGTHS), torch.stack(expected))
    assert_close(head(FEATURES, LENGTHS), head.linear(torch.stack(expected)))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("steps", [0, 3])
def test_an_empty_sequence_is_classified_by_the_bias(pooling, steps):
    head = SequenceClassificationHead(4, 2, pooling)
    features = torch.randn(2, steps, 4, requires_grad=True)
    logits = head(features, torch.zeros(2, dtype=torch.int64))
    assert_close(logits, head.linear.bias.expand(2, 2))
    assert head.required_steps(torch.tensor([0, 1]), torch.tensor([1, 1])).tolist() == [0, 0]
    (gradient,) = torch.autograd.grad(logits.sum(), features, materialize_grads=True)
    assert not gradient.any()


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
