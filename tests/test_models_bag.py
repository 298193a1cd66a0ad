"""BagOfTokens: sums by hand, and what order, repetition and padding do not change."""

import pytest
import torch
from torch.testing import assert_close

from models import BagOfTokens

# label 0: {2, 3}, {2}; label 1: {2, 3, 4}
IDS = torch.tensor([[2, 3, 2, 3], [2, 4, 4, 4], [3, 4, 3, 2]])
LENGTHS, LABELS, GROUPS = torch.tensor([4, 1, 4]), torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])


@pytest.fixture
def bag() -> BagOfTokens:
    bag = BagOfTokens(5, 2, initial_weight=0.5, scale=2.0, folds=3)
    bag.count([(IDS, LENGTHS, LABELS, GROUPS)])
    with torch.no_grad():
        bag.bias.copy_(torch.tensor([[0.25, -0.5], [1.0, 2.0]]))
    return bag.double().eval()


def test_weighed_is_each_ids_ratio_times_its_weight(bag):
    with torch.no_grad():
        bag.table.weight[3] = 4.0  # times the scale: 8
    ratios = bag.ratios.whole
    expected = 0.5 * ratios[2] + 8.0 * ratios[3] + bag.bias[0]
    assert_close(bag.weighed(IDS, LENGTHS)[0], expected, rtol=0, atol=1e-10)
    assert_close(bag.weighed(IDS, LENGTHS)[1], 0.5 * ratios[2] + bag.bias[0])


def test_summed_has_one_weight_for_each_run_length():
    bag = BagOfTokens(6, 2, runs=2).double().eval()
    texts, twos = torch.tensor([[[2, 0], [3, 4]], [[3, 0], [3, 5]]]), torch.tensor([2, 2])
    bag.count([(texts, twos, torch.tensor([0, 1]), torch.tensor([0, 1]))])
    with torch.no_grad():
        bag.bias.copy_(torch.tensor([[9.0, 9.0], [0.25, -0.5]]))
        bag.trust.copy_(torch.tensor([3.0, -2.0]))
    ratios = bag.ratios.whole
    expected = 3.0 * (ratios[2] + ratios[3]) - 2.0 * ratios[4] + bag.bias[1]
    assert_close(bag.summed(texts, twos)[0], expected, rtol=0, atol=1e-10)
    assert torch.equal(bag(texts, twos), bag.summed(texts, twos) + bag.weighed(texts, twos))


def test_in_training_summed_leaves_the_texts_own_fold_out(bag):
    told = bag.train().summed(IDS, LENGTHS)
    for text in range(3):
        others = [t for t in range(3) if t != text]
        alone = BagOfTokens(5, 2)
        alone.count([(IDS[others], LENGTHS[others], LABELS[others], GROUPS[others])])
        alone = alone.double().eval()
        expected = alone.summed(IDS[text : text + 1], LENGTHS[text : text + 1])[0] + bag.bias[1]
        assert_close(told[text], expected, rtol=0, atol=1e-6)
    assert torch.equal(bag.train().weighed(IDS, LENGTHS), bag.eval().weighed(IDS, LENGTHS))


def test_order_repetition_and_padding_change_nothing(bag):
    expected = bag(torch.tensor([[2, 4]]), torch.tensor([2]))
    for ids, length in (([[4, 2]], 2), ([[4, 4, 2, 4]], 4), ([[2, 4, 3, 1]], 2)):
        assert torch.equal(bag(torch.tensor(ids), torch.tensor([length])), expected)


def test_nothing_is_no_evidence(bag):
    nothing = torch.zeros(3, dtype=torch.int64)
    assert_close(bag(IDS, nothing), bag.bias.sum(0).expand(3, 2))
    assert_close(bag(IDS[:, :0], nothing), bag.bias.sum(0).expand(3, 2))


def test_gradients(bag):
    def logits(rows: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
        weights = {"table.weight": torch.cat([rows.new_zeros(1, 1), rows]), "trust": trust}
        return torch.func.functional_call(bag, weights, (IDS, LENGTHS))

    rows = bag.table.weight.detach()[1:].clone().requires_grad_()
    assert torch.autograd.gradcheck(logits, (rows, bag.trust.detach().clone().requires_grad_()))


def test_mistakes():
    with pytest.raises(ValueError, match=r"num_labels 1, folds 8: give at least 2 of each"):
        BagOfTokens(5, 1)
    with pytest.raises(ValueError, match="2 ids a step, but the bag has runs: 3"):
        BagOfTokens(5, 2, runs=3)(torch.ones(1, 4, 2, dtype=torch.int64), torch.tensor([4]))
