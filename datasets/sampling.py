"""Batches of like length: little padding, a bounded size, a fresh order every epoch."""

import heapq
from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


class BucketSampler(Sampler[list[int]]):
    """Batches of sample indices; an epoch has each sample once, in as many batches as the first.

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
        self._promised = self._needed()  # batches of all processes together

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer, so that a resumed run goes on with the order it would have had."""
        self.epoch = epoch

    def _batches(self) -> list[list[int]]:
        if not self.shuffle:
            return self._cut(np.argsort(self.sizes, kind="stable"))
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._fit(rng.permutation(len(self.sizes)))
        return [batches[i] for i in rng.permutation(len(batches))]

    def _needed(self) -> int:
        """Batches that this epoch's samples come to; in training each process takes as many."""
        if not self.shuffle:
            return len(self._batches())
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.sizes))
        count = len(self._windows(order, self.WINDOW * self.batch_size))
        return count + -count % self.world

    def _fit(self, order: np.ndarray) -> list[list[int]]:
        """As many batches as were promised at the start of the fit: the trainer has planned with
        them, and would pass over what is in others."""
        window, steps = self.WINDOW * self.batch_size, self.batch_steps
        batches = self._windows(order, window)
        while len(batches) > self._promised and window < len(order):
            window *= 2  # one longer window leaves fewer batches half full
            batches = self._windows(order, window)
        longest = int(self.sizes.max(initial=0))
        while steps and len(batches) > self._promised and steps < longest * len(order):
            steps += 1 + steps // 100  # longer samples were drawn than those that were counted
            batches = self._windows(order, window, steps)
        return self._halve(batches)

    def _halve(self, batches: list[list[int]]) -> list[list[int]]:
        """Too few batches -> the promised count, the largest ones in two; indices in growing size.

        A sample cannot be halved: if there are fewer, some batches come again.
        """
        if len(batches) >= self._promised:
            return batches
        heap = [(-len(b) * int(self.sizes[b[-1]]), b) for b in batches]
        heapq.heapify(heap)
        single: list[list[int]] = []
        while heap and len(heap) + len(single) < self._promised:
            _, batch = heapq.heappop(heap)
            if len(batch) == 1:
                single.append(batch)
                continue
            for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                heapq.heappush(heap, (-len(half) * int(self.sizes[half[-1]]), half))
        return single + [batch for _, batch in heap]

    def _windows(self, order: np.ndarray, window: int, steps: int | None = None) -> list[list[int]]:
        """Batches of samples that are sorted within so many in this order."""
        batches = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            batches += self._cut(part[np.argsort(self.sizes[part], kind="stable")], steps)
        return batches

    def _cut(self, order: np.ndarray, steps: int | None = None) -> list[list[int]]:
        """Indices in growing size -> batches within both bounds."""
        steps = steps or self.batch_steps
        batches: list[list[int]] = []
        batch: list[int] = []
        for index in order.tolist():
            full = len(batch) == self.batch_size
            if steps and batch:
                full |= (len(batch) + 1) * int(self.sizes[index]) > steps
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
        for position in range(len(self)):
            yield batches[position % len(batches)]

    def __len__(self) -> int:
        return len(range(self.rank, self._promised, self.world))
