"""The table of a comparison: trained configs and figures from elsewhere, in the order given."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev

from rich.table import Table

from ..evaluation.split_scores import BESIDE as OTHERS
from ..evaluation.split_scores import SampleScores, average

NAN = math.nan


@dataclass(frozen=True)
class Trained:
    """A config with what each of its seeds gave.

    results: `history.summarize` of each seed; none for what was counted. histories: the epochs of
    each seed, or of each seed and fold. folds: how many were joined; 0: none.
    """

    name: str
    scores: list[SampleScores]
    results: list[dict[str, float]]
    histories: list[list[dict]] = field(default_factory=list)
    folds: int = 0
    note: str = "trained"

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
    others: further scores by name.
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
    others: dict[str, float] = field(default_factory=dict)


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
    folds = f", {trained.folds} folds" if trained.folds else ""
    return Row(
        trained.name,
        trained.metric,
        mean(values),
        len(values),
        stdev(values) if len(values) > 1 else NAN,
        low,
        high,
        *difference,
        parameters=first_of(trained.figures("parameters")),
        seconds_per_epoch=mean_of(trained.figures("seconds_per_epoch")),
        best_epoch=mean_of(trained.figures("best_epoch")),
        seconds=mean_of(trained.figures("seconds")),
        peak_memory_mib=max(trained.figures("peak_memory_mib"), default=NAN),
        gpu_memory_mib=max(trained.figures("gpu_memory_mib"), default=NAN),
        note=trained.note + folds,
        others=joined.other_values(),
    )


def first_of(values: Sequence[float]) -> float:
    return values[0] if values else NAN


def mean_of(values: Sequence[float]) -> float:
    return mean(values) if values else NAN


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
        Column(
            f"{metrics.copy().pop()} %" if one else "score %",
            [two_decimals(row.score) for row in rows],
        ),
        Column("± seeds", [two_decimals(row.deviation) for row in rows]),
        Column("95 % interval", [interval(row.low, row.high) for row in rows]),
        Column("to the first", [difference(row) for row in rows]),
        *(
            Column(f"{short_name(name)} %", [two_decimals(r.others.get(name, NAN)) for r in rows])
            for name in OTHERS
        ),
        Column("parameters", [integer(row.parameters) for row in rows]),
        Column("s/epoch", [three_figures(row.seconds_per_epoch) for row in rows]),
        Column("best epoch", [three_figures(row.best_epoch) for row in rows]),
        Column("training s", [three_figures(row.seconds) for row in rows]),
        Column("peak MiB", [integer(row.peak_memory_mib) for row in rows]),
        Column("GPU MiB", [integer(row.gpu_memory_mib) for row in rows]),
        Column("note", [row.note for row in rows]),
    ]
    return [column for column in made if any(column.cells)]


def short_name(score: str) -> str:
    return score.removesuffix("_accuracy").replace("_", " ")


def two_decimals(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def interval(low: float, high: float) -> str:
    return "" if math.isnan(low) or math.isnan(high) else f"{low:.2f}-{high:.2f}"


def difference(row: Row) -> str:
    """Such as "+0.50 (-0.12 to +1.08)"."""
    if math.isnan(row.difference):
        return ""
    if math.isnan(row.difference_low):
        return f"{row.difference:+.2f}"
    return f"{row.difference:+.2f} ({row.difference_low:+.2f} to {row.difference_high:+.2f})"


def integer(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}"


def three_figures(value: float) -> str:
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


def explain(rows: Sequence[Row], trained: Sequence[Trained], split: str) -> str:
    """What was measured, in words, for below the table."""
    sample, folds = trained[0].scores[0], trained[0].folds
    where = f"{folds} folds, each group kept out once" if folds else split
    told = [f"{where}: {len(sample.names)} samples in {len(set(sample.groups))} groups"]
    if folds:
        told.append(
            "each fold was trained on the other groups to its last epoch, without a validation "
            "split: no choice was made on anything; the folds' samples make one score"
        )
    elif split == "validation":
        told.append("it also chose the best epoch of each run")
    seeds = max(len(t.scores) for t in trained)
    many = " of each sample's mean over the seeds" if seeds > 1 else ""
    told.append(f"interval: 95 %, bootstrap over groups{many}")
    if seeds > 1:
        told.append(f"score, epochs and times: means over {seeds} seeds, ±: standard deviation")
    if any(not math.isnan(row.difference) for row in rows):
        told.append(f"to the first: difference to {trained[0].name}, paired on the same samples")
    if any("mean_class_accuracy" in row.others for row in rows):
        told.append("mean class: the mean over classes of each one's accuracy")
    epochs, times = ("", " of all folds") if folds else (", with validation", "")
    told.append(f"s/epoch: median{epochs}; training s: all epochs{times}; MiB: the largest")
    return "; ".join(told) + "."
