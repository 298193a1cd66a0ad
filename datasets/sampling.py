"""A batch sampler that groups samples of like length: little padding, bounded size, shuffled."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np
from torch.utils.data import Sampler


class BucketSampler(Sampler[list[int]]):
    """Batches of sample indices; every epoch has each sample once and the same number of batches.

    Args:
        sizes: (N,) number of steps of each sample.
        batch_size: maximum number of samples per batch.
        batch_steps: maximum number of steps per batch, padding included (samples x longest); a
            single longer sample is a batch of its own. null: no limit.
        shuffle: draw another order and other batches every epoch; otherwise sort by size.
        seed: together with the epoch, it determines the order.
        rank, world_size: the part of the batches that this process takes in distributed training.
    """

    # samples are sorted within windows of so many batches: enough to find like lengths, few enough
    # to mix the order
    WINDOW = 50

    def __init__(
        self,
        sizes: Sequence[int] | np.ndarray,
        batch_size: int,
        batch_steps: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: at least 1")
        self.sizes, self.batch_size, self.batch_steps = np.asarray(sizes), batch_size, batch_steps
        self.shuffle, self.seed, self.rank, self.world_size = shuffle, seed, rank, world_size
        self.epoch = 0
        self._num_batches = self._count_batches()  # of all processes together, in every epoch

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that determines the order; the trainer calls it, also after a resume."""
        self.epoch = epoch

    def _batches(self) -> list[list[int]]:
        if not self.shuffle:
            return self._one_each(self._cut(np.argsort(self.sizes, kind="stable")))
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._fit(rng.permutation(len(self.sizes)))
        return [batches[i] for i in rng.permutation(len(batches))]

    def _one_each(self, batches: list[list[int]]) -> list[list[int]]:
        """Halve the longest batches until each process has one, as long as there are samples: one
        that validates nothing would leave the others waiting.
        """
        while len(batches) < min(self.world_size, len(self.sizes)):
            index = max(range(len(batches)), key=lambda i: len(batches[i]))
            batch = batches[index]
            batches[index : index + 1] = batch[: len(batch) // 2], batch[len(batch) // 2 :]
        return batches

    def _count_batches(self) -> int:
        """Return the number of batches that this epoch's samples fill.

        In training, it is a multiple of the world size, so that each process takes equally many.
        """
        if not self.shuffle:
            return len(self._batches())
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.sizes))
        count = len(self._cut_windows(order, self.WINDOW * self.batch_size))
        return count + -count % self.world_size

    def _fit(self, order: np.ndarray) -> list[list[int]]:
        """Cut an order of the samples into `_num_batches` batches.

        The trainer reads that number once, at the start of `fit`, and would skip any further batch.
        """
        window, steps = self.WINDOW * self.batch_size, self.batch_steps
        batches = self._cut_windows(order, window)
        while len(batches) > self._num_batches and window < len(order):
            window *= 2  # fewer windows leave fewer batches half full
            batches = self._cut_windows(order, window)
        longest = int(self.sizes.max(initial=0))
        while steps and len(batches) > self._num_batches and steps < longest * len(order):
            steps += 1 + steps // 100  # this epoch's samples are longer than those counted
            batches = self._cut_windows(order, window, steps)
        return self._halve_largest(batches)

    def _halve_largest(self, batches: list[list[int]]) -> list[list[int]]:
        """Halve the largest batches, sorted by size within, until there are `_num_batches`.

        With fewer samples than that, fewer batches are returned, and `__iter__` repeats some.
        """
        if len(batches) >= self._num_batches:
            return batches
        heap = [(-len(b) * int(self.sizes[b[-1]]), b) for b in batches]
        heapq.heapify(heap)
        single: list[list[int]] = []
        while heap and len(heap) + len(single) < self._num_batches:
            _, batch = heapq.heappop(heap)
            if len(batch) == 1:
                single.append(batch)
                continue
            for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                heapq.heappush(heap, (-len(half) * int(self.sizes[half[-1]]), half))
        return single + [batch for _, batch in heap]

    def _cut_windows(
        self, order: np.ndarray, window: int, steps: int | None = None
    ) -> list[list[int]]:
        """Cut batches from an order of samples, sorted by size within windows of so many."""
        batches = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            batches += self._cut(part[np.argsort(self.sizes[part], kind="stable")], steps)
        return batches

    def _cut(self, order: np.ndarray, steps: int | None = None) -> list[list[int]]:
        """Cut indices, sorted by size, into batches within both limits."""
        steps = steps or self.batch_steps
        batches: list[list[int]] = []
        batch: list[int] = []
        for index in order.tolist():
            too_long = batch and steps and (len(batch) + 1) * int(self.sizes[index]) > steps
            if len(batch) == self.batch_size or too_long:
                batches.append(batch)
                batch = []
            batch.append(index)
        return [*batches, batch] if batch else batches

    def padding_waste(self) -> float:
        """Share of all steps that are padding, 0 to 1."""
        batches = self._batches()
        padded = sum(len(b) * int(self.sizes[b].max()) for b in batches)
        return 1 - float(sum(self.sizes[b].sum() for b in batches)) / padded if padded else 0.0

    def __iter__(self) -> Iterator[list[int]]:
        batches = self._batches()
        if self.shuffle:  # all processes take equally many, or they would wait for each other
            batches += batches[: -len(batches) % self.world_size]
        yield from islice(cycle(batches[self.rank :: self.world_size]), len(self))

    def __len__(self) -> int:
        return len(range(self.rank, self._num_batches, self.world_size))
