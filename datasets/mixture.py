"""Combine several sources with the same labels into one, such as real and synthetic lines."""

from collections import Counter

import numpy as np

from .batch import Sample
from .source import Problem, SequenceDataset, Source, Split


class MixedDataset(SequenceDataset):
    """Concatenation of the same split of several sources."""

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


class ScheduledDataset(SequenceDataset):
    """Samples of a mixture, drawn anew each epoch with a scheduled share of the added sources.

    An epoch has as many samples as the mixture. The draw depends on the epoch only; each part is
    used whole, in random order, before any of its samples is repeated.
    """

    def __init__(self, mixed: MixedDataset, added_share: tuple[float, float], epochs: int):
        self.mixed, self.added_share, self.epochs = mixed, added_share, epochs
        self.epoch = 0

    @property
    def augmentation(self):
        return self.mixed.augmentation

    @augmentation.setter
    def augmentation(self, value) -> None:
        self.mixed.augmentation = value

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch = self.mixed.epoch = value
        self.indices = self._draw(value)  # (N,) into the mixture
        self.names = [self.mixed.names[i] for i in self.indices]
        self.groups = [self.mixed.groups[i] for i in self.indices]
        self.sizes = self.mixed.sizes[self.indices]

    def share(self, epoch: int) -> float:
        """Share of this epoch's samples that come from the sources after the first."""
        start, end = self.added_share
        return start + (end - start) * min(1.0, epoch / max(1, self.epochs - 1))

    def _draw(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng(epoch)
        total, first = len(self.mixed), len(self.mixed.parts[0])
        added = round(self.share(epoch) * total)
        own = draw_indices(rng, first, total - added)
        return np.concatenate([own, first + draw_indices(rng, total - first, added)])

    def read(self, index: int) -> Sample:
        return self.mixed.read(int(self.indices[index]))


def draw_indices(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Draw (size,) indices below `count`: as many random permutations in a row as needed."""
    passes = [rng.permutation(count) for _ in range(-(-size // max(1, count)))]
    return np.concatenate([np.zeros(0, np.int64), *passes])[:size]


class Mixture(Source):
    """Train on all sources, validate and test on the first (so put the real data first).

    Args:
        sources: the sources; all need the same labels and the same reader options. Raises
            ValueError if they differ.
        added_share: share of an epoch's samples, 0 to 1, that come from the sources after the
            first: in the first epoch and in the last. In between it changes linearly, so [0.8, 0.2]
            moves from synthetic to real data. The number of samples per epoch stays that of all
            sources together. null: every sample once per epoch.
        epochs: number of epochs over which the share changes.
    """

    def __init__(
        self,
        sources: list[Source],
        added_share: tuple[float, float] | None = None,
        epochs: int = 10,
    ):
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
        if added_share is not None:
            if not all(0 <= share <= 1 for share in added_share) or epochs < 1:
                raise ValueError(
                    f"added_share {list(added_share)} over {epochs} epochs: give two shares from 0 "
                    "to 1, and at least 1 epoch"
                )
            if len(sources) < 2:
                raise ValueError("added_share: there is one source only; add another, or remove it")
        self.sources, self.added_share, self.epochs = sources, added_share, epochs
        self.labels, self.input_size, self.reader = first.labels, first.input_size, first.reader
        self.problems: list[Problem] = [p for source in sources for p in source.problems]
        self.passed_over = [line for source in sources for line in source.passed_over]
        self.notes = [note for source in sources for note in source.notes]

    def label_counts(self, name: Split) -> Counter[str] | None:
        """Those of all sources in the train split, else those of the first; None as there."""
        counts = [s.label_counts(name) for s in self.sources[: None if name == "train" else 1]]
        return None if None in counts else sum(counts, Counter())

    def split(self, name: Split) -> SequenceDataset:
        if name != "train":
            return self.sources[0].split(name)
        mixed = MixedDataset([source.split(name) for source in self.sources])
        if self.added_share is None:
            return mixed
        return ScheduledDataset(mixed, self.added_share, self.epochs)
