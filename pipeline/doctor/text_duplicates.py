"""Near-duplicate texts, found in time linear in their number: MinHash of shingles (Broder 1997).

A text is the set of its shingles, the runs of SHINGLE words. The minima of HASHES random hashes of
it agree with those of another in about the share of shingles that both have (Jaccard similarity).
Texts that agree in a whole band of minima are compared exactly.
"""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from datasets.text.tokens import normalize_text
from datasets.text.words import split_unicode_words

SHINGLE = 4  # words
BANDS, ROWS = 20, 3  # of minima: texts that share 0.6 of their shingles are compared in 99 of 100
ALIKE = 0.6  # of all shingles of two texts, which both have, from which they are near duplicates
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd: of a rolling hash modulo 2**64


def near_duplicates(texts: Sequence[str]) -> list[list[int]]:
    """Return the groups of near-duplicate texts, as ascending indices, by their first ones.

    Case, line breaks and spaces do not matter. Texts of fewer than SHINGLE words are near
    duplicates if their words are equal; texts without words are none.
    """
    shingles = [shingles_of(text) for text in texts]
    parents = list(range(len(texts)))
    for candidates in same_bands(shingles):
        for pair in zip(candidates, [candidates[0], *candidates[:-1]], strict=True):
            a, b = (root(parents, index) for index in pair)
            if a != b and jaccard(*(shingles[index] for index in pair)) >= ALIKE:
                parents[max(a, b)] = min(a, b)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for index in range(len(texts)):
        groups[root(parents, index)].append(index)
    return [group for group in groups.values() if len(group) > 1]


def shingles_of(text: str) -> np.ndarray:
    """Return the distinct hashes (S,) uint64, sorted, of a text's shingles."""
    words = split_unicode_words(normalize_text(text))
    hashes = np.array([word_hash(word) for word in words], np.uint64)
    size = min(SHINGLE, len(words))
    rolled = np.zeros(len(words) - size + 1 if size else 0, np.uint64)
    for shift in range(size):
        rolled = rolled * FACTOR + hashes[shift : len(words) - size + 1 + shift]
    return np.unique(rolled)


@lru_cache(maxsize=200_000)
def word_hash(word: str) -> int:
    """Return a hash of a word, the same in every process."""
    encoded = word.encode("utf-8", "surrogatepass")
    return zlib.crc32(encoded) << 32 | zlib.crc32(encoded, 0x9747B28C)


def same_bands(shingles: Sequence[np.ndarray]) -> list[list[int]]:
    """Return the groups of texts, ascending, whose minima agree in a band."""
    random = np.random.default_rng(0)
    factors, offsets = random.integers(2**64, size=(2, BANDS * ROWS), dtype=np.uint64)
    used = [index for index, own in enumerate(shingles) if len(own)]
    minima = np.empty((len(used), BANDS * ROWS), np.uint64)
    for row, index in zip(minima, used, strict=True):
        row[:] = (shingles[index][:, None] * (factors | np.uint64(1)) + offsets).min(0)
    found = []
    for band in np.split(minima, BANDS, axis=1):
        alike: defaultdict[bytes, list[int]] = defaultdict(list)
        for index, row in zip(used, band, strict=True):
            alike[row.tobytes()].append(index)
        found += [group for group in alike.values() if len(group) > 1]
    return found


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Return the share, 0 to 1, of the shingles of two texts that both have."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def root(parents: list[int], index: int) -> int:
    """Return the first member of the group of an index (union-find with halved paths)."""
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
