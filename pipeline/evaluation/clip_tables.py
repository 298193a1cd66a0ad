"""Output of `evaluate` beyond scores: of clips a confusion table and errors of boundaries in
seconds, of tagged texts the spans of each type and a confusion table.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from datasets.output.text import clean
from models.heads.labels import Label, Text

from ..reading.items import Answer, Item
from ..scoring.metrics import IGNORED, Tally
from ..scoring.readings import step_ids
from ..scoring.segment_metrics import (
    boundary_error,
    confusion_matrix,
    confusion_table,
    mean_over_videos,
)
from ..scoring.tag_spans import count_spans
from .labelled import LabelledData


def clip_details(
    answers: Sequence[Answer], data: LabelledData, tally: Tally
) -> tuple[list[str], dict[str, float | None]]:
    """Return lines to print and values for --json; none for transcripts."""
    if isinstance(data.nothing, Text):
        return [], {}
    labels = list(map(clean, data.labels))  # a line break in one would forge a row
    if data.targets[0].ndim == 2:
        return label_table(tally, labels), {}
    predictions = [
        np.array(answer.reading.id)
        if isinstance(answer.reading, Label)
        else step_ids(answer.reading, target.size)
        for answer, target in zip(answers, data.targets, strict=True)
    ]
    matrix = confusion_with_unread(predictions, data.targets, len(data.labels))
    table = confusion_table(matrix, labels).splitlines()
    if data.unit == "sentences":
        return [*span_table(count_spans(predictions, data.targets, data.labels)), *table], {}
    if isinstance(data.nothing, Label):
        return table, {}
    if isinstance(data.items[0], Item):  # samples without files, and so without times
        return table, {}
    times = [  # any times will do for an unread clip: it has no predicted boundary
        np.arange(len(target)) if answer.times is None else answer.times
        for answer, target in zip(answers, data.targets, strict=True)
    ]
    error = boundary_error(predictions, data.targets, times)
    edit = mean_over_videos(tally, "edit")
    lines = [] if math.isnan(edit) else [f"edit {edit:.2f} % as the mean over clips (MS-TCN's way)"]
    if data.background:
        lines.append(f"no segments: {', '.join(labels[i] for i in data.background)}")
    return [*lines, error.describe(), *table], {
        "boundary_error_s": None if math.isnan(error.mean) else error.mean,
        "boundaries_missed": error.missed,
    }


def span_table(counts: Mapping[str, tuple[int, int, int]]) -> list[str]:
    """Precision, recall and F1 of the spans of each type, in percent, one type per line."""
    if not counts:
        return []
    width = max(len("spans"), *map(len, counts))
    lines = [f"{'spans':<{width}}  precision    recall        f1     true"]
    for kind, (right, read, true) in counts.items():
        shares = (right, read), (right, true), (2 * right, read + true)
        cells = [f"{100 * a / b:6.2f} %" if b else "       -" for a, b in shares]
        lines.append(f"{clean(kind):<{width}}   {'  '.join(cells)}  {true:7}")
    return lines


def label_table(tally: Tally, labels: Sequence[str]) -> list[str]:
    """The F1 of each label of a multi-label head, in percent, one per line."""
    numerators, denominators = (part.sum(0) for part in tally.counts["mean_label_f1"])
    width = max(map(len, labels))
    lines = []
    for label, part, whole in zip(labels, numerators, denominators, strict=True):
        value = f"{100 * part / whole:6.2f} %" if whole else "neither true nor read"
        lines.append(f"{label:<{width}}  {value}")
    return [f"{'label':<{width}}    f1, in steps", *lines]


def confusion_with_unread(
    predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray], num_labels: int
) -> np.ndarray:
    """Return the confusion matrix, with a last column of unread steps if there are any."""
    matrix = confusion_matrix(predictions, targets, num_labels)
    flat = np.concatenate([np.atleast_1d(target) for target in targets])
    unread = np.bincount(flat[flat != IGNORED], minlength=num_labels) - matrix.sum(1)
    return np.column_stack([matrix, unread]) if unread.any() else matrix
