"""Readings against their targets."""

import numpy as np

from pipeline.scoring.readings import in_case_of


def test_the_case_that_was_read_is_right_where_it_is_unknown():
    """Labels a b A B: read "aBb", true "AB": the case of what agrees, and one letter too many."""
    upper = np.array([2, 3, 2, 3])
    assert in_case_of([0, 3, 1], np.array([2, 3]), upper).tolist() == [0, 3]
    assert in_case_of([], np.array([2, 3]), upper).tolist() == [2, 3]
    assert in_case_of([1], np.array([2, 1]), upper).tolist() == [2, 1]
    assert in_case_of([0], np.zeros(0, int), upper).tolist() == []
