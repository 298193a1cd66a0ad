"""The table of a comparison: one row per config with means over seeds, and external scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, stdev

from rich.table import Table

from ..evaluation.split_scores import OTHER_METRICS, SampleScores, average_scores

NAN = math.nan
# columns with names as options have
TITLES = ("model", "metric", "parameters", "note")
TEXT_COLUMNS = ("model", "metric", "note")  # left-aligned
MAX_SETTINGS = 6  # columns of options in a terminal
NAME_WIDTH = 30  # of a row's name, before it is folded


@dataclass(frozen=True)
class VariantResults:
    """A config with the outcome of each of its seeds.

    results: `history.summarize` of each seed; empty for a baseline that is not trained. histories:
    the epochs of each seed, or of each seed and fold. folds: the number joined; 0: no folds.
    settings: options in which it differs from other rows, by their short keys.
    """

    name: str
    scores: list[SampleScores]
    results: list[dict[str, float]]
    histories: list[list[dict]] = field(default_factory=list)
    folds: int = 0
    note: str = "trained"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        return self.scores[0].metric

    def figures(self, key: str) -> list[float]:
        """The result `key` of each seed that has it."""
        return [result[key] for result in self.results if key in result]


@dataclass(frozen=True)
class Row:
    """One row of the table. Scores and differences are in percent, and nan if unknown.

    difference, difference_low, difference_high: to the first config, on the same samples.
    others: further scores by name. settings: as in `VariantResults`.
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
    settings: dict[str, str] = field(default_factory=dict)


def make_row(trained: VariantResults, first: VariantResults) -> Row:
    """Aggregate over the seeds: means, standard deviation (n - 1) of the score, largest memory.

    The interval is a bootstrap over groups of each sample's mean over the seeds.
    """
    values = [score.value for score in trained.scores]
    joined, reference = average_scores(trained.scores), average_scores(first.scores)
    low, high = joined.interval()
    difference = (NAN, NAN, NAN)
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
        parameters=next(iter(trained.figures("parameters")), NAN),
        seconds_per_epoch=mean(trained.figures("seconds_per_epoch") or [NAN]),
        best_epoch=mean(trained.figures("best_epoch") or [NAN]),
        seconds=mean(trained.figures("seconds") or [NAN]),
        peak_memory_mib=max(trained.figures("peak_memory_mib"), default=NAN),
        gpu_memory_mib=max(trained.figures("gpu_memory_mib"), default=NAN),
        note=trained.note + folds,
        others=joined.other_values(),
        settings=trained.settings,
    )


def columns(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Title -> cells, for the terminal, CSV and Markdown; without columns that are empty."""
    metrics = {row.metric for row in rows if row.metric}
    single = len(metrics) == 1
    cells = {
        "model": [row.name for row in rows],
        **{
            key: [row.settings.get(key, "") for row in rows]
            for key in dict.fromkeys(key for row in rows for key in row.settings)
        },
        "metric": ["" if single else row.metric for row in rows],
        f"{next(iter(metrics)) if single else 'score'} %": [number(r.score) for r in rows],
        "± seeds": [number(row.deviation) for row in rows],
        "95 % interval": [interval(row.low, row.high) for row in rows],
        "to the first": [difference(row) for row in rows],
        **{
            f"{short_name(name)} %": [number(row.others.get(name, NAN)) for row in rows]
            for name in OTHER_METRICS
        },
        "parameters": [number(row.parameters, ".0f") for row in rows],
        "s/epoch": [three_digits(row.seconds_per_epoch) for row in rows],
        "best epoch": [three_digits(row.best_epoch) for row in rows],
        "training s": [three_digits(row.seconds) for row in rows],
        "peak MiB": [number(row.peak_memory_mib, ".0f") for row in rows],
        "GPU MiB": [number(row.gpu_memory_mib, ".0f") for row in rows],
        "note": [row.note for row in rows],
    }
    return {title: texts for title, texts in cells.items() if any(texts)}


def short_name(score: str) -> str:
    return score.removesuffix("_accuracy").replace("_", " ")


def number(value: float, form: str = ".2f") -> str:
    return "" if math.isnan(value) else format(value, form)


def interval(low: float, high: float) -> str:
    return "" if math.isnan(low) or math.isnan(high) else f"{low:.2f}-{high:.2f}"


def difference(row: Row) -> str:
    """Such as "+0.50 (-0.12 to +1.08)"."""
    if math.isnan(row.difference):
        return ""
    if math.isnan(row.difference_low):
        return f"{row.difference:+.2f}"
    return f"{row.difference:+.2f} ({row.difference_low:+.2f} to {row.difference_high:+.2f})"


def three_digits(value: float) -> str:
    """Three significant digits, or all digits before the decimal point."""
    return number(value, ".0f" if abs(value) >= 100 else ".3g")


def terminal_table(rows: Sequence[Row]) -> Table:
    """The table for rich's console, without the options if there are too many to fit."""
    if len({key for row in rows for key in row.settings}) > MAX_SETTINGS:
        rows = [replace(row, settings={}) for row in rows]
    table = Table(header_style="bold")
    shown = columns(rows)
    for title in shown:
        justify = "left" if title in TEXT_COLUMNS else "right"
        width = min(NAME_WIDTH, max(map(len, shown[title]))) if title == "model" else None
        table.add_column(title, justify=justify, overflow="fold", min_width=width)
    for cells in zip(*shown.values(), strict=True):
        table.add_row(*cells)
    return table


def markdown_table(rows: Sequence[Row], notes: str) -> str:
    """The table in Markdown, with the notes below it."""
    shown = columns(rows)
    lines = [shown, ["---" if title in TEXT_COLUMNS else "---:" for title in shown]]
    lines += zip(*([cell.replace("|", "\\|") for cell in c] for c in shown.values()), strict=True)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{notes}\n"


def describe_table(rows: Sequence[Row], trained: Sequence[VariantResults], split: str) -> str:
    """Describe in words what the table's numbers are, to print below it."""
    sample, folds = trained[0].scores[0], trained[0].folds
    where = f"{folds} folds, each group kept out once" if folds else split
    notes = [f"{where}: {len(sample.names)} samples in {len(set(sample.groups))} groups"]
    if folds:
        notes.append(
            "each fold was trained on the other groups to its last epoch, without a validation "
            "split: no choice was made on anything; the folds' samples make one score"
        )
    elif split == "validation":
        notes.append("it also chose the best epoch of each run")
    seeds = max(len(t.scores) for t in trained)
    over_seeds = " of each sample's mean over the seeds" if seeds > 1 else ""
    notes.append(f"interval: 95 %, bootstrap over groups{over_seeds}")
    if seeds > 1:
        notes.append(f"score, epochs and times: means over {seeds} seeds, ±: standard deviation")
    if any(not math.isnan(row.difference) for row in rows):
        notes.append(f"to the first: difference to {trained[0].name}, paired on the same samples")
    other = [t.name for t in trained[1:] if not t.scores[0].same_samples(sample)]
    if other:
        notes.append(f"scored on other samples than {trained[0].name}: {', '.join(other)}")
    settings = {key for row in rows for key in row.settings}
    if len(settings) > MAX_SETTINGS:
        notes.append(f"the {len(settings)} options that differ are columns of table.csv")
    if any("mean_class_accuracy" in row.others for row in rows):
        notes.append("mean class: the mean over classes of each one's accuracy")
    epochs, times = ("", " of all folds") if folds else (", with validation", "")
    notes.append(f"s/epoch: median{epochs}; training s: all epochs{times}; MiB: the largest")
    return "; ".join(notes) + "."
