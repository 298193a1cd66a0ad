"""Reliability bins, risk-coverage curves, and confidence thresholds with a guaranteed accuracy.

Everywhere: `confidences` are those of N answers, 0 to 1, and `correct` says which are correct.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

LEVEL = 0.95  # confidence level of a guarantee
POINTS = 200  # of a stored curve
MIN_COVERAGE = 0.1  # smallest accepted share; with fewer answers one wrong label would decide


class Bin(NamedTuple):
    """Answers of similar confidence: their number, mean confidence, and share of correct ones."""

    count: int
    confidence: float
    hits: float


class AcceptanceThreshold(NamedTuple):
    """A confidence threshold, and what it accepts of the answers that it was chosen on.

    threshold: answers of at least this confidence are accepted. count, wrong: the number of
    accepted answers, and of wrong ones among them. coverage: the accepted share of all answers.
    """

    threshold: float
    count: int
    wrong: int
    coverage: float


@dataclass(frozen=True)
class RiskCoverageCurve:
    """A risk-coverage curve as stored in a bundle: at most about POINTS thresholds.

    thresholds: confidences, descending. counts: number of answers of at least that confidence.
    wrong: number of wrong ones among those. Raises ValueError for lists that are no such curve.
    """

    thresholds: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        lengths = [len(self.thresholds), len(self.counts), len(self.wrong)]
        if len(set(lengths)) > 1:
            raise ValueError(f"a curve of {lengths} thresholds, counts and wrong ones")
        descending = all(np.diff(self.thresholds) <= 0)
        if not (descending and all(np.diff(self.counts) > 0) and all(np.diff(self.wrong) >= 0)):
            raise ValueError("a curve whose thresholds do not fall or whose counts do not grow")


def reliability_bins(
    confidences: Sequence[float], correct: Sequence[bool], bins: int = 10
) -> list[Bin]:
    """Bins of equal width between 0 and 1, lowest first; empty bins are left out."""
    confidences, correct = np.asarray(confidences, float), np.asarray(correct, float)
    member = np.minimum((confidences * bins).astype(int), bins - 1)
    sums = (np.bincount(member, values).tolist() for values in (confidences, correct))
    rows = zip(np.bincount(member).tolist(), *sums, strict=True)
    return [Bin(n, confidence / n, right / n) for n, confidence, right in rows if n]


def risk_coverage(
    confidences: Sequence[float], correct: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (K,), ascending, and risk (K,) when the most confident answers are accepted.

    Coverage: accepted answers / all. Risk: wrong ones / accepted (El-Yaniv and Wiener 2010). One
    point for each of K distinct confidences: equal ones are accepted together or not at all.
    Raises ValueError if the lengths differ.
    """
    _, counts, wrong = _cumulative_counts(confidences, correct)
    return counts / max(1, len(confidences)), wrong / counts


def area_under_risk_coverage(confidences: Sequence[float], correct: Sequence[bool]) -> float:
    """The mean risk over all coverages (AURC, Geifman et al. 2019); nan without any answer.

    Answers of equal confidence weigh the risk at their threshold by their count.
    """
    coverage, risk = risk_coverage(confidences, correct)
    return float((np.diff(coverage, prepend=0.0) * risk).sum()) if len(risk) else math.nan


def risk_coverage_curve(
    confidences: Sequence[float], correct: Sequence[bool], points: int = POINTS
) -> RiskCoverageCurve:
    """The curve at about `points` equally spaced coverages, the last of which is all answers.

    The thresholds depend on the confidences alone, never on `correct`: the test in
    `guaranteed_threshold` relies on it.
    """
    thresholds, counts, wrong = _cumulative_counts(confidences, correct)
    if not len(counts):
        return RiskCoverageCurve()
    coverages = np.linspace(counts[-1] / points, counts[-1], points)
    kept = np.unique(np.searchsorted(counts, coverages - 1e-6))
    return RiskCoverageCurve(thresholds[kept].tolist(), counts[kept].tolist(), wrong[kept].tolist())


def accept_threshold(
    confidences: Sequence[float], correct: Sequence[bool], accuracy: float
) -> AcceptanceThreshold | None:
    """The lowest threshold that guarantees this accuracy; see `guaranteed_threshold`."""
    return guaranteed_threshold(risk_coverage_curve(confidences, correct), accuracy)


def guaranteed_threshold(curve: RiskCoverageCurve, accuracy: float) -> AcceptanceThreshold | None:
    """The lowest threshold whose accepted answers are correct with rate `accuracy`; None if none.

    In order of falling confidence, each set of accepted answers is tested: if only `accuracy` of
    such answers were correct, as few wrong ones as observed would have a probability of at most
    1 - LEVEL (the exact binomial test, whose inversion is the Clopper-Pearson bound). The first set
    that fails ends the search (fixed sequence testing, which needs no correction for multiple
    tests; Angelopoulos et al. 2021, Learn then Test). Over draws of such validation answers, the
    accuracy therefore holds with probability LEVEL for answers drawn as these were: the same
    kinds of sources in the same shares, and independent of each other. It says nothing about other
    kinds of input, and lines of one page or book are less independent than the test assumes. It
    starts at the first set that could pass, of at least MIN_COVERAGE of all answers.
    Raises ValueError if `accuracy` is not between 0 and 1.
    """
    if not 0 < accuracy < 1:
        raise ValueError(f"{accuracy:g} of the answers right: it must lie between 0 and 1")
    total = curve.counts[-1] if curve.counts else 0
    min_count = max(math.log(1 - LEVEL) / math.log(accuracy), MIN_COVERAGE * total)
    lowest = None
    for threshold, count, wrong in zip(curve.thresholds, curve.counts, curve.wrong, strict=True):
        if count < min_count:
            continue
        if binomial_tail(count, wrong, 1 - accuracy) > 1 - LEVEL:
            break
        lowest = AcceptanceThreshold(threshold, count, wrong, count / total)
    return lowest


def best_guarantee(curve: RiskCoverageCurve) -> float:
    """The highest accuracy that some threshold guarantees, rounded down to 0.001; 0 if none.

    It says what is possible where `guaranteed_threshold` returns None. Chosen after seeing all
    answers, it is itself slightly optimistic.
    """
    permilles = range(999, 0, -1)
    index = bisect_left(
        permilles, True, key=lambda n: guaranteed_threshold(curve, n / 1000) is not None
    )
    return (999 - index) / 1000


def binomial_tail(count: int, wrong: int, risk: float) -> float:
    """P(at most `wrong` of `count`) if each is wrong with probability `risk`, 0 < risk < 1."""
    k = np.arange(wrong + 1)
    ratios = np.log((count - k[1:] + 1) / k[1:]) + math.log(risk) - math.log1p(-risk)
    logs = count * math.log1p(-risk) + np.concatenate([[0.0], np.cumsum(ratios)])
    return float(min(1.0, np.exp(logs).sum()))


def _cumulative_counts(
    confidences: Sequence[float], correct: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct confidences (K,), descending; numbers of answers of at least each, and of wrong ones
    among them.
    """
    confidences, correct = np.asarray(confidences, float), np.asarray(correct, bool)
    if len(confidences) != len(correct):
        raise ValueError(f"{len(confidences)} confidences, but {len(correct)} hits")
    values, member = np.unique(-confidences, return_inverse=True)
    return -values, np.bincount(member).cumsum(), np.bincount(member, ~correct).cumsum().astype(int)
