"""CSV and TSV tables of clips: labels, segments in frames or seconds, or transcripts."""

import math
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...labels import fold_label
from ...output.text import cell_text
from ...source import Problem
from ...tables import TableRow, UnusableRow, find_column, header_names, named_rows, read_rows
from .segments import ClipAnnotation, Collected, FrameSegment, TimeSegment

FORMS = (
    "clip,label[,group] (one label a clip), clip,start_frame,end_frame,label (frames, the end "
    "exclusive), clip,start,end,label (seconds) or clip,text (transcripts)"
)
FRAMES, SECONDS = ("start_frame", "end_frame"), ("start", "end")
COLUMNS = ("clip", "label", "group", "text", *FRAMES, *SECONDS)
CONDITION = re.compile(
    r"""\s*(?P<column>[^='"]+?)\s*=\s*("(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^'"]*?))"""
    r"(?P<more>\s+and\s+|\s*$)"
)

Row = Mapping[str, str]


def read_clip_table(
    path: Path,
    lines: Sequence[TableRow],
    collected: Collected,
    column: str | None = None,
    where: str | None = None,
    group: str | None = None,
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """Read a table whose first line names its columns (FORMS), in any case; others are allowed.

    column: of the labels; None takes `label`. where: rows to use, such as "label=digit and set='a
    b'". group: column of the group; None takes `group` if it exists. Raises ValueError for a header
    that does not fit, or if no row can be used.
    """
    names = header_names(lines[0].cells)
    known = {find_column(names, name): name for name in COLUMNS}
    header = [known.get(name, name) for name in names]
    column, group = (name and (find_column(header, name) or name) for name in (column, group))
    kind, content = _kind(path, header, column)
    if group is not None and group not in header:
        raise ValueError(f"{path}: no column '{group}' for the group; {_columns(header)}")
    if group is None and "group" in header:
        group = "group"
    written = [TableRow(line, list(map(cell_text, cells))) for line, cells in lines[1:]]
    rows = chosen_rows(path, header, usable_rows(header, written, collected), where)
    for line, row in rows:
        place = f"line {line}"
        clip = row["clip"] and posixpath.normpath(row["clip"])
        clip_group = row[group] or None if group else None
        if kind == "segments":
            try:
                segment = _segment(row, row[content], header)
            except ValueError as error:
                collected.refuse(place, f"{clip}: {error}")
                continue
            collected.add_segment(place, clip, segment, clip_group)
        else:
            annotation = ClipAnnotation(clip, group=clip_group, **{kind: row[content]})
            collected.add_whole(place, annotation)
    return collected.result()


def _kind(path: Path, header: Sequence[str], column: str | None) -> tuple[str, str]:
    """The kind of the rows ("segments", "text", "label") and the column of the content."""
    if len(set(header)) < len(header):
        raise ValueError(f"{path}: two columns of one name; {_columns(header)}; rename one")
    timed = set(FRAMES) <= set(header) or set(SECONDS) <= set(header)
    text = not timed and (
        column == "text" or (column is None and "text" in header and "label" not in header)
    )
    content = "text" if text else column or "label"
    if "clip" not in header or content not in header:
        missing = "clip" if "clip" not in header else content
        raise ValueError(
            f"{path}: no column '{missing}'; {_columns(header)}; its first line must be {FORMS}"
        )
    for first, second in (FRAMES, SECONDS):
        if (first in header) != (second in header):
            raise ValueError(f"{path}: one of {first} and {second} is missing; {_columns(header)}")
    return "segments" if timed else "text" if text else "label", content


def _columns(header: Sequence[str]) -> str:
    """The part of a message that lists the columns."""
    return f"it has {', '.join(map(repr, header))}"


def _segment(row: Row, label: str, header: Sequence[str]) -> FrameSegment | TimeSegment:
    """The segment of a row, in frames (exact) or in seconds. Raises ValueError."""
    empty = not any(row.get(name) for name in FRAMES)
    if FRAMES[0] not in header or (empty and SECONDS[0] in header):
        return TimeSegment(*(seconds_of(row[name], name) for name in SECONDS), label)
    return FrameSegment(*(frame_of(row[name], name) for name in FRAMES), label)


def seconds_of(text: str, name: str) -> float:
    """A cell as seconds. Raises ValueError that says what is wrong with it."""
    if re.fullmatch(r"[+-]?\d*,\d+", text):
        raise ValueError(f"{name} '{text}' has a decimal comma; write {text.replace(',', '.')}")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError(f"{name} '{text}' is no number of seconds; write it as 12.5")
    return seconds


def frame_of(text: str, name: str) -> int:
    """A cell as a frame number; 24.0 is 24. Raises ValueError."""
    if not re.fullmatch(r"[+-]?\d+(\.0*)?", text, re.ASCII):
        raise ValueError(f"{name} '{text}' is no whole number; frames count from 0")
    return int(text.partition(".")[0])


def read_lines(path: Path, collected: Collected) -> list[TableRow]:
    """Read the rows that are not empty, with stripped cells.

    Raises ValueError for a file that is empty or UTF-16, or whose first row is unusable.
    """
    rows = []
    for row in read_rows(path):
        if isinstance(row, UnusableRow) and not rows:
            raise ValueError(f"{path}, line {row.line}: {row.reason}")
        if isinstance(row, UnusableRow):
            collected.refuse(f"line {row.line}", row.reason)
        elif any(cells := [cell.strip() for cell in row.cells]):
            rows.append(TableRow(row.line, cells))
    if not rows:
        raise ValueError(f"{path}: the file is empty; its first line must be {FORMS}")
    return rows


def usable_rows(
    header: Sequence[str], rows: Iterable[TableRow], collected: Collected
) -> list[tuple[int, Row]]:
    """Rows by the names of their columns; problems name those with other numbers of cells."""
    usable = []
    for row in named_rows(header, rows):
        if isinstance(row, UnusableRow):
            collected.refuse(f"line {row.line}", row.reason)
        else:
            usable.append(row)
    return usable


def chosen_rows(
    path: Path, header: Sequence[str], rows: list[tuple[int, Row]], where: str | None
) -> list[tuple[int, Row]]:
    """The rows that meet the conditions of `where`. Raises ValueError if there are none."""
    if where is None:
        return rows
    for name, value in parse_conditions(where).items():
        column = find_column(header, name)
        if column is None:
            raise ValueError(f"{path}: where={where!r}: no column '{name}'; {_columns(header)}")
        values = dict.fromkeys(row[column] for _, row in rows)
        rows = [(line, row) for line, row in rows if fold_label(row[column]) == fold_label(value)]
        if not rows:
            available = ", ".join(map(repr, list(values)[:8]))
            raise ValueError(
                f"{path}: where={where!r}: no row with {column}={value}; there are {available}"
            )
    return rows


def parse_conditions(where: str) -> dict[str, str]:
    """Parse "label=digit and set='a b'" -> {"label": "digit", "set": "a b"}. Raises ValueError."""
    parsed, position, more = {}, 0, True
    while more:
        match = CONDITION.match(where, position)
        if not match or match["column"] in parsed:
            raise ValueError(
                f"where={where!r}: write column=value, a value with spaces in quotes, several "
                "columns joined with ' and '"
            )
        values = (match[name] for name in ("double", "single", "bare"))
        parsed[match["column"]] = next(value for value in values if value is not None)
        position, more = match.end(), bool(match["more"].strip())
    return parsed
