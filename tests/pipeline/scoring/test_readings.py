"""Readings against their targets."""

import numpy as np

from models.heads.labels import Text
from pipeline.scoring.readings import recase


def test_the_case_that_was_read_is_right_where_it_is_unknown():
    """Labels a b A B: read "aBb", true "AB": the case of what agrees, and one letter too many."""
    read = [[0, 3, 1], [], [1], [0], [0, 3]]
    true = [[2, 3], [2, 3], [2, 1], [], [2, 3]]
    readings = [Text(ids, [], [], 1.0) for ids in read]
    targets = [np.array(ids, int) for ids in true]
    found = recase(readings, targets, [True] * 4 + [False], ["a", "b", "A", "B"])
    assert [ids.tolist() for ids in found] == [[0, 3], [2, 3], [2, 1], [], [2, 3]]
    assert [ids.tolist() for ids in targets] == true  # as they were
