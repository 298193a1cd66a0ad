"""Report sections on videos: one function for each kind of reading (steps, label, text)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from ..reading.items import Answer, Item
from ..reading.video.spans import median_step
from ..scoring.readings import join_labels, text_of
from ..writing.palette import palette
from ..writing.thumbnails import frame_thumbnail, thumbnails
from . import html as page
from .confusion import confusion_sections
from .risk_figures import risk_sections
from .video_html import Card, Run, Timeline, cards, legend, timeline, wrong_runs

NUM_THUMBNAILS = 12  # along a timeline
MAX_CARDS = 12  # in a list of wrong stretches


class VideoReading(NamedTuple):
    """A video that was read. target: () | (T,) | (L,) ids, or None if nothing is known.

    item: of a video that is made, and no file; its steps count instead of seconds.
    """

    answer: Answer
    target: np.ndarray | None
    item: Item | None = None

    def thumbnails(self, times: Sequence[float]) -> list[bytes]:
        """JPEG files of the pictures at these times, ascending."""
        if self.item is None:
            return thumbnails(self.answer.name, times)
        frames = self.item.load().frames
        return [frame_thumbnail(frames[min(int(time), len(frames) - 1)]) for time in times]


VideoRun = tuple[int, Run]  # index of a video, and a run in it


class WrongRuns(NamedTuple):
    """The longest and the most confident wrong runs; count: of all there are."""

    longest: list[VideoRun]
    most_confident: list[VideoRun]
    count: int


def step_sections(seen: Sequence[VideoReading], labels: Sequence[str], limit: int) -> list[str]:
    """Videos with a label for every step: timelines, wrong runs, confusion."""
    colours = palette(labels)
    videos = [timeline_of(video) for video in seen]
    known = [video for video in videos if video.target is not None]
    shown, wrong = evenly_spaced(len(seen), limit), find_wrong_runs(videos)
    # each video is decoded once for all its thumbnails
    moments = {k: part_centres(videos[k].duration, NUM_THUMBNAILS) for k in shown}
    for k, run in {*wrong.longest, *wrong.most_confident}:
        moments[k] = [*moments.get(k, []), centre(videos[k], run)]
    images = {k: thumbnails_at(seen[k], times) for k, times in moments.items()}
    ids = [video.reading for video in videos] + [video.target for video in known]
    used = [labels[i] for i in np.unique(np.concatenate(ids)) if i >= 0]
    sections = [
        page.heading("Timelines"),
        *page.limit_note(len(seen), limit, "--videos"),
        legend(used, colours, bool(known)),
    ]
    for k in shown:
        strip = [images[k][t] for t in moments[k][:NUM_THUMBNAILS]]
        sections.append(timeline(videos[k]._replace(thumbnails=strip), labels, colours))
    if known:
        sections += wrong_sections(videos, wrong, images, labels)
        readings, targets = [video.reading for video in known], [video.target for video in known]
        sections += confusion_sections(readings, targets, labels, "steps")
    return sections


def timeline_of(video: VideoReading) -> Timeline:
    """The reading over the time, without thumbnails yet."""
    times, reading = video.answer.times, video.answer.reading
    return Timeline(
        Path(video.answer.name).name,
        np.append(times, times[-1:] + median_step(times)),
        np.array([ids[0] for ids in reading.ids], np.int64),
        np.array(reading.confidences),
        video.target,
        [],
        "s" if video.item is None else "steps",
    )


def find_wrong_runs(videos: Sequence[Timeline]) -> WrongRuns:
    """The longest wrong runs, and those read with the highest confidence."""
    wrong = [(k, run) for k, video in enumerate(videos) for run in wrong_runs(video)]

    def seconds(item: VideoRun) -> float:
        k, run = item
        return float(videos[k].edges[run.end] - videos[k].edges[run.start])

    longest = sorted(wrong, key=seconds, reverse=True)[:MAX_CARDS]
    confident = sorted(wrong, key=lambda item: item[1].confidence, reverse=True)[:MAX_CARDS]
    return WrongRuns(longest, confident, len(wrong))


def wrong_sections(
    videos: Sequence[Timeline],
    wrong: WrongRuns,
    images: dict[int, dict[float, bytes]],
    labels: Sequence[str],
) -> list[str]:
    """Cards of wrong runs; images: JPEG files by video and time, with that of each run's centre."""
    if not wrong.count:
        return [page.heading("Wrong stretches"), page.paragraph("No labelled step is wrong.")]

    def run_cards(items: Sequence[VideoRun]) -> str:
        return cards([
            Card(
                f"{videos[k].name}, {videos[k].edges[run.start]:.1f} to "
                f"{videos[k].edges[run.end]:.1f} {videos[k].unit}",
                labels[run.reading], labels[run.target], run.confidence,
                [images[k][centre(videos[k], run)]],
            )
            for k, run in items
        ])  # fmt: skip

    return [
        page.heading("The longest wrong stretches"),
        page.paragraph(f"{len(wrong.longest)} of {wrong.count}; each with its middle picture."),
        run_cards(wrong.longest),
        page.heading("The surest wrong stretches"),
        run_cards(wrong.most_confident),
    ]


def centre(video: Timeline, run: Run) -> float:
    """The time in the middle of a run, in seconds."""
    return float(video.edges[run.start] + video.edges[run.end]) / 2


def thumbnails_at(video: VideoReading, times: Sequence[float]) -> dict[float, bytes]:
    """A JPEG file for each of these times in seconds, which may come in any order."""
    ordered = sorted(set(times))
    return dict(zip(ordered, video.thumbnails(ordered), strict=True))


def label_sections(seen: Sequence[VideoReading], labels: Sequence[str], limit: int) -> list[str]:
    """Clips with one label each: the wrong ones, the most confident first; confusion."""
    known = seen[0].target is not None
    chosen = list(seen)
    sections = [page.heading("Clips that are wrong, the surest first" if known else "Clips")]
    if known:
        chosen = [clip for clip in seen if clip.answer.reading.id != int(clip.target)]
        chosen.sort(key=lambda clip: clip.answer.reading.confidence, reverse=True)
        if not chosen:
            sections.append(page.paragraph("No clip is wrong."))
    sections += page.limit_note(len(chosen), limit, "--videos")
    sections.append(cards([label_card(clip, labels) for clip in chosen[:limit]]))
    if known:
        readings = [np.array(clip.answer.reading.id) for clip in seen]
        targets = [clip.target for clip in seen]
        sections += confusion_sections(readings, targets, labels, "clips")
        confidences = np.array([clip.answer.reading.confidence for clip in seen])
        correct = np.array([clip.answer.reading.id == int(clip.target) for clip in seen])
        sections += risk_sections(confidences, correct, "clips")
    return sections


def label_card(clip: VideoReading, labels: Sequence[str]) -> Card:
    """A card of a clip with one label."""
    target = None if clip.target is None else labels[int(clip.target)]
    reading = clip.answer.reading
    return clip_card(clip, labels[reading.id], target, reading.confidence)


def text_sections(seen: Sequence[VideoReading], labels: Sequence[str], limit: int) -> list[str]:
    """Clips with a text each, those with the most edits first."""
    rows = []
    for clip in seen:
        text = text_of(clip.answer.reading, labels)
        target = None if clip.target is None else join_labels(clip.target, labels)
        edits = 0 if target is None else Levenshtein.distance(text, target)
        rows.append((edits, clip, text, target))
    rows.sort(key=lambda row: -row[0])
    known = seen[0].target is not None
    shown = [
        clip_card(clip, text, target, float(np.prod(clip.answer.reading.confidences or [0.0])))
        for _, clip, text, target in rows[:limit]
    ]
    return [
        page.heading("Texts, those with the most edits first" if known else "Texts"),
        *page.limit_note(len(rows), limit, "--videos"),
        cards(shown, exact=True),
    ]


def clip_card(clip: VideoReading, reading: str, target: str | None, confidence: float) -> Card:
    """A card with three thumbnails of a clip."""
    times = clip.answer.times
    centres = part_centres(float(times[-1] + median_step(times)), 3)
    images = clip.thumbnails(centres)
    return Card(Path(clip.answer.name).name, reading, target, confidence, images)


def part_centres(end: float, count: int) -> list[float]:
    """The centres of `count` equal parts of the time until `end`, in seconds."""
    return [end * (i + 0.5) / count for i in range(count)]


def evenly_spaced(count: int, limit: int) -> list[int]:
    """At most `limit` indices out of `count`, evenly spaced, ascending."""
    limit = min(limit, count)
    return [(2 * i + 1) * count // (2 * limit) for i in range(limit)]
