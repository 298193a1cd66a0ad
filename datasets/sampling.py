"""Batches of like length: little padding, a bounded size, a fresh order every epoch."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


class BucketSampler(Sampler[list[int]]):
    """Batches of sample indices.

    Args:
        sizes: (N,) steps of each sample.
        batch_size: samples a batch at the most.
        batch_steps: steps a batch at the most, padding included (samples x longest); a single
            longer sample still makes a batch of its own. null: no bound.
        shuffle: another order and other neighbours every epoch; otherwise by size, always the same.
        seed: with the epoch, it alone decides the order.
        rank, world: this process's share of the batches in distributed training.
    """

    # batches' worth of samples that are sorted together: long enough to be alike, short enough to
    # mix
    WINDOW = 50

    def __init__(
        self,
        sizes: Sequence[int] | np.ndarray,
        batch_size: int,
        batch_steps: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: at least 1")
        self.sizes, self.batch_size, self.batch_steps = np.asarray(sizes), batch_size, batch_steps
        self.shuffle, self.seed, self.rank, self.world = shuffle, seed, rank, world
        self.epoch = 0
        self._count = len(self._share(self._batches()))

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer, so that a resumed run goes on with the order it would have had."""
        self.epoch = epoch

    def _batches(self) -> list[list[int]]:
        if not self.shuffle:
            return self._cut(np.argsort(self.sizes, kind="stable"))
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.sizes))
        window = self.WINDOW * self.batch_size
        batches = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            batches += self._cut(part[np.argsort(self.sizes[part], kind="stable")])
        return [batches[i] for i in rng.permutation(len(batches))]

    def _cut(self, order: np.ndarray) -> list[list[int]]:
        """Indices in growing size -> batches within both bounds."""
        batches: list[list[int]] = []
        batch: list[int] = []
        for index in order.tolist():
            full = len(batch) == self.batch_size
            if self.batch_steps and batch:
                full |= (len(batch) + 1) * int(self.sizes[index]) > self.batch_steps
            if full:
                batches.append(batch)
                batch = []
            batch.append(index)
        return [*batches, batch] if batch else batches

    def _share(self, batches: list[list[int]]) -> list[list[int]]:
        """In training all processes take equally many, or they would wait for each other."""
        missing = -len(batches) % self.world if self.shuffle else 0
        return (batches + batches[:missing])[self.rank :: self.world]

    def padding_waste(self) -> float:
        """Share of all steps, 0 to 1, that are padding."""
        batches = self._batches()
        padded = sum(len(b) * int(self.sizes[b].max()) for b in batches)
        return 1 - float(sum(self.sizes[b].sum() for b in batches)) / padded if padded else 0.0

    def __iter__(self) -> Iterator[list[int]]:
        batches = self._share(self._batches())
        # the count of batches was promised at the start of the fit; another order can make one
        # more or less
        for position in range(self._count):
            yield batches[position % len(batches)]

    def __len__(self) -> int:
        return self._count
