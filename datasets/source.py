"""Base classes of labelled data: `Source` (labels and splits), `SequenceDataset`, `Reader`."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from .batch import Sample

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


class Problem(NamedTuple):
    """A sample that cannot be used, and the reason. Reported by name, never replaced."""

    name: str
    reason: str


class Reader(ABC):
    """Converts one item of a user (a path, a text) into the input of a model.

    A bundle stores its options, so every constructor argument is kept as an attribute of the same
    name.
    """

    @abstractmethod
    def read(self, item: str) -> np.ndarray:
        """Return the input (T, ...) of an item.

        Raises ValueError or OSError that names the item and the cause.
        """


class SequenceDataset(ABC):
    """One split: a map-style dataset for torch's DataLoader, with items (index, Sample).

    names: name of each sample in messages (a path, or "synthetic 17").
    groups: page, video or writer of each sample; confidence intervals resample groups.
    sizes: (N,) steps of each input (columns, frames, words), known before anything is read.
    files: path of each sample, as a Reader takes it; None if samples have no files of their own.
    any_case: of each sample, whether the case of its text is unknown; None if none's is.
    epoch: set by the sampler; what is drawn for a sample depends on it, the index and a seed alone.
    """

    names: list[str]
    groups: list[str]
    sizes: np.ndarray
    files: list[str] | None = None
    any_case: list[bool] | None = None
    epoch: int = 0

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[int, Sample]:
        augmentation = getattr(self, "augmentation", None)  # texts have none
        if augmentation is not None:
            augmentation.start(self.epoch, index)
        return index, self.read(index)

    @abstractmethod
    def read(self, index: int) -> Sample: ...

    def digests(self) -> np.ndarray | None:
        """Return a digest (N,) uint64 of the content of each sample; None if samples are made.

        Of samples that are drawn anew each epoch, those of all that may be drawn, in any order.
        """
        return None


class Source(ABC):
    """Labelled data in three splits.

    input_size: input size of the encoder: image height (lines), channels (frames), vocabulary size
        (text).
    labels: the labels, in the order of their ids.
    reader: converts a user's file into the same input in `predict`; stored in the bundle.
    problems: samples left out, each with its reason.
    notes: warnings about samples that are used, or about options.
    passed_over: for each folder, what in it is no sample, counted by kind.
    unread: splits in files of their own, which are not read before they are asked for.
    """

    input_size: int
    labels: list[str]
    reader: Reader
    problems: list[Problem]
    notes: Sequence[Problem] = ()
    passed_over: Sequence[str] = ()
    unread: Sequence[Split] = ()

    @abstractmethod
    def split(self, name: Split) -> SequenceDataset: ...

    def labels_by_group(self, name: Split) -> dict[str, Counter[str]] | None:
        """How often each label occurs in each group of a split; None for strings and made data."""
        return None

    def label_counts(self, name: Split) -> Counter[str] | None:
        """How often each label occurs in a split, 0 for those that do not; None likewise."""
        groups = self.labels_by_group(name)
        if groups is None:
            return None
        counts = Counter(dict.fromkeys(self.labels, 0))
        for own in groups.values():
            counts.update(own)
        return counts
