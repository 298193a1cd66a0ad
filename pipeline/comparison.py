"""The table of a comparison: trained configs and figures from elsewhere, in the order given."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev

from rich.table import Table

from .split_scores import SampleScores, average

NAN = math.nan
BESIDE = {"name": str, "score": float, "low": float, "high": float, "seconds": float, "note": str}
OPTIONAL = ("low", "high", "seconds")  # may be left out or null


@dataclass(frozen=True)
class Trained:
    """A config with what each of its seeds gave.

    results: `history.summarize` of each seed. histories: the epochs of each seed.
    """

    name: str
    scores: list[SampleScores]
    results: list[dict[str, float]]
    histories: list[list[dict]] = field(default_factory=list)

    @property
    def metric(self) -> str:
        return self.scores[0].metric

    def values(self) -> list[float]:
        """The score of each seed, percent."""
        return [score.value for score in self.scores]

    def figures(self, key: str) -> list[float]:
        return [result[key] for result in self.results if key in result]


@dataclass(frozen=True)
class Row:
    """One line of the table; what is unknown is nan. Scores and differences in percent.

    difference, difference_low, difference_high: to the first config, on the same samples.
    """

    name: str
    metric: str
    score: float
    seeds: int = 0
    deviation: float = NAN
    low: float = NAN
    high: float = NAN
    difference: float = NAN
    difference_low: float = NAN
    difference_high: float = NAN
    parameters: float = NAN
    seconds_per_epoch: float = NAN
    best_epoch: float = NAN
    seconds: float = NAN
    peak_memory_mib: float = NAN
    gpu_memory_mib: float = NAN
    note: str = ""


def row_of(trained: Trained, first: Trained) -> Row:
    """Over the seeds: means, the score's standard deviation (n - 1); the largest memory.

    The interval is that of each sample's mean over the seeds, drawn by group.
    """
    values, joined = trained.values(), average(trained.scores)
    low, high = joined.interval()
    difference = (NAN, NAN, NAN)
    reference = average(first.scores)
    if trained is not first and joined.same_samples(reference):
        gap = joined.minus(reference)
        difference = (gap.value, *gap.interval())
    memory = trained.figures("gpu_memory_mib")
    return Row(
        trained.name,
        trained.metric,
        mean(values),
        len(values),
        stdev(values) if len(values) > 1 else NAN,
        low,
        high,
        *difference,
        parameters=trained.figures("parameters")[0],
        seconds_per_epoch=mean(trained.figures("seconds_per_epoch")),
        best_epoch=mean(trained.figures("best_epoch")),
        seconds=mean(trained.figures("seconds")),
        peak_memory_mib=max(trained.figures("peak_memory_mib")),
        gpu_memory_mib=max(memory) if memory else NAN,
        note="trained",
    )


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


@dataclass(frozen=True)
class Column:
    """A column that is left out where no row has anything to say in it."""

    title: str
    cells: list[str]


def columns(rows: Sequence[Row]) -> list[Column]:
    """The same cells for the terminal, CSV and Markdown."""
    metrics = {row.metric for row in rows if row.metric}
    one = len(metrics) == 1
    made = [
        Column("model", [row.name for row in rows]),
        Column("metric", ["" if one else row.metric for row in rows]),
        Column(f"{metrics.copy().pop()} %" if one else "score %", [f2(row.score) for row in rows]),
        Column("± seeds", [f2(row.deviation) for row in rows]),
        Column("95 % interval", [span(row.low, row.high) for row in rows]),
        Column("to the first", [difference(row) for row in rows]),
        Column("parameters", [whole(row.parameters) for row in rows]),
        Column("s/epoch", [short(row.seconds_per_epoch) for row in rows]),
        Column("best epoch", [short(row.best_epoch) for row in rows]),
        Column("training s", [short(row.seconds) for row in rows]),
        Column("peak MiB", [whole(row.peak_memory_mib) for row in rows]),
        Column("GPU MiB", [whole(row.gpu_memory_mib) for row in rows]),
        Column("note", [row.note for row in rows]),
    ]
    return [column for column in made if any(column.cells)]


def f2(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def span(low: float, high: float) -> str:
    return "" if math.isnan(low) or math.isnan(high) else f"{low:.2f}-{high:.2f}"


def difference(row: Row) -> str:
    """Such as "+0.50 (-0.12 to +1.08)"."""
    if math.isnan(row.difference):
        return ""
    if math.isnan(row.difference_low):
        return f"{row.difference:+.2f}"
    return f"{row.difference:+.2f} ({row.difference_low:+.2f} to {row.difference_high:+.2f})"


def whole(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}"


def short(value: float) -> str:
    """Three figures, or all those before the point."""
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def terminal(rows: Sequence[Row]) -> Table:
    table = Table(header_style="bold")
    shown = columns(rows)
    for column in shown:
        left = column.title in ("model", "metric", "note")
        table.add_column(column.title, justify="left" if left else "right", overflow="fold")
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*cells)
    return table


def markdown(rows: Sequence[Row], told: str) -> str:
    """The table, and below it what its figures are."""
    shown = columns(rows)
    texts = ("model", "metric", "note")
    lines = [[column.title for column in shown]]
    lines += [["---" if column.title in texts else "---:" for column in shown]]
    lines += zip(*([cell.replace("|", "\\|") for cell in c.cells] for c in shown), strict=True)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{told}\n"


def write_csv(rows: Sequence[Row], path: Path) -> None:
    shown = columns(rows)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.title for column in shown])
        writer.writerows(zip(*(column.cells for column in shown), strict=True))


def explain(rows: Sequence[Row], trained: Sequence[Trained], split: str) -> str:
    """What was measured, in words, for below the table."""
    sample = trained[0].scores[0]
    told = [f"{split}: {len(sample.names)} samples in {len(set(sample.groups))} groups"]
    if split == "validation":
        told.append("it also chose the best epoch of each run")
    seeds = max(len(t.scores) for t in trained)
    many = " of each sample's mean over the seeds" if seeds > 1 else ""
    told.append(f"interval: 95 %, bootstrap over groups{many}")
    if seeds > 1:
        told.append(f"score, epochs and times: means over {seeds} seeds, ±: standard deviation")
    if any(not math.isnan(row.difference) for row in rows):
        told.append(f"to the first: difference to {trained[0].name}, paired on the same samples")
    told.append("s/epoch: median, with validation; training s: all epochs; MiB: the largest")
    return "; ".join(told) + "."
