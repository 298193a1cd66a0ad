"""Tokenised reviews concatenated in a memory-mapped file, and one split of them as a dataset."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..batch import Sample
from ..digests import as_digests
from ..source import SequenceDataset, Split
from .files import Row
from .token_cache import Entry
from .tokens import TextReader, text_digest


class TokenizedReview(NamedTuple):
    """A row and its tokens: (T,) indices into a list of tokens.

    row_index: among all rows of its part. part: of the data, by the files that it is in.
    """

    row_index: int
    row: Row
    tokens: np.ndarray
    part: Split


def pack_reviews(
    items: list[TokenizedReview], tokens: list[str], reader: TextReader, labels: list[str]
) -> tuple[dict, dict[str, np.ndarray]]:
    """Concatenate reviews -> their names and groups, and the arrays that ReviewDataset reads."""
    indices = reader.locate(tokens)
    offsets = np.cumsum([0, *(len(item.tokens) for item in items)])
    flat = np.concatenate([np.empty(0, np.int64), *(indices[item.tokens] for item in items)])
    starts = np.zeros(len(flat) + 1, dtype=bool)
    starts[offsets[:-1]] = True
    rows = [item.row for item in items]
    facts = {"names": [row.name for row in rows], "groups": [row.group for row in rows]}
    return facts, {
        "ids": reader.look_up(flat.astype(np.int64), starts[:-1]).astype(np.int32),
        "offsets": offsets.astype(np.int64),
        "labels": np.array([labels.index(row.label) for row in rows], dtype=np.int64),
        "rows": np.array([item.row_index for item in items], dtype=np.int64),
        "digests": as_digests(text_digest(row.text) for row in rows),
    }


class ReviewDataset(SequenceDataset):
    """The reviews of one split, as ids in a file that all workers map into memory.

    rows: (N,) index of each review among the rows of its files. labels: (N,) ids of the labels;
    label_ids: (L,) converts label numbers of the cache entry to them.
    """

    def __init__(self, entry: Entry, split: Split, reader: TextReader, label_ids: np.ndarray):
        self.names: list[str] = entry.facts["splits"][split]["names"]
        self.groups: list[str] = entry.facts["splits"][split]["groups"]
        self._file, self._digests = entry.arrays[f"{split}_ids"], entry.arrays[f"{split}_digests"]
        self.rows, labels, offsets = (
            np.load(entry.arrays[f"{split}_{name}"]) for name in ("rows", "labels", "offsets")
        )
        self.labels = label_ids[labels]
        lengths = np.diff(offsets)
        self.sizes = lengths if reader.max_length is None else lengths.clip(max=reader.max_length)
        self._starts = offsets[:-1] + (lengths - self.sizes if reader.keep == "end" else 0)

    @cached_property
    def _ids(self) -> np.ndarray:
        """The ids (all tokens,) or (all tokens, ngrams) int32, mapped unless the file is empty."""
        return np.load(self._file, mmap_mode="r" if self.sizes.any() else None)

    def __getstate__(self) -> dict:
        """Leave out the mapped array: a spawned worker maps the file itself."""
        return {name: value for name, value in vars(self).items() if name != "_ids"}

    def digests(self) -> np.ndarray:
        return np.load(self._digests)

    def read(self, index: int) -> Sample:
        start = self._starts[index]
        ids = self._ids[start : start + self.sizes[index]]
        return Sample(np.array(ids, dtype=np.int64), np.array(self.labels[index]))
