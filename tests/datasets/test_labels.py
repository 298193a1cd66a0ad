"""Labels: one spelling of each, and a warning where two look like one."""

import numpy as np
import pytest

from datasets.labels import fold_label, near_twins, same_labels, twin_notes


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (["1", "1.0", "1.00", " 1 ", 1, 1.0, np.float64(1), "\u00a01"], "1"),
        (["-2.0", -2], "-2"),
        (["caf\u00e9", "cafe\u0301", " cafe\u0301\n"], "caf\u00e9"),
        (["falls down", "falls  down", "falls\u00a0down", "falls\tdown"], "falls down"),
        (["1.5", 1.5], "1.5"),
        (["1.0.0"], "1.0.0"),
        ([None, float("nan"), "", " \u00a0"], ""),
        ([True, "True"], "True"),
    ],
)
def test_spellings_of_one_label_are_folded(values, label):
    assert [fold_label(value) for value in values] == [label] * len(values)


@pytest.mark.parametrize(
    ("labels", "twins"),
    [
        (["pos", "neg", "POS", "Pos"], [["POS", "Pos", "pos"]]),
        (["no event", "no_event", "noevent"], [["no event", "no_event", "noevent"]]),
        (["no event", "no-event"], [["no event", "no-event"]]),
        (["x", '"x', "x."], [['"x', "x", "x."]]),
        (["ab", "a\u200bb"], [["ab", "a\u200bb"]]),
        (["１", "1"], [["1", "１"]]),
        (["+1", "-1", "1", "+", "-", "B-KP", "I-KP", "O", "1", "10"], []),
        (["moves left", "moves right"], []),
    ],
)  # fmt: skip
def test_near_twins(labels, twins):
    assert near_twins(dict.fromkeys(labels)) == twins


def test_labels_stored_before_they_were_folded_are_the_same():
    assert same_labels(["1.0", "cafe\u0301"], ["1", "caf\u00e9"]) and same_labels(["a"], ["a"])
    assert not same_labels(["a", "b"], ["b", "a"]) and not same_labels(["\u00a0"], [" "])


def test_near_twins_are_named_with_their_counts():
    (note,) = twin_notes({"pos": 90, "neg": 80, "POS": 3}, "reviews.csv")
    assert note.reason.startswith("reviews.csv: labels 'POS' (3) and 'pos' (90): did you mean one?")
    assert twin_notes({"pos": 1, "neg": 1}, "reviews.csv") == []
