"""Annotations of videos from tables, BORIS, ELAN or VIA files, or from class folders."""

import gzip
import json
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...batch import IGNORED
from ...limits.opening import expand_gzip, named_errors, open_regular, read_bytes
from ...source import Problem
from ...splits import FOLDER
from ...tables import read_rows
from ...transcripts import SpaceFolding
from ..groups import grouped_by_folder
from .boris import read_boris
from .boris_tables import boris_table, read_boris_table
from .elan import read_elan
from .segments import ClipAnnotation, Collected, FrameSegment, Segment, TimeSegment
from .segments import clip_path as clip_path
from .tables import read_clip_table, read_lines
from .via import read_via


def read_annotations(
    path: Path | str,
    column: str | None = None,
    where: str | None = None,
    group: str | None = None,
    tier: str | None = None,
    subject: str | None = None,
    multi_label: bool = False,
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """Read a CSV or TSV table, or a BORIS, ELAN or VIA file -> its annotations and its problems.

    column: of a table's labels, or the VIA attribute; null takes `label`, or the only one. where:
    rows of a table to use, such as "label=digit and set='a b'". group: column, BORIS variable or
    VIA attribute of the file that holds the group; "folder" takes the first folder of a clip's path
    (unless a table has a column of that name). tier: of an ELAN file; null takes the only one
    that has annotations. subject: whose events of a BORIS file; null takes everyone's. multi_label:
    segments of a clip may overlap, and without `tier` those of all tiers are read. Raises
    ValueError for a file that is none of these, for an option it does not support, or if nothing in
    it can be used; FileNotFoundError if there is none.
    """
    with named_errors(path):
        return _read_annotations(Path(path), column, where, group, tier, subject, multi_label)


def _read_annotations(
    path: Path,
    column: str | None,
    where: str | None,
    group: str | None,
    tier: str | None,
    subject: str | None,
    multi_label: bool,
) -> tuple[list[ClipAnnotation], list[Problem]]:
    head = _head(path)
    if group == FOLDER and (head.startswith((b"<", b"{")) or not _has_column(path, FOLDER)):
        annotations, problems = _read_annotations(
            path, column, where, None, tier, subject, multi_label
        )
        return grouped_by_folder(annotations, 0, str(path)), problems
    given = {"column": column, "where": where, "group": group, "tier": tier, "subject": subject}
    collected = Collected(path, multi_label)
    if head.startswith(b"<"):
        _check_options(path, "an ELAN file", given, ("tier",))
        return read_elan(path, collected, tier)
    if head.startswith(b"{"):
        content = _json(path)
        try:
            if "behaviors_conf" in content and "observations" in content:
                _check_options(path, "a BORIS project", given, ("group", "subject"))
                return read_boris(content, collected, group, subject)
            if "attribute" in content and "metadata" in content and "file" in content:
                _check_options(path, "a VIA project", given, ("column", "group"))
                return read_via(path, content, collected, column, group)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: damaged project ({error!r}); save it again") from error
        other = "images of VIA 2" if "_via_img_metadata" in content else "an unknown kind"
        raise ValueError(
            f"{path}: JSON of {other}; known are BORIS projects and video projects of VIA 3"
        )
    lines = read_lines(path, collected)
    if table := boris_table(path, lines):
        _check_options(path, "a BORIS table", given, ("column", "where", "group", "subject"))
        return read_boris_table(path, table, collected, column, where, group, subject)
    _check_options(path, "a table", given, ("column", "where", "group"))
    return read_clip_table(path, lines, collected, column, where, group)


def _has_column(path: Path, name: str) -> bool:
    """Whether the first row of a table names this column."""
    first = next(read_rows(path), None)
    return name in map(str.strip, getattr(first, "cells", []))


def _head(path: Path) -> bytes:
    """The first bytes of the content, decompressed, without byte order mark and leading space."""
    with open_regular(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            return file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error}); save it again") from error


def _json(path: Path) -> dict:
    """The parsed JSON, decompressed. Raises ValueError if it is damaged."""
    content = read_bytes(path)
    if content.startswith(b"\x1f\x8b"):
        content = expand_gzip(content, path)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: damaged JSON ({error}); save it again") from error


def _check_options(
    path: Path, kind: str, given: dict[str, str | None], allowed: Sequence[str]
) -> None:
    """Raise ValueError for a given option that this kind of file does not support."""
    for name, value in given.items():
        if value is not None and name not in allowed:
            raise ValueError(
                f"{path}: {name}={value!r} says nothing about {kind}; it takes {', '.join(allowed)}"
            )


def labels_at(
    segments: Sequence[Segment],
    times: np.ndarray,
    numbers: np.ndarray,
    ids: dict[str, int],
    ignored: set[str],
) -> np.ndarray:
    """The label id of each step, (T,) int64; IGNORED (-100) outside the segments and for `ignored`.

    times: (T,) seconds of each step. numbers: (T,) index of its frame in the file. Segments must be
    sorted and must not overlap. Raises ValueError that names a segment out of order or a label that
    has no id.
    """
    targets = np.full(len(times), IGNORED, dtype=np.int64)
    for kind, steps in ((TimeSegment, times), (FrameSegment, numbers)):
        chosen = [segment for segment in segments if isinstance(segment, kind)]
        if not chosen:
            continue
        for segment, following in pairwise(chosen):
            if following.bounds[0] < segment.bounds[1]:
                raise ValueError(f"{following} ({following.where}) overlaps {segment}; sort or cut")
        for segment in chosen:
            if segment.label not in ignored:
                check_known(segment, ids)
        starts, ends = np.array([segment.bounds for segment in chosen]).T
        values = np.array([IGNORED if s.label in ignored else ids[s.label] for s in chosen])
        index = np.searchsorted(starts, steps, side="right") - 1  # the last one started
        inside = (index >= 0) & (np.asarray(steps) < ends[index])
        targets[inside] = values[index[inside]]
    return targets


def several_labels_at(
    segments: Sequence[Segment],
    times: np.ndarray,
    numbers: np.ndarray,
    ids: dict[str, int],
    ignored: set[str],
) -> np.ndarray:
    """Which labels each step has, (T, L) int64 of 0 and 1; segments may overlap.

    A step that no segment covers has none of the labels; one that an `ignored` label covers is
    unlabelled, IGNORED (-100) throughout. Raises ValueError for a label that has no id.
    """
    targets = np.zeros((len(times), len(ids)), dtype=np.int64)
    for segment in sorted(segments, key=lambda segment: segment.label in ignored):
        first, end = np.searchsorted(
            numbers if isinstance(segment, FrameSegment) else times, segment.bounds
        )
        if segment.label in ignored:  # these come last
            targets[first:end] = IGNORED
        else:
            check_known(segment, ids)
            targets[first:end, ids[segment.label]] = 1
    return targets


def check_known(segment: Segment, ids: dict[str, int]) -> None:
    """Raise ValueError, which names the segment, if its label has no id."""
    if segment.label not in ids:
        raise ValueError(
            f"{segment} ({segment.where}): no such label; there are "
            f"{', '.join(sorted(ids))}; correct it, or ignore it"
        )


def clip_labels(
    annotations: Sequence[ClipAnnotation],
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """One label per clip: its own, or that of its segments if all are equal.

    Returns the labelled annotations, and the problems of the others.
    """
    labelled, problems = [], []
    for annotation in annotations:
        if annotation.label is not None:
            labelled.append(annotation)
            continue
        first: dict[str, Segment] = {}
        for segment in annotation.segments:
            first.setdefault(segment.label, segment)
        if len(first) == 1:
            labelled.append(annotation._replace(label=next(iter(first))))
            continue
        named = ", ".join(
            f"'{label}' ({segment.where})" for label, segment in list(first.items())[:3]
        )
        reason = (
            f"has {len(first)} labels: {named}; choose its rows with where"
            if first
            else f"has no label ({annotation.where}); give one, or read the texts"
        )
        problems.append(Problem(annotation.clip, f"{annotation.clip}: {reason}"))
    return labelled, problems


def fold_texts(
    annotations: Sequence[ClipAnnotation], where: str
) -> tuple[list[ClipAnnotation], list[Problem], list[Problem]]:
    """Fold the spaces of the annotations' texts (see `SpaceFolding`).

    Returns the annotations, the problems of those whose text is not of one line, and notes.
    """
    folding, folded, problems = SpaceFolding(), [], []
    for annotation in annotations:
        try:
            text = folding.fold(annotation.text, annotation.clip)
            folded.append(annotation._replace(text=text))
        except ValueError as error:
            problems.append(Problem(annotation.clip, f"{error} ({annotation.where})"))
    return folded, problems, folding.notes(where)
