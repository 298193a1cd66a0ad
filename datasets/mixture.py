"""Several sources with one alphabet, read as one: real lines beside rendered ones, say."""

import numpy as np

from .batch import Sample
from .source import Problem, SequenceDataset, Source, Split


class MixedDataset(SequenceDataset):
    """One split of every source, one after the other."""

    def __init__(self, parts: list[SequenceDataset]):
        self.parts = parts
        self.names = [name for part in parts for name in part.names]
        self.groups = [group for part in parts for group in part.groups]
        self.sizes = np.concatenate([part.sizes for part in parts])
        self._ends = np.cumsum([len(part) for part in parts])

    @property
    def augmentation(self):
        return self.parts[0].augmentation

    @augmentation.setter
    def augmentation(self, value) -> None:
        for part in self.parts:
            part.augmentation = value

    @property
    def epoch(self) -> int:
        return max(getattr(part, "epoch", 0) for part in self.parts)

    @epoch.setter
    def epoch(self, value: int) -> None:
        for part in self.parts:
            part.epoch = value

    def read(self, index: int) -> Sample:
        part = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[part - 1]) if part else 0
        return self.parts[part].read(index - start)


class Mixture(Source):
    """Train on all sources; validate and test on the first (the real ones go first).

    Args:
        sources: all with the same labels and the same reader options. Raises ValueError if they
            differ.
    """

    def __init__(self, sources: list[Source]):
        first = sources[0]
        for other in sources[1:]:
            ours, theirs = vars(first.reader), vars(other.reader)
            options = sorted(k for k in ours | theirs if ours.get(k) != theirs.get(k))
            if other.labels != first.labels or options:
                raise ValueError(
                    f"sources differ: {len(first.labels)} labels, then {len(other.labels)}; reader "
                    f"options that differ: {', '.join(options) or 'none'}; give all one alphabet, "
                    "in one order, and one height"
                )
        self.sources = sources
        self.labels, self.input_size, self.reader = first.labels, first.input_size, first.reader
        self.problems: list[Problem] = [p for source in sources for p in source.problems]

    def split(self, name: Split) -> SequenceDataset:
        if name != "train":
            return self.sources[0].split(name)
        return MixedDataset([source.split(name) for source in self.sources])
