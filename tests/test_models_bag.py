"""BagOfTokens: naive Bayes by hand, and what order, repetition and padding do not change."""

from math import log

import pytest
import torch
from torch.testing import assert_close

from models import BagOfTokens

# label 0: {2, 3}, {2}; label 1: {3, 4}
IDS = torch.tensor([[2, 3, 2, 3], [2, 4, 4, 4], [3, 4, 3, 2]])
LENGTHS, LABELS = torch.tensor([4, 1, 3]), torch.tensor([0, 0, 1])


@pytest.fixture
def bag() -> BagOfTokens:
    bag = BagOfTokens(5, 2, initial_weight=0.5, scale=2.0, folds=3)
    bag.count([(IDS[:2], LENGTHS[:2], LABELS[:2]), (IDS[2:], LENGTHS[2:], LABELS[2:])])
    return bag.double().eval()


def test_ratios_by_hand(bag):
    """Counts plus 1 of ids 1 to 4: label 0 has 1, 3, 2, 1 of 7, label 1 has 1, 1, 2, 2 of 6."""
    expected = [log(a / 7) - log(b / 6) for a, b in ((1, 1), (3, 1), (2, 2), (1, 2))]
    ratios = torch.tensor([0.0, *expected], dtype=torch.float64)
    assert_close(bag.ratios, torch.stack([ratios, -ratios], 1), rtol=0, atol=1e-6)


def test_weighed_is_each_ids_ratio_times_its_weight(bag):
    with torch.no_grad():
        bag.bias.copy_(torch.tensor([[0.25, -0.5], [0.0, 0.0]]))
        bag.table.weight[3] = 4.0  # times the scale: 8
    expected = 0.5 * bag.ratios[2] + 8.0 * bag.ratios[3] + bag.bias[0]
    assert_close(bag.weighed(IDS, LENGTHS)[0], expected, rtol=0, atol=1e-10)
    alone = 0.5 * bag.ratios[2] + bag.bias[0]
    assert_close(bag.weighed(IDS[1:2], LENGTHS[1:2])[0], alone)


def test_summed_has_one_weight_for_each_run_length():
    bag = BagOfTokens(6, 2, runs=2).double().eval()
    texts = torch.tensor([[[2, 0], [3, 4]], [[3, 0], [3, 5]]])
    bag.count([(texts, torch.tensor([2, 2]), torch.tensor([0, 1]))])
    with torch.no_grad():
        bag.bias.copy_(torch.tensor([[9.0, 9.0], [0.25, -0.5]]))
        bag.trust.copy_(torch.tensor([3.0, -2.0]))
    expected = 3.0 * (bag.ratios[2] + bag.ratios[3]) - 2.0 * bag.ratios[4] + bag.bias[1]
    assert_close(bag.summed(texts, torch.tensor([2, 2]))[0], expected, rtol=0, atol=1e-10)
    both = bag.summed(texts, LENGTHS[:2]) + bag.weighed(texts, LENGTHS[:2])
    assert torch.equal(bag(texts, LENGTHS[:2]), both)


def test_order_repetition_and_padding_change_nothing(bag):
    expected = bag(torch.tensor([[2, 4]]), torch.tensor([2]))
    for ids, length in (([[4, 2]], 2), ([[4, 4, 2, 4]], 4), ([[2, 4, 3, 1]], 2)):
        assert torch.equal(bag(torch.tensor(ids), torch.tensor([length])), expected)
    runs = torch.tensor([[[2, 0], [4, 4], [1, 3]]])  # an id beside an id
    same = torch.tensor([[2, 4]])
    assert torch.equal(bag.weighed(runs, torch.tensor([2])), bag.weighed(same, torch.tensor([2])))


def test_nothing_is_no_evidence(bag):
    assert_close(bag(IDS, torch.zeros(3, dtype=torch.int64)), bag.bias.sum(0).expand(3, 2))
    assert_close(bag(IDS[:, :0], torch.zeros(3, dtype=torch.int64)), bag.bias.sum(0).expand(3, 2))


def test_three_labels_each_against_the_rest():
    bag = BagOfTokens(4, 3)
    bag.count([(torch.tensor([[2], [3], [3]]), torch.ones(3).long(), torch.tensor([0, 1, 2]))])
    # ids 1, 2, 3: label 0 has 1, 2, 1 of 4, the others together 2, 2, 4 of 8
    expected = torch.tensor([log(1 / 4 / (2 / 8)), log(2 / 4 / (2 / 8)), log(1 / 4 / (4 / 8))])
    assert_close(bag.ratios[1:, 0], expected, rtol=0, atol=1e-6)


def test_gradients(bag):
    def logits(weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(bag, {"table.weight": weight}, (IDS, LENGTHS))

    weight = bag.table.weight.detach().clone()
    weight[0] = 0.0
    rows = weight[1:].requires_grad_()
    assert torch.autograd.gradcheck(lambda r: logits(torch.cat([weight[:1], r])), rows)


def test_in_training_summed_leaves_the_texts_own_fold_out(bag):
    """The texts' sets are {2, 3}, {2}, {2, 3, 4}: their sums modulo 3 put them in folds 2, 2, 0."""
    told = bag.train().summed(IDS, LENGTHS)
    for text, others in enumerate(([2], [2], [0, 1])):
        alone = BagOfTokens(5, 2)
        alone.count([(IDS[others], LENGTHS[others], LABELS[others])])
        expected = alone.double().eval().summed(IDS[text : text + 1], LENGTHS[text : text + 1])[0]
        assert_close(told[text], expected, rtol=0, atol=1e-6)
    assert "elsewhere" not in bag.state_dict()
    fresh = BagOfTokens(5, 2).train()  # nothing was counted: loaded, or not trained at all
    assert torch.equal(fresh.summed(IDS, LENGTHS), fresh.eval().summed(IDS, LENGTHS))


def test_mistakes():
    for options in ({"num_labels": 1}, {"num_labels": 2, "folds": 1}):
        with pytest.raises(ValueError, match=r"num_labels \d, folds \d: give at least 2 of each"):
            BagOfTokens(5, **options)
    with pytest.raises(ValueError, match="2 ids a step, but the bag has runs: 3"):
        BagOfTokens(5, 2, runs=3)(torch.ones(1, 4, 2, dtype=torch.int64), torch.tensor([4]))
