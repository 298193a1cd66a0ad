"""Metrics of temporal segmentation: edit score, F1@10/25/50, boundary error, confusion matrix.

All take one label per step: predictions and targets (T,) of ids. The conventions:

- A segment is a run of equal labels. Lengths are in steps, not seconds (but see `boundary_error`).
- A target of -100 is unlabelled. Predictions there are ignored: runs are formed from labelled steps
  alone, and a gap cuts true and predicted runs alike, since the truth inside it is unknown. Each
  stretch between two gaps counts as a sequence of its own.
- A negative prediction is no label (the video could not be read): the step is wrong, and belongs to
  no segment.
- Labels in `background` form no segments, predicted or true (MS-TCN's convention for "background");
  by default there are none. Background steps still count in frame accuracy, confusion and
  boundaries.
- Scores are pooled: sums over all videos, then one division. A video with neither true nor
  predicted segments (all steps unlabelled, or background) adds nothing.

For a video without gaps, edits and matches are those of MS-TCN's eval.py (Lea et al. 2017; Farha
and Gall 2019), which pools F1 too but averages the edit score over videos: `mean_over_videos`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from .metrics import IGNORED, Tally, tally_steps

OVERLAPS = {"f1@10": 0.10, "f1@25": 0.25, "f1@50": 0.50}  # least intersection over union
MAX_TABLE_WIDTH = 100  # characters


class Runs(NamedTuple):
    """S runs of equal labels, each (S,): first step, end (exclusive), label."""

    starts: np.ndarray
    ends: np.ndarray
    labels: np.ndarray

    def without(self, labels: Sequence[int]) -> "Runs":
        """The runs that have a label (not negative) other than these."""
        kept = (self.labels >= 0) & ~np.isin(self.labels, list(labels))
        return Runs(*(part[kept] for part in self))


class BoundaryError(NamedTuple):
    """Distances from true boundaries to predicted ones.

    mean, median: seconds, nan if there is no distance. boundaries: number of true boundaries.
    missed: those without a predicted boundary to measure to, in neither mean nor median. predicted:
    number of predicted boundaries; many more than true ones make any distance small.
    """

    mean: float
    median: float
    boundaries: int
    missed: int
    predicted: int

    def describe(self) -> str:
        """The error in words."""
        counts = f"{self.boundaries} true and {self.predicted} predicted boundaries"
        if self.boundaries == self.missed:
            return f"boundary error undefined ({counts}, none to compare)"
        return (
            f"boundary error {self.mean:.2f} s on average, {self.median:.2f} s in the median "
            f"({counts}; {self.missed} true ones missed and not in it)"
        )


def runs(labels: np.ndarray, counted: np.ndarray | None = None) -> Runs:
    """Runs of equal labels (T,). Steps where `counted` (T,) is false belong to no run and end the
    run before them.
    """
    labels = np.asarray(labels)
    counted = np.ones(len(labels), bool) if counted is None else counted
    joined = counted[1:] & counted[:-1] & (labels[1:] == labels[:-1])  # step i to step i + 1
    starts = np.flatnonzero(counted & ~np.append(False, joined)[: len(labels)])
    ends = np.flatnonzero(counted & ~np.append(joined, False)[: len(labels)]) + 1
    return Runs(starts, ends, labels[starts])


def edit_counts(
    prediction: np.ndarray, target: np.ndarray, background: Sequence[int] = ()
) -> tuple[int, int]:
    """(length - edits, length) of the segment labels, whose ratio is the edit score.

    edits: Levenshtein distance of predicted to true segment labels. length: that of the longer of
    both sequences. Both are summed over the stretches between unlabelled steps.
    """
    counted = target != IGNORED
    pair = [runs(labels, counted).without(background) for labels in (prediction, target)]
    stretches = runs(np.zeros(len(target)), counted)
    total_edits = total_length = 0
    for stretch in zip(stretches.starts, stretches.ends, strict=True):
        predicted, true = (
            segments.labels[slice(*np.searchsorted(segments.starts, stretch))].tolist()
            for segments in pair
        )
        total_edits += Levenshtein.distance(predicted, true)
        total_length += max(len(predicted), len(true))
    return total_length - total_edits, total_length


def match_counts(
    prediction: np.ndarray, target: np.ndarray, background: Sequence[int] = ()
) -> tuple[list[int], int, int]:
    """(matches at each of OVERLAPS, number of predicted segments, number of true segments).

    Each predicted segment is assigned to the true one of its label with the highest intersection
    over union (the first of equals), and matches if that reaches the threshold. A true segment is
    matched at most once; further predictions assigned to it are false positives.
    """
    counted = target != IGNORED
    predicted, true = (runs(x, counted).without(background) for x in (prediction, target))
    # where a predicted and a true segment of the same label overlap
    shared = runs(np.where(prediction == target, target, -1), counted).without(background)
    i = np.searchsorted(predicted.starts, shared.starts, "right") - 1
    j = np.searchsorted(true.starts, shared.starts, "right") - 1
    intersection = shared.ends - shared.starts
    lengths = predicted.ends[i] - predicted.starts[i] + true.ends[j] - true.starts[j]
    overlap = intersection / (lengths - intersection)
    order = np.lexsort((j, -overlap, i))
    best = order[np.unique(i[order], return_index=True)[1]]  # of each predicted segment
    matches = [len(np.unique(j[best][overlap[best] >= least])) for least in OVERLAPS.values()]
    return matches, len(predicted.starts), len(true.starts)


def tally_segments(
    predictions: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    num_labels: int,
    background: Sequence[int] = (),
) -> Tally:
    """Tally N label sequences, each (T_i,).

    Scores: frame_accuracy, mean_class_accuracy, edit, f1@10, f1@25, f1@50.

    edit: 1 - edits / length, both summed over sequences. f1: 2 TP / (2 TP + FP + FN), likewise,
    which is the F1 of the pooled counts. Raises ValueError as `tally_steps` does.
    """
    tally = tally_steps(predictions, targets, groups, num_labels)
    rows = np.zeros((1 + len(OVERLAPS), 2, len(groups), 1))
    for n, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        prediction, target = np.asarray(prediction, np.int64), np.asarray(target, np.int64)
        rows[0, :, n, 0] = edit_counts(prediction, target, background)
        matches, predicted, true = match_counts(prediction, target, background)
        rows[1:, 0, n, 0] = 2 * np.array(matches)
        rows[1:, 1, n, 0] = predicted + true  # = 2 TP + FP + FN
    names = ("edit", *OVERLAPS)
    return Tally(tally.groups, tally.counts | dict(zip(names, map(tuple, rows), strict=True)))


def mean_over_videos(tally: Tally, name: str) -> float:
    """The unweighted mean, in percent, of each sequence's own score (nan if none has one).

    MS-TCN reports `edit` so. Strand's scores are pooled; this is for comparison with papers.
    """
    numerators, denominators = (part.sum(1) for part in tally.counts[name])
    present = denominators > 0
    ratios = numerators[present] / denominators[present]
    return float(100 * ratios.mean()) if len(ratios) else float("nan")


def boundary_error(
    predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray], times: Sequence[np.ndarray]
) -> BoundaryError:
    """Seconds from each true boundary to the nearest predicted one, over N sequences.

    times: (T_i,) seconds at which each step begins. A true boundary is the start of a step whose
    label differs from that of the step before, both labelled; a predicted one likewise, between any
    two labels. Only predicted boundaries in the same stretch of labelled steps are considered; if
    there is none, the true boundary is missed.
    """
    distances, missed, num_predicted = [], 0, 0
    for prediction, target, seconds in zip(predictions, targets, times, strict=True):
        prediction, target = np.asarray(prediction), np.asarray(target)
        counted = target != IGNORED
        starts = [runs(labels, counted).starts for labels in (prediction, target)]
        stretches = runs(np.zeros(len(target)), counted)
        for start, end in zip(stretches.starts, stretches.ends, strict=True):
            predicted, true = (np.asarray(seconds)[s[(s > start) & (s < end)]] for s in starts)
            num_predicted += len(predicted)
            if len(predicted):
                after = np.searchsorted(predicted, true).clip(0, len(predicted) - 1)
                neighbours = predicted[np.stack([np.maximum(after - 1, 0), after])]
                distances += abs(neighbours - true).min(0).tolist()
            else:
                missed += len(true)
    averages = (np.mean(distances), np.median(distances)) if distances else (np.nan, np.nan)
    return BoundaryError(*map(float, averages), len(distances) + missed, missed, num_predicted)


def confusion_matrix(
    predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray], num_labels: int
) -> np.ndarray:
    """Confusion matrix (num_labels, num_labels) int64: steps of label [row] predicted as [column].

    predictions, targets: N pairs of () or (T_i,) ids. Unlabelled steps are left out, and so are
    predictions that are no label, such as -1 for an input that could not be read.
    """
    matrix = np.zeros((num_labels, num_labels), dtype=np.int64)
    for prediction, target in zip(predictions, targets, strict=True):
        prediction, target = np.atleast_1d(prediction), np.atleast_1d(target)
        kept = (target != IGNORED) & (prediction >= 0)
        np.add.at(matrix, (target[kept], prediction[kept]), 1)
    return matrix


def confusion_table(matrix: np.ndarray, labels: Sequence[str], worst: int = 12) -> str:
    """A confusion matrix as text: rows are true labels, columns predictions, the last one recall.

    If the matrix has one column more than there are labels, it counts what could not be read.
    Instead of a table wider than 100 characters, the `worst` most frequent mistakes are listed.
    """
    shown = [label if len(label) <= 12 else label[:11] + "…" for label in labels]
    heads = [*shown, "unread"][: matrix.shape[1]]
    widths = [max(len(head), len(str(n))) for head, n in zip(heads, matrix.max(0), strict=True)]
    corner = "true / said"
    first = max(map(len, [*shown, corner]))
    if first + sum(widths) + 2 * len(widths) + 9 > MAX_TABLE_WIDTH:
        return _mistakes(matrix, labels, worst)
    heads = [f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)]
    lines = ["  ".join([f"{corner:<{first}}", *heads, "  right"])]
    for i, (label, row) in enumerate(zip(shown, matrix, strict=True)):
        cells = [f"{n:>{width}}" for n, width in zip(row, widths, strict=True)]
        right = f"{100 * row[i] / row.sum():5.1f} %" if row.any() else "      -"
        lines.append("  ".join([f"{label:<{first}}", *cells, right]))
    return "\n".join(lines)


def _mistakes(matrix: np.ndarray, labels: Sequence[str], worst: int) -> str:
    """The `worst` most frequent confusions of two labels, one per line."""
    wrong = matrix[:, : len(labels)] - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:worst]
    lines = [
        f"{wrong[i, j]} of {matrix[i].sum()} {labels[i]!r} called {labels[j]!r}"
        for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[i, j]
    ]
    return "\n".join(["most frequent mistakes:", *lines]) if lines else "no mistakes"
