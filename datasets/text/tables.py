"""Tables with the columns text and label -> rows. pyarrow reads them."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from ..source import Problem
from .files import GROUPS, TABLES, Row

ROWS_AT_ONCE = 4096
MOST_BYTES = 2**31 - 1  # of a block of CSV


def read_rows(path: Path, group: str | None) -> Iterator[Row | Problem]:
    """The rows of a table in order; `id` names them, or their number from 1.

    group: the column of the group; None takes the first of GROUPS, or makes each row its own.
    Raises ValueError that names the file if it is damaged or lacks a column.
    """
    if not path.name.endswith(TABLES):
        raise ValueError(f"{path}: reviews come as {', '.join(TABLES)} or .tar.gz; convert it")
    try:
        batches = parquet_batches(path, group) if path.suffix == ".parquet" else csv_batches(path)
        number = 0
        for batch in batches:
            names = columns_of(batch.schema.names, group, path)
            values = {name: batch.column(name).to_pylist() for name in names}
            for index in range(batch.num_rows):
                number += 1
                yield row_of(path, number, {n: v[index] for n, v in values.items()}, names[2:])
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        size = path.stat().st_size
        raise ValueError(
            f"{path}: {size} bytes that cannot be read as {path.suffix[1:]} in UTF-8 ({error}); "
            "if it is cut off, fetch it again"
        ) from error


def columns_of(found: list[str], group: str | None, path: Path) -> list[str]:
    """text, label, then the column of the group and `id`, where they are."""
    for name in ("text", "label", *([group] if group else [])):
        if name not in found:
            raise ValueError(
                f"{path}: no column '{name}'; it has {', '.join(map(repr, found))}; rename one"
            )
    groups = [group] if group else [name for name in GROUPS if name in found][:1]
    return ["text", "label", *groups, *(["id"] if "id" in found and "id" not in groups else [])]


def parquet_batches(path: Path, group: str | None) -> Iterator[pa.RecordBatch]:
    with parquet.ParquetFile(path) as file:
        names = columns_of(file.schema_arrow.names, group, path)
        yield from file.iter_batches(ROWS_AT_ONCE, columns=names)


def csv_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """All columns as strings, as they stand; quoted values may hold line ends."""
    if not path.stat().st_size:
        raise ValueError(f"{path}: the file is empty; its first line must name its columns")
    parse = csv.ParseOptions(
        delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=True
    )
    # one block, for a row may not be longer than a block
    read = csv.ReadOptions(block_size=min(path.stat().st_size + 1, MOST_BYTES), use_threads=False)
    with csv.open_csv(path, csv.ReadOptions(block_size=read.block_size), parse) as file:
        names = file.schema.names
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
    )
    yield from csv.read_csv(path, read, parse, convert).to_batches(ROWS_AT_ONCE)


def row_of(path: Path, number: int, values: dict, others: list[str]) -> Row | Problem:
    """A row, or what it lacks. others: the columns of the group and the id, where they are."""
    place = f"{path.name} row {number}"
    text, label = values["text"], label_of(values["label"])
    for column, missing in (("text", text is None), ("label", label is None)):
        if missing:
            return Problem(place, f"{path}: row {number}: no {column}; fill it in or remove it")
    if not isinstance(text, str):
        kind = type(text).__name__
        raise ValueError(f"{path}: row {number}: the text is of type {kind}; store it as a string")
    name = str(values["id"]) if values.get("id") not in (None, "") else place
    group = values[others[0]] if others and others[0] != "id" else None
    return Row(name, text, label, name if group in (None, "") else str(group))


def label_of(value: object) -> str | None:
    """A label as a string: 1 and 1.0 are the same; None if there is none."""
    if value is None or value != value:  # NaN
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None
