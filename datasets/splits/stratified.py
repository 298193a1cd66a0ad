"""Groups placed by their sizes and their classes, so that each part can be learned and judged.

The measure of a split is a list of counts and distances, compared one after the other: what makes
a part useless comes before what makes it unbalanced. Of few groups every split is tried; many are
placed by iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011), each group as one example
with several labels, and then moved or exchanged as long as that helps.
"""

import random
from collections.abc import Sequence

import numpy as np

ALL = 100_000  # numbers of classes in candidates that are measured at a time
STEP = 0.25  # of the size that was asked for: differences below it do not count
ROUNDS = 200  # of improvement
STARTS = 100  # groups: of fewer, several splits are improved, and the best is taken
TRAIN = 0  # the first part


class Groups:
    """G groups to place in P parts, the first of which is to train on.

    Args:
        sizes: (G,) samples of each group.
        classes: (G, C) samples, or events, of each class in each group.
        targets: (P,) samples that each part is to have, above 0.
    """

    def __init__(self, sizes: np.ndarray, classes: np.ndarray, targets: np.ndarray):
        self.sizes, self.classes = sizes.astype(np.float64), classes.astype(np.float64)
        self.targets = targets.astype(np.float64)
        shares = self.targets / self.targets.sum()
        self.expected = shares[:, None] * self.classes.sum(0)  # (P, C)

    def totals(self, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Samples (M, P) and classes (M, P, C) of M splits, given the part of each group (M, G)."""
        inside = (parts[:, None] == np.arange(len(self.targets))[:, None]).astype(np.float64)
        return inside @ self.sizes, inside @ self.classes

    def after(
        self, parts: np.ndarray, moved: np.ndarray, to: np.ndarray, others: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Totals, as of `totals`, after each of M changes of a split: a group moved to a part, and
        another to where that was; G for none.
        """
        sizes, classes = np.append(self.sizes, 0), np.vstack([self.classes, self.classes[:1] * 0])
        origin, rows = parts[moved], np.arange(len(moved))
        totals = [total.repeat(len(moved), 0) for total in self.totals(parts[None])]
        for total, own in zip(totals, (sizes, classes), strict=True):
            change = own[moved] - own[others]
            total[rows, origin] -= change
            total[rows, to] += change
        return totals[0], totals[1]

    def faults(self, sizes: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """The measures (M, 6) of M splits, the gravest first; the lower, the better.

        Empty parts; classes that are not taught; parts to judge by with fewer than two classes that
        are taught; sizes off what was asked, in steps of a quarter of it; classes that are taught
        and missing elsewhere; distances of classes from what was expected, squared over it.

        sizes: (M, P). classes: (M, P, C).
        """
        present = classes > 0
        taught = present[:, TRAIN]
        known = present[:, TRAIN + 1 :] & taught[:, None]
        steps = np.ceil(np.abs(sizes / self.targets - 1) / STEP - 1e-9) - 1
        distances = (classes - self.expected) ** 2 / np.maximum(self.expected, 1e-9)
        columns = (
            (sizes == 0).sum(1),
            (~taught).sum(1),
            (known.sum(2) < 2).sum(1),
            np.maximum(steps, 0).sum(1),
            (taught[:, None] & ~known).sum((1, 2)),
            distances.sum((1, 2)),
        )
        return np.stack(columns, 1).round(6)

    def measure(self, parts: Sequence[int]) -> tuple[float, ...]:
        """The faults of one split, given the part of each group."""
        return tuple(self.faults(*self.totals(np.array([parts])))[0])

    def is_balanced(self, parts: Sequence[int]) -> bool:
        """Whether a split has none of the graver faults, and of each class in each part to judge by
        within a quarter, or one sample, of what is expected.
        """
        _, (classes,) = self.totals(np.array([parts]))
        slack = np.maximum(STEP * self.expected, 1)
        near = np.abs(classes - self.expected) <= slack
        return not any(self.measure(parts)[:-1]) and bool(near[TRAIN + 1 :].all())


def place(groups: Groups, first: Sequence[int], rng: random.Random) -> list[int]:
    """The part of each group, in the order of the groups.

    first: a split that is kept if it is balanced, so that groups which are held out already stay.
    """
    if groups.is_balanced(first):
        return list(first)
    count, parts = len(groups.sizes), len(groups.targets)
    if parts**count * groups.classes.shape[1] <= ALL:
        return _best_of_all(groups, rng)
    starts = [list(first)] + [_stratify(groups, rng) for _ in range(max(1, STARTS // count))]
    if count > STARTS:
        starts = [min(starts, key=groups.measure)]
    return min((_improve(groups, start, rng) for start in starts), key=groups.measure)


def _best_of_all(groups: Groups, rng: random.Random) -> list[int]:
    """The split with the fewest faults of all that there are; one of equals at random."""
    count = len(groups.sizes)
    order = rng.sample(range(count), count)
    splits = np.indices([len(groups.targets)] * count).reshape(count, -1).T[:, order]
    return splits[_first(groups.faults(*groups.totals(splits)))].tolist()


def _first(faults: np.ndarray) -> int:
    """The row with the fewest faults, the first of equals."""
    return int(np.lexsort(faults.T[::-1])[0])


def _stratify(groups: Groups, rng: random.Random) -> list[int]:
    """Place the groups class by class, the rarest first, each where its class is missing most."""
    unlabelled = np.where(groups.classes.any(1), 0, groups.sizes)  # one more class
    classes = np.column_stack([groups.classes, unlabelled])
    room, count = groups.targets.copy(), len(groups.targets)
    need = (room / room.sum())[:, None] * classes.sum(0)
    lacks = np.ones(need.shape, dtype=bool)
    parts = [-1] * len(classes)
    order = rng.sample(range(len(parts)), len(parts))
    for c in np.argsort((classes > 0).sum(0), kind="stable"):
        column = classes[:, c].tolist()
        own = [group for group in order if column[group] and parts[group] < 0]
        for group in sorted(own, key=lambda group: -column[group]):
            wanting = lacks[:, c] & ((room >= groups.sizes[group]) | (np.arange(count) == TRAIN))
            best = max(zip(wanting, need[:, c], room, range(count), strict=True))[-1]
            parts[group] = best
            room[best] -= groups.sizes[group]
            need[best] -= classes[group]
            lacks[best] &= classes[group] == 0
    return parts


def _improve(groups: Groups, start: Sequence[int], rng: random.Random) -> list[int]:
    """Move one group, or exchange two, whichever helps most, until nothing does."""
    parts, count, others = np.array(start), len(start), len(groups.targets)
    most = max(1, ALL // (others * others * groups.classes.shape[1]))  # groups tried at a time
    for _ in range(ROUNDS):
        tried = np.array(rng.sample(range(count), min(count, most)))
        # a group, where it goes, and the group that takes its place; the last is none
        moves = [np.repeat(tried, others), np.tile(np.arange(others), len(tried))]
        moves.append(np.full_like(moves[0], count))
        if count * count <= most:
            one, other = np.nonzero(parts[:, None] < parts)
            moves = np.concatenate([moves, [one, parts[other], other]], 1)
        faults = groups.faults(*groups.after(parts, *moves))
        best = _first(faults)
        if tuple(faults[best]) >= groups.measure(parts):
            break
        group, target, other = (column[best] for column in moves)
        if other < count:
            parts[other] = parts[group]
        parts[group] = target
    return parts.tolist()
