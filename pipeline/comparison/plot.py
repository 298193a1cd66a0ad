"""The picture of a comparison: score against time, and how each config came there."""

import math
from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from .table import Row, Trained

COLOURS = ("#2b6cb0", "#d9480f", "#2f9e44", "#862e9c", "#c92a2a",
           "#0b7285", "#e67700", "#5c3d2e", "#d6336c", "#495057")  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GAP = 0.05  # between the labels of two lines, as a share of the axis


def draw(rows: Sequence[Row], trained: Sequence[Trained], split: str) -> Figure:
    """Left: score over training seconds, other figures as lines. Right: learning curves.

    Only configs with the first one's metric are drawn, those that took no time as lines. Learning
    curves are of the training loss where there was no validation.
    """
    metric = trained[0].metric
    shown = [t for t in trained if t.metric == metric and t.results]
    figure = Figure(figsize=(13, 5.6 + 0.25 * math.ceil(len(shown) / 4)), layout="constrained")
    left, right = figure.subplots(1, 2)
    timed = {t.name for t in shown}
    rated = {row.name: row for row in rows if row.metric == metric and row.name in timed}
    handles = [point(left, t, rated[t.name], place) for place, t in enumerate(shown)]
    untimed = [row for row in rows if row.metric in ("", metric) and row.name not in timed]
    baselines(left, untimed)
    seeds = max(len(t.scores) for t in shown)
    bars = "standard deviation over seeds" if seeds > 1 else "95 % interval"
    folds = shown[0].folds
    where = f"{folds} folds" if folds else split
    left.set_title(f"{where}, bars: {bars}", fontsize=11)
    left.set_xlabel("training time (s)")
    left.set_ylabel(f"{'kept-out' if folds else split} {metric} (%)")
    seconds = [row.seconds for row in rated.values()]
    if max(seconds) > 8 * min(seconds) > 0:
        for axes in (left, right):
            logarithmic(axes)
    validated = any(row["validation"] for t in shown for h in t.histories for row in h)
    for place, t in enumerate(shown):
        curves(right, t, metric if validated else None, place)
    over = " and ".join(["folds"] * bool(folds) + ["seeds"] * (seeds > 1))
    band = f", band: standard deviation over {over}" if over else ""
    right.set_title(f"{'validation' if validated else 'loss'} while training{band}", fontsize=10)
    right.set_xlabel("training time (s)")
    right.set_ylabel(f"validation {metric} (%)" if validated else "training loss")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(shown)),
                  frameon=False)  # fmt: skip
    return figure


def logarithmic(axes: Axes) -> None:
    """Time by factors: 100, 200, 500, 1000, written out."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def point(axes: Axes, trained: Trained, row: Row, place: int):
    """One config's mean score over its mean time."""
    times = trained.figures("seconds")
    across, up = None, None
    if len(times) > 1:
        across, up = stdev(times), row.deviation
    elif not math.isnan(row.low):
        up = [[max(0.0, row.score - row.low)], [max(0.0, row.high - row.score)]]
    return axes.errorbar(
        row.seconds, row.score, yerr=up, xerr=across, color=colour(place), capsize=3,
        marker=MARKERS[place % len(MARKERS)], linestyle="none", label=trained.name,
    )  # fmt: skip


def baselines(axes: Axes, rows: Sequence[Row]) -> None:
    """Figures from elsewhere: a line each, its name at the right edge, none over another."""
    for row in rows:
        axes.axhline(row.score, color="#868e96", linestyle="--", linewidth=1)
        if not math.isnan(row.low) and not math.isnan(row.high):
            axes.axhspan(row.low, row.high, color="#868e96", alpha=0.1, linewidth=0)
    if not rows:
        return
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    order = sorted(rows, key=lambda row: row.score)
    places = spread([(row.score - low) / (high - low) for row in order], GAP)
    for row, place in zip(order, places, strict=True):
        axes.annotate(
            f"{row.name} {row.score:.2f}", (1, row.score), (1.03, place), fontsize=8.5,
            xycoords=("axes fraction", "data"), textcoords="axes fraction", va="center",
            color="#495057", arrowprops={"arrowstyle": "-", "color": "#ced4da"},
        )  # fmt: skip


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Growing places, moved as little as one pass up and one down need, `gap` apart."""
    moved = list(places)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    if moved:
        moved[-1] = min(moved[-1], max(1.0, places[-1]))
    for i in range(len(moved) - 2, -1, -1):
        moved[i] = min(moved[i], moved[i + 1] - gap)
    return moved


def learning(history: Sequence[dict], metric: str | None) -> list[tuple[float, float]]:
    """(seconds, percent) of each validation; metric None: (seconds, training loss)."""
    if metric is None:
        return [(row["seconds"], row["train_loss"]) for row in history]
    return [(row["seconds"], row["validation"][metric]) for row in history if row["validation"]]


def curves(axes: Axes, trained: Trained, metric: str | None, place: int) -> None:
    """Each seed (and fold) thin; their mean by epoch, with its band, as far as all of them went."""
    found = [learning(history, metric) for history in trained.histories]
    found = [points for points in found if points]
    if not found:
        return
    shortest = min(map(len, found))
    several = np.array([points[:shortest] for points in found])  # runs, epochs, (s, value)
    if len(found) > 1:
        for points in found:
            axes.plot(*zip(*points, strict=True), color=colour(place), linewidth=0.8, alpha=0.35)
        spans = [stdev(epoch) for epoch in several[:, :, 1].T.tolist()]
        times, values = several.mean(0).T
        axes.fill_between(
            times, values - spans, values + spans, color=colour(place), alpha=0.15, linewidth=0
        )
    axes.plot(
        [mean(epoch) for epoch in several[:, :, 0].T.tolist()],
        [mean(epoch) for epoch in several[:, :, 1].T.tolist()],
        color=colour(place), linewidth=1.8, marker="." if shortest < 40 else None,
    )  # fmt: skip
