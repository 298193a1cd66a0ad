"""Paired bootstrap test of the difference between the error rates of two systems.

Koehn 2004: whole groups are drawn with replacement, and both systems are compared on the same
draw, so what makes a page hard for both cancels out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .metrics import draw_groups

FEW = 10  # with fewer groups than this the interval is too narrow and p too small


class PairedDifference(NamedTuple):
    """How much lower the first error rate is than the second, in percentage points.

    gain: second minus first; low, high: its interval at `level`. p: two-sided p-value of no
    difference. drawn: number of units resampled; unit: "groups", or "lines" of a single group.
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
    """Test the difference of two error rates.

    first, second: edits (N,) of the two systems; lengths: reference lengths (N,); groups: N names.
    If all lines are of one group, lines are drawn instead: the result then holds for more lines of
    this group, not for others. p is twice the smaller share of draws on one side of no difference
    (a draw of difference 0 counts on both sides), computed as (k + 1) / (samples + 1) so that it is
    never 0, and at most 1. Draws without reference characters are left out. Order does not matter
    within groups. Raises ValueError if the numbers of lines differ or no reference has a character.
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
    saved_edits = np.bincount(member, second - first)
    sizes = np.bincount(member, lengths)
    sums = np.stack([saved_edits, sizes], 1)
    draws = np.concatenate([times @ sums for times in draw_groups(len(sizes), samples, seed)])
    draws = draws[draws[:, 1] > 0]
    gains = 100 * draws[:, 0] / draws[:, 1]
    low, high = np.quantile(gains, [(1 - level) / 2, (1 + level) / 2])
    sides = (gains <= 0).sum(), (gains >= 0).sum()
    p = min(1.0, 2 * (int(min(sides)) + 1) / (len(gains) + 1))
    gain = 100 * saved_edits.sum() / sizes.sum()
    return PairedDifference(float(gain), float(low), float(high), p, len(sizes), unit, level)


def describe_difference(
    paired: PairedDifference, first: str, second: str, score: str = "cer"
) -> str:
    """The difference in words.

    Such as "A beats B by 0.31 points of cer (0.10 to 0.55, 95 % over 28 groups), p = 0.004".
    """
    better, worse = (first, second) if paired.gain >= 0 else (second, first)
    low, high = (paired.low, paired.high) if paired.gain >= 0 else (-paired.high, -paired.low)
    span = f"({low:.2f} to {high:.2f}, {100 * paired.level:g} % over {paired.drawn} {paired.unit})"
    p = f"p {'=' if paired.p >= 0.001 else '<'} {max(paired.p, 0.001):.2g}"
    difference = f"{abs(paired.gain):.2f} points of {score} {span}, {p}"
    if paired.low > 0 or paired.high < 0:
        return f"{better} beats {worse} by {difference}"
    return f"{better} and {worse} differ by {difference}: no more than chance gives"


def interval_caveat(paired: PairedDifference) -> str:
    """A warning about the limits of the interval, or "" if there is none."""
    if paired.unit == "lines":
        return "All lines are of one group, so lines were drawn: this says nothing of other groups."
    if paired.drawn < FEW:
        return f"Only {paired.drawn} groups: the interval is too narrow and p too small."
    return ""
