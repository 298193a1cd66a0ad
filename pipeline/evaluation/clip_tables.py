"""What evaluate tells of clips beside their scores: confusion, boundaries in seconds."""

import math
from collections.abc import Sequence

import numpy as np

from models.heads.labels import Label, Text

from ..reading.prediction import Answer
from ..scoring.metrics import IGNORED, Tally
from ..scoring.readings import step_ids
from ..scoring.segment_metrics import boundary_error, confusion, confusion_table, mean_over_videos
from .labelled import LabelledData


def clip_details(
    answers: Sequence[Answer], data: LabelledData, tally: Tally
) -> tuple[list[str], dict[str, float | None]]:
    """What clips have beside their scores: lines to print, and values for --json."""
    readings = [answer.reading for answer in answers]
    if isinstance(data.nothing, Text):
        return [], {}
    said = [
        np.array(reading.id) if isinstance(reading, Label) else step_ids(reading, target.size)
        for reading, target in zip(readings, data.targets, strict=True)
    ]
    table = confusion_table(with_unread(said, data.targets, len(data.labels)), data.labels)
    if isinstance(data.nothing, Label):
        return [table], {}
    times = [  # of a clip that was not read any will do: it has no boundary to measure to
        np.arange(len(target)) if answer.times is None else answer.times
        for answer, target in zip(answers, data.targets, strict=True)
    ]
    found = boundary_error(said, data.targets, times)
    each = mean_over_videos(tally, "edit")
    lines = [] if math.isnan(each) else [f"edit {each:.2f} % as the mean over clips (MS-TCN's way)"]
    if data.background:
        lines.append(f"no segments: {', '.join(data.labels[i] for i in data.background)}")
    lines.append(found.describe())
    lines.append(table)
    return lines, {
        "boundary_error_s": None if math.isnan(found.mean) else found.mean,
        "boundaries_missed": found.missed,
    }


def with_unread(
    said: Sequence[np.ndarray], targets: Sequence[np.ndarray], num_labels: int
) -> np.ndarray:
    """The confusion matrix, and where something could not be read a column of that behind it."""
    matrix = confusion(said, targets, num_labels)
    true = np.concatenate([np.atleast_1d(target) for target in targets])
    unread = np.bincount(true[true != IGNORED], minlength=num_labels) - matrix.sum(1)
    return np.column_stack([matrix, unread]) if unread.any() else matrix
