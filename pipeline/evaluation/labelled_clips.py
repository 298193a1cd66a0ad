"""Labelled data of videos: clips of a folder or annotation file, and targets for the head."""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from datasets.batch import IGNORED
from datasets.files import resolve_data_path
from datasets.labels import fold_label
from datasets.output.text import counted
from datasets.source import Split
from datasets.video.annotations.beside import clips_passed_over, unnamed_videos
from datasets.video.annotations.checks import (
    check_segments,
    describe_offsets,
    find_inclusive_frames,
)
from datasets.video.annotations.class_folders import read_class_folders
from datasets.video.annotations.files import (
    ClipAnnotation,
    FrameSegment,
    Segment,
    clip_labels,
    clip_path,
    fold_texts,
    labels_at,
    read_annotations,
    several_labels_at,
)
from datasets.video.cache import clip_digests
from datasets.video.groups import group_of
from models import CTCHead, SequenceClassificationHead, TokenClassificationHead
from models.heads.labels import Label, StepLabels, Text

from ..reading.bundle import Bundle
from ..reading.items import Answer
from .labelled import LabelledData, background_ids, choose_split, encode_texts, label_ids

FILE_NAME_GROUP = "(.+?)__"  # default pattern, made for lines: names of clips need not match


def labelled_clips(bundle: Bundle, options, prefer: Sequence[Split]) -> LabelledData:
    """Load the clips of a folder per class or an annotation file, with targets for the head.

    Of folders of splits, those of --split, or of the first that is there of `prefer`. Raises
    ValueError if there is nothing for this head, or labels that the bundle does not know.
    """
    head, labels = bundle.model.head, bundle.labels
    multi_label = isinstance(head, TokenClassificationHead) and head.multi_label
    annotations, problems = read_data(options, prefer, bundle.reader.suffixes, multi_label)
    over = (
        []
        if options.where
        else clips_passed_over(resolve_data_path(options.data), annotations, bundle.reader.suffixes)
    )
    ids = {fold_label(label): index for index, label in enumerate(labels)}
    ignored = list(map(fold_label, options.ignore))
    background = background_ids(list(map(fold_label, options.background)), list(ids))
    changed: list[str] = []
    if isinstance(head, SequenceClassificationHead):
        annotations, unlabelled = clip_labels(annotations)
        problems += [problem.reason for problem in unlabelled]
        kept = [annotation for annotation in annotations if annotation.label not in ignored]
        if len(kept) < len(annotations):
            problems.append(
                f"{counted(len(annotations) - len(kept), 'clip')} with a label of --ignore"
            )
        names = [annotation.label for annotation in kept]
        targets = list(map(np.array, label_ids(names, labels, options.data)))
        nothing = Label(-1, 0.0)
    elif isinstance(head, CTCHead):
        kept = with_field(annotations, "text", "no transcript", problems)
        kept, refused, notes = fold_texts(kept, options.data)
        problems += [problem.reason for problem in refused]
        changed = [note.reason for note in notes]
        texts = split_texts([annotation.text for annotation in kept], labels)
        labels, targets = encode_texts(texts, labels)
        nothing = Text([], [], [], 0.0)
    elif isinstance(head, TokenClassificationHead):
        kept = with_field(annotations, "segments", "no segments", problems)
        check_labels(kept, ids, set(ignored), options.data)
        if multi_label and options.background:
            raise ValueError("--background: a bundle of several labels at once has no segments")
        label = several_labels_at if multi_label else labels_at
        targets = StepTargets(kept, ids, set(ignored), label)
        nothing = StepLabels([], [])
    else:
        raise ValueError(
            f"{options.model}: a {type(head).__name__}; evaluate scores videos with one label, "
            "labels for every frame, or a transcript"
        )
    if not kept:
        reasons = "".join(f"\n  {reason}" for reason in problems[:3])
        raise ValueError(f"{options.data}: no clip to score{reasons}")
    paths = [str(path_of(annotation, options)) for annotation in kept]
    return LabelledData(
        items=paths,
        targets=targets,
        groups=[group_name(annotation, options.group_pattern) for annotation in kept],
        labels=list(labels),
        nothing=nothing,
        unit="clips",
        unscored=[f"{reason}; not scored" for reason in problems],
        background=background,
        changed=changed,
        warm_up=0,  # decoding a clip takes longer than the first batch
        passed_over=over,
        digests=partial(clip_digests, paths),
    )


def read_data(
    options, prefer: Sequence[Split], suffixes: Sequence[str], multi_label: bool = False
) -> tuple[list[ClipAnnotation], list[str]]:
    """Return the annotations of the clips of --data, and reasons why others are unusable.

    Raises ValueError for an option that only an annotation file can have, and for a split without a
    folder.
    """
    path = resolve_data_path(options.data)
    if not path.is_dir():
        choose_split([], options, prefer)
        annotations, problems = read_annotations(
            path, options.column, options.where, options.group, options.tier, options.subject,
            multi_label,
        )  # fmt: skip
        problems += find_inclusive_frames(annotations)
        if options.where is None:
            problems = problems + unnamed_videos(path, annotations, problems, suffixes)
        return annotations, [problem.reason for problem in problems]
    for name in ("column", "where", "tier", "subject"):
        if getattr(options, name) is not None:
            raise ValueError(
                f"--{name} {getattr(options, name)} needs a table; {options.data} is a folder: "
                "name the table in it as --data"
            )
    annotations = read_class_folders(path, suffixes, options.group)
    parts = {annotation.split for annotation in annotations} - {None}
    split = choose_split(parts, options, prefer)
    return [annotation for annotation in annotations if annotation.split == split], []


def path_of(annotation: ClipAnnotation, options) -> Path:
    """Return the path of an annotated clip."""
    path = resolve_data_path(options.data)
    return path / annotation.clip if path.is_dir() else clip_path(path, annotation.clip)


def group_name(annotation: ClipAnnotation, pattern: str) -> str:
    """Return the group of the annotation, or what the pattern matches in the clip's path.

    Raises ValueError for a pattern that does not match, except the default one: each clip without a
    match is then a group.
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
    """Return the annotations that have a field; add a problem for each of the others."""
    problems += [f"{a.clip}: {missing} ({a.where})" for a in annotations if not getattr(a, field)]
    return [annotation for annotation in annotations if getattr(annotation, field)]


def check_labels(
    annotations: Sequence[ClipAnnotation], ids: dict[str, int], ignored: set[str], where: str
) -> None:
    """Raise ValueError for labels of segments that are neither the bundle's nor ignored."""
    labels = {segment.label for annotation in annotations for segment in annotation.segments}
    unknown = sorted(labels - ids.keys() - ignored)
    if unknown:
        raise ValueError(
            f"{where}: labels that the bundle does not know: {', '.join(unknown[:8])}; it knows "
            f"{', '.join(list(ids)[:12])}; correct them, or --ignore {' '.join(unknown[:8])}"
        )


def split_texts(texts: Sequence[str], labels: Sequence[str]) -> list[Sequence[str]]:
    """Split texts, in NFC, into characters if all labels are single characters, else into words."""
    texts = [unicodedata.normalize("NFC", text) for text in texts]
    return [text.split() for text in texts] if any(len(label) > 1 for label in labels) else texts


@dataclass(frozen=True)
class StepTargets:
    """Labels at the steps that were read of clips.

    annotations, ids: of the clips, and of the labels. ignored: labels that mean unlabelled. label:
    function that labels steps, see `labels_at`.
    """

    annotations: Sequence[ClipAnnotation]
    ids: dict[str, int]
    ignored: set[str]
    label: Callable[..., np.ndarray] = labels_at

    def select(self, kept: Sequence[int]) -> "StepTargets":
        """Return the targets of these clips only."""
        return replace(self, annotations=[self.annotations[i] for i in kept])

    def __call__(self, answers: Sequence[Answer]) -> tuple[list[np.ndarray], list[str]]:
        """Return labels (T_i,) or (T_i, L), int64, of each clip, and notes.

        The notes are on segments that do not fit their clip. A clip whose annotation has another
        unit is not scored. A clip that could not be read gets as many steps as its annotation would
        have at the rate of the others: it counts as wrong in all of them. Raises ValueError if no
        clip can be scored.
        """
        step, stride = step_size(answers)
        targets, notes, offsets, refused = [], [], [], []
        for annotation, answer in zip(self.annotations, answers, strict=True):
            times, numbers = answer.times, answer.numbers
            if times is None:
                times, numbers = expected_steps(annotation.segments, step, stride)
            elif len(times):
                try:
                    checked, problems, late = check_segments(annotation, times, numbers)
                except ValueError as error:
                    refused.append(f"{error}; not scored")
                    targets.append(np.full_like(self.labels((), times, numbers), IGNORED))
                    continue
                offsets.append((annotation, float(times[0]) if numbers[0] == 0 else 0.0))
                notes += [problem.reason for problem in problems]
                notes += [f"{problem.reason}; not scored from there on" for problem in late]
                annotation = checked
            targets.append(self.labels(annotation.segments, times, numbers))
        if len(refused) == len(self.annotations):
            raise ValueError("no clip fits its labels\n  " + "\n  ".join(refused[:3]))
        notes += [problem.reason for problem in describe_offsets(offsets)]
        return targets, refused + notes

    def labels(
        self, segments: Sequence[Segment], times: np.ndarray, numbers: np.ndarray
    ) -> np.ndarray:
        """Return the labels of steps at these times."""
        return self.label(segments, times, numbers, self.ids, self.ignored)


def step_size(answers: Sequence[Answer]) -> tuple[float, int]:
    """Return the median of seconds and of file frames between steps, over all clips read.

    1/25 and 1 if none was read: then every step is wrong, whatever their number.
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
    """Return the times and frame numbers (T,) of the steps up to the end of the last segment."""
    frames = isinstance(segments[-1], FrameSegment)
    end = max(segment.bounds[1] for segment in segments)  # they may overlap
    count = math.ceil(end / (stride if frames else step))
    return np.arange(count) * step, np.arange(count) * stride
