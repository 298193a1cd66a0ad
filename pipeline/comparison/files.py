"""Files of a comparison: the table as CSV and JSON, and external scores read from JSON."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

from datasets.output.files import open_whole, write_whole
from datasets.output.text import table_cell

from .table import Row, columns

FIELDS = {"name": str, "score": float, "low": float, "high": float, "seconds": float, "note": str}
OPTIONAL = ("low", "high", "seconds")  # may be left out or null


def read_external_rows(path: str) -> list[Row]:
    """Read rows from a JSON list of {name, score, low, high, seconds, note}, scores in percent.

    Raises ValueError naming the entry that is wrong, OSError if there is no such file.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: no JSON ({error})") from error
    if not isinstance(entries, list):
        raise ValueError(f"{path}: a list of objects is needed, this is a {type(entries).__name__}")
    return [external_row(entry, f"{path}: entry {index}") for index, entry in enumerate(entries)]


def external_row(entry: dict, where: str) -> Row:
    """Check an entry and make a row of it; where: file and entry, for error messages."""
    if not isinstance(entry, dict) or not entry.keys() <= FIELDS.keys():
        raise ValueError(f"{where}: an object with {', '.join(FIELDS)} is needed, not {entry}")
    known = {key: value for key, value in entry.items() if value is not None}
    for key, kind in FIELDS.items():
        types = (int, float) if kind is float else kind
        if not isinstance(known.get(key), types) and (key in known or key not in OPTIONAL):
            raise ValueError(f"{where}: '{key}' is {entry.get(key)!r}; a {kind.__name__} is needed")
    return Row(metric="", **known)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write the table with the cells of `columns`, those of names as `table_cell` makes them."""
    shown = columns(rows)
    for title in (title for title in ("model", "note") if title in shown):
        shown[title] = list(map(table_cell, shown[title]))
    with open_whole(path) as file:
        csv.writer(file).writerows([shown, *zip(*shown.values(), strict=True)])


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write {row's name: {score's name: percent}}, as `report --beside` reads it; without nan."""
    scores = {}
    for row in rows:
        values = {row.metric: row.score} | row.others
        scores[row.name] = {name: v for name, v in values.items() if not math.isnan(v)}
    write_whole(path, json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
