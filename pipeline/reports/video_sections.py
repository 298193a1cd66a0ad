"""The report's sections about videos: one kind for each thing that a head can read."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from ..reading.prediction import Answer
from ..reading.spans import median_step
from ..scoring.readings import spell, text_of
from ..scoring.segment_metrics import confusion
from ..writing.palette import palette
from ..writing.thumbnails import thumbnails
from . import html as page
from .confusion import class_table, confusion_table
from .video_html import Card, Run, Timeline, cards, legend, timeline, wrong_runs

FILM = 12  # pictures along a timeline
CARDS = 12  # in a list of the worst


class Seen(NamedTuple):
    """A video that was read. target: () | (T,) | (L,) ids, or None if nothing is known."""

    answer: Answer
    target: np.ndarray | None


Place = tuple[int, Run]  # a video's place in the list, and a stretch of it


class Worst(NamedTuple):
    """Wrong stretches; count: of all there are."""

    longest: list[Place]
    surest: list[Place]
    count: int

    @property
    def pictured(self) -> set[Place]:
        return {*self.longest, *self.surest}


def step_sections(seen: Sequence[Seen], labels: Sequence[str], most: int) -> list[str]:
    """Videos with a label for every step: timelines, the worst stretches, confusion."""
    colours = palette(labels)
    videos = [timeline_of(one) for one in seen]
    truths = [video for video in videos if video.target is not None]
    shown, wrong = spread(len(seen), most), worst(videos)
    # each video is decoded once for all its pictures
    wanted = {k: middles(float(videos[k].edges[-1]), FILM) for k in shown}
    for k, run in wrong.pictured:
        wanted[k] = [*wanted.get(k, []), middle(videos[k], run)]
    pictures = {k: moments(seen[k].answer.name, times) for k, times in wanted.items()}
    used = {int(i) for video in videos for i in np.unique(video.reading)}
    used |= {int(i) for video in truths for i in np.unique(video.target) if i >= 0}
    sections = [
        page.heading("Timelines"),
        *left_out(len(seen), len(shown)),
        legend([labels[i] for i in sorted(used)], colours, bool(truths)),
    ]
    for k in shown:
        film = [pictures[k][t] for t in middles(float(videos[k].edges[-1]), FILM)]
        sections.append(timeline(videos[k]._replace(film=film), labels, colours))
    if truths:
        sections += worst_sections(videos, wrong, pictures, labels)
        said, true = [video.reading for video in truths], [video.target for video in truths]
        sections += confusion_sections(confusion(said, true, len(labels)), labels, "steps")
    return sections


def timeline_of(one: Seen) -> Timeline:
    """What was read at which time; the pictures are still to come."""
    reading = np.array([ids[0] for ids in one.answer.reading.ids], np.int64)
    times = one.answer.times
    edges = np.append(times, times[-1:] + median_step(times))
    sure = np.array(one.answer.reading.confidences)
    return Timeline(Path(one.answer.name).name, edges, reading, sure, one.target, [])


def worst(videos: Sequence[Timeline]) -> Worst:
    """The longest wrong stretches, and those of which the model was the surest."""
    found = [(k, run) for k, video in enumerate(videos) for run in wrong_runs(video)]

    def seconds(place: Place) -> float:
        k, run = place
        return float(videos[k].edges[run.end] - videos[k].edges[run.start])

    longest = sorted(found, key=seconds, reverse=True)[:CARDS]
    surest = sorted(found, key=lambda place: place[1].confidence, reverse=True)[:CARDS]
    return Worst(longest, surest, len(found))


def worst_sections(
    videos: Sequence[Timeline],
    wrong: Worst,
    pictures: dict[int, dict[float, bytes]],
    labels: Sequence[str],
) -> list[str]:
    """pictures: of each video, by time: those in the middle of the stretches among them."""
    if not wrong.count:
        return [page.heading("Wrong stretches"), page.paragraph("No labelled step is wrong.")]

    def shown(places: Sequence[Place]) -> str:
        return cards([
            Card(
                f"{videos[k].name}, {videos[k].edges[run.start]:.1f} to "
                f"{videos[k].edges[run.end]:.1f} s",
                labels[run.reading], labels[run.target], run.confidence,
                [pictures[k][middle(videos[k], run)]],
            )
            for k, run in places
        ])  # fmt: skip

    return [
        page.heading("The longest wrong stretches"),
        page.paragraph(f"{len(wrong.longest)} of {wrong.count}; each with its middle picture."),
        shown(wrong.longest),
        page.heading("The surest wrong stretches"),
        shown(wrong.surest),
    ]


def middle(video: Timeline, run: Run) -> float:
    return float(video.edges[run.start] + video.edges[run.end]) / 2


def moments(path: str, times: Sequence[float]) -> dict[float, bytes]:
    """Times in seconds, in any order -> a JPEG of each."""
    ordered = sorted(set(times))
    return dict(zip(ordered, thumbnails(path, ordered), strict=True))


def label_sections(seen: Sequence[Seen], labels: Sequence[str], most: int) -> list[str]:
    """Clips with one label each: those that are wrong, the surest first; confusion."""
    known = seen[0].target is not None
    order = sorted(seen, key=lambda one: one.answer.reading.confidence, reverse=True)
    wrong = [one for one in order if known and one.answer.reading.id != int(one.target)]
    shown = (wrong if known else list(seen))[:most]
    sections = [page.heading("Clips that are wrong, the surest first" if known else "Clips")]
    if known and not wrong:
        sections.append(page.paragraph("No clip is wrong."))
    sections += left_out(len(wrong) if known else len(seen), len(shown))
    rows = []
    for one in shown:
        target = labels[int(one.target)] if known else None
        reading = one.answer.reading
        rows.append(card_of(one, labels[reading.id], target, reading.confidence))
    sections.append(cards(rows))
    if known:
        said = [np.array(one.answer.reading.id) for one in seen]
        true = [one.target for one in seen]
        sections += confusion_sections(confusion(said, true, len(labels)), labels, "clips")
    return sections


def text_sections(seen: Sequence[Seen], labels: Sequence[str], most: int) -> list[str]:
    """Clips with a text each, those with the most edits first."""
    rows = []
    for one in seen:
        said = text_of(one.answer.reading, labels)
        true = None if one.target is None else spell(one.target, labels)
        rows.append((0 if true is None else Levenshtein.distance(said, true), one, said, true))
    rows.sort(key=lambda row: -row[0])
    known = seen[0].target is not None
    sections = [page.heading("Texts, those with the most edits first" if known else "Texts")]
    sections += left_out(len(rows), min(most, len(rows)))
    shown = [
        card_of(one, said, true, float(np.prod(one.answer.reading.confidences or [0.0])))
        for _, one, said, true in rows[:most]
    ]
    return [*sections, cards(shown, exact=True)]


def card_of(one: Seen, reading: str, target: str | None, confidence: float) -> Card:
    times = one.answer.times
    film = thumbnails(one.answer.name, middles(float(times[-1] + median_step(times)), 3))
    return Card(Path(one.answer.name).name, reading, target, confidence, film)


def confusion_sections(counts: np.ndarray, labels: Sequence[str], unit: str) -> list[str]:
    return [
        page.heading("What was taken for what"),
        confusion_table(counts, labels, unit),
        page.heading("Each label"),
        class_table(counts, labels, unit),
    ]


def middles(end: float, count: int) -> list[float]:
    """The middles of `count` equal parts of the time until `end`, in seconds."""
    return [end * (i + 0.5) / count for i in range(count)]


def spread(count: int, most: int) -> list[int]:
    """At most so many places out of `count`, evenly spread, in order."""
    if count <= most:
        return list(range(count))
    return [int((2 * i + 1) * count / (2 * most)) for i in range(most)]


def left_out(count: int, shown: int) -> list[str]:
    """What the page leaves out, said."""
    if shown == count:
        return []
    return [page.paragraph(f"{shown} of {count} are shown; --videos shows more.")]
