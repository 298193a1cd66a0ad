"""The table of a comparison as files, and figures from elsewhere out of files."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

from .table import Row, columns

BESIDE = {"name": str, "score": float, "low": float, "high": float, "seconds": float, "note": str}
OPTIONAL = ("low", "high", "seconds")  # may be left out or null


def read_beside(path: str) -> list[Row]:
    """A JSON list of {name, score, low, high, seconds, note}; score, low and high in percent.

    Raises ValueError that names the entry, OSError for a file that is not there.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: no JSON ({error})") from error
    if not isinstance(entries, list):
        raise ValueError(f"{path}: a list of objects is needed, this is a {type(entries).__name__}")
    return [beside_row(entry, f"{path}: entry {place}") for place, entry in enumerate(entries)]


def beside_row(entry: dict, where: str) -> Row:
    if not isinstance(entry, dict) or not entry.keys() <= BESIDE.keys():
        raise ValueError(f"{where}: an object with {', '.join(BESIDE)} is needed, not {entry}")
    for key, kind in BESIDE.items():
        value = entry.get(key)
        if value is None and key in OPTIONAL:
            continue
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"{where}: '{key}' is {value!r}; a {kind.__name__} is needed")
    known = {key: value for key, value in entry.items() if value is not None}
    return Row(metric="", **known)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    shown = columns(rows)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.title for column in shown])
        writer.writerows(zip(*(column.cells for column in shown), strict=True))


def write_json(rows: Sequence[Row], path: Path) -> None:
    """{name: {score's name: percent}}, as `report --beside` takes it."""
    found = {row.name: {row.metric: row.score} | row.others for row in rows}
    told = {n: {k: v for k, v in one.items() if not math.isnan(v)} for n, one in found.items()}
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
