"""Tally the decoded outputs of any head against their targets, and convert them to text."""

import math
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from datasets.vocabulary import case_pairs
from models.heads.labels import Label, StepLabels, Text

from .metrics import Normalization, Score, Tally, tally_labels, tally_multi_label, tally_texts
from .segment_metrics import tally_segments


def tally_readings(
    readings: Sequence[Text | Label | StepLabels],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    labels: Sequence[str],
    normalization: Normalization | None = None,
    background: Sequence[int] = (),
) -> Tally:
    """Tally the readings of N sequences against targets () | (S,) | (T,) | (T, L), int64.

    normalization: of texts. background: step labels that form no segments (`segment_metrics`).
    """
    kind = type(readings[0])
    if kind is Text:
        texts = [text_of(reading, labels) for reading in readings]
        references = [join_labels(target, labels) for target in targets]
        return tally_texts(texts, references, groups, normalization or Normalization())
    if kind is Label:
        predictions = [reading.id for reading in readings]
        return tally_labels(predictions, [int(t) for t in targets], groups, len(labels))
    if targets[0].ndim == 2:
        predictions = [
            multi_hot(reading, *target.shape)
            for reading, target in zip(readings, targets, strict=True)
        ]
        return tally_multi_label(predictions, targets, groups, len(labels))
    predictions = [step_ids(reading, len(t)) for reading, t in zip(readings, targets, strict=True)]
    return tally_segments(predictions, targets, groups, len(labels), background)


def recase(
    readings: Sequence[Text],
    targets: Sequence[np.ndarray],
    any_case: Sequence[bool],
    labels: Sequence[str],
) -> list[np.ndarray]:
    """The targets (S,) of N texts, those whose case is unknown in the case in which they were read,
    so that it is no error: each letter that agrees with the reading but for its case.
    """
    upper = np.arange(len(labels))
    for lower, capital in case_pairs(labels):
        upper[lower] = capital
    return [
        in_case_of(reading.ids, target, upper) if unknown else target
        for reading, target, unknown in zip(readings, targets, any_case, strict=True)
    ]


def in_case_of(ids: Sequence[int], true: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The true ids (S,), each letter in the case in which it was read.

    upper: (L,) of each label the id of its capital.
    """
    recased = true.copy()
    for block in Levenshtein.opcodes(upper[np.array(ids, int)].tolist(), upper[true].tolist()):
        if block.tag == "equal":
            recased[block.dest_start : block.dest_end] = ids[block.src_start : block.src_end]
    return recased


def step_ids(reading: StepLabels, steps: int) -> np.ndarray:
    """The label of each step, (T,) int64; -1 everywhere for a reading without steps."""
    if not reading.ids:
        return np.full(steps, -1, dtype=np.int64)
    return np.array([step[0] for step in reading.ids], dtype=np.int64)


def text_of(reading: Text, labels: Sequence[str]) -> str:
    """The string of a reading."""
    return join_labels(reading.ids, labels)


def join_labels(ids: Sequence[int], labels: Sequence[str]) -> str:
    """Join labels to a string: without spaces if all labels are single characters, else with."""
    separator = "" if all(len(label) == 1 for label in labels) else " "
    return separator.join(labels[i] for i in ids)


def multi_hot(reading: StepLabels, num_steps: int, num_labels: int) -> np.ndarray:
    """Multi-hot encoding of the labels of each step, (T, num_labels) int64.

    -1 everywhere for a reading without steps: no decision was taken.
    """
    if not reading.ids:
        return np.full((num_steps, num_labels), -1, dtype=np.int64)
    steps = np.zeros((len(reading.ids), num_labels), dtype=np.int64)
    for step, ids in zip(steps, reading.ids, strict=True):
        step[ids] = 1
    return steps


def error_rate(scores: dict[str, Score]) -> float:
    """The error to minimize, in percent: cer, or 100 - the mean over the classes of the accuracy,
    with several labels a step of F1: a rare class counts as much as a frequent one.
    """
    if "cer" in scores:
        return scores["cer"].value
    f1 = scores.get("mean_label_f1")
    if f1 is not None and not math.isnan(f1.value):  # it is where no label is on
        return 100.0 - f1.value
    return 100.0 - scores["mean_class_accuracy"].value


def describe_reading(reading: Text | Label | StepLabels, labels: Sequence[str]) -> str:
    """A reading as text; steps as "label[first-end]" segments."""
    if isinstance(reading, Text):
        return text_of(reading, labels)
    if isinstance(reading, Label):
        return labels[reading.id]
    return " ".join(f"{name}[{start}-{end}]" for start, end, name, _ in segments(reading, labels))


def segments(reading: StepLabels, labels: Sequence[str]) -> list[tuple[int, int, str, float]]:
    """Runs of steps that have a label: (first step, end exclusive, label, mean confidence).

    By their first step. Those of several labels at once overlap.
    """
    runs, open_runs = [], {}  # of the labels of the step before: label id -> first step
    for step, ids in enumerate([*reading.ids, []]):
        for label in [label for label in open_runs if label not in ids]:
            runs.append((open_runs.pop(label), step, label))
        for label in ids:
            open_runs.setdefault(label, step)
    return [
        (start, end, labels[label], sum(reading.confidences[start:end]) / (end - start))
        for start, end, label in sorted(runs)
    ]
