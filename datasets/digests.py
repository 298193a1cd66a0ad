"""Digests of samples by content: a bundle knows by them what it has seen, under whatever name."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Sample = TypeVar("Sample")
UNKNOWN = 0  # the digest of a sample that cannot be read


def digest_bytes(*parts: bytes | memoryview) -> int:
    """Return the first 8 bytes of a BLAKE2b hash as a number other than UNKNOWN."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return int.from_bytes(digest.digest(), "little") or 1


def digest_array(array: np.ndarray) -> int:
    """Return the digest of an array's shape and values."""
    values = np.ascontiguousarray(array).ravel().view(np.uint8)
    return digest_bytes(str(array.shape).encode(), values.data)


def digest_all(samples: Sequence[Sample], digest: Callable[[Sample], int]) -> np.ndarray:
    """Return the digests (N,) uint64 of samples, in parallel; large arrays leave Python's lock."""
    with ThreadPoolExecutor() as pool:
        return as_digests(pool.map(digest, samples))


def as_digests(numbers: Iterable[int]) -> np.ndarray:
    """Return digests as an array (N,) uint64."""
    return np.fromiter(numbers, np.uint64)
