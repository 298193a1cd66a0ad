"""N-grams counted and found with arrays, against counting and finding them one by one."""

from collections import Counter

import numpy as np
import pytest

from datasets.text.ngrams import NgramTable, frequent_runs, text_counts


@pytest.fixture
def texts() -> list[list[int]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 4, size).tolist() for size in (9, 0, 1, 30, 2, 17, 8)]


def flat(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.repeat(np.arange(len(texts)), [len(t) for t in texts])
    return np.array([t for text in texts for t in text]), numbers


@pytest.mark.parametrize("least", [1, 2, 4])
def test_runs_are_counted_once_a_text_and_never_across_two(texts, least):
    results = list(frequent_runs(*flat(texts), 4, 3, least))
    for order, (runs, counts) in enumerate(results, 1):
        expected = Counter()
        for text in texts:
            expected.update({tuple(text[i : i + order]) for i in range(len(text) - order + 1)})
        expected = {run: count for run, count in expected.items() if count >= least}
        counted = dict(zip(map(tuple, runs.tolist()), counts.tolist(), strict=True))
        assert counted == expected and (len(expected) > 3 or least == 4)
    assert len(results) == 3


def test_keys_too_large_to_stand_beside_a_text_are_counted_too():
    keys = np.array([2**61, 5, -1, 2**61, 5, 2**61])
    unique, counts = text_counts(keys, np.array([0, 0, 1, 8, 8, 8]))
    assert (unique.tolist(), counts.tolist()) == ([5, 2**61], [2, 2])


def test_no_run_crosses_a_border_or_an_unknown_token():
    table = NgramTable([np.array([[0, 1]])], [np.array([7])], 2)
    first = np.array([1, 0, 1, 0, 0, 0], dtype=bool)
    assert table.find(np.array([0, 1, 1, 0, -1, 1]), first)[0].tolist() == [0, 7, 0, 0, 0, 0]
    first = np.array([1, 1, 0, 0, 0, 0], dtype=bool)
    assert table.find(np.array([0, 1, 1, 0, -1, 1]), first)[0].tolist() == [0] * 6


def test_an_empty_table_finds_nothing():
    table = NgramTable([np.empty((0, 2), int), np.empty((0, 3), int)], [np.empty(0, int)] * 2, 3)
    found = table.find(np.array([0, 1, 2]), np.array([True, False, False]))
    assert [f.tolist() for f in found] == [[0, 0, 0]] * 2


def test_a_run_is_found_whose_beginning_has_no_id():
    table = NgramTable([np.empty((0, 2), int), np.array([[0, 1, 0]])], [np.empty(0, int), [9]], 2)
    pairs, triples = table.find(np.array([0, 1, 0]), np.array([True, False, False]))
    assert (pairs.tolist(), triples.tolist()) == ([0, 0, 0], [0, 0, 9])
