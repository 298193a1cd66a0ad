"""CSV and TSV files, row by row: one reader of delimited text for lines, videos and reviews."""

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

DELIMITERS = ",\t;"
MAX_CELL = 2**27  # characters; Python's csv stops at 131072
CHUNK = 2**20  # bytes


class TableRow(NamedTuple):
    """The cells of a row, as they are written. line: that of its beginning in the file, from 1."""

    line: int
    cells: list[str]


class UnusableRow(NamedTuple):
    """A row that cannot be parsed, and why."""

    line: int
    reason: str


def find_delimiter(path: Path) -> str:
    """Comma, tab or semicolon: whichever the first line has most of. Raises ValueError."""
    with path.open("rb") as file:
        first = file.readline().decode("utf-8", "replace")
    return max(DELIMITERS, key=first.count)


def read_rows(path: Path, delimiter: str, quotes: bool = True) -> Iterator[TableRow | UnusableRow]:
    """Rows of a UTF-8 file, with or without byte order mark; empty lines are no rows.

    quotes: whether a cell in double quotes may hold delimiters and line breaks.
    Raises ValueError for a file that is not UTF-8, OSError if it cannot be read.
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
                    yield UnusableRow(line, f"cannot be read{more} ({error}); correct its quotes")
                    continue
                if cells:
                    yield TableRow(line, cells)
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error


def named_rows(
    header: Sequence[str], rows: Iterable[TableRow | UnusableRow]
) -> Iterator[tuple[int, dict[str, str]] | UnusableRow]:
    """(line, cells by the names of their columns); a row with more or fewer cells is unusable."""
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
    """A text file, whatever its line ends, without a byte order mark.

    Raises ValueError that names a file in another encoding.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error


def not_utf8(path: Path) -> ValueError:
    """The error that names the first byte of a file that is no UTF-8."""
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                place = done - pending + error.start
                return ValueError(f"{path}: not UTF-8 at byte {place}; save it as UTF-8")
            if not chunk:  # mended since it was read
                return ValueError(f"{path}: not UTF-8; save it as UTF-8")
            done += len(chunk)
