"""Where samples come from: a `Source` has labels and splits, a `SequenceDataset` is one split."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from .batch import Sample

Split = Literal["train", "validation", "test"]


class Problem(NamedTuple):
    """A sample that cannot be used, and why. Counted and named, never replaced."""

    name: str
    reason: str


class Reader(ABC):
    """Turns one thing that a user has (a path, a text) into a model's input.

    A bundle carries its options: every constructor argument is kept as an attribute of the same
    name.
    """

    @abstractmethod
    def read(self, item: str) -> np.ndarray:
        """An item -> (T, ...).

        Raises ValueError or OSError that names the item and says what is wrong.
        """


class SequenceDataset(ABC):
    """One split: a map-style dataset for torch's DataLoader, giving (index, Sample).

    names: what each sample is called in messages (a path, or "synthetic 17").
    groups: the page, video or writer each sample belongs to; intervals are drawn over groups.
    sizes: (N,) steps of each input (pixels wide, frames, words), known before anything is read.
    """

    names: list[str]
    groups: list[str]
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[int, Sample]:
        return index, self.read(index)

    @abstractmethod
    def read(self, index: int) -> Sample: ...


class Source(ABC):
    """Labelled data in three splits.

    input_size: what the encoder must know: pixels high (lines), channels (frames), words in the
        table (text).
    labels: the list of labels, in the order of their ids.
    reader: how `predict` turns a user's file into the same input; the bundle stores it.
    problems: samples left out, each with its reason.
    notes: what is doubtful in samples that are used.
    """

    input_size: int
    labels: list[str]
    reader: Reader
    problems: list[Problem]
    notes: Sequence[Problem] = ()

    @abstractmethod
    def split(self, name: Split) -> SequenceDataset: ...
