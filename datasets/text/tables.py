"""Tables of labelled texts -> rows: CSV and TSV by `datasets.tables`, Parquet by pyarrow."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..environment import raise_if_machine
from ..files import has_suffix
from ..labels import fold_label
from ..source import Problem
from ..tables import UnusableRow, find_column, header_names, named_rows, read_rows

GROUPS = ("group", "movie", "company", "author")
TABLES = (".parquet", ".csv", ".tsv")
BATCH_ROWS = 4096


class Row(NamedTuple):
    """A labelled text and its origin; texts of one group are never split between data sets."""

    name: str
    text: str
    label: str
    group: str


def read_reviews(path: Path, group: str | None) -> Iterator[Row | Problem]:
    """Iterate over the labelled texts of a table, named by their `id`, or by their number from 1.

    group: the column of the group; None takes the first of GROUPS, or makes each row a group.
    Raises ValueError that names the file if it is damaged or lacks a column.
    """
    if not has_suffix(path, TABLES):
        raise ValueError(f"{path}: reviews come as {', '.join(TABLES)} or .tar.gz; convert it")
    columns = choose_columns(column_names(path), group, path)
    for number, row in enumerate(read_columns(path, set(columns.values())), 1):
        if isinstance(row, UnusableRow):
            reason = f"{path}: row {number}: line {row.line}: {row.reason}"
            yield Problem(f"{path.name} row {number}", reason)
        else:
            yield row_of(path, number, {use: row[name] for use, name in columns.items()})


def choose_columns(columns: Sequence[str], group: str | None, path: Path) -> dict[str, str]:
    """The columns by their use: text, label and, if present, group and id; named in any case."""
    if not columns:
        raise ValueError(f"{path}: the file is empty; its first line must name its columns")
    for name in ("text", "label", *([group] if group else [])):
        if find_column(columns, name) is None:
            raise ValueError(
                f"{path}: no column '{name}'; it has {', '.join(map(repr, columns))}; rename one"
            )
    wanted = {"text": ["text"], "label": ["label"], "group": [group] if group else GROUPS}
    chosen = {}
    for use, names in (wanted | {"id": ["id"]}).items():
        found = [name for name in (find_column(columns, name) for name in names) if name]
        if found:
            chosen[use] = found[0]
    for name in chosen.values():
        if (count := columns.count(name)) > 1:
            raise ValueError(f"{path}: {count} columns are called '{name}'; rename all but one")
    return chosen


def column_names(path: Path) -> list[str]:
    """Column names of a CSV, TSV or Parquet file; [] if empty. Raises ValueError or OSError."""
    if path.suffix.lower() == ".parquet":
        with open_parquet(path) as file:
            return file.schema_arrow.names
    first = next(read_rows(path), None)
    if isinstance(first, UnusableRow):
        raise ValueError(f"{path}: line {first.line}: {first.reason}")
    return header_names(first.cells) if first else []


def read_columns(path: Path, names: Collection[str]) -> Iterator[dict | UnusableRow]:
    """Iterate over the rows of some columns, values by name; those of CSV and TSV are strings."""
    if path.suffix.lower() == ".parquet":
        with open_parquet(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=list(names)):
                yield from batch.to_pylist()
        return
    rows = read_rows(path)
    for row in named_rows(header_names(next(rows).cells), rows):
        yield row if isinstance(row, UnusableRow) else {name: row[1][name] for name in names}


@contextmanager
def open_parquet(path: Path) -> Iterator:
    """Open a ParquetFile. Raises ValueError that names a damaged one, also while reading."""
    import pyarrow as pa  # slow to import, and rarely needed
    from pyarrow import parquet

    size = path.stat().st_size
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise_if_machine(error, path)
        raise ValueError(
            f"{path}: {size} bytes that cannot be read as parquet ({error}); if it is cut off, "
            "fetch it again"
        ) from error


def row_of(path: Path, number: int, values: dict) -> Row | Problem:
    """Build a Row from the values of a table row by their use (see `choose_columns`), or the
    Problem of an incomplete one.
    """
    source = f"{path.name} row {number}"
    text, label = values["text"], fold_label(values["label"])
    for column, missing in (("text", text is None), ("label", not label)):
        if missing:
            return Problem(source, f"{path}: row {number}: no {column}; fill it in or remove it")
    if not isinstance(text, str):
        kind = type(text).__name__
        raise ValueError(f"{path}: row {number}: the text is of type {kind}; store it as a string")
    name = str(values["id"]) if values.get("id") not in (None, "") else source
    group = values.get("group")
    return Row(name, text, label, name if group in (None, "") else str(group))
