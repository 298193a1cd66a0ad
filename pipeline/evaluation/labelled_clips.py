"""Labelled videos that a bundle is scored on: what --data holds, and the truth for its head."""

import math
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from datasets.paths import resolve
from datasets.video.annotations.files import (
    ClipAnnotation,
    FrameSegment,
    Segment,
    check_end,
    clip_labels,
    clip_path,
    labels_at,
    read_annotations,
    read_class_folders,
)
from datasets.video.groups import group_of
from models import CTCHead, SequenceClassificationHead, TokenClassificationHead
from models.heads.labels import Label, StepLabels, Text

from ..reading.bundle import Bundle
from ..reading.prediction import Answer
from .labelled import LabelledData, label_ids

FILE_NAME_GROUP = "(.+?)__"  # of lines: clips need not have it


def labelled_clips(bundle: Bundle, options) -> LabelledData:
    """A folder for each class or an annotation file -> its clips, with what this head should say.

    Raises ValueError if it has nothing for this head, or labels that the bundle does not know.
    """
    head, labels = bundle.model.head, bundle.labels
    annotations, problems = read_data(options, bundle.reader.suffixes)
    ids = {label: place for place, label in enumerate(labels)}
    strange = [label for label in options.background if label not in ids]
    if strange:
        raise ValueError(f"--background {' '.join(strange)}: the bundle has no such label")
    if isinstance(head, SequenceClassificationHead):
        annotations, more = clip_labels(annotations)
        problems += [problem.reason for problem in more]
        kept = [one for one in annotations if one.label not in options.ignore]
        if len(kept) < len(annotations):
            problems.append(f"{len(annotations) - len(kept)} clips have a label of --ignore")
        places = label_ids([one.label for one in kept], labels, options.data)
        targets, nothing = [np.array(place) for place in places], Label(-1, 0.0)
    elif isinstance(head, CTCHead):
        kept = with_field(annotations, "text", "no transcript", problems)
        labels, targets = encode_transcripts([one.text for one in kept], labels)
        nothing = Text([], [], [], 0.0)
    elif isinstance(head, TokenClassificationHead) and not head.multi_label:
        kept = with_field(annotations, "segments", "no segments", problems)
        check_labels(kept, ids, set(options.ignore), options.data)
        targets = StepTargets(kept, ids, set(options.ignore))
        nothing = StepLabels([], [])
    else:
        raise ValueError(
            f"{options.model}: several labels at a time; evaluate scores videos with one label, "
            "one label a frame, or a transcript"
        )
    if not kept:
        first = "".join(f"\n  {reason}" for reason in problems[:3])
        raise ValueError(f"{options.data}: no clip to score{first}")
    return LabelledData(
        items=[str(path_of(one, options)) for one in kept],
        targets=targets,
        groups=[group(one, options.group_pattern) for one in kept],
        labels=list(labels),
        nothing=nothing,
        unit="clips",
        unscored=[f"{reason}; not scored" for reason in problems],
        background=[ids[label] for label in options.background],
        warm_up=0,  # a clip's decoding takes longer than the first batch
    )


def read_data(options, suffixes: Sequence[str]) -> tuple[list[ClipAnnotation], list[str]]:
    """What is known of the clips of --data, and what is wrong with it."""
    place = resolve(options.data)
    if not place.is_dir():
        found, problems = read_annotations(
            place, options.column, options.where, options.group, options.tier, options.subject
        )
        return found, [problem.reason for problem in problems]
    for name in ("column", "where", "group", "tier", "subject"):
        if getattr(options, name) is not None:
            raise ValueError(
                f"--{name} {getattr(options, name)} needs a table; {options.data} is a folder: "
                "name the table in it as --data"
            )
    return read_class_folders(place, suffixes), []


def path_of(annotation: ClipAnnotation, options) -> Path:
    place = resolve(options.data)
    return place / annotation.clip if place.is_dir() else clip_path(place, annotation.clip)


def group(annotation: ClipAnnotation, pattern: str) -> str:
    """The annotation's own, or what the pattern finds in the clip's path.

    Raises ValueError for a pattern that does not fit. The default one need not fit, it is that of
    lines: then each clip is a group.
    """
    if annotation.group is not None:
        return annotation.group
    if pattern == FILE_NAME_GROUP:
        match = re.match(pattern, PurePosixPath(annotation.clip).name)
        return match.group(1) if match else annotation.clip
    return group_of(annotation.clip, pattern)


def with_field(
    annotations: Sequence[ClipAnnotation], field: str, missing: str, problems: list[str]
) -> list[ClipAnnotation]:
    """Those that have this field; the others are told with what they lack."""
    kept = []
    for one in annotations:
        if getattr(one, field):
            kept.append(one)
        else:
            problems.append(f"{one.clip}: {missing} ({one.where})")
    return kept


def check_labels(
    annotations: Sequence[ClipAnnotation], ids: dict[str, int], ignored: set[str], where: str
) -> None:
    """Raises ValueError that names labels which neither the bundle knows nor --ignore."""
    there = {segment.label for one in annotations for segment in one.segments}
    strange = sorted(there - ids.keys() - ignored)
    if strange:
        raise ValueError(
            f"{where}: labels that the bundle does not know: {', '.join(strange[:8])}; it knows "
            f"{', '.join(list(ids)[:12])}; correct them, or --ignore {' '.join(strange[:8])}"
        )


def encode_transcripts(
    texts: Sequence[str], labels: Sequence[str]
) -> tuple[list[str], list[np.ndarray]]:
    """Transcripts -> the bundle's labels and behind them what only the texts have; ids (S,) each.

    By characters if all labels of the bundle are, else by words.
    """
    texts = [unicodedata.normalize("NFC", text) for text in texts]
    words = any(len(label) > 1 for label in labels)
    parts = [text.split() if words else list(text) for text in texts]
    symbols = [*labels, *sorted({part for text in parts for part in text} - set(labels))]
    ids = {symbol: place for place, symbol in enumerate(symbols)}
    return symbols, [np.array([ids[part] for part in text], dtype=np.int64) for text in parts]


class StepTargets:
    """The label of each step of each clip, once it is known when the steps are."""

    def __init__(self, annotations: list[ClipAnnotation], ids: dict[str, int], ignored: set[str]):
        self.annotations, self.ids, self.ignored = annotations, ids, ignored

    def __call__(self, answers: Sequence[Answer]) -> tuple[list[np.ndarray], list[str]]:
        """(T_i,) int64 of each clip, and notes on annotations that go on after their clip.

        A clip that could not be read gets as many steps as its annotation would have at the rate
        of the others: it counts as wrong in all of them.
        """
        step, stride = step_size(answers)
        targets, notes = [], []
        for one, answer in zip(self.annotations, answers, strict=True):
            times, numbers = answer.times, answer.numbers
            if times is None:
                times, numbers = expected_steps(one.segments, step, stride)
            elif len(times):
                own_step, own_stride = step_size([answer])
                end = int(numbers[-1]) + own_stride, float(times[-1]) + own_step
                notes += [f"{p.reason}; not scored from there on" for p in check_end(one, *end)]
            targets.append(labels_at(one.segments, times, numbers, self.ids, self.ignored))
        return targets, notes


def step_size(answers: Sequence[Answer]) -> tuple[float, int]:
    """Median seconds and frames of the file from step to step, over all clips that were read.

    1/25 and 1 if there are none: then every step is wrong, however many they are.
    """
    read = [answer for answer in answers if answer.times is not None and len(answer.times) > 1]
    if not read:
        return 1 / 25, 1
    seconds = np.median(np.concatenate([np.diff(answer.times) for answer in read]))
    frames = np.median(np.concatenate([np.diff(answer.numbers) for answer in read]))
    return float(seconds), int(frames)


def expected_steps(
    segments: Sequence[Segment], step: float, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """times, numbers (T,) of a clip of which only the segments are known."""
    frames = isinstance(segments[-1], FrameSegment)
    count = math.ceil(segments[-1].bounds[1] / (stride if frames else step))
    return np.arange(count) * step, np.arange(count) * stride
