"""What confidence is worth: how often an answer of a given confidence is right.

Everywhere: the confidences of N answers, 0 to 1, and whether each was right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

LEVEL = 0.95  # how sure a promise is of the lines that it is made of
POINTS = 200  # of a stored curve
FIRST = 0.1  # the share that is accepted at least; below it one wrong label would decide


class Bin(NamedTuple):
    """Answers of like confidence: how many, their mean confidence, the share that was right."""

    count: int
    confidence: float
    hits: float


class Accepted(NamedTuple):
    """What a threshold accepts of the answers that it was chosen on.

    threshold: answers of this confidence or more are accepted. count, wrong: how many those were,
    and how many of them were wrong. coverage: their share of all.
    """

    threshold: float
    count: int
    wrong: int
    coverage: float


@dataclass(frozen=True)
class RiskCoverageCurve:
    """Risk and coverage, as a bundle keeps them: at least 1 and at most about POINTS thresholds.

    thresholds: confidences, falling. counts: answers of at least that confidence. wrong: how many
    of those were wrong. Raises ValueError for lists that are no such curve.
    """

    thresholds: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = [len(self.thresholds), len(self.counts), len(self.wrong)]
        if len(set(numbers)) > 1:
            raise ValueError(f"a curve of {numbers} thresholds, counts and wrong ones")
        falling = all(np.diff(self.thresholds) <= 0)
        if not (falling and all(np.diff(self.counts) > 0) and all(np.diff(self.wrong) >= 0)):
            raise ValueError("a curve whose thresholds do not fall or whose counts do not grow")


def reliability(confidences: Sequence[float], hits: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Bins of equal width between 0 and 1, those without any answer left out; lowest first."""
    confidences, hits = np.asarray(confidences, float), np.asarray(hits, float)
    member = np.minimum((confidences * bins).astype(int), bins - 1)
    counts = np.bincount(member, minlength=bins)
    sums = (np.bincount(member, values, minlength=bins) for values in (confidences, hits))
    rows = zip(counts.tolist(), *(s.tolist() for s in sums), strict=True)
    return [Bin(n, sure / n, right / n) for n, sure, right in rows if n]


def risk_coverage(
    confidences: Sequence[float], hits: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """(K,) coverage and (K,) risk when the surest are accepted: shares, rising coverage.

    Coverage: accepted of all. Risk: wrong of the accepted (El-Yaniv and Wiener 2010). One place
    for each of the K different confidences: equal ones are accepted together or not at all.
    """
    _, counts, wrong = _cumulated(confidences, hits)
    return counts / max(1, len(confidences)), wrong / counts


def area_under_risk_coverage(confidences: Sequence[float], hits: Sequence[bool]) -> float:
    """The mean risk over all coverages (AURC, Geifman et al. 2019); nan without any answer.

    Answers of one confidence add their count times the risk at which they come in.
    """
    coverage, risk = risk_coverage(confidences, hits)
    return float((np.diff(coverage, prepend=0.0) * risk).sum()) if len(risk) else math.nan


def risk_coverage_curve(
    confidences: Sequence[float], hits: Sequence[bool], points: int = POINTS
) -> RiskCoverageCurve:
    """Risk and coverage at about this many coverages of equal distance, the last one all answers.

    The places hang on the confidences alone, never on the hits: `promised` relies on it.
    """
    thresholds, counts, wrong = _cumulated(confidences, hits)
    if not len(counts):
        return RiskCoverageCurve()
    wanted = np.linspace(counts[-1] / points, counts[-1], points)
    kept = np.unique(np.searchsorted(counts, wanted - 1e-6))
    return RiskCoverageCurve(thresholds[kept].tolist(), counts[kept].tolist(), wrong[kept].tolist())


def accept_threshold(
    confidences: Sequence[float], hits: Sequence[bool], wanted: float, level: float = LEVEL
) -> Accepted | None:
    """The lowest threshold above which `wanted` of the answers are right; see `promised`."""
    return guaranteed_threshold(risk_coverage_curve(confidences, hits), wanted, level)


def guaranteed_threshold(
    curve: RiskCoverageCurve, wanted: float, level: float = LEVEL
) -> Accepted | None:
    """The lowest threshold whose answers are right at least `wanted` of the time; None if none is.

    From the surest on, each set of accepted answers is tested: were only `wanted` of such answers
    right, as few wrong ones as here would come up with a probability of at most 1 - level (the
    exact binomial test, whose inversion is Clopper and Pearson's bound). The first set that fails
    ends it (fixed sequence testing: no correction for the many tests is needed; Angelopoulos et
    al. 2021, Learn then Test). So: over draws of such validation answers, the threshold keeps what
    is wanted with probability `level`, for answers drawn as these were: the same kinds of sources
    in the same shares, and answers independent of each other. It says nothing about another kind
    of input, and lines of one page or book are less independent than it takes them to be. The test
    starts at the first set that could pass, of FIRST of all answers or more.
    Raises ValueError if `wanted` is not between 0 and 1.
    """
    if not 0 < wanted < 1:
        raise ValueError(f"{wanted:g} of the answers right: it must lie between 0 and 1")
    total = curve.counts[-1] if curve.counts else 0
    least = max(math.log(1 - level) / math.log(wanted), FIRST * total)
    found = None
    for threshold, count, wrong in zip(curve.thresholds, curve.counts, curve.wrong, strict=True):
        if count < least:
            continue
        if binomial_tail(count, wrong, 1 - wanted) > 1 - level:
            break
        found = Accepted(threshold, count, wrong, count / total)
    return found


def best_guarantee(curve: RiskCoverageCurve, level: float = LEVEL) -> float:
    """The highest share of right answers that some threshold promises, to 0.001 below; 0 if none.

    To tell what could be had where `promised` says no; chosen after seeing all, it is itself a
    little optimistic.
    """
    low, high = 0, 1000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if guaranteed_threshold(curve, middle / 1000, level) else (low, middle)
        )
    return low / 1000


def binomial_tail(count: int, wrong: int, risk: float) -> float:
    """P(at most `wrong` of `count`) if each is wrong with probability `risk`, 0 < risk < 1."""
    k = np.arange(wrong + 1)
    ratios = np.log((count - k[1:] + 1) / k[1:]) + math.log(risk) - math.log1p(-risk)
    logs = count * math.log1p(-risk) + np.concatenate([[0.0], np.cumsum(ratios)])
    return float(min(1.0, np.exp(logs).sum()))


def _cumulated(
    confidences: Sequence[float], hits: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(K,) each different confidence, falling; answers of at least it; wrong ones among them."""
    confidences, hits = np.asarray(confidences, float), np.asarray(hits, bool)
    if len(confidences) != len(hits):
        raise ValueError(f"{len(confidences)} confidences, but {len(hits)} hits")
    values, member = np.unique(-confidences, return_inverse=True)
    counts = np.bincount(member, minlength=len(values)).cumsum()
    return -values, counts, np.bincount(member, ~hits, minlength=len(values)).cumsum().astype(int)
