"""Combine several sources with the same labels into one, such as real and synthetic lines."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from .batch import Sample
from .source import Problem, SequenceDataset, Source, Split


class MixedDataset(SequenceDataset):
    """Concatenation of the same split of several sources; each keeps its length in all epochs."""

    def __init__(self, parts: list[SequenceDataset]):
        self.parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self._join()

    def _join(self) -> None:
        self.names = [name for part in self.parts for name in part.names]
        self.groups = [group for part in self.parts for group in part.groups]
        self.sizes = np.concatenate([part.sizes for part in self.parts])

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
        self._join()  # a part may draw other samples

    def digests(self) -> np.ndarray | None:
        """Those of the parts that have some."""
        found = [own for own in (part.digests() for part in self.parts) if own is not None]
        return np.concatenate(found) if found else None

    def read(self, index: int) -> Sample:
        part = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[part - 1]) if part else 0
        return self.parts[part].read(index - start)


class DrawnDataset(SequenceDataset):
    """Samples of a dataset, drawn anew each epoch: of each part of it as many as it shall have.

    The draw depends on the epoch only; each part is used whole, in random order, before any of its
    samples is repeated.

    Args:
        whole: the dataset.
        parts: the number of its samples in each part, one after the other.
        counts: how many of each part an epoch has; together always the same number.
        epochs: over which the counts change, linearly.
    """

    def __init__(
        self,
        whole: SequenceDataset,
        parts: Sequence[int],
        counts: Callable[[int], Sequence[int]],
        epochs: int = 1,
    ):
        self.whole, self.parts, self.counts, self.epochs = whole, parts, counts, epochs
        self.epoch = 0

    @property
    def augmentation(self):
        return self.whole.augmentation

    @augmentation.setter
    def augmentation(self, value) -> None:
        self.whole.augmentation = value

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch = self.whole.epoch = value
        self.indices = self._draw(value)  # (N,) into the whole
        self.names = [self.whole.names[i] for i in self.indices]
        self.groups = [self.whole.groups[i] for i in self.indices]
        self.sizes = self.whole.sizes[self.indices]

    def _draw(self, epoch: int) -> np.ndarray:
        rng, starts = np.random.default_rng(epoch), np.cumsum([0, *self.parts])
        drawn = zip(starts, self.parts, self.counts(epoch), strict=False)
        return np.concatenate([start + draw_indices(rng, *sizes) for start, *sizes in drawn])

    def digests(self) -> np.ndarray | None:
        return self.whole.digests()

    def read(self, index: int) -> Sample:
        return self.whole.read(int(self.indices[index]))


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
        self.unread = first.unread

    def labels_by_group(self, name: Split) -> dict[str, Counter[str]] | None:
        """Those of all sources in the train split, else those of the first; None as there."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for source in self.sources[: None if name == "train" else 1]:
            groups = source.labels_by_group(name)
            if groups is None:
                return None
            for group, counts in groups.items():
                found[group].update(counts)
        return dict(found)

    def split(self, name: Split) -> SequenceDataset:
        if name != "train":
            return self.sources[0].split(name)
        mixed = MixedDataset([source.split(name) for source in self.sources])
        if self.added_share is None:
            return mixed
        first, total = len(mixed.parts[0]), len(mixed)

        def counts(epoch: int) -> tuple[int, int]:
            added = round(self._share(epoch) * total)
            return total - added, added

        return DrawnDataset(mixed, (first, total - first), counts, self.epochs)

    def _share(self, epoch: int) -> float:
        """Share of an epoch's samples that come from the sources after the first."""
        start, end = self.added_share
        return start + (end - start) * min(1.0, epoch / max(1, self.epochs - 1))
