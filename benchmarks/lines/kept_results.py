"""Rows of a comparison that takes long, each kept in a file as soon as it is measured."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.scoring.metrics import Score

from ..table import aligned, score_cell

HEAD = ["reader", "parameters", "training lines/s", "ratio", "CER % (95 %)", "reading lines/s"]


class Result(NamedTuple):
    """A row: lines a second in training, and in reading with the score, if it was made to read."""

    name: str
    parameters: int
    training: float
    reading: float | None = None
    cer: Score | None = None


def kept(file: Path, task: dict, measure: Callable[[], Result], resume: bool) -> Result:
    """What `measure` finds, written to a file; to resume, what the file holds of an equal task.

    task: all that the result hangs on, as JSON can hold it.
    """
    if resume and file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["task"] == task:
            row = found["result"]
            score = row["cer"]
            return Result(**row | {"cer": Score(**score) if score else None})
    result = measure()
    row = result._asdict() | {"cer": result.cer._asdict() if result.cer else None}
    file.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"task": task, "result": row}, indent=1)
    file.write_text(content, encoding="utf-8")
    return result


def table(results: Sequence[Result], markdown: bool) -> str:
    """ratio: of the training speed, to the first row."""
    rows = []
    for result in results:
        cer, reading = result.cer, result.reading
        rows.append(
            [
                result.name,
                f"{result.parameters / 1e6:.2f} M",
                f"{result.training:.1f}",
                f"x {result.training / results[0].training:.1f}",
                score_cell(cer) if cer else "",
                f"{reading:.1f}" if reading else "",
            ]
        )
    return aligned([HEAD, *rows], markdown)
