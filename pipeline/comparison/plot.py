"""The plot of a comparison: scores over training time, and learning curves."""

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import stdev

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from .table import Row, VariantResults

COLOURS = ("#2b6cb0", "#d9480f", "#2f9e44", "#862e9c", "#c92a2a",
           "#0b7285", "#e67700", "#5c3d2e", "#d6336c", "#495057")  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GAP = 0.05  # between the labels of two lines, as a fraction of the axis


def plot_comparison(rows: Sequence[Row], trained: Sequence[VariantResults], split: str) -> Figure:
    """Left: scores over training seconds, those without a time as lines. Right: learning curves.

    Only configs with the first one's metric are drawn. Learning curves show the training loss if
    there was no validation.
    """
    metric = trained[0].metric
    shown = [t for t in trained if t.metric == metric and t.results]
    figure = Figure(figsize=(13, 5.6 + 0.25 * math.ceil(len(shown) / 4)), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = {t.name for t in shown}
    timed = {row.name: row for row in rows if row.metric == metric and row.name in names}
    handles = [draw_point(left, t, timed[t.name], index) for index, t in enumerate(shown)]
    draw_lines(left, [r for r in rows if r.metric in ("", metric) and r.name not in names])
    seeds, folds = max(len(t.scores) for t in shown), shown[0].folds
    bars = "standard deviation over seeds" if seeds > 1 else "95 % interval"
    left.set_title(f"{f'{folds} folds' if folds else split}, bars: {bars}", fontsize=11)
    left.set_ylabel(f"{'kept-out' if folds else split} {metric} (%)")
    validated = any(row["validation"] for t in shown for h in t.histories for row in h)
    for index, t in enumerate(shown):
        draw_curves(right, t, metric if validated else None, index)
    over = " and ".join(["folds"] * bool(folds) + ["seeds"] * (seeds > 1))
    band = f", band: standard deviation over {over}" if over else ""
    right.set_title(f"{'validation' if validated else 'loss'} while training{band}", fontsize=10)
    right.set_ylabel(f"validation {metric} (%)" if validated else "training loss")
    seconds = [row.seconds for row in timed.values()]
    for axes in (left, right):
        axes.set_xlabel("training time (s)")
        if max(seconds) > 8 * min(seconds) > 0:
            set_logarithmic(axes)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(shown)),
                  frameon=False)  # fmt: skip
    return figure


def set_logarithmic(axes: Axes) -> None:
    """Logarithmic time axis with plain labels: 100, 200, 500, 1000."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def draw_point(axes: Axes, trained: VariantResults, row: Row, index: int):
    """Draw one config's mean score at its mean time, with error bars, and return the artist."""
    times = trained.figures("seconds")
    xerr, yerr = None, None
    if len(times) > 1:
        xerr, yerr = stdev(times), row.deviation
    elif not math.isnan(row.low):
        yerr = [[max(0.0, row.score - row.low)], [max(0.0, row.high - row.score)]]
    return axes.errorbar(
        row.seconds, row.score, yerr=yerr, xerr=xerr, color=colour(index), capsize=3,
        marker=MARKERS[index % len(MARKERS)], linestyle="none", label=trained.name,
    )  # fmt: skip


def draw_lines(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw a horizontal line for each row, with labels at the right edge that do not overlap."""
    for row in rows:
        axes.axhline(row.score, color="#868e96", linestyle="--", linewidth=1)
        if not math.isnan(row.low) and not math.isnan(row.high):
            axes.axhspan(row.low, row.high, color="#868e96", alpha=0.1, linewidth=0)
    if not rows:
        return
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    ordered = sorted(rows, key=lambda row: row.score)
    heights = spread([(row.score - low) / (high - low) for row in ordered], GAP)
    for row, height in zip(ordered, heights, strict=True):
        axes.annotate(
            f"{row.name} {row.score:.2f}", (1, row.score), (1.03, height), fontsize=8.5,
            xycoords=("axes fraction", "data"), textcoords="axes fraction", va="center",
            color="#495057", arrowprops={"arrowstyle": "-", "color": "#ced4da"},
        )  # fmt: skip


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Move ascending positions `gap` apart, in one pass up and one down to stay below 1."""
    up = list(accumulate(positions, lambda below, position: max(position, below + gap)))
    up[-1] = min(up[-1], max(1.0, positions[-1]))
    down = accumulate(reversed(up), lambda above, position: min(position, above - gap))
    return list(down)[::-1]


def learning_curve(history: Sequence[dict], metric: str | None) -> list[tuple[float, float]]:
    """(seconds, percent) of each validation; metric None: (seconds, training loss)."""
    if metric is None:
        return [(row["seconds"], row["train_loss"]) for row in history]
    return [(row["seconds"], row["validation"][metric]) for row in history if row["validation"]]


def draw_curves(axes: Axes, trained: VariantResults, metric: str | None, index: int) -> None:
    """Draw the mean curve over runs by epoch with its standard deviation, up to the last epoch
    that all runs reached, and each run (seed and fold) as a thin line.
    """
    curves = [learning_curve(history, metric) for history in trained.histories]
    curves = [curve for curve in curves if curve]
    if not curves:
        return
    shortest = min(map(len, curves))
    joined = np.array([curve[:shortest] for curve in curves])  # (runs, epochs, 2)
    times, means = joined.mean(0).T
    if len(curves) > 1:
        for curve in curves:
            axes.plot(*zip(*curve, strict=True), color=colour(index), linewidth=0.8, alpha=0.35)
        deviations = joined[:, :, 1].std(0, ddof=1)
        axes.fill_between(
            times, means - deviations, means + deviations, color=colour(index), alpha=0.15,
            linewidth=0,
        )  # fmt: skip
    marker = "." if shortest < 40 else None
    axes.plot(times, means, color=colour(index), linewidth=1.8, marker=marker)
