"""Corpus-level scores in percent (CER, WER, accuracy), with bootstrap intervals over groups.

Each sample contributes a numerator and a denominator (edits and reference characters, correct and
all steps); a score is sum / sum over all samples, never a mean of per-sample rates. Groups (pages,
videos, writers) enter only by their sums, so the bootstrap resamples group sums. An input that
could not be read is scored as "" or as label -1, so that it stays in the denominator.
"""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

IGNORED = -100  # the target value that datasets.batch pads with
MAX_DRAWS_PER_BLOCK = 2_000_000  # groups drawn at once while resampling: 16 MB per array
# Apostrophes and single quotes, double quotes, hyphens and dashes (U+2010..U+2015).
_FOLDED = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-")
)


@dataclass(frozen=True)
class Normalization:
    """Text normalization (NFC and more) before comparison; `describe()` is printed with scores.

    ignore_case: apply Unicode case folding, so that "STRASSE" equals "Straße".
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
        """The normalization in words, such as "NFC, case ignored"."""
        words = ["NFC"]
        if self.ignore_case:
            words.append("case ignored")
        if self.fold_punctuation:
            words.append("quotes, dashes and white space folded")
        return ", ".join(words)


class Tally(NamedTuple):
    """What each of N samples adds to each score. `join_tallies` joins the tallies of batches.

    groups: N names of the page, video or writer that a sample belongs to.
    counts: score name -> (numerators, denominators), each (N, K) float64. K is 1 for a plain
        ratio; for a mean over K classes there is one column per class.
    """

    groups: list[str]
    counts: dict[str, tuple[np.ndarray, np.ndarray]]


class Score(NamedTuple):
    """A score with its interval: value, low, high in percent (low and high are nan if there is only
    one group); n: samples; groups: how many; level: confidence level of the interval.
    """

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
    """Tally N strings: cer (code points), wer (words split at white space), exact (identical).

    An empty reference adds its insertions to the edits and 0 to the reference length. Raises
    ValueError if the lengths differ.
    """
    _check_lengths(predictions, references, groups)
    rows = np.empty((len(groups), 3, 2))
    for row, prediction, reference in zip(rows, predictions, references, strict=True):
        prediction, reference = normalization(prediction), normalization(reference)
        words = reference.split()
        row[0] = Levenshtein.distance(prediction, reference), len(reference)
        row[1] = Levenshtein.distance(prediction.split(), words), len(words)
        row[2] = prediction == reference, 1
    names = ("cer", "wer", "exact")
    counts = {name: (rows[:, i, :1], rows[:, i, 1:]) for i, name in enumerate(names)}
    return Tally(list(groups), counts)


def tally_labels(
    predictions: Sequence[int], targets: Sequence[int], groups: Sequence[str], num_labels: int
) -> Tally:
    """Tally one label for each of N sequences: accuracy, mean_class_accuracy.

    Raises ValueError if the lengths differ or a target is no label.
    """
    predictions, targets = np.reshape(predictions, (-1, 1)), np.reshape(targets, (-1, 1))
    return _class_tally("accuracy", predictions, targets, groups, num_labels)


def tally_steps(
    predictions: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    num_labels: int,
) -> Tally:
    """Tally N label sequences, each (T_i,): frame_accuracy, mean_class_accuracy.

    Steps whose target is -100 are not counted. Raises ValueError if lengths differ or a target is
    no label.
    """
    return _class_tally("frame_accuracy", predictions, targets, groups, num_labels)


def tally_multi_label(
    predictions: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    num_labels: int,
) -> Tally:
    """Tally N sequences with any number of labels a step, each (T_i, num_labels) of 0 and 1:
    frame_accuracy, mean_class_accuracy, mean_label_f1.

    The first two are over all decisions, each label of each step, whose classes are no and yes.
    mean_label_f1 is the mean over the labels of 2 TP / (2 TP + FP + FN), counted in steps; unlike
    them it gains nothing from labels that are rightly off most of the time. Targets of -100 are not
    counted; a prediction of -1 is wrong, and finds no label. Raises ValueError as `tally_steps`.
    """
    flat = [[array.ravel() for array in arrays] for arrays in (predictions, targets)]
    tally = tally_steps(*flat, groups, 2)
    f1 = np.zeros((2, len(targets), num_labels))
    for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        said, true = (prediction == 1) & (target != IGNORED), target == 1
        f1[:, i] = 2 * (said & true).sum(0), said.sum(0) + true.sum(0)
    return Tally(tally.groups, tally.counts | {"mean_label_f1": tuple(f1)})


def join_tallies(tallies: Iterable[Tally]) -> Tally:
    """Concatenate the samples of several tallies of the same scores.

    Raises ValueError if there is none, or if their scores differ.
    """
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


def compute_scores(tally: Tally, samples: int = 1000) -> dict[str, Score]:
    """Compute every score of a tally by name, with its interval; nan where the denominator is 0."""
    n, groups = len(tally.groups), len(set(tally.groups))
    computed = {}
    for name, (numerators, denominators) in tally.counts.items():
        value = float(_percent(numerators.sum(0), denominators.sum(0)))
        low, high = bootstrap_interval(numerators, denominators, tally.groups, samples=samples)
        computed[name] = Score(value, low, high, n, groups)
    return computed


def bootstrap_interval(
    numerators: np.ndarray,
    denominators: np.ndarray,
    groups: Sequence[str],
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval, in percent, of sum / sum, resampling whole groups.

    numerators, denominators: (N,), or (N, K) for a mean over K classes (those present in the draw).
    Draws whose denominators are all 0 are left out. Returns (nan, nan) for fewer than two groups,
    which say nothing about others. The order of samples does not matter. With fewer than about 20
    groups the interval is somewhat too narrow. Raises ValueError if the lengths differ.
    """
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    _check_lengths(numerators, denominators, groups)
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return math.nan, math.nan
    sums = np.zeros((2, len(names), math.prod(numerators.shape[1:])))
    for total, counts in zip(sums, (numerators, denominators), strict=True):
        np.add.at(total, member, counts.reshape(len(member), -1))
    draws = draw_groups(len(names), samples, seed)
    values = np.concatenate([_percent(times @ sums[0], times @ sums[1]) for times in draws])
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    return tuple(np.quantile(values, [(1 - level) / 2, (1 + level) / 2]).tolist())


def draw_groups(groups: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw G of G groups with replacement, `samples` times.

    Yields blocks (rows, G) float64 that say how often each row drew each group.
    """
    random = np.random.default_rng(seed)
    step = max(1, MAX_DRAWS_PER_BLOCK // groups)
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        drawn = random.integers(groups, size=(rows, groups))
        drawn += groups * np.arange(rows)[:, None]  # separate bins for each row
        yield np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(float)


def describe_score(name: str, score: Score, groups: str = "groups") -> str:
    """A score as text, such as "cer 1.03 % (0.85-1.22, 95 % over 28 pages)".

    groups: what a group is, in the plural.
    """
    if math.isnan(score.value):
        return f"{name} undefined (nothing to count in {score.n} samples)"
    if math.isnan(score.low):
        return f"{name} {score.value:.2f} % (no interval: fewer than two {groups})"
    span = f"{score.low:.2f}-{score.high:.2f}, {100 * score.level:g} % over {score.groups} {groups}"
    return f"{name} {score.value:.2f} % ({span})"


def _percent(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Sums (..., K) -> percent (...): the mean over K of the ratios whose denominator is not 0."""
    present = denominators > 0
    ratios = np.divide(numerators, denominators, out=np.zeros(np.shape(numerators)), where=present)
    count = present.sum(-1)
    return np.where(count > 0, 100 * ratios.sum(-1) / np.maximum(count, 1), math.nan)


def _class_tally(
    name: str,
    predictions: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    num_labels: int,
) -> Tally:
    """Tally N pairs of labels (T_i,): the accuracy called `name`, and mean_class_accuracy."""
    _check_lengths(predictions, targets, groups)
    correct, total = np.zeros((2, len(targets), num_labels))
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
        correct[i] = np.bincount(target[prediction == target], minlength=num_labels)
        total[i] = np.bincount(target, minlength=num_labels)
    pooled = correct.sum(1, keepdims=True), total.sum(1, keepdims=True)
    return Tally(list(groups), {name: pooled, "mean_class_accuracy": (correct, total)})


def _check_lengths(predictions: Sequence, targets: Sequence, groups: Sequence) -> None:
    if not len(predictions) == len(targets) == len(groups):
        raise ValueError(
            f"{len(predictions)} predictions, {len(targets)} targets and {len(groups)} groups; "
            "there must be one of each for every sample"
        )
