"""BagOfTokens against sums by hand; invariance to order, repetition and padding."""

import pytest
import torch
from torch.testing import assert_close

from models import BagOfTokens

# label 0: {2, 3}, {2}; label 1: {2, 3, 4}
IDS = torch.tensor([[2, 3, 2, 3], [2, 4, 4, 4], [3, 4, 3, 2]])
LENGTHS, LABELS, GROUPS = torch.tensor([4, 1, 4]), torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])


@pytest.fixture
def bag() -> BagOfTokens:
    bag = BagOfTokens(5, 2, initial_weight=0.5, scale=2.0)
    bag.count([(IDS, LENGTHS, LABELS, GROUPS)])
    with torch.no_grad():
        bag.bias.copy_(torch.tensor([0.25, -0.5]))
    return bag.double().eval()


def test_logits_are_the_sum_of_weighed_ratios(bag):
    with torch.no_grad():
        bag.table.weight[3] = 4.0  # times the scale: 8
    ratios = bag.ratios.whole
    expected = 0.5 * ratios[2] + 8.0 * ratios[3] + bag.bias
    assert_close(bag(IDS, LENGTHS)[0], expected, rtol=0, atol=1e-10)
    assert_close(bag(IDS, LENGTHS)[1], 0.5 * ratios[2] + bag.bias)


def test_in_training_it_is_the_same(bag):
    assert torch.equal(bag.train()(IDS, LENGTHS), bag.eval()(IDS, LENGTHS))


def test_order_repetition_and_padding_change_nothing(bag):
    expected = bag(torch.tensor([[2, 4]]), torch.tensor([2]))
    for ids, length in (([[4, 2]], 2), ([[4, 4, 2, 4]], 4), ([[2, 4, 3, 1]], 2)):
        assert torch.equal(bag(torch.tensor(ids), torch.tensor([length])), expected)
    runs = torch.tensor([[[2, 0], [4, 4], [1, 3]]])  # an id beside an id
    assert torch.equal(bag(runs, torch.tensor([2])), expected)


def test_nothing_is_no_evidence(bag):
    nothing = torch.zeros(3, dtype=torch.int64)
    assert_close(bag(IDS, nothing), bag.bias.expand(3, 2))
    assert_close(bag(IDS[:, :0], nothing), bag.bias.expand(3, 2))


def test_gradients(bag):
    def logits(rows: torch.Tensor) -> torch.Tensor:
        weights = {"table.weight": torch.cat([rows.new_zeros(1, 1), rows])}
        return torch.func.functional_call(bag, weights, (IDS, LENGTHS))

    rows = bag.table.weight.detach()[1:].clone().requires_grad_()
    assert torch.autograd.gradcheck(logits, rows)


def test_one_label_is_refused():
    with pytest.raises(ValueError, match="num_labels 1, folds 8: give at least 2 of each"):
        BagOfTokens(5, 1)
