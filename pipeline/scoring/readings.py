"""What a head read, against what was true: readings and targets -> the scores that fit them."""

from collections.abc import Sequence

import numpy as np

from models.heads.labels import Label, StepLabels, Text

from .metrics import Normalization, Score, Tally, tally_labels, tally_steps, tally_texts
from .segment_metrics import tally_segments


def tally_readings(
    readings: Sequence[Text | Label | StepLabels],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    labels: Sequence[str],
    normalization: Normalization | None = None,
    background: Sequence[int] = (),
) -> Tally:
    """Readings of N sequences and their targets () | (S,) | (T,) | (T, L) int64 -> their tally.

    normalization: of texts. background: labels of steps that make no segments (`segment_metrics`).
    """
    kind = type(readings[0])
    if kind is Text:
        said = [text_of(reading, labels) for reading in readings]
        true = [spell(target, labels) for target in targets]
        return tally_texts(said, true, groups, normalization or Normalization())
    if kind is Label:
        said = [reading.id for reading in readings]
        return tally_labels(said, [int(t) for t in targets], groups, len(labels))
    if (
        targets[0].ndim == 2
    ):  # several labels a step: each label of each step is a yes or no of its own
        said = [multi_hot(reading, len(labels)).ravel() for reading in readings]
        return tally_steps(said, [target.ravel() for target in targets], groups, 2)
    said = [step_ids(reading, len(t)) for reading, t in zip(readings, targets, strict=True)]
    return tally_segments(said, targets, groups, len(labels), background)


def step_ids(reading: StepLabels, steps: int) -> np.ndarray:
    """(T,) the label of each step; of a reading without any step, which says nothing, -1."""
    if not reading.ids:
        return np.full(steps, -1, dtype=np.int64)
    return np.array([step[0] for step in reading.ids], dtype=np.int64)


def text_of(reading: Text, labels: Sequence[str]) -> str:
    return spell(reading.ids, labels)


def spell(ids: Sequence[int], labels: Sequence[str]) -> str:
    """Characters stand side by side; where any label is a word, a space parts all of them."""
    between = "" if all(len(label) == 1 for label in labels) else " "
    return between.join(labels[i] for i in ids)


def multi_hot(reading: StepLabels, num_labels: int) -> np.ndarray:
    """(T, num_labels) of 0 and 1."""
    steps = np.zeros((len(reading.ids), num_labels), dtype=np.int64)
    for step, ids in zip(steps, reading.ids, strict=True):
        step[ids] = 1
    return steps


def error_rate(scores: dict[str, Score]) -> float:
    """In percent, the one figure to bring down: cer, or what is missing from full accuracy."""
    if "cer" in scores:
        return scores["cer"].value
    return 100.0 - scores["accuracy" if "accuracy" in scores else "frame_accuracy"].value


def describe_reading(reading: Text | Label | StepLabels, labels: Sequence[str]) -> str:
    """A reading for people."""
    if isinstance(reading, Text):
        return text_of(reading, labels)
    if isinstance(reading, Label):
        return labels[reading.id]
    return " ".join(f"{name}[{start}-{end}]" for start, end, name, _ in segments(reading, labels))


def segments(reading: StepLabels, labels: Sequence[str]) -> list[tuple[int, int, str, float]]:
    """Runs of equal labels: (first step, end exclusive, label, mean confidence)."""
    runs: list[tuple[int, int, str, float]] = []
    names = ["+".join(labels[i] for i in step) for step in reading.ids]
    start = 0
    for end in range(1, len(names) + 1):
        if end == len(names) or names[end] != names[start]:
            mean = sum(reading.confidences[start:end]) / (end - start)
            runs.append((start, end, names[start], mean))
            start = end
    return runs
