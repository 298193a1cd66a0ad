"""N-grams of token ids: counting them over many texts and looking them up, vectorised with numpy.

An n-gram is a pair: the index of its first n - 1 tokens among the (n-1)-grams, and its last token.
The pair is encoded as one 64-bit key, so a table of any order is a sorted array of numbers.
"""

from collections.abc import Iterator, Sequence

import numpy as np


def extend_runs(nodes: np.ndarray, tokens: np.ndarray, first: np.ndarray, count: int) -> np.ndarray:
    """Extend the n-grams that end one step earlier by the token here -> keys (N,), -1 for none.

    nodes, tokens: (N,), -1 where unknown. first: (N,) bool, where a text begins; no n-gram spans
    two texts. count: number of distinct tokens.
    """
    previous = np.full(len(nodes), -1, dtype=np.int64)
    previous[1:] = nodes[:-1]
    previous[first] = -1
    return np.where((previous < 0) | (tokens < 0), -1, previous * count + tokens)


def find_sorted(table: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Index of each key (N,) in a sorted table (K,); -1 if it is absent or -1."""
    if not len(table):
        return np.full(len(keys), -1, dtype=np.int64)
    indices = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return np.where(table[indices] == keys, indices, -1)


class NgramTable:
    """Known n-grams of 2 to `orders` tokens -> their ids.

    Args:
        runs: for each order from 2 on: (K, order) tokens of the known n-grams.
        ids: for each order from 2 on: (K,) the ids that `find` returns.
        count: number of distinct tokens.
    """

    def __init__(self, runs: Sequence[np.ndarray], ids: Sequence[np.ndarray], count: int):
        self.count = count
        self._levels: list[tuple[np.ndarray, np.ndarray]] = []
        nodes = [run[:, 0] for run in runs]
        for order in range(2, len(runs) + 2):
            # prefixes of longer n-grams are needed too, whether or not they have an id
            keys = {
                n: nodes[n] * count + runs[n][:, order - 1] for n in range(order - 2, len(runs))
            }
            table = distinct(np.concatenate(list(keys.values())))
            for n, key in keys.items():
                nodes[n] = np.searchsorted(table, key)
            values = np.zeros(len(table) + 1, dtype=np.int64)  # the last one is the value for -1
            values[nodes[order - 2]] = ids[order - 2]
            self._levels.append((table, values))

    def find(self, tokens: np.ndarray, first: np.ndarray) -> list[np.ndarray]:
        """Tokens (N,) (-1: unknown) -> for each order the id of the n-gram that ends here, or 0."""
        nodes, ids = tokens, []
        for table, values in self._levels:
            nodes = find_sorted(table, extend_runs(nodes, tokens, first, self.count))
            ids.append(values[nodes])
        return ids


def distinct(values: np.ndarray) -> np.ndarray:
    """Sorted distinct values (N,) -> (K,): 18 times as fast here as the hashing of `np.unique`."""
    values = np.sort(values)
    return values[np.diff(values, prepend=-2) != 0]  # all values are >= -1


def text_counts(keys: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keys (N,) (-1: none) -> the sorted distinct keys, and the number of texts with each.

    texts: (N,) the number of each key's text, from 0.
    """
    keys, texts = keys[keys >= 0], texts[keys >= 0]
    if not len(keys):
        return keys, keys
    many, table = int(texts.max()) + 1, None
    if int(keys.max()) > (2**63 - 1) // many - 1:  # too large to share 63 bits with a text number
        table = distinct(keys)
        keys = np.searchsorted(table, keys)
    keys_of_texts = distinct(keys * many + texts) // many
    starts = np.flatnonzero(np.diff(keys_of_texts, prepend=-1))
    unique, counts = keys_of_texts[starts], np.diff(starts, append=len(keys_of_texts))
    return unique if table is None else table[unique], counts


def frequent_runs(
    tokens: np.ndarray, texts: np.ndarray, count: int, orders: int, min_texts: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each order from 1 on: n-grams (K, order) in at least `min_texts` texts, and in how many.

    tokens: (N,) from 0 to count - 1. texts: (N,) the text of each, ascending. The counts are (K,).
    """
    first = np.ones(len(tokens), dtype=bool)
    first[1:] = texts[1:] != texts[:-1]
    words, counts = text_counts(tokens, texts)
    words, counts = words[counts >= min_texts], counts[counts >= min_texts]
    yield words[:, None], counts
    nodes = tokens = np.where(np.isin(tokens, words), tokens, -1)
    runs = np.arange(count)[:, None]
    for _ in range(1, orders):
        keys = extend_runs(nodes, tokens, first, count)
        table, counts = text_counts(keys, texts)
        # an n-gram is at most as frequent as its prefix, so rare ones need not be extended
        table, counts = table[counts >= min_texts], counts[counts >= min_texts]
        runs = np.concatenate([runs[table // count], (table % count)[:, None]], axis=1)
        nodes = find_sorted(table, keys)
        yield runs, counts
