"""Corpus scores in percent, with a bootstrap interval by group.

Each sample adds a numerator and a denominator (edits and reference characters, hits and steps); a
score is sum / sum over all samples, never a mean of per-sample rates. Because groups (pages,
videos, writers) only add up, an interval is a resampling of group sums. An input that failed is
scored as "" or as label -1, so that it stays in the denominator.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

IGNORED = -100  # the target that datasets.batch pads with
DRAWN_AT_ONCE = 2_000_000  # groups drawn per block while resampling: 16 MB an array
# Apostrophes and single quotes, double quotes, hyphens and dashes (U+2010..U+2015).
_FOLDED = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-")
)


@dataclass(frozen=True)
class Normalization:
    """How two strings are made comparable; `describe()` stands beside every score.

    ignore_case: Unicode case folding, so that "STRASSE" equals "Straße".
    fold_punctuation: curly quotes become straight, every dash a hyphen, a run of white space one
        space (none at the ends).
    """

    ignore_case: bool = False
    fold_punctuation: bool = False

    def __call__(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        if self.fold_punctuation:
            text = " ".join(text.translate(_FOLDED).split())
        if self.ignore_case:  # folding can undo NFC
            text = unicodedata.normalize("NFC", text.casefold())
        return text

    def describe(self) -> str:
        """In words, such as "NFC, case ignored"."""
        words = ["NFC"]
        if self.ignore_case:
            words.append("case ignored")
        if self.fold_punctuation:
            words.append("quotes, dashes and white space folded")
        return ", ".join(words)


class Tally(NamedTuple):
    """What each of N samples adds to each score. Tallies of batches are joined with `join`.

    groups: N names of the page, video or writer that a sample belongs to.
    counts: score's name -> (numerators, denominators), each (N, K) float64. K is 1 for a plain
        ratio; for a mean over K classes there is a column for each class.
    """

    groups: list[str]
    counts: dict[str, tuple[np.ndarray, np.ndarray]]


class Score(NamedTuple):
    """value, low, high: percent (low and high are nan where there is one group); n: samples."""

    value: float
    low: float
    high: float
    n: int
    groups: int
    level: float = 0.95


def tally_texts(
    predictions: Sequence[str],
    references: Sequence[str],
    groups: Sequence[str],
    normalization: Normalization = Normalization(),
) -> Tally:
    """N strings -> cer (code points), wer (words at white space), exact (identical strings).

    An empty reference adds its insertions to the edits and 0 to the reference length.
    """
    _same_length(predictions, references, groups)
    rows = np.empty((len(groups), 3, 2))
    for row, prediction, reference in zip(rows, predictions, references, strict=True):
        said, true = normalization(prediction), normalization(reference)
        said_words, true_words = said.split(), true.split()
        row[0] = Levenshtein.distance(said, true), len(true)
        row[1] = Levenshtein.distance(said_words, true_words), len(true_words)
        row[2] = said == true, 1
    names = ("cer", "wer", "exact")
    counts = {name: (rows[:, i, :1], rows[:, i, 1:]) for i, name in enumerate(names)}
    return Tally(list(groups), counts)


def tally_labels(
    predictions: Sequence[int], targets: Sequence[int], groups: Sequence[str], num_labels: int
) -> Tally:
    """One label for each of N sequences -> accuracy, mean_class_accuracy."""
    _same_length(predictions, targets, groups)
    predictions, targets = np.reshape(predictions, (-1, 1)), np.reshape(targets, (-1, 1))
    hits, steps = _class_counts(predictions, targets, num_labels)
    return _class_tally("accuracy", hits, steps, groups)


def tally_steps(
    predictions: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    num_labels: int,
) -> Tally:
    """N sequences of labels, each (T_i,) -> frame_accuracy, mean_class_accuracy, without -100."""
    _same_length(predictions, targets, groups)
    hits, steps = _class_counts(predictions, targets, num_labels)
    return _class_tally("frame_accuracy", hits, steps, groups)


def join_tallies(tallies: Iterable[Tally]) -> Tally:
    """The samples of several tallies of the same scores, one after the other."""
    tallies = list(tallies)
    if not tallies:
        raise ValueError(
            "no tally to join: no sample was scored; check that the split is not empty"
        )
    names = tallies[0].counts.keys()
    for tally in tallies:
        if tally.counts.keys() != names:
            raise ValueError(
                f"cannot join different scores: {sorted(names)} and {sorted(tally.counts)}"
            )
    counts = {
        name: tuple(np.concatenate([t.counts[name][i] for t in tallies]) for i in (0, 1))
        for name in names
    }
    return Tally([group for tally in tallies for group in tally.groups], counts)


def scores(
    tally: Tally, level: float = 0.95, samples: int = 1000, seed: int = 0
) -> dict[str, Score]:
    """Every score of a tally, by name, with its interval; nan where the denominator is 0."""
    n, groups = len(tally.groups), len(set(tally.groups))
    found = {}
    for name, (numerators, denominators) in tally.counts.items():
        value = float(_percent(numerators.sum(0), denominators.sum(0)))
        low, high = bootstrap_interval(numerators, denominators, tally.groups, level, samples, seed)
        found[name] = Score(value, low, high, n, groups, level)
    return found


def bootstrap_interval(
    numerators: np.ndarray,
    denominators: np.ndarray,
    groups: Sequence[str],
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval, in percent, of sum / sum when whole groups are drawn with replacement.

    numerators, denominators: (N,), or (N, K) for a mean over K classes (those present in the draw).
    Draws without any denominator are left out. Fewer than two groups say nothing about others: both
    ends are nan. Order does not matter. Under about 20 groups the interval is somewhat too narrow.
    """
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    _same_length(numerators, denominators, groups)
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return math.nan, math.nan
    sums = np.zeros((2, len(names), math.prod(numerators.shape[1:])))
    for total, counts in zip(sums, (numerators, denominators), strict=True):
        np.add.at(total, member, counts.reshape(len(member), -1))
    random = np.random.default_rng(seed)
    step = max(1, DRAWN_AT_ONCE // len(names))
    drawn = []
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        picks = random.integers(len(names), size=(rows, len(names)))
        picks += len(names) * np.arange(rows)[:, None]  # each row counts into places of its own
        times = np.bincount(picks.ravel(), minlength=picks.size).reshape(picks.shape).astype(float)
        drawn.append(_percent(times @ sums[0], times @ sums[1]))
    values = np.concatenate(drawn)
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    return tuple(np.quantile(values, [(1 - level) / 2, (1 + level) / 2]).tolist())


def describe_score(name: str, score: Score, groups: str = "groups") -> str:
    """Such as "cer 1.03 % (0.85-1.22, 95 % over 28 pages)"; groups: what a group is, plural."""
    if math.isnan(score.value):
        return f"{name} undefined (nothing to count in {score.n} samples)"
    if math.isnan(score.low):
        return f"{name} {score.value:.2f} % (no interval: fewer than two {groups})"
    span = f"{score.low:.2f}-{score.high:.2f}, {100 * score.level:g} % over {score.groups} {groups}"
    return f"{name} {score.value:.2f} % ({span})"


def _percent(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """(..., K) sums -> (...): percent, the mean of those of K ratios that have a denominator."""
    present = denominators > 0
    ratios = np.divide(numerators, denominators, out=np.zeros(np.shape(numerators)), where=present)
    number = present.sum(-1)
    return np.where(number > 0, 100 * ratios.sum(-1) / np.maximum(number, 1), math.nan)


def _class_counts(
    predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray], num_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """N pairs of (T_i,) labels -> hits and counted steps of each class, both (N, num_labels)."""
    counts = np.zeros((2, len(targets), num_labels))
    for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        prediction, target = np.asarray(prediction), np.asarray(target, dtype=np.int64)
        if prediction.shape != target.shape:
            raise ValueError(
                f"sample {i}: {prediction.shape} predictions for {target.shape} targets"
            )
        prediction, target = prediction[target != IGNORED], target[target != IGNORED]
        wrong = target[(target < 0) | (target >= num_labels)]
        if len(wrong):
            raise ValueError(
                f"sample {i}: target {wrong[0]} is none of the labels 0..{num_labels - 1}, "
                f"nor {IGNORED} (not counted)"
            )
        counts[0, i] = np.bincount(target[prediction == target], minlength=num_labels)
        counts[1, i] = np.bincount(target, minlength=num_labels)
    return counts[0], counts[1]


def _class_tally(name: str, hits: np.ndarray, steps: np.ndarray, groups: Sequence[str]) -> Tally:
    total = hits.sum(1, keepdims=True), steps.sum(1, keepdims=True)
    return Tally(list(groups), {name: total, "mean_class_accuracy": (hits, steps)})


def _same_length(predictions: Sequence, targets: Sequence, groups: Sequence) -> None:
    if not len(predictions) == len(targets) == len(groups):
        raise ValueError(
            f"{len(predictions)} predictions, {len(targets)} targets and {len(groups)} groups; "
            "there must be one of each for every sample"
        )
