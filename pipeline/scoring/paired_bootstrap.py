"""Two readings of the same texts: how far their error rates are apart, and whether by chance.

A paired bootstrap (Koehn 2004): whole groups are drawn with replacement, both readings of a drawn
group together, so what makes a page hard for both cancels out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

DRAWN_AT_ONCE = 2_000_000  # groups drawn per block while resampling: 16 MB an array
FEW = 10  # with fewer groups than these the interval is too narrow and p too small


class PairedDifference(NamedTuple):
    """How much lower the first error rate is than the second, in percentage points.

    gain: second minus first; low, high: its 95 % interval. p: two-sided, that there is no
    difference. drawn: how many units were drawn; unit: "groups", or "lines" of a single group.
    """

    gain: float
    low: float
    high: float
    p: float
    drawn: int
    unit: str
    level: float = 0.95


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    lengths: Sequence[float],
    groups: Sequence[str],
    level: float = 0.95,
    samples: int = 4000,
    seed: int = 0,
) -> PairedDifference:
    """Edits (N,) of two readings, reference lengths (N,) and groups (N,) -> their difference.

    Where all lines are of one group, lines are drawn: that says how sure the difference is for
    more lines of this group, not for others. p is twice the smaller share of draws that fall on
    one side of no difference (those without any count on both), (k + 1) / (samples + 1) so that it
    is never 0, and at most 1. Draws of no characters are left out. Order does not matter within
    groups. Raises ValueError if the lengths differ, are all 0, or nothing is there.
    """
    first, second, lengths = (np.asarray(x, float) for x in (first, second, lengths))
    if not len(first) == len(second) == len(lengths) == len(groups):
        raise ValueError(
            f"{len(first)} and {len(second)} edits, {len(lengths)} lengths, {len(groups)} groups; "
            "both must have read the same lines"
        )
    if not lengths.sum() > 0:
        raise ValueError("the references hold no character; a difference of rates needs some")
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    unit = "groups" if len(names) > 1 else "lines"
    if unit == "lines":
        member = np.arange(len(lengths))
    fewer = np.bincount(member, second - first)
    sizes = np.bincount(member, lengths)
    drawn = draw(fewer, sizes, samples, seed)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    sides = (drawn <= 0).sum(), (drawn >= 0).sum()
    p = min(1.0, 2 * (int(min(sides)) + 1) / (len(drawn) + 1))
    gain = 100 * fewer.sum() / sizes.sum()
    return PairedDifference(float(gain), float(low), float(high), p, len(sizes), unit, level)


def draw(fewer: np.ndarray, sizes: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Sums of G groups -> (up to samples,) percent: sum / sum of G groups drawn anew each time."""
    random = np.random.default_rng(seed)
    step = max(1, DRAWN_AT_ONCE // len(sizes))
    found = []
    for start in range(0, samples, step):
        picks = random.integers(len(sizes), size=(min(step, samples - start), len(sizes)))
        totals = sizes[picks].sum(1)
        found.append(100 * fewer[picks].sum(1)[totals > 0] / totals[totals > 0])
    return np.concatenate(found)


def describe_difference(
    paired: PairedDifference, first: str, second: str, score: str = "cer"
) -> str:
    """Such as "A beats B by 0.31 points of cer (0.10-0.55, 95 % over 28 groups), p = 0.004"."""
    better, worse = (first, second) if paired.gain >= 0 else (second, first)
    low, high = (paired.low, paired.high) if paired.gain >= 0 else (-paired.high, -paired.low)
    span = f"({low:.2f} to {high:.2f}, {100 * paired.level:g} % over {paired.drawn} {paired.unit})"
    p = f"p {'=' if paired.p >= 0.001 else '<'} {max(paired.p, 0.001):.2g}"
    if paired.low > 0 or paired.high < 0:
        return f"{better} beats {worse} by {abs(paired.gain):.2f} points of {score} {span}, {p}"
    told = f"{better} and {worse} differ by {abs(paired.gain):.2f} points of {score} {span}, {p}"
    return f"{told}: no more than chance gives"


def caveat(paired: PairedDifference) -> str:
    """What the interval does not say, or ""."""
    if paired.unit == "lines":
        return "All lines are of one group, so lines were drawn: this says nothing of other groups."
    if paired.drawn < FEW:
        return f"Only {paired.drawn} groups: the interval is too narrow and p too small."
    return ""
