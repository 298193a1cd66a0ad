"""Runs of tokens: counting them over many texts, finding the known ones in a text, by whole arrays.

A run of n tokens is a pair: the number of its first n - 1 tokens among those runs, and its last
token. The pair is one 64-bit key, so a table of any order is a sorted array of numbers.
"""

from collections.abc import Iterator, Sequence

import numpy as np


def extend_runs(nodes: np.ndarray, tokens: np.ndarray, first: np.ndarray, count: int) -> np.ndarray:
    """The runs that end one step earlier, and the tokens here -> keys of runs one longer, or -1.

    nodes, tokens: (N,), -1 where unknown. first: (N,) bool, where a text begins; no run crosses it.
    count: how many tokens there are.
    """
    before = np.full(len(nodes), -1, dtype=np.int64)
    before[1:] = nodes[:-1]
    before[first] = -1
    return np.where((before < 0) | (tokens < 0), -1, before * count + tokens)


def find_sorted(table: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(K,) sorted, (N,) -> (N,) where in the table each key stands, -1 if it does not or is -1."""
    if not len(table):
        return np.full(len(keys), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return np.where(table[found] == keys, found, -1)


class NgramTable:
    """Known runs of 2 to `orders` tokens -> their ids.

    Args:
        runs: for each order from 2 on: (K, order) tokens of the known runs.
        ids: for each order from 2 on: (K,) what `find` gives for them.
        count: how many tokens there are.
    """

    def __init__(self, runs: Sequence[np.ndarray], ids: Sequence[np.ndarray], count: int):
        self.count = count
        self._levels: list[tuple[np.ndarray, np.ndarray]] = []
        nodes = [run[:, 0] for run in runs]
        for order in range(2, len(runs) + 2):
            # longer runs come in too: their beginnings are steps on the way, known or not
            keys = {
                n: nodes[n] * count + runs[n][:, order - 1] for n in range(order - 2, len(runs))
            }
            table = distinct(np.concatenate(list(keys.values())))
            for n, key in keys.items():
                nodes[n] = np.searchsorted(table, key)
            values = np.zeros(len(table) + 1, dtype=np.int64)  # the last one answers for -1
            values[nodes[order - 2]] = ids[order - 2]
            self._levels.append((table, values))

    def find(self, tokens: np.ndarray, first: np.ndarray) -> list[np.ndarray]:
        """(N,) tokens (-1: unknown) -> for each order the id of the run that ends here, or 0."""
        nodes, found = tokens, []
        for table, values in self._levels:
            nodes = find_sorted(table, extend_runs(nodes, tokens, first, self.count))
            found.append(values[nodes])
        return found


def distinct(values: np.ndarray) -> np.ndarray:
    """(N,) -> each value once, sorted: `np.unique`, whose hashing takes 18 times as long here."""
    values = np.sort(values)
    return values[np.diff(values, prepend=-2) != 0]  # keys are never below -1


def text_counts(keys: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) keys (-1: none) and the text of each -> the sorted keys, and in how many texts each is.

    texts: (N,) numbers of texts, from 0.
    """
    keys, texts = keys[keys >= 0], texts[keys >= 0]
    if not len(keys):
        return keys, keys
    many, table = int(texts.max()) + 1, None
    if int(keys.max()) > (2**63 - 1) // many - 1:  # too large to stand beside a text's number
        table = distinct(keys)
        keys = np.searchsorted(table, keys)
    found = distinct(keys * many + texts) // many
    starts = np.flatnonzero(np.diff(found, prepend=-1))
    unique, counts = found[starts], np.diff(starts, append=len(found))
    return unique if table is None else table[unique], counts


def frequent_runs(
    tokens: np.ndarray, texts: np.ndarray, count: int, orders: int, least: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each order from 1 on: runs in at least `least` texts (K, order), and in how many (K,).

    tokens: (N,) from 0 to count - 1. texts: (N,) the text of each, ascending.
    """
    first = np.ones(len(tokens), dtype=bool)
    first[1:] = texts[1:] != texts[:-1]
    words, counts = text_counts(tokens, texts)
    words, counts = words[counts >= least], counts[counts >= least]
    yield words[:, None], counts
    nodes = tokens = np.where(np.isin(tokens, words), tokens, -1)
    runs = np.arange(count)[:, None]
    for _ in range(1, orders):
        keys = extend_runs(nodes, tokens, first, count)
        table, counts = text_counts(keys, texts)
        # a run is at most as frequent as its beginning, so rare ones need not be lengthened
        table, counts = table[counts >= least], counts[counts >= least]
        runs = np.concatenate([runs[table // count], (table % count)[:, None]], axis=1)
        nodes = find_sorted(table, keys)
        yield runs, counts
