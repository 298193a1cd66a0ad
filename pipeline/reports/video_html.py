"""HTML of video readings from plain data: timelines and cards."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..scoring.metrics import IGNORED
from .html import data_uri, mark_differences, ticks

LEFT, RIGHT, WIDTH = 70, 890, 900  # of a drawing: columns of the plot, and in all
BAR, CURVE, STRIP = 18, 34, 62  # heights of a label row, the confidence curve, the thumbnails
MAX_POINTS = 400  # of a curve: more are finer than the drawing
UNKNOWN = "var(--rule)"  # the colour where there is no truth


class Timeline(NamedTuple):
    """A video with a label for each of T steps.

    edges: (T + 1,) seconds; step i lasts from edges[i] to edges[i + 1]. reading: (T,) ids.
    confidences: (T,) 0 to 1. target: (T,) ids, -100 where unlabelled; None without truth.
    thumbnails: JPEG files of moments spread evenly over the time. unit: of the time, if it is not
    known in seconds.
    """

    name: str
    edges: np.ndarray
    reading: np.ndarray
    confidences: np.ndarray
    target: np.ndarray | None
    thumbnails: list[bytes]
    unit: str = "s"

    @property
    def duration(self) -> float:
        """Seconds."""
        return float(self.edges[-1])


class Run(NamedTuple):
    """Steps start to end (exclusive) that have one reading (and one target)."""

    start: int
    end: int
    reading: int
    target: int
    confidence: float


class Card(NamedTuple):
    """A clip or stretch: JPEG thumbnails with the reading and the truth (None: unknown)."""

    title: str
    reading: str
    target: str | None
    confidence: float
    thumbnails: list[bytes]


def runs(reading: np.ndarray, target: np.ndarray | None, confidences: np.ndarray) -> list[Run]:
    """Split steps (T,) into stretches in which neither reading nor target changes."""
    if not len(reading):
        return []
    target = np.full(len(reading), IGNORED) if target is None else target
    changes = np.flatnonzero((np.diff(reading) != 0) | (np.diff(target) != 0)) + 1
    bounds = [0, *changes.tolist(), len(reading)]
    return [
        Run(a, b, int(reading[a]), int(target[a]), float(np.mean(confidences[a:b])))
        for a, b in pairwise(bounds)
    ]


def wrong_runs(video: Timeline) -> list[Run]:
    """The runs whose reading is not their target; unlabelled ones are not wrong."""
    every = runs(video.reading, video.target, video.confidences)
    return [run for run in every if run.target not in (IGNORED, run.reading)]


def legend(labels: Sequence[str], colours: Mapping[str, str], unknown: bool = False) -> str:
    """Labels beside their colours; `unknown` adds the colour of stretches without truth."""
    entries = [(label, colours[label]) for label in labels]
    entries += [("not labelled", UNKNOWN)] * unknown
    items = "".join(
        f'<li><i style="background:{colour}"></i>{escape(label)}</li>' for label, colour in entries
    )
    return f'<ul class="legend">{items}</ul>'


def timeline(video: Timeline, labels: Sequence[str], colours: Mapping[str, str]) -> str:
    """A figure over the time in seconds: thumbnails, truth, reading, confidence."""
    end = video.duration or 1.0
    top, parts = 0, []
    if video.thumbnails:
        parts.append(thumbnail_strip(video.thumbnails))
        top = STRIP + 6
    for name, ids in (("truth", video.target), ("reading", video.reading)):
        if ids is not None:
            parts.append(bar(name, ids, video, top, end, labels, colours))
            top += BAR + 4
    parts += [confidence_curve(video, top, end), axis(end, top + CURVE, video.unit)]
    caption = escape(f"{video.name}: {end:.1f} {video.unit}{agreement(video)}")
    return (
        f'<figure class="timeline"><svg viewBox="0 0 {WIDTH} {top + CURVE + 24}" role="img" '
        f'aria-label="{caption}"><title>{caption}</title>{"".join(parts)}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def agreement(video: Timeline) -> str:
    """The share of labelled steps that are right, as the end of a caption."""
    if video.target is None:
        return ""
    known = video.target != IGNORED
    if not known.any():
        return ", no step is labelled"
    correct = np.mean(video.reading[known] == video.target[known])
    return f", {100 * correct:.1f} % of {int(known.sum())} labelled steps right"


def x_of(seconds: float, end: float) -> float:
    """Column of the drawing for a time."""
    return round(LEFT + (RIGHT - LEFT) * seconds / end, 2)


def thumbnail_strip(thumbnails: Sequence[bytes]) -> str:
    """Thumbnails side by side, each over its part of the time."""
    width = (RIGHT - LEFT) / len(thumbnails)
    return "".join(
        f'<image x="{LEFT + i * width:.1f}" y="0" width="{width - 1:.1f}" height="{STRIP}" '
        f'href="{data_uri(jpeg)}"/>'
        for i, jpeg in enumerate(thumbnails)
    )


def bar(
    name: str,
    ids: np.ndarray,
    video: Timeline,
    top: int,
    end: float,
    labels: Sequence[str],
    colours: Mapping[str, str],
) -> str:
    """A row of coloured runs; a tooltip over each gives its label and times."""
    parts = [f'<text x="{LEFT - 8}" y="{top + BAR - 5}" text-anchor="end">{name}</text>']
    for run in runs(ids, None, video.confidences):
        label = "not labelled" if run.reading == IGNORED else labels[run.reading]
        start, stop = float(video.edges[run.start]), float(video.edges[run.end])
        tooltip = f"{label}, {start:.2f} to {stop:.2f} {video.unit}"
        if name == "reading":
            tooltip += f", {100 * run.confidence:.0f} % sure"
        left, right = x_of(start, end), x_of(stop, end)
        parts.append(
            f'<rect x="{left}" y="{top}" width="{max(0.5, right - left):.2f}" height="{BAR}" '
            f'fill="{colours.get(label, UNKNOWN)}"><title>{escape(tooltip)}</title></rect>'
        )
    return "".join(parts)


def confidence_curve(video: Timeline, top: int, end: float) -> str:
    """Confidence, 0 to 1, over the time; of many steps the minimum of each block."""
    centres = (video.edges[:-1] + video.edges[1:]) / 2
    blocks = np.array_split(np.arange(len(centres)), min(len(centres), MAX_POINTS))
    points = " ".join(
        f"{x_of(float(centres[block].mean()), end)},"
        f"{top + CURVE - (CURVE - 4) * float(video.confidences[block].min()):.1f}"
        for block in blocks
    )
    return (
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{top + 4}" y2="{top + 4}"/>'
        f'<text x="{LEFT - 8}" y="{top + CURVE // 2 + 6}" text-anchor="end">confidence</text>'
        f'<polyline class="curve thin" points="{points}"/>'
    )


def axis(end: float, top: int, unit: str) -> str:
    """The time axis, below the curve."""
    marks = "".join(
        f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{top + 4}"/>'
        f'<text x="{x}" y="{top + 16}" text-anchor="middle">{t:g}</text>'
        for t, x in ((t, x_of(t, end)) for t in ticks(end) if t <= end)
    )
    return (
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{top}" y2="{top}"/>{marks}'
        f'<text x="{LEFT - 14}" y="{top + 16}" text-anchor="end">'
        f"{'seconds' if unit == 's' else unit}</text>"
    )


def cards(rows: Sequence[Card], exact: bool = False) -> str:
    """Thumbnails with the reading below, and where it is wrong the truth.

    exact: mark the characters that differ, for texts.
    """
    return f'<div class="cards">{"".join(card(row, exact) for row in rows)}</div>'


def card(row: Card, exact: bool) -> str:
    """One card; see `cards`."""
    reading, target = escape(row.reading), ""
    if row.target is not None and row.target != row.reading:
        truth = escape(row.target)
        if exact:
            reading, truth = mark_differences(row.reading, row.target)
        else:
            reading = f'<mark class="wrong">{reading}</mark>'
        target = f'<p class="text target" dir="auto">truth: {truth}</p>'
    images = "".join(
        f'<img src="{data_uri(jpeg)}" alt="{escape(row.title)}">' for jpeg in row.thumbnails
    )
    return (
        f'<article class="card"><div class="film">{images}</div>'
        f'<p class="name">{escape(row.title)}</p><p class="text" dir="auto">{reading} '
        f"<small>{100 * row.confidence:.0f} %</small></p>{target}</article>"
    )
