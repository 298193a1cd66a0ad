"""Validated contents of an annotation file: labels, segments or texts of clips, and problems."""

import math
import os
import posixpath
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import NamedTuple, TypedDict

from ...files import find_named
from ...labels import fold_label
from ...limits.roots import OutsideError
from ...source import Problem, Split

MAX_BOUND = 1e9  # seconds or frames: thirty years, or one at 30 frames a second
OVERLAP_ADVICE = "choose one subject or tier, or read several labels at once (multi_label: true)"


@dataclass(frozen=True, slots=True)
class TimeSegment:
    """start <= t < end, in seconds from the first frame. where: its line, for messages."""

    start: float
    end: float
    label: str
    where: str = field(default="", compare=False)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.start, self.end

    def __str__(self) -> str:
        return f"'{self.label}' from {self.start} to {self.end} s"


@dataclass(frozen=True, slots=True)
class FrameSegment:
    """start_frame <= n < end_frame; n is a frame's index in presentation order, from 0."""

    start_frame: int
    end_frame: int
    label: str
    where: str = field(default="", compare=False)

    @property
    def bounds(self) -> tuple[int, int]:
        return self.start_frame, self.end_frame

    def __str__(self) -> str:
        return f"'{self.label}' from frame {self.start_frame} to {self.end_frame}"


Segment = TimeSegment | FrameSegment


class Span(TypedDict):
    """A predicted segment: seconds, frames (end exclusive), label and confidence (0 to 1)."""

    start: float
    end: float
    start_frame: int
    end_frame: int
    label: str
    confidence: float


def milliseconds(span: Span) -> tuple[int, int]:
    """(start, end) in whole milliseconds, both rounded down.

    Not to the nearest: a frame shown at 0.6667 s must not precede a border at its own time. Raises
    ValueError for a segment that lasts less than a millisecond.
    """
    start, end = (math.floor(round(span[name] * 1000, 6)) for name in ("start", "end"))
    if start >= end:
        raise ValueError(
            f"segment '{span['label']}' from {span['start']} to {span['end']} s lasts less "
            "than the millisecond that the file can hold; write a table instead"
        )
    return start, end


class ClipAnnotation(NamedTuple):
    """The annotation of one clip: a label, segments or a text.

    clip: its path as written (`clip_path` finds the file). segments: of one kind, sorted, without
    overlap unless they were read for several labels at once. where: file and line, for messages.
    split: the one whose folder the clip is in, if there are such folders.
    """

    clip: str
    label: str | None = None
    segments: tuple[Segment, ...] = ()
    text: str | None = None
    group: str | None = None
    where: str = ""
    split: Split | None = None


def clip_path(table: Path, clip: str) -> Path:
    """Path of a clip named in an annotation file: relative to that file's folder.

    Annotation files are moved between machines: if the clip is not there (see `find_named`), the
    file of that name beside `table` is taken, as in BORIS and ELAN. If neither exists, the path as
    written. Raises OutsideError for a path out of the folder of the data, and no such sibling.
    """
    sibling = find_named(table.parent, PureWindowsPath(clip).name)
    try:
        found = find_named(table.parent, clip)
    except OutsideError:
        if os.path.exists(sibling):
            return sibling
        raise
    if os.path.exists(found):
        return found
    return sibling if os.path.exists(sibling) else table.parent / clip


def written_clip(table: Path, names: Sequence[str]) -> str:
    """Of several names of one clip in a file, the first that exists, or else the first."""
    for name in names:
        with suppress(OutsideError):
            if os.path.exists(clip_path(table, name)):  # Path.exists raises for too long a name
                return name
    return names[0]


class Collected:
    """The annotations of one file while it is read; invalid ones become problems.

    Labels are folded (`fold_label`). multi_label: segments of a clip may overlap.
    """

    def __init__(self, path: Path, multi_label: bool = False):
        self.path, self.multi_label = path, multi_label
        self.problems: list[Problem] = []
        self._whole: dict[str, ClipAnnotation] = {}  # with a label or a text
        self._segmented: dict[str, tuple[ClipAnnotation, list[Segment]]] = {}
        self._reasons: dict[str, str] = {}  # of clips: why they may not be named, or ""
        self._overlaps: Counter[tuple[str, str]] = Counter()  # of labels: the kept, the left out
        self._names: dict[str, str] = {}  # of a clip, as each row writes it
        self._files: dict[str, str] = {}  # names by file

    def refuse(self, place: str, reason: str) -> None:
        """Add a problem. place: such as "line 3"; reason: what is wrong and what to do."""
        self.problems.append(Problem(self.at(place), f"{self.path}, {place}: {reason}"))

    def at(self, place: str) -> str:
        """The place with the file's name."""
        return f"{self.path.name}, {place}"

    def _name_of(self, clip: str) -> str:
        """The clip's relative path with slashes, as patterns expect it, if Windows wrote it.

        One file has one name, that of its first row, in whatever case or form the others write it.
        """
        if clip not in self._names:
            as_written = "\\" not in clip or os.path.exists(self.path.parent / clip)
            if not as_written and not PureWindowsPath(clip).drive:
                name = posixpath.normpath(clip.replace("\\", "/"))
            else:
                name = clip
            file = name
            with suppress(OutsideError):  # told by `_outside`
                file = str(clip_path(self.path, name)) if name else ""
            self._names[clip] = self._files.setdefault(file, name)
        return self._names[clip]

    def _outside(self, clip: str) -> str:
        """Why a clip may not be named, if it lies outside of the folder of the data; else ""."""
        if clip not in self._reasons:
            self._reasons[clip] = ""
            try:
                clip_path(self.path, clip)
            except OutsideError as error:
                self._reasons[clip] = str(error)
        return self._reasons[clip]

    def add_whole(self, place: str, annotation: ClipAnnotation) -> None:
        """Add the only label or the only text of a clip."""
        annotation = annotation._replace(clip=self._name_of(annotation.clip))
        if annotation.text is None:
            annotation = annotation._replace(label=fold_label(annotation.label))
        content = annotation.label if annotation.text is None else annotation.text
        first = self._whole.get(annotation.clip)
        if not annotation.clip:
            self.refuse(place, "no clip; write its path or remove the row")
        elif outside := self._outside(annotation.clip):
            self.refuse(place, outside)
        elif not content:
            kind = "label" if annotation.text is None else "text"
            self.refuse(place, f"{annotation.clip} has an empty {kind}; fill it in or remove it")
        elif first is not None:
            self.refuse(place, f"{annotation.clip} is also in {first.where}; keep one of them")
        else:
            self._whole[annotation.clip] = annotation._replace(where=self.at(place))

    def add_segment(
        self, place: str, clip: str, segment: Segment, group: str | None = None
    ) -> None:
        """Add one of the segments of a clip; `place` becomes its `where`."""
        clip = self._name_of(clip)
        segment = replace(segment, label=fold_label(segment.label), where=self.at(place))
        new = ClipAnnotation(clip, group=group, where=self.at(place))
        annotation, segments = self._segmented.get(clip, (new, []))
        reason = self._outside(clip) or _fault(segment, group, annotation, segments)
        if reason is None and not self.multi_label and (other := _overlapped(segment, segments)):
            self._overlaps[other.label, segment.label] += 1
            reason = f"{clip}: {segment} overlaps {other} ({other.where}); cut or remove one"
        if reason is not None:
            self.refuse(place, reason)
            return
        insort(segments, segment, key=lambda other: other.bounds)
        self._segmented[clip] = annotation, segments

    def result(self) -> tuple[list[ClipAnnotation], list[Problem]]:
        """Return the annotations and the problems.

        Raises ValueError with the first problems if no annotation can be used.
        """
        segmented = (a._replace(segments=tuple(s)) for a, s in self._segmented.values())
        annotations = [*self._whole.values(), *segmented]
        if len(labels := {s.label for a in annotations for s in a.segments}) == 1 and (
            any(len(set(pair)) > 1 for pair in self._overlaps)
        ):
            raise ValueError(
                f"{self.path}: without the segments that overlap others, one label is left, "
                f"'{labels.pop()}'; overlapping are {describe_overlaps(self._overlaps)}; "
                f"{OVERLAP_ADVICE}"
            )
        if self._overlaps.total() > 1:
            reason = (
                f"{self.path}: {self._overlaps.total()} segments that overlap others are left out: "
                f"{describe_overlaps(self._overlaps)}; {OVERLAP_ADVICE}"
            )
            self.problems.insert(0, Problem(self.path.name, reason))
        if not annotations:
            first = "".join(f"\n  {problem.reason}" for problem in self.problems[:3])
            raise ValueError(f"{self.path}: no annotation that can be used{first}")
        return annotations, self.problems


def _fault(
    segment: Segment, group: str | None, annotation: ClipAnnotation, existing: Sequence[Segment]
) -> str | None:
    """Why a segment cannot be added to the existing, sorted ones, or None."""
    clip, (start, end) = annotation.clip, segment.bounds
    if not clip:
        return "no clip; write its path or remove the row"
    if not segment.label:
        return f"{clip}: a segment with an empty label; fill it in or remove it"
    if max(start, end) > MAX_BOUND:
        return f"{clip}: a segment beyond {MAX_BOUND:g} seconds or frames; correct it"
    if not 0 <= start < end:
        why = "begins before 0" if start < 0 else "ends before it begins, or holds nothing"
        return f"{clip}: {segment} {why}; the end is exclusive; correct it"
    if group != annotation.group:
        return (
            f"{clip} has group '{group or ''}' here but '{annotation.group or ''}' in "
            f"{annotation.where}; give all its rows one group"
        )
    if existing and type(existing[0]) is not type(segment):
        return (
            f"{clip} has frames here but seconds in {annotation.where}, or the other way; use one"
        )
    return None


def _overlapped(segment: Segment, existing: Sequence[Segment]) -> Segment | None:
    """The one of the existing segments, sorted and without overlap, that a segment overlaps."""
    start, end = segment.bounds
    index = bisect_left(existing, start, key=lambda other: other.bounds[0])
    for other in existing[max(0, index - 1) : index + 1]:
        if other.bounds[0] < end and start < other.bounds[1]:
            return other
    return None


def describe_overlaps(pairs: Counter[tuple[str, str]]) -> str:
    """How often which labels overlap, the most frequent first: "'a' and 'b' (3 times), ..."."""
    return ", ".join(
        f"'{kept}' and '{left_out}' ({count} times)"
        for (kept, left_out), count in pairs.most_common()
    )
