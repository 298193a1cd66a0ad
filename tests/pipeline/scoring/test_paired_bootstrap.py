"""The paired bootstrap against draws enumerated by hand."""

import numpy as np
import pytest

from pipeline.scoring.paired_bootstrap import (
    PairedDifference,
    describe_difference,
    interval_caveat,
    paired_bootstrap,
)


def test_two_groups_are_drawn_as_counted_by_hand():
    # 10 characters each: +3 edits in one, -1 in the other; draws: aa +30, ab or ba +10, bb -10
    found = paired_bootstrap([0, 1], [3, 0], [10, 10], ["a", "b"], samples=40_000)
    assert found.gain == pytest.approx(10) and (found.low, found.high) == (-10, 30)
    assert found.p == pytest.approx(0.5, abs=0.02) and (found.drawn, found.unit) == (2, "groups")


def test_groups_are_weighted_by_their_characters():
    # aa 0 / 20, ab 2 / 110, bb 4 / 200: never a mean of the groups' rates
    found = paired_bootstrap([0, 0], [0, 2], [10, 100], ["a", "b"])
    assert found.gain == pytest.approx(200 / 110) and (found.low, found.high) == (0, 2)


def test_lines_of_a_group_go_together_and_in_any_order():
    rng = np.random.default_rng(3)
    first, second, lengths = rng.integers(0, 5, (3, 60)) + np.array([[0], [1], [20]])
    groups = np.array([f"g{i % 12}" for i in range(60)])
    found = paired_bootstrap(first, second, lengths, groups)
    sums = [[x[groups == g].sum() for g in np.unique(groups)] for x in (first, second, lengths)]
    assert found == paired_bootstrap(*sums, np.unique(groups))
    order = rng.permutation(60)
    assert found == paired_bootstrap(first[order], second[order], lengths[order], groups[order])


def test_identical_readings_differ_by_nothing():
    edits, lengths = [1, 0, 4, 2], [9, 8, 7, 6]
    found = paired_bootstrap(edits, edits, lengths, list("aabc"))
    assert found == PairedDifference(0.0, 0.0, 0.0, 1.0, 3, "groups")


def test_a_symmetric_difference_is_chance():
    signs = np.tile([1, -1], 20)
    found = paired_bootstrap(1 + signs, np.ones(40), np.full(40, 10), [f"g{i}" for i in range(40)])
    assert found.gain == 0 and found.low == pytest.approx(-found.high, abs=0.5) and found.p > 0.9


def test_the_null_is_rejected_at_about_the_nominal_rate():
    rng = np.random.default_rng(0)
    groups = [f"g{i}" for i in range(40)]
    trials = [
        paired_bootstrap(*rng.poisson(3, (2, 40)), np.full(40, 50), groups, samples=300).p
        for _ in range(300)
    ]
    assert 0.02 < np.mean(np.array(trials) < 0.05) < 0.11


def test_a_difference_in_every_group_is_significant_and_antisymmetric():
    first, second, lengths = np.ones(12), np.full(12, 3), np.full(12, 100)
    groups = [f"g{i}" for i in range(12)]
    found = paired_bootstrap(first, second, lengths, groups, samples=999)
    assert found[:4] == (2.0, 2.0, 2.0, 0.002)
    assert paired_bootstrap(second, first, lengths, groups, samples=999)[:4] == (-2, -2, -2, 0.002)


def test_a_single_group_is_drawn_by_lines_and_says_so():
    found = paired_bootstrap([0, 1], [3, 0], [10, 10], ["a", "a"])
    assert (found.drawn, found.unit) == (2, "lines") and found.low < 0 < found.high
    assert "lines were drawn" in interval_caveat(found)
    assert "Only 4 groups" in interval_caveat(found._replace(drawn=4, unit="groups"))
    assert interval_caveat(found._replace(drawn=40, unit="groups")) == ""


def test_the_sentence_names_the_better_one_first():
    found = PairedDifference(0.31, 0.1, 0.55, 0.004, 28, "groups")
    rest = "points of cer (0.10 to 0.55, 95 % over 28 groups), p = 0.004"
    assert describe_difference(found, "A", "B") == f"A beats B by 0.31 {rest}"
    assert describe_difference(found._replace(gain=-0.31, low=-0.55, high=-0.1), "A", "B") == (
        f"B beats A by 0.31 {rest}"
    )
    no_difference = describe_difference(found._replace(low=-0.1, p=0.2), "A", "B")
    assert "beats" not in no_difference and "(-0.10 to 0.55" in no_difference
    assert no_difference.endswith("chance gives")
    assert describe_difference(found._replace(p=0.0005), "A", "B").endswith("p < 0.001")


def test_misuse_says_what_is_wrong():
    with pytest.raises(ValueError, match="1 and 2 edits, 2 lengths, 2 groups"):
        paired_bootstrap([1], [1, 2], [3, 4], ["a", "b"])
    with pytest.raises(ValueError, match="hold no character"):
        paired_bootstrap([1], [1], [0], ["a"])
