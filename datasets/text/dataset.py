"""Tokenised reviews one behind the other in a file: how it is filled, and one split of it."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..batch import Sample
from ..source import SequenceDataset, Split
from .files import Row
from .token_cache import Entry
from .tokens import TextReader


class TokenizedReview(NamedTuple):
    """A row with its place among all rows and its tokens, (T,) places in some list of tokens."""

    place: int
    row: Row
    tokens: np.ndarray


def pack_reviews(
    items: list[TokenizedReview], tokens: list[str], reader: TextReader, labels: list[str]
) -> tuple[dict, dict[str, np.ndarray]]:
    """Reviews one behind the other -> their names and groups, and the arrays of ReviewDataset."""
    located = reader.locate(tokens)
    offsets = np.cumsum([0, *(len(item.tokens) for item in items)])
    flat = np.concatenate([np.empty(0, np.int64), *(located[item.tokens] for item in items)])
    first = np.zeros(len(flat) + 1, dtype=bool)
    first[offsets[:-1]] = True
    facts = {
        "names": [item.row.name for item in items],
        "groups": [item.row.group for item in items],
    }
    return facts, {
        "ids": reader.look_up(flat.astype(np.int64), first[:-1]).astype(np.int32),
        "offsets": offsets.astype(np.int64),
        "labels": np.array([labels.index(item.row.label) for item in items], dtype=np.int64),
        "rows": np.array([item.place for item in items], dtype=np.int64),
    }


class ReviewDataset(SequenceDataset):
    """The reviews of one split, as ids in a file that all workers map.

    rows: (N,) each one's place among the rows of the files it is from.
    labels: (N,) ids of the labels: `label_ids` of what the entry calls them.
    """

    def __init__(self, entry: Entry, split: Split, reader: TextReader, label_ids: np.ndarray):
        self.names: list[str] = entry.facts["splits"][split]["names"]
        self.groups: list[str] = entry.facts["splits"][split]["groups"]
        self._file = entry.arrays[f"{split}_ids"]
        self.rows, labels, offsets = (
            np.load(entry.arrays[f"{split}_{name}"]) for name in ("rows", "labels", "offsets")
        )
        self.labels = label_ids[labels]
        lengths = np.diff(offsets)
        self.sizes = lengths if reader.max_length is None else lengths.clip(max=reader.max_length)
        self._starts = offsets[:-1] + (lengths - self.sizes if reader.keep == "end" else 0)

    @cached_property
    def _ids(self) -> np.ndarray:
        """(all tokens,) or (all tokens, ngrams) int32, mapped; where it is empty, there is nothing
        to map.
        """
        return np.load(self._file, mmap_mode="r" if self.sizes.any() else None)

    def __getstate__(self) -> dict:
        """A spawned worker maps the file itself instead of getting a copy of it."""
        return {name: value for name, value in vars(self).items() if name != "_ids"}

    def read(self, index: int) -> Sample:
        start = self._starts[index]
        ids = self._ids[start : start + self.sizes[index]]
        return Sample(np.array(ids, dtype=np.int64), np.array(self.labels[index]))
