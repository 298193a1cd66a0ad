"""Read CSV and TSV files row by row, for label files of lines, videos and reviews.

Every row is either read or reported with its line and the reason. A row that cannot be read, such
as one with a quote that is never closed, costs no other row.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from .limits.opening import MAX_BYTES, open_regular, read_bytes

DELIMITERS = "\t;,"  # of the same number in the header, the first is taken
NONE = "\x1f"  # delimiter of a table with one column; no text has it
MAX_CELL = 2**27  # characters; the default of Python's csv is 131072
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks
UNDECODED = re.compile("[\udc80-\udcff]")
# a cell between tabs that is quoted, with doubled quotes inside
QUOTED = re.compile(r'(?:^|\t)"((?:[^"]|"")*+)"(?=\t|\r?$)', re.MULTILINE)


class Dialect(NamedTuple):
    """How a table is written. quotes: whether cells in quotes may hold delimiters and breaks."""

    delimiter: str
    quotes: bool = True


TABS = Dialect("\t", quotes=False)
EXCEL = re.compile(r"sep=(.)\r?\n?")  # a first line that names the delimiter


class TableRow(NamedTuple):
    """The cells of a row, unconverted. line: the line of the file that it starts in, from 1."""

    line: int
    cells: list[str]


class UnusableRow(NamedTuple):
    """A row that cannot be read, and the reason."""

    line: int
    reason: str


def find_dialect(path: Path) -> Dialect:
    """Find the delimiter and whether quotes quote.

    The delimiter is that of a first line `sep=;`, as Excel writes it, or the most frequent of tab,
    semicolon and comma in the first line, outside of quotes; in a .tsv, the tab if there is one. In
    cells between tabs, quotes are characters unless the file shows that they quote: see
    `_tabs_are_quoted`.
    """
    with open_regular(path) as file:
        first_line = file.readline().decode("utf-8-sig", "replace")
    if named := EXCEL.fullmatch(first_line):
        return Dialect(named[1])
    outside = re.sub(r'"[^"]*"', "", first_line)
    delimiter = max(DELIMITERS, key=outside.count)
    if "\t" in outside and path.suffix.lower() == ".tsv":
        delimiter = "\t"
    if delimiter not in outside:
        return Dialect(NONE)
    return Dialect(delimiter, delimiter != "\t" or _tabs_are_quoted(path))


def _tabs_are_quoted(path: Path) -> bool:
    """Whether quotes quote in a file of tab-separated cells.

    They do if all cells of the first line are quoted, or any cell needs its quotes, and if reading
    them so leaves no more rows unusable than taking them as characters.
    """
    content = read_bytes(path)
    if b'"' not in content:
        return False
    text = content.decode("utf-8-sig", "surrogateescape")
    first_cells = text.splitlines()[0].split("\t")
    needed = (any(c in match[1] for c in '"\t\n') for match in QUOTED.finditer(text))
    if not all(re.fullmatch('".*"', cell) for cell in first_cells) and not any(needed):
        return False
    quoted, plain = (_count_misfits(path, Dialect("\t", quotes)) for quotes in (True, False))
    return quoted <= plain


def _count_misfits(path: Path, dialect: Dialect) -> int:
    """The number of rows that cannot be read or have other numbers of cells than the first."""
    widths = [
        None if isinstance(row, UnusableRow) else len(row.cells) for row in read_rows(path, dialect)
    ]
    return sum(width != widths[0] or width is None for width in widths)


def read_rows(path: Path, dialect: Dialect | None = None) -> Iterator[TableRow | UnusableRow]:
    """Yield the rows of a UTF-8 file, with or without byte order mark; empty lines are skipped.

    dialect: None finds it. A row with invalid bytes or quotes is an UnusableRow; so is one whose
    quote takes in following lines that are rows of their own: these are then read.
    Raises ValueError if the file is UTF-16, OSError if it cannot be read.
    """
    dialect = dialect or find_dialect(path)
    csv.field_size_limit(MAX_CELL)
    with open_regular(path) as binary:
        if binary.read(2) in UTF_16:
            raise ValueError(f"{path}: not UTF-8 at byte 0, but UTF-16; save it as UTF-8")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        first = next(lines, "")
        named = EXCEL.fullmatch(first)
        if not named:
            lines.put_back([first] if first else [])
        yield from _parse(lines, dialect, 2 if named else 1)


class _Lines:
    """Iterator over the lines of a file. taken: those of the current row, to be put back."""

    def __init__(self, file: TextIO):
        self.file, self.taken = file, []
        self._returned: deque[str] = deque()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self.file)
        self.taken.append(line)
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        self._returned.extendleft(reversed(lines))


def _parse(lines: _Lines, dialect: Dialect, number: int = 1) -> Iterator[TableRow | UnusableRow]:
    """number: of the first of the lines in the file."""
    quoting = csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE
    width, broken = 0, 0  # broken: the line of a bad quote whose end may follow
    while True:
        lines.taken = []
        fault, lost = "", 1
        try:
            # a new reader for each row: an error leaves the old one in the middle of a cell
            reader = csv.reader(lines, delimiter=dialect.delimiter, quoting=quoting, strict=True)
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"cannot be read ({error}); correct its quotes"
            broken = number
        else:
            text = "".join(lines.taken)
            if UNDECODED.search(text):
                fault, lost = _undecoded(text), len(lines.taken)
            elif broken and len(lines.taken) == 1 and text.count('"') % 2:
                fault = f"has the end of the quotes of line {broken}; correct them"
                broken = 0
            elif _takes_in_rows(lines.taken, width, dialect.delimiter):
                last = number + len(lines.taken) - 1
                fault = f"its quote is closed in line {last} only; correct its quotes"
                broken = number
        if fault:
            yield UnusableRow(number, fault)
            lines.put_back(lines.taken[lost:])
            number += lost
            continue
        if cells:
            yield TableRow(number, cells)
            width = width or len(cells)
        number += len(lines.taken)


def _undecoded(text: str) -> str:
    """The reason why a row with undecoded bytes cannot be read."""
    place = UNDECODED.search(text).start()
    before = len(text[:place].encode("utf-8", "surrogateescape"))
    return f"not UTF-8 at its byte {before}; save the file as UTF-8"


def _takes_in_rows(lines: Sequence[str], width: int, delimiter: str) -> bool:
    """Whether each line of a row of several lines is a row by itself, with `width` cells.

    Lines of prose may have as many commas, but these are followed by a space.
    """
    if len(lines) == 1 or width < 2:
        return False
    rows = [line.split(delimiter) for line in lines]
    return all(len(row) == width and not any(c.startswith(" ") for c in row[1:]) for row in rows)


def header_names(cells: Iterable[str]) -> list[str]:
    """Column names of a header row: stripped, without the empty ones that Excel adds at the end."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def find_column(names: Sequence[str], wanted: str) -> str | None:
    """The column of a name, or else the first one that differs from it in case only."""
    if wanted in names:
        return wanted
    return next((name for name in names if name.lower() == wanted.lower()), None)


def named_rows(
    header: Sequence[str], rows: Iterable[TableRow | UnusableRow]
) -> Iterator[tuple[int, dict[str, str]] | UnusableRow]:
    """Yield (line, cells by column name); a row with more or fewer cells becomes an UnusableRow.

    Empty cells at the end of a row do not count, and rows of empty cells are skipped.
    """
    for row in rows:
        if isinstance(row, UnusableRow):
            yield row
            continue
        cells, surplus = row.cells[: len(header)], row.cells[len(header) :]
        if not any(cell.strip() for cell in row.cells):
            continue
        if len(cells) == len(header) and not any(cell.strip() for cell in surplus):
            yield row.line, dict(zip(header, cells, strict=True))
        else:
            yield UnusableRow(
                row.line,
                f"{len(row.cells)} cells under {len(header)} columns; put quotes around a cell "
                "that holds a delimiter, as 1,5 may",
            )


def read_utf8(path: Path, limit: int = MAX_BYTES) -> str:
    """Return the text of a UTF-8 file, with universal newlines and without byte order mark.

    Raises ValueError, with the first invalid byte, if the file is not UTF-8, or if it has more
    bytes than the limit.
    """
    try:
        text = read_bytes(path, limit).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
