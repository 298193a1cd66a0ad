"""Read CSV and TSV files row by row, for label files of lines, videos and reviews."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

DELIMITERS = ",\t;"
MAX_CELL = 2**27  # characters; the default of Python's csv is 131072


class TableRow(NamedTuple):
    """The cells of a row, unconverted. line: the line of the file that it starts in, from 1."""

    line: int
    cells: list[str]


class UnusableRow(NamedTuple):
    """A row that cannot be parsed, and the reason. lost: lines after it that went with it."""

    line: int
    reason: str
    lost: int = 0


def find_delimiter(path: Path) -> str:
    """Return comma, tab or semicolon: the most frequent one in the first line of the file."""
    with path.open("rb") as file:
        first_line = file.readline().decode("utf-8", "replace")
    return max(DELIMITERS, key=first_line.count)


def read_rows(path: Path, delimiter: str, quotes: bool = True) -> Iterator[TableRow | UnusableRow]:
    """Yield the rows of a UTF-8 file, with or without byte order mark; empty lines are skipped.

    quotes: whether a cell in double quotes may hold delimiters and line breaks.
    Raises ValueError if the file is not UTF-8, OSError if it cannot be read.
    """
    csv.field_size_limit(MAX_CELL)
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    lost = reader.line_num - line
                    more = f", and {lost} lines after it" if lost else ""
                    reason = f"cannot be read{more} ({error}); correct its quotes"
                    yield UnusableRow(line, reason, lost)
                    continue
                if cells:
                    yield TableRow(line, cells)
    except UnicodeDecodeError as error:
        raise encoding_error(path) from error


def named_rows(
    header: Sequence[str], rows: Iterable[TableRow | UnusableRow]
) -> Iterator[tuple[int, dict[str, str]] | UnusableRow]:
    """Yield (line, cells by column name); a row with more or fewer cells becomes an UnusableRow."""
    for row in rows:
        if isinstance(row, UnusableRow):
            yield row
        elif len(row.cells) == len(header):
            yield row.line, dict(zip(header, row.cells, strict=True))
        else:
            yield UnusableRow(
                row.line,
                f"{len(row.cells)} cells under {len(header)} columns; put quotes around a cell "
                "that holds a comma, and write decimals with a point",
            )


def read_utf8(path: Path) -> str:
    """Return the text of a UTF-8 file, with universal newlines and without byte order mark.

    Raises ValueError, with the first invalid byte, if the file is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise encoding_error(path) from error


def encoding_error(path: Path) -> ValueError:
    """Return an error with the position of the first byte that is not UTF-8."""
    offset = 0
    with path.open("rb") as file:
        for line in file:  # no UTF-8 sequence crosses a line feed
            try:
                line.decode()
            except UnicodeDecodeError as error:
                place = offset + error.start
                return ValueError(f"{path}: not UTF-8 at byte {place}; save it as UTF-8")
            offset += len(line)
    return ValueError(f"{path}: not UTF-8; save it as UTF-8")  # it was corrected since it was read
