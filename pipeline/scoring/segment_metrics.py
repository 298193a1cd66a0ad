"""How well segments in time are found: edit score, F1@10/25/50, boundary error, confusion.

Everything starts from one label a step: predictions and targets (T,) of ids. The conventions:

- A segment is a run of equal labels. Steps are counted, never seconds (but see `boundary_error`).
- A target of -100 is unlabelled. What is said there is not judged: runs are formed from labelled
  steps alone, and the gap cuts true and predicted runs alike, since nobody knows what happened in
  it. Each stretch between two gaps counts as a sequence of its own.
- A negative prediction is no label at all (the video could not be read): a step that is wrong, and
  no segment.
- Labels in `background` make no segments, predicted or true (MS-TCN's convention for "background");
  by default there are none. Background steps still count in frame accuracy, confusion and
  boundaries.
- Scores are pooled: sums over all videos, then one division. Where there is no true and no
  predicted segment (all steps unlabelled, or background), a video adds nothing.

For a video without gaps, edits and matches are those of MS-TCN's eval.py (Lea et al. 2017; Farha
and Gall 2019), which also pools F1, but averages edit over videos: `mean_over_videos`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from .metrics import IGNORED, Tally, tally_steps

OVERLAPS = {"f1@10": 0.10, "f1@25": 0.25, "f1@50": 0.50}  # least intersection over union
WIDEST_TABLE = 100  # characters


class Runs(NamedTuple):
    """S runs of equal labels, each (S,): first step, end (exclusive), label."""

    starts: np.ndarray
    ends: np.ndarray
    labels: np.ndarray

    def without(self, labels: Sequence[int]) -> "Runs":
        kept = (self.labels >= 0) & ~np.isin(self.labels, list(labels))
        return Runs(*(part[kept] for part in self))


class BoundaryError(NamedTuple):
    """How far true boundaries are from predicted ones.

    mean, median: seconds, nan if no boundary was found. boundaries: true ones. missed: those with
    no predicted boundary to measure to, in neither mean nor median. predicted: predicted
    boundaries; many more than true ones make any distance small.
    """

    mean: float
    median: float
    boundaries: int
    missed: int
    predicted: int

    def describe(self) -> str:
        counts = f"{self.boundaries} true and {self.predicted} predicted boundaries"
        if self.boundaries == self.missed:
            return f"boundary error undefined ({counts}, none to compare)"
        return (
            f"boundary error {self.mean:.2f} s on average, {self.median:.2f} s in the median "
            f"({counts}; {self.missed} true ones missed and not in it)"
        )


def runs(labels: np.ndarray, counted: np.ndarray | None = None) -> Runs:
    """Runs of (T,) labels; a step that is not counted (T,) belongs to none and ends the one before
    it.
    """
    labels = np.asarray(labels)
    counted = np.ones(len(labels), bool) if counted is None else counted
    joined = counted[1:] & counted[:-1] & (labels[1:] == labels[:-1])  # step i to step i + 1
    starts = counted & ~np.append(False, joined)[: len(labels)]
    ends = counted & ~np.append(joined, False)[: len(labels)]
    starts, ends = np.flatnonzero(starts), np.flatnonzero(ends) + 1
    return Runs(starts, ends, labels[starts])


def edit_counts(
    prediction: np.ndarray, target: np.ndarray, background: Sequence[int] = ()
) -> tuple[int, int]:
    """(length - edits, length) of the labels of the segments, so that the edit score is a ratio.

    edits: Levenshtein distance of predicted to true segment labels. length: of the longer of both.
    Both are summed over the stretches between unlabelled steps.
    """
    counted = target != IGNORED
    said, true = (runs(x, counted).without(background) for x in (prediction, target))
    stretches = runs(np.zeros(len(target)), counted)
    right = whole = 0
    ends = stretches.starts, stretches.ends
    spans = [np.searchsorted(found.starts, ends).T for found in (said, true)]
    for (a, b), (c, d) in zip(*spans, strict=True):
        length = max(b - a, d - c)
        right += length - Levenshtein.distance(said.labels[a:b].tolist(), true.labels[c:d].tolist())
        whole += length
    return int(right), int(whole)


def match_counts(
    prediction: np.ndarray, target: np.ndarray, background: Sequence[int] = ()
) -> tuple[list[int], int, int]:
    """(matches for each of OVERLAPS, predicted segments, true segments).

    Each predicted segment goes for the true one of its label that it overlaps best (the first of
    equals), and matches if their intersection over union reaches the threshold; a true segment can
    be matched once, further predictions that go for it are false positives.
    """
    counted = target != IGNORED
    said, true = (runs(x, counted).without(background) for x in (prediction, target))
    # runs of the same pair of labels: all places where a predicted and a true segment overlap
    cells = runs((prediction << 32) + target, counted)
    cells = cells._replace(labels=target[cells.starts])
    alike = prediction[cells.starts] == cells.labels
    cells = Runs(*(part[alike] for part in cells)).without(background)
    i = np.searchsorted(said.starts, cells.starts, "right") - 1
    j = np.searchsorted(true.starts, cells.starts, "right") - 1
    shared = cells.ends - cells.starts
    either = said.ends[i] - said.starts[i] + true.ends[j] - true.starts[j] - shared
    overlap = shared / either
    order = np.lexsort((j, -overlap, i))
    best = order[np.unique(i[order], return_index=True)[1]]  # of each predicted segment
    matches = [len(np.unique(j[best][overlap[best] >= least])) for least in OVERLAPS.values()]
    return matches, len(said.starts), len(true.starts)


def tally_segments(
    predictions: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    num_labels: int,
    background: Sequence[int] = (),
) -> Tally:
    """N sequences of labels, each (T_i,) -> frame_accuracy, mean_class_accuracy, edit, f1@10,
    f1@25, f1@50.

    edit: 1 - edits / length, both summed over sequences. f1: 2 TP / (2 TP + FP + FN), likewise,
    which is the F1 of the pooled counts.
    """
    tally = tally_steps(predictions, targets, groups, num_labels)
    rows = np.zeros((1 + len(OVERLAPS), 2, len(groups), 1))
    for n, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        prediction, target = np.asarray(prediction, np.int64), np.asarray(target, np.int64)
        rows[0, :, n, 0] = edit_counts(prediction, target, background)
        matches, said, true = match_counts(prediction, target, background)
        rows[1:, 0, n, 0] = 2 * np.array(matches)
        rows[1:, 1, n, 0] = said + true  # = 2 TP + FP + FN
    names = ("edit", *OVERLAPS)
    return Tally(tally.groups, tally.counts | dict(zip(names, map(tuple, rows), strict=True)))


def mean_over_videos(tally: Tally, name: str) -> float:
    """Percent: the mean of each sequence's own score, over those that have one (nan if none).

    MS-TCN reports `edit` so. Strand's scores are pooled; this is for comparison with others.
    """
    numerators, denominators = (part.sum(1) for part in tally.counts[name])
    present = denominators > 0
    if not present.any():
        return float("nan")
    return float(100 * np.mean(numerators[present] / denominators[present]))


def boundary_error(
    predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray], times: Sequence[np.ndarray]
) -> BoundaryError:
    """Seconds from each true boundary to the nearest predicted one, over N sequences.

    times: (T_i,) seconds at which each step begins. A true boundary is the begin of a step whose
    label differs from the step before, both labelled; a predicted one likewise, of any two labels,
    and counted only within the same stretch of labelled steps. Without one there, the true
    boundary is missed.
    """
    distances, missed, predicted = [], 0, 0
    for prediction, target, seconds in zip(predictions, targets, times, strict=True):
        prediction, target = np.asarray(prediction), np.asarray(target)
        counted = target != IGNORED
        said, true = runs(prediction, counted).starts, runs(target, counted).starts
        stretches = runs(np.zeros(len(target)), counted)
        for start, end in zip(stretches.starts, stretches.ends, strict=True):
            ours = np.asarray(seconds)[said[(said > start) & (said < end)]]
            theirs = np.asarray(seconds)[true[(true > start) & (true < end)]]
            predicted += len(ours)
            if len(ours):
                after = np.searchsorted(ours, theirs).clip(0, len(ours) - 1)
                before = np.maximum(after - 1, 0)
                nearest = np.minimum(abs(ours[after] - theirs), abs(ours[before] - theirs))
                distances += nearest.tolist()
            else:
                missed += len(theirs)
    found = (np.mean(distances), np.median(distances)) if distances else (np.nan, np.nan)
    return BoundaryError(*map(float, found), len(distances) + missed, missed, predicted)


def confusion(
    predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray], num_labels: int
) -> np.ndarray:
    """(num_labels, num_labels) int64: how many steps of label [row] were called label [column].

    predictions, targets: N pairs of () or (T_i,) ids. Unlabelled steps are left out, and so are
    predictions that are no label, such as -1 for what could not be read.
    """
    matrix = np.zeros((num_labels, num_labels), dtype=np.int64)
    for prediction, target in zip(predictions, targets, strict=True):
        prediction, target = np.atleast_1d(prediction), np.atleast_1d(target)
        kept = (target != IGNORED) & (prediction >= 0)
        np.add.at(matrix, (target[kept], prediction[kept]), 1)
    return matrix


def confusion_table(matrix: np.ndarray, labels: Sequence[str], worst: int = 12) -> str:
    """Text: a row for each true label, a column for each label said, with the share that is right.

    A column more than there are labels counts what could not be read.
    A table wider than 100 characters gives way to the `worst` most frequent mistakes.
    """
    shown = [label if len(label) <= 12 else label[:11] + "…" for label in labels]
    heads = [*shown, "unread"][: matrix.shape[1]]
    widths = [max(len(head), len(str(n))) for head, n in zip(heads, matrix.max(0), strict=True)]
    corner = "true / said"
    first = max(map(len, [*shown, corner]))
    if first + sum(widths) + 2 * len(widths) + 9 > WIDEST_TABLE:
        return _mistakes(matrix, labels, worst)
    heads = [f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)]
    lines = ["  ".join([f"{corner:<{first}}", *heads, "  right"])]
    for place, (label, row) in enumerate(zip(shown, matrix, strict=True)):
        cells = [f"{n:>{width}}" for n, width in zip(row, widths, strict=True)]
        right = f"{100 * row[place] / row.sum():5.1f} %" if row.any() else "      -"
        lines.append("  ".join([f"{label:<{first}}", *cells, right]))
    return "\n".join(lines)


def _mistakes(matrix: np.ndarray, labels: Sequence[str], worst: int) -> str:
    wrong = matrix[:, : len(labels)] - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:worst]
    rows = [np.unravel_index(place, wrong.shape) for place in order]
    lines = [
        f"{wrong[true, said]} of {matrix[true].sum()} {labels[true]!r} called {labels[said]!r}"
        for true, said in rows
        if wrong[true, said]
    ]
    return "\n".join(["most frequent mistakes:", *lines]) if lines else "no mistakes"
