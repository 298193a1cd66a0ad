"""Texts that are in two parts: word for word, or nearly so, by bottom-k sketches (Broder 1997).

The time is linear in the number of texts: each is compared with a few that share one of the
smallest hashes of its character n-grams.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from datasets.output.text import counted
from datasets.progress import track
from datasets.source import SPLITS

LENGTH = 8  # characters of an n-gram
SHORTEST = 30  # n-grams of a text that can be nearly another
SKETCH = 128  # smallest hashes by which two texts are compared
KEYS = 8  # smallest hashes by which they are found
ALIKE = 0.7  # Jaccard similarity of the n-grams of near duplicates
NAMED = 3  # duplicates in a warning
FACTORS = (0x9E3779B97F4A7C15, 0xFF51AFD7ED558CCD)  # odd, of well mixed bits


class Seen(NamedTuple):
    """The first text of a part with each digest, and with each of its smallest hashes."""

    digests: dict[bytes, int]
    hashes: dict[int, int]


def find_similar_texts(texts: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield a warning for each two parts that share texts, given (part, name, text) of each."""
    seen = {part: Seen({}, {}) for part in SPLITS}
    sketches: dict[int, np.ndarray | None] = {}
    pairs: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    order = sorted(range(len(texts)), key=lambda index: SPLITS.index(texts[index][0]))
    for index in track(order, "comparing texts", len(order)):
        part, name, text = texts[index]
        plain = normalize(text)
        digest = blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        sketches[index] = sketch = sketch_of(plain)
        keys = [] if sketch is None else sketch[:KEYS].tolist()
        for other in SPLITS[: SPLITS.index(part)]:
            digests, hashes = seen[other]
            if digest in digests:
                pairs[part, other, "word for word"].append(f"{name} ({texts[digests[digest]][1]})")
                continue
            for candidate in sorted({hashes[key] for key in keys if key in hashes}):
                if similarity(sketch, sketches[candidate]) >= ALIKE:
                    pairs[part, other, "nearly"].append(f"{name} ({texts[candidate][1]})")
                    break
        seen[part].digests.setdefault(digest, index)
        for key in keys:
            seen[part].hashes.setdefault(key, index)
    for (part, other, how), named in sorted(pairs.items()):
        dots = ", ..." if len(named) > NAMED else ""
        yield (
            f"{counted(len(named), 'text')} of {part} in {other} too, {how}: "
            f"{', '.join(named[:NAMED])}{dots}; remove them, or give both one group"
        )


def normalize(text: str) -> str:
    """The words in lower case with single spaces between them."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def sketch_of(text: str) -> np.ndarray | None:
    """The smallest hashes (up to SKETCH,) of a text's n-grams, sorted; None if it is short."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    count = len(codes) - LENGTH + 1
    if count < SHORTEST:
        return None
    hashes = np.zeros(count, np.uint64)
    for start in range(LENGTH):
        hashes = hashes * np.uint64(FACTORS[0]) + codes[start : start + count]
    hashes = (hashes ^ hashes >> np.uint64(32)) * np.uint64(FACTORS[1])
    return np.unique(hashes ^ hashes >> np.uint64(29))[:SKETCH]


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The Jaccard similarity of two texts' n-grams, estimated from their sketches."""
    joined = np.sort(np.concatenate([a, b]))
    first = np.append(True, joined[1:] != joined[:-1])
    known = first.cumsum() <= SKETCH  # the smallest of the union, of which both sketches know
    return float((~first & known).sum() / (first & known).sum())
