"""CTC loss and greedy decoding against the enumeration of all paths."""

from itertools import product
from math import prod

import pytest
import torch
from torch.testing import assert_close

from models import CTCHead

BLANK = 2  # of two labels, 0 and 1


def collapse(path) -> list[int]:
    """Merge repeats, drop blanks."""
    merged = [s for i, s in enumerate(path) if i == 0 or path[i - 1] != s]
    return [s for s in merged if s != BLANK]


def enumerated_loss(logits: torch.Tensor, target: list[int]) -> torch.Tensor:
    """-log of the total probability of all paths of the target, divided by its number of
    symbols.
    """
    scores = logits.log_softmax(1)
    paths = [p for p in product(range(3), repeat=len(logits)) if collapse(p) == target]
    sums = torch.stack([scores[range(len(p)), list(p)].sum() for p in paths])
    return -sums.logsumexp(0) / max(1, len(target))


def possible_strings(steps: int) -> list[list[int]]:
    """Every string that some path of so many steps collapses to."""
    return [list(s) for s in sorted({tuple(collapse(p)) for p in product(range(3), repeat=steps)})]


def ctc_loss(logits, lengths, targets):
    longest = max(map(len, targets))
    filled = torch.tensor([t + [-100] * (longest - len(t)) for t in targets]).long()
    sizes = torch.tensor([len(t) for t in targets])
    return CTCHead(4, 2).loss(logits, torch.tensor(lengths), filled, sizes)


@pytest.mark.parametrize(
    ("steps", "target"), [(n, t) for n in (1, 2, 3, 4) for t in possible_strings(n)]
)
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
            probs = [prod(scores[i][s] for i, s in enumerate(path)) for path in paths]
            best = next(i for i, c in enumerate(probs) if c > max(probs) * (1 - 1e-6))
            assert reading.ids == collapse(paths[best])
            assert reading.confidence == pytest.approx(probs[best], abs=1e-6)


def test_ctc_confidences_and_steps_of_each_symbol():
    best = [(0, 0.5), (0, 0.8), (0, 0.6), (2, 0.9), (0, 0.7), (1, 0.4), (2, 0.5), (1, 0.9)]
    probs = torch.tensor([[p if i == s else (1 - p) / 2 for i in range(3)] for s, p in best])
    (reading,) = CTCHead(4, 2).decode(probs.log().unsqueeze(0), torch.tensor([7]))
    assert reading.ids == [0, 0, 1]
    assert reading.steps == [(0, 2), (4, 4), (5, 5)]
    assert reading.confidences == pytest.approx([0.8, 0.7, 0.4])
    assert reading.confidence == pytest.approx(prod(p for _, p in best[:7]))


@pytest.mark.parametrize("target", [[3], [3, 3], [3, 3, 3], []])
def test_either_of_a_pair_is_right_at_each_step(target):
    """With labels 0 and 1 a pair, the loss sums all paths over it, blanks between equal ones."""
    logits = torch.randn(1, 5, 3)
    head = CTCHead(4, 2)
    head.pairs = torch.tensor([[0, 1]])
    filled, sizes = torch.tensor([target]).long().reshape(1, -1), torch.tensor([len(target)])
    loss = head.loss(logits, torch.tensor([5]), filled, sizes)
    scores = logits[0].log_softmax(1)
    paths = [p for p in product(range(3), repeat=5)
             if collapse([0 if s < 2 else BLANK for s in p]) == [0] * len(target)]  # fmt: skip
    sums = torch.stack([scores[range(5), list(p)].sum() for p in paths])
    assert_close(loss, -sums.logsumexp(0) / max(1, len(target)))
    assert "pairs" not in head.state_dict()


def test_other_targets_of_a_batch_are_not_touched_by_pairs():
    logits, lengths = torch.randn(2, 5, 4), torch.tensor([5, 5])
    head, sizes = CTCHead(4, 3), torch.tensor([2, 1])
    plain = head.loss(logits[:1], lengths[:1], torch.tensor([[0, 2]]), sizes[:1])
    head.pairs = torch.tensor([[0, 1]])
    paired = head.loss(logits[1:], lengths[1:], torch.tensor([[4]]), sizes[1:])
    both = head.loss(logits, lengths, torch.tensor([[0, 2], [4, -100]]), sizes)
    assert_close(both, (plain + paired) / 2)
