"""What an annotation file says about its clips: labels, segments or texts, each one checked."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import NamedTuple, TypedDict

from ...source import Problem


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
    """start_frame <= n < end_frame, n a frame's place in the file as shown, from 0."""

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
    """A segment of a reading: seconds, frames (end exclusive), label and confidence (0 to 1)."""

    start: float
    end: float
    start_frame: int
    end_frame: int
    label: str
    confidence: float


def milliseconds(span: Span) -> tuple[int, int]:
    """(start, end) in whole milliseconds, both cut downwards.

    Cut, not rounded: a frame shown at 0.6667 s then still lies behind a border at its start.
    Raises ValueError for a segment that lasts none.
    """
    start, end = (math.floor(round(span[name] * 1000, 6)) for name in ("start", "end"))
    if start >= end:
        raise ValueError(
            f"segment '{span['label']}' from {span['start']} to {span['end']} s lasts less "
            "than the millisecond that the file can hold; write a table instead"
        )
    return start, end


class ClipAnnotation(NamedTuple):
    """What an annotation file says about one clip: a label, segments or a text.

    clip: its path as written (`clip_path` finds the file). segments: of one kind, in order,
    without overlap. where: file and line, for messages.
    """

    clip: str
    label: str | None = None
    segments: tuple[Segment, ...] = ()
    text: str | None = None
    group: str | None = None
    where: str = ""


def clip_path(table: Path, clip: str) -> Path:
    """Where a clip named in an annotation file lies: as written, from that file's folder on.

    Annotation files travel: if it is not there, the file of that name beside `table` is taken, as
    BORIS and ELAN do. If neither exists, the path as written.
    """
    beside = table.parent / PureWindowsPath(clip).name
    written = table.parent / clip
    return beside if not written.exists() and beside.exists() else written


def written_clip(table: Path, names: Sequence[str]) -> str:
    """Of the ways in which a file names one clip, the first that leads to it, or the first."""
    return next((name for name in names if clip_path(table, name).exists()), names[0])


class Collected:
    """The annotations of one file as they are found: a bad one is named and never stops others."""

    def __init__(self, path: Path):
        self.path = path
        self.problems: list[Problem] = []
        self._whole: dict[str, ClipAnnotation] = {}  # with a label or a text
        self._cut: dict[str, tuple[ClipAnnotation, list[Segment]]] = {}

    def refuse(self, place: str, reason: str) -> None:
        """place: such as "line 3"; reason: what is wrong and what to do."""
        self.problems.append(
            Problem(f"{self.path.name}, {place}", f"{self.path}, {place}: {reason}")
        )

    def at(self, place: str) -> str:
        return f"{self.path.name}, {place}"

    def add_whole(self, place: str, annotation: ClipAnnotation) -> None:
        """One label or one text a clip."""
        said = annotation.label if annotation.text is None else annotation.text
        first = self._whole.get(annotation.clip)
        if not annotation.clip:
            self.refuse(place, "no clip; write its path or remove the row")
        elif not said:
            kind = "label" if annotation.text is None else "text"
            self.refuse(place, f"{annotation.clip} has an empty {kind}; fill it in or remove it")
        elif first is not None:
            self.refuse(place, f"{annotation.clip} is also in {first.where}; keep one of them")
        else:
            self._whole[annotation.clip] = annotation._replace(where=self.at(place))

    def add_segment(
        self, place: str, clip: str, segment: Segment, group: str | None = None
    ) -> None:
        """One of the segments of a clip; `place` becomes its `where`."""
        annotation, there = self._cut.get(clip) or (
            ClipAnnotation(clip, group=group, where=self.at(place)),
            [],
        )
        if reason := _fault(clip, segment, group, annotation, there):
            self.refuse(place, reason)
            return
        kind = type(segment)
        there.insert(
            bisect_left(there, segment.bounds, key=lambda other: other.bounds),
            kind(*segment.bounds, segment.label, self.at(place)),
        )
        self._cut[clip] = annotation, there

    def result(self) -> tuple[list[ClipAnnotation], list[Problem]]:
        """Raises ValueError with the first problems if nothing can be used."""
        cut = [one._replace(segments=tuple(there)) for one, there in self._cut.values()]
        found = [*self._whole.values(), *cut]
        if not found:
            first = "".join(f"\n  {problem.reason}" for problem in self.problems[:3])
            raise ValueError(f"{self.path}: no annotation that can be used{first}")
        return found, self.problems


def _fault(
    clip: str,
    segment: Segment,
    group: str | None,
    annotation: ClipAnnotation,
    there: Sequence[Segment],
) -> str | None:
    """Why a segment cannot stand beside those already there, or None. `there` is in order."""
    start, end = segment.bounds
    if not clip:
        return "no clip; write its path or remove the row"
    if not segment.label:
        return f"{clip}: a segment with an empty label; fill it in or remove it"
    if not 0 <= start < end:
        why = "begins before 0" if start < 0 else "ends before it begins, or holds nothing"
        return f"{clip}: {segment} {why}; the end is exclusive; correct it"
    if group != annotation.group:
        return (
            f"{clip} has group '{group or ''}' here but '{annotation.group or ''}' in "
            f"{annotation.where}; give all its rows one group"
        )
    if there and type(there[0]) is not type(segment):
        return (
            f"{clip} has frames here but seconds in {annotation.where}, or the other way; use one"
        )
    place = bisect_left(there, start, key=lambda other: other.bounds[0])
    for other in there[max(0, place - 1) : place + 1]:
        if other.bounds[0] < end and start < other.bounds[1]:
            return f"{clip}: {segment} overlaps {other} ({other.where}); cut or remove one"
    return None
