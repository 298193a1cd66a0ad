"""Forced alignment against the enumeration of all paths."""

from itertools import product

import numpy as np
import pytest

from models.decoding.alignment import align


def collapse(path, blank):
    kept = [s for i, s in enumerate(path) if not i or path[i - 1] != s]
    return [s for s in kept if s != blank]


@pytest.mark.parametrize("ids", [[], [0], [1, 0], [0, 0], [0, 1, 0]])
def test_the_best_of_all_paths(ids):
    rng = np.random.default_rng(len(ids))
    row = rng.dirichlet(np.ones(3), 5)
    paths = [path for path in product(range(3), repeat=5) if collapse(path, 2) == ids]
    probabilities = {path: np.prod(row[range(5), path]) for path in paths}
    best = max(probabilities, key=probabilities.get)
    (text,) = align([row], [ids])
    assert text.ids == ids
    assert text.confidence == pytest.approx(probabilities[best])
    covered = {step for first, last in text.steps for step in range(first, last + 1)}
    assert covered == {step for step, symbol in enumerate(best) if symbol != 2}
    for i, confidence, (first, last) in zip(ids, text.confidences, text.steps, strict=True):
        assert confidence == row[first : last + 1, i].max()


def test_a_string_too_long_for_its_steps():
    with pytest.raises(ValueError, match="2 symbols do not fit 2 steps"):
        align([np.full((2, 3), 1 / 3)], [[1, 1]])


def test_a_long_string():
    ids = [n % 5 for n in range(90)]  # more states than a byte counts
    row = np.full((200, 6), 0.01)
    row[range(0, 180, 2), ids] = 0.95
    row[1:180:2, 5] = row[180:, 5] = 0.95
    (text,) = align([row], [ids])
    assert text.steps == [(2 * n, 2 * n) for n in range(90)]


def test_many_at_once_are_each_as_alone():
    rng = np.random.default_rng(5)
    sizes = [(0, 0), (7, 3), (1, 1), (12, 0), (4, 2)]  # steps, symbols
    rows = [rng.dirichlet(np.ones(4), steps) for steps, _ in sizes]
    strings = [list(range(3))[:count] for _, count in sizes]
    alone = [align([row], [ids])[0] for row, ids in zip(rows, strings, strict=True)]
    assert align(rows, strings) == alone
    assert [len(text.steps) for text in alone] == [count for _, count in sizes]
    assert align([], []) == []
