"""What was read in videos, for the report: timelines, films, cards. HTML from plain data."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..scoring.metrics import IGNORED
from .html import mark_differences, ticks

LEFT, RIGHT, WIDTH = 70, 890, 900  # of a drawing: columns of the plot, and in all
BAR, CURVE, FILM = 18, 34, 62  # heights
MOST_POINTS = 400  # of a curve: more are finer than the drawing
UNKNOWN = "var(--rule)"  # the colour where there is no truth


class Timeline(NamedTuple):
    """A video with a label for each of T steps.

    edges: (T + 1,) seconds; step i lasts from edges[i] to edges[i + 1]. reading: (T,) ids.
    confidences: (T,) 0 to 1. target: (T,) ids, -100 where nothing is known; None without truth.
    film: JPEG files of moments spread evenly over the time.
    """

    name: str
    edges: np.ndarray
    reading: np.ndarray
    confidences: np.ndarray
    target: np.ndarray | None
    film: list[bytes]


class Run(NamedTuple):
    """Steps start to end (exclusive) that have one reading (and one target)."""

    start: int
    end: int
    reading: int
    target: int
    confidence: float


class Card(NamedTuple):
    """One thing to look at: pictures with what was read and what is true (None: not known)."""

    title: str
    reading: str
    target: str | None
    confidence: float
    film: list[bytes]


def runs(reading: np.ndarray, target: np.ndarray | None, confidences: np.ndarray) -> list[Run]:
    """Steps (T,) -> the stretches in which neither reading nor target changes."""
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
    """Those whose reading is not their target; unlabelled stretches are not wrong."""
    if video.target is None:
        return []
    found = runs(video.reading, video.target, video.confidences)
    return [run for run in found if run.target not in (IGNORED, run.reading)]


def data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def legend(labels: Sequence[str], colours: Mapping[str, str], unknown: bool = False) -> str:
    """Labels beside their colours; `unknown` adds the one of stretches without truth."""
    shown = [(label, colours[label]) for label in labels]
    shown += [("not labelled", UNKNOWN)] * unknown
    entries = "".join(
        f'<li><i style="background:{colour}"></i>{escape(label)}</li>' for label, colour in shown
    )
    return f'<ul class="legend">{entries}</ul>'


def timeline(video: Timeline, labels: Sequence[str], colours: Mapping[str, str]) -> str:
    """A figure: pictures over the time, truth, reading, confidence, and an axis in seconds."""
    end = float(video.edges[-1]) or 1.0
    top, parts = 0, []
    if video.film:
        parts.append(film_strip(video.film))
        top = FILM + 6
    rows = [("reading", video.reading)]
    if video.target is not None:
        rows.insert(0, ("truth", video.target))
    for name, ids in rows:
        parts.append(bar(name, ids, video, top, end, labels, colours))
        top += BAR + 4
    parts.append(confidence_curve(video, top, end))
    parts.append(axis(end, top + CURVE))
    told = f"{video.name}: {end:.1f} s" + agreement(video)
    return (
        f'<figure class="timeline"><svg viewBox="0 0 {WIDTH} {top + CURVE + 24}" role="img" '
        f'aria-label="{escape(told)}"><title>{escape(told)}</title>{"".join(parts)}</svg>'
        f"<figcaption>{escape(told)}</figcaption></figure>"
    )


def agreement(video: Timeline) -> str:
    if video.target is None:
        return ""
    known = video.target != IGNORED
    if not known.any():
        return ", no step is labelled"
    right = np.mean(video.reading[known] == video.target[known])
    return f", {100 * right:.1f} % of {int(known.sum())} labelled steps right"


def across(seconds: float, end: float) -> float:
    """Time -> column of the drawing."""
    return round(LEFT + (RIGHT - LEFT) * seconds / end, 2)


def film_strip(film: Sequence[bytes]) -> str:
    """Pictures side by side, each over its part of the time."""
    width = (RIGHT - LEFT) / len(film)
    return "".join(
        f'<image x="{LEFT + i * width:.1f}" y="0" width="{width - 1:.1f}" height="{FILM}" '
        f'href="{data_uri(picture)}"/>'
        for i, picture in enumerate(film)
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
    """A row of coloured stretches; each tells its label and times where the pointer rests."""
    drawn = [f'<text x="{LEFT - 8}" y="{top + BAR - 5}" text-anchor="end">{name}</text>']
    for run in runs(ids, None, video.confidences):
        label = "not labelled" if run.reading == IGNORED else labels[run.reading]
        start, stop = float(video.edges[run.start]), float(video.edges[run.end])
        told = f"{label}, {start:.2f} to {stop:.2f} s"
        if name == "reading":
            told += f", {100 * run.confidence:.0f} % sure"
        left, right = across(start, end), across(stop, end)
        drawn.append(
            f'<rect x="{left}" y="{top}" width="{max(0.5, right - left):.2f}" height="{BAR}" '
            f'fill="{colours.get(label, UNKNOWN)}"><title>{escape(told)}</title></rect>'
        )
    return "".join(drawn)


def confidence_curve(video: Timeline, top: int, end: float) -> str:
    """0 to 1 over the time; of many steps the least sure of each stretch."""
    middles = (video.edges[:-1] + video.edges[1:]) / 2
    blocks = np.array_split(np.arange(len(middles)), min(len(middles), MOST_POINTS))
    points = " ".join(
        f"{across(float(middles[block].mean()), end)},"
        f"{top + CURVE - (CURVE - 4) * float(video.confidences[block].min()):.1f}"
        for block in blocks
    )
    return (
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{top + 4}" y2="{top + 4}"/>'
        f'<text x="{LEFT - 8}" y="{top + CURVE // 2 + 6}" text-anchor="end">confidence</text>'
        f'<polyline class="curve thin" points="{points}"/>'
    )


def axis(end: float, top: int) -> str:
    """The seconds, below the curve."""
    marks = "".join(
        f'<line class="grid" x1="{across(t, end)}" x2="{across(t, end)}" y1="{top}" '
        f'y2="{top + 4}"/><text x="{across(t, end)}" y="{top + 16}" text-anchor="middle">{t:g}'
        "</text>"
        for t in ticks(end)
        if t <= end
    )
    return (
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{top}" y2="{top}"/>{marks}'
        f'<text x="{LEFT - 14}" y="{top + 16}" text-anchor="end">seconds</text>'
    )


def cards(rows: Sequence[Card], exact: bool = False) -> str:
    """Pictures with the reading below; where it is wrong the truth follows.

    exact: mark the characters that differ, for texts.
    """
    return f'<div class="cards">{"".join(card(row, exact) for row in rows)}</div>'


def card(row: Card, exact: bool) -> str:
    reading, target = escape(row.reading), ""
    if row.target is not None and row.target != row.reading:
        true = escape(row.target)
        if exact:
            reading, true = mark_differences(row.reading, row.target)
        else:
            reading = f'<mark class="wrong">{reading}</mark>'
        target = f'<p class="text target" dir="auto">truth: {true}</p>'
    pictures = "".join(
        f'<img src="{data_uri(picture)}" alt="{escape(row.title)}">' for picture in row.film
    )
    percent = f"{100 * row.confidence:.0f} %"
    return (
        f'<article class="card"><div class="film">{pictures}</div>'
        f'<p class="name">{escape(row.title)}</p>'
        f'<p class="text" dir="auto">{reading} <small>{percent}</small></p>{target}</article>'
    )


def comparison(systems: Mapping[str, Mapping[str, float]]) -> str:
    """Name -> its scores by name, in percent: a table, "-" where one has no such score."""
    names = list(dict.fromkeys(name for found in systems.values() for name in found))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(system)}</th>'
        + "".join(f"<td>{found[n]:.2f}</td>" if n in found else "<td>-</td>" for n in names)
        + "</tr>"
        for system, found in systems.items()
    )
    return (
        f'<div class="wide"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
