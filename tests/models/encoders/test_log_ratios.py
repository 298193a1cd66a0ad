"""LogRatios against naive Bayes by hand; in training a text's own label is left out."""

from math import log

import pytest
import torch
from torch.testing import assert_close

from models.encoders.log_ratios import LogRatios, distinct_ids

# label 0: {2, 3}, {2}; label 1: {2, 3, 4}, {4}
IDS = torch.tensor([[2, 3, 2, 3], [2, 4, 4, 4], [3, 4, 3, 2], [4, 0, 0, 0]])
LENGTHS, LABELS = torch.tensor([4, 1, 4, 1]), torch.tensor([0, 0, 1, 1])
GROUPS = torch.tensor([0, 0, 1, 2])
SETS = [{2, 3}, {2}, {2, 3, 4}, {4}]
TEXTS = distinct_ids(IDS, LENGTHS)


@pytest.fixture
def ratios() -> LogRatios:
    ratios = LogRatios(5, 2, folds=3)
    parts = [slice(0, 2), slice(2, 4)]
    ratios.count((IDS[p], LENGTHS[p], LABELS[p], GROUPS[p]) for p in parts)
    return ratios


def by_hand(without: set[int]) -> torch.Tensor:
    """Log-ratios of label 0 to label 1 of ids 0 to 4, counted in plain Python."""
    counts = [
        [
            1 + sum(i in SETS[t] and LABELS[t] == label for t in range(4) if t not in without)
            for i in range(1, 5)
        ]
        for label in (0, 1)
    ]
    shares = [[c / sum(row) for c in row] for row in counts]
    return torch.tensor([0.0] + [log(a / b) for a, b in zip(*shares, strict=True)])


def test_distinct_ids_are_in_order_and_end_with_the_text():
    assert [set(row.tolist()) - {0} for row in TEXTS] == SETS
    assert all((row != 0).sum() == len(s) for row, s in zip(TEXTS, SETS, strict=True))
    pairs = distinct_ids(torch.tensor([[[2, 0], [4, 4], [1, 3]]]), torch.tensor([2]))
    assert sorted(pairs[0].tolist())[-2:] == [2, 4] and pairs.sum() == 6


def test_all_texts_count_in_use(ratios):
    assert_close(ratios.whole[:, 0], by_hand(set()), rtol=0, atol=1e-6)
    assert_close(ratios.whole[:, 1], -ratios.whole[:, 0])
    assert torch.equal(ratios.eval()(IDS, TEXTS), ratios.whole[IDS])
    # counts plus 1 of ids 1 to 4: label 0 has 1, 3, 2, 1 of 7, label 1 has 1, 2, 2, 3 of 8
    assert float(ratios.whole[2, 0]) == pytest.approx(log(3 / 7) - log(2 / 8))


def test_in_training_the_texts_own_fold_is_left_out(ratios):
    found = ratios.train()(IDS, TEXTS)
    for text, without in enumerate(({0, 1}, {0, 1}, {2}, {3})):
        assert_close(found[text, :, 0], by_hand(without)[IDS[text]], rtol=0, atol=1e-6)


def test_in_training_a_new_text_gets_the_ratios_of_all(ratios):
    new = torch.tensor([[1, 2]])
    assert torch.equal(ratios.train()(new, new), ratios.whole[new])
    empty = LogRatios(5, 2, 3).train()
    assert torch.equal(empty(IDS, TEXTS), empty.whole[IDS])


def test_a_group_does_not_tell_its_own_label():
    """Words of one group: the ratios reveal its label if it is counted, and do not if it is not."""
    ids, ones = torch.arange(2, 42).unsqueeze(1), torch.ones(40, dtype=torch.int64)
    groups = torch.arange(40) // 2
    labels = groups % 2
    ids = ids - ids % 2  # both texts of a group hold the same word
    ratios = LogRatios(44, 2, folds=5)
    ratios.count([(ids, ones, labels, groups)])
    known = ratios.eval()(ids, distinct_ids(ids, ones))[:, 0, 1]
    assert ((known > 0) == (labels == 1)).all()
    elsewhere = ratios.train()(ids, distinct_ids(ids, ones))[:, 0, 1]
    for fold in range(5):
        assert len(elsewhere[groups % 5 == fold].unique()) == 1


def test_three_labels_each_against_the_rest():
    ratios, ones = LogRatios(4, 3, 2), torch.ones(3, dtype=torch.int64)
    ratios.count([(torch.tensor([[2], [3], [3]]), ones, torch.tensor([0, 1, 2]), ones)])
    # ids 1, 2, 3: label 0 has 1, 2, 1 of 4, the others together 2, 2, 4 of 8
    expected = torch.tensor([log(1 / 4 / (2 / 8)), log(2 / 4 / (2 / 8)), log(1 / 4 / (4 / 8))])
    assert_close(ratios.whole[1:, 0], expected, rtol=0, atol=1e-6)


def test_only_the_ratios_of_all_are_kept(ratios):
    assert list(ratios.state_dict()) == ["whole"]


def test_mistakes():
    for options in ((5, 1, 8), (5, 2, 1)):
        with pytest.raises(ValueError, match=r"num_labels \d, folds \d: give at least 2 of each"):
            LogRatios(*options)
