"""Label files of lines: file, text and group of each line, with a header or without."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..source import Problem
from ..tables import (
    TABS,
    TableRow,
    UnusableRow,
    find_dialect,
    header_names,
    named_rows,
    read_rows,
)

LABEL_FILES = ("labels.tsv", "labels.csv")
FILES = ("file", "file_name", "filename", "image")
TEXTS = ("text", "transcription", "transcript")
FORM = "its first line must be file,text or file,text,group"


class LabelRow(NamedTuple):
    """A row of a label file, unchanged. line: of the file, from 1. group: None if not given."""

    line: int
    file: str
    text: str
    group: str | None


def find_label_file(root: Path) -> Path | None:
    """The label file at a path: the file itself, or labels.tsv or labels.csv in a folder.

    A labels.csv of another kind, of clips for example, does not count.
    """
    if root.is_file():
        return root
    table = next((root / name for name in LABEL_FILES if (root / name).is_file()), None)
    return table if table is None or table.suffix == ".tsv" or has_header(table) else None


def has_header(path: Path) -> bool:
    """Whether the first row of a table names a column of files and one of texts.

    Raises ValueError if the table is UTF-16, OSError if it cannot be read.
    """
    first = next(read_rows(path), None)
    return isinstance(first, TableRow) and _columns(first.cells) is not None


def _columns(cells: Sequence[str]) -> tuple[str, str] | None:
    """The columns of the files and of the texts that a header names, or None if it is none."""
    names = header_names(cells)
    file, text = (next((n for n in names if n.lower() in some), None) for some in (FILES, TEXTS))
    return None if file is None or text is None else (file, text)


def read_labels(path: Path) -> tuple[list[LabelRow], list[Problem]]:
    """Read the rows of a label file, and the problems of those that cannot be used.

    Its first row names its columns: file, text and, if there is one, group. Without such a row, its
    cells are file TAB text [TAB group]. Raises ValueError if a file that is no TSV has no header.
    """
    problems: list[Problem] = []
    rows = list(read_rows(path))
    columns = _columns(rows[0].cells) if rows and isinstance(rows[0], TableRow) else None
    if columns is not None:
        labels = _named(rows, columns, problems, path)
    elif path.suffix.lower() == ".csv" and rows:
        first = rows[0].reason if isinstance(rows[0], UnusableRow) else rows[0].cells
        raise ValueError(f"{path}: {FORM}; it is {first}")
    else:
        dialect = find_dialect(path)
        if dialect.delimiter != TABS.delimiter:  # the first line has no tab
            dialect = TABS
        labels = _positional(list(read_rows(path, dialect)), problems, path)
    return labels, problems


def _named(
    rows: Sequence[TableRow | UnusableRow],
    columns: tuple[str, str],
    problems: list[Problem],
    path: Path,
) -> list[LabelRow]:
    """The rows under a header."""
    header = header_names(rows[0].cells)
    group = next((name for name in header if name.lower() == "group"), None)
    labels = []
    for row in named_rows(header, rows[1:]):
        if isinstance(row, UnusableRow):
            problems.append(row_problem(path, row.line, row.reason))
        else:
            line, cells = row
            file, text = (cells[name] for name in columns)
            given = cells[group] if group else ""
            if given[:1].isspace() and given.strip():
                reason = (
                    f"its group '{given}' begins with a space: is it the end of a text with a "
                    "delimiter in it? put the text in quotes"
                )
                problems.append(row_problem(path, line, reason))
            else:
                labels.append(LabelRow(line, file, text, given.strip() or None))
    return labels


def _positional(
    rows: Sequence[TableRow | UnusableRow], problems: list[Problem], path: Path
) -> list[LabelRow]:
    """The rows of a file without header.

    If few of them have a third cell, it is no group but the end of a text with a tab in it.
    """
    labels = []
    for row in rows:
        if isinstance(row, UnusableRow):
            problems.append(row_problem(path, row.line, row.reason))
            continue
        cells = list(row.cells)
        while len(cells) > 2 and not cells[-1].strip():  # Excel adds empty ones
            cells.pop()
        if len(cells) in (2, 3):
            labels.append(LabelRow(row.line, cells[0], cells[1], cells[2] if cells[2:] else None))
        elif any(cell.strip() for cell in cells):
            reason = f"{len(cells)} columns, expected 2 or 3 between tabs; correct the row"
            problems.append(row_problem(path, row.line, reason))
    grouped = [label for label in labels if label.group is not None]
    if 2 * len(grouped) >= len(labels):
        return labels
    for label in grouped:
        reason = (
            "3 columns, but most rows have 2: is there a tab in its text? write a space; for "
            "groups, give every row one, or a first line file TAB text TAB group"
        )
        problems.append(row_problem(path, label.line, reason))
    return [label for label in labels if label.group is None]


def row_problem(path: Path, line: int, reason: str) -> Problem:
    """The problem of a row that cannot be used."""
    return Problem(f"{path}, line {line}", f"{path}, line {line}: {reason}")


def read_table(path: Path, *columns: int) -> list[list[str]]:
    """Read the rows of a UTF-8 file of tab-separated cells without quoting or header.

    columns: allowed numbers of columns. Raises ValueError at the first line with another number.
    """
    rows = []
    for row in read_rows(path, TABS):
        if isinstance(row, UnusableRow):
            raise ValueError(f"{path}, line {row.line}: {row.reason}")
        if len(row.cells) not in columns:
            expected = " or ".join(map(str, columns))
            raise ValueError(
                f"{path}, line {row.line}: {len(row.cells)} columns, expected {expected} between "
                "tabs"
            )
        rows.append(row.cells)
    return rows
