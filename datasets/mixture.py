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


class ScheduledDataset(SequenceDataset):
    """As many samples an epoch as a mixture has, but drawn from it in shares that the epoch sets.

    The epoch alone decides the draw. Each part is used whole, in a random order, before any of its
    samples comes twice.
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
        self.places = self._draw(value)  # (N,) of the mixture's samples
        self.names = [self.mixed.names[place] for place in self.places]
        self.groups = [self.mixed.groups[place] for place in self.places]
        self.sizes = self.mixed.sizes[self.places]

    def share(self, epoch: int) -> float:
        """Of the samples that the sources behind the first have in this epoch."""
        start, end = self.added_share
        return start + (end - start) * min(1.0, epoch / max(1, self.epochs - 1))

    def _draw(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng(epoch)
        total, first = len(self.mixed), len(self.mixed.parts[0])
        added = round(self.share(epoch) * total)
        own = draw(rng, first, total - added)
        return np.concatenate([own, first + draw(rng, total - first, added)])

    def read(self, index: int) -> Sample:
        return self.mixed.read(int(self.places[index]))


def draw(rng: np.random.Generator, count: int, wanted: int) -> np.ndarray:
    """(wanted,) numbers below `count`: all of them in random order, again and again."""
    passes = [rng.permutation(count) for _ in range(-(-wanted // max(1, count)))]
    return np.concatenate([np.zeros(0, np.int64), *passes])[:wanted]


class Mixture(Source):
    """Train on all sources; validate and test on the first (the real ones go first).

    Args:
        sources: all with the same labels and the same reader options. Raises ValueError if they
            differ.
        added_share: share of an epoch's samples, 0 to 1, that come from the sources behind the
            first, in the first epoch and at the end; in between it changes in a straight line, so
            [0.8, 0.2] goes from synthetic to real. The epoch stays as long as all sources together.
            null: every sample once an epoch.
        epochs: over how many epochs the share changes.
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
        self.notes = [note for source in sources for note in source.notes]

    def split(self, name: Split) -> SequenceDataset:
        if name != "train":
            return self.sources[0].split(name)
        mixed = MixedDataset([source.split(name) for source in self.sources])
        if self.added_share is None:
            return mixed
        return ScheduledDataset(mixed, self.added_share, self.epochs)
