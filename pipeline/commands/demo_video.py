"""The videos of the demo: clips with one motion each, longer videos with a label per frame."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datasets.video.annotations.files import clip_path, labels_at, read_annotations

from ..reading import bundle_files
from ..reading.prediction import Recognizer, load_recognizer
from ..reports import html as report
from ..reports.video_html import cards, legend, timeline
from ..reports.video_sections import (
    NUM_THUMBNAILS,
    VideoReading,
    label_card,
    part_centres,
    timeline_of,
)
from ..scoring.metrics import Score, compute_scores, describe_score
from ..scoring.readings import tally_readings
from ..writing.palette import palette
from ..writing.thumbnails import thumbnails

MOTIONS, EVENTS, LIPS = "motions", "events", "lips-en"  # bundles
SAMPLE_MAKER = "datasets/video/sample_film.py"
NUM_COLUMNS = 50  # of a timeline in the terminal


class ScoredVideos(NamedTuple):
    """Videos with their readings and targets, and the scores over all."""

    seen: list[VideoReading]
    labels: list[str]
    scores: dict[str, Score]


class DemoVideos(NamedTuple):
    """The clips with a motion each, and the videos with an event for every frame."""

    motions: ScoredVideos
    events: ScoredVideos


def read_samples(folder: Path) -> DemoVideos:
    """Raises OSError or ValueError for a bundle or a sample that is missing or cannot be used."""
    motions, events = load_recognizer(MOTIONS), load_recognizer(EVENTS)
    return DemoVideos(
        read_videos(motions, folder / "clips.csv"), read_videos(events, folder / "events.csv")
    )


def read_videos(recognizer: Recognizer, table: Path) -> ScoredVideos:
    """Read and score the clips of an annotation file, with a label per clip or per frame.

    Raises ValueError for a clip that cannot be read, or a label that the bundle does not know.
    """
    annotations, problems = read_annotations(table)
    if problems:
        raise ValueError(f"{problems[0].reason}; make the samples again: {SAMPLE_MAKER}")
    labels = recognizer.bundle.labels
    ids = {label: i for i, label in enumerate(labels)}
    names = [annotation.clip for annotation in annotations]
    answers = recognizer.answers(str(clip_path(table, name)) for name in names)
    seen = []
    for annotation, answer in zip(annotations, answers, strict=True):
        if isinstance(answer.reading, str):
            raise ValueError(f"{answer.reading}; make the samples again: {SAMPLE_MAKER}")
        if annotation.segments:
            target = labels_at(annotation.segments, answer.times, answer.numbers, ids, set())
        elif annotation.label in ids:
            target = np.array(ids[annotation.label])
        else:
            raise ValueError(f"{table}: the bundle does not know the label '{annotation.label}'")
        seen.append(VideoReading(answer, target))
    readings, targets = [video.answer.reading for video in seen], [video.target for video in seen]
    return ScoredVideos(
        seen, labels, compute_scores(tally_readings(readings, targets, names, labels))
    )


def motion_table(videos: ScoredVideos) -> Table:
    """Clip, reading and confidence; where a reading is wrong, the truth follows it."""
    table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    table.add_column("clip", style="cyan", no_wrap=True)
    table.add_column("reading, and the truth if they differ")
    table.add_column("sure", justify="right", no_wrap=True)
    for answer, target, _ in videos.seen:
        label, truth = videos.labels[answer.reading.id], videos.labels[int(target)]
        text = Text(label)
        if label != truth:
            text = Text.assemble((label, "bold red underline"), (f"  {truth}", "green underline"))
        table.add_row(Path(answer.name).name, text, f"{100 * answer.reading.confidence:.1f} %")
    return table


def event_table(videos: ScoredVideos) -> Table:
    """Truth and reading of each video as strips over its time, one letter per label."""
    table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    table.add_column("film", style="cyan", no_wrap=True)
    table.add_column("truth above, reading below", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for video in map(timeline_of, videos.seen):
        strips = [strip(ids, videos.labels) for ids in (video.target, video.reading)]
        table.add_row(video.name, Text("\n").join(strips), f"{video.duration:.1f}")
    return table


def strip(ids: np.ndarray, labels: Sequence[str], columns: int = NUM_COLUMNS) -> Text:
    """For ids (T,), the letter and colour of the label at the centre of each column's time."""
    centres = ((np.arange(columns) + 0.5) * len(ids) / columns).astype(int)
    return Text.assemble(*(letter(int(i), labels) for i in ids[centres]))


def letter(i: int, labels: Sequence[str]) -> tuple[str, str]:
    """The letter of a label in the strips, and its style."""
    return chr(ord("a") + i), f"black on {palette(labels)[labels[i]]}"


def letter_key(labels: Sequence[str]) -> Text:
    """Which letter stands for which label."""
    entries = [Text.assemble(letter(i, labels), f" {label}") for i, label in enumerate(labels)]
    return Text("   ").join(entries)


def lips_hint() -> str | None:
    """How to use the lip-reading bundle if it is there; no sample of a face ships."""
    if not (bundle_files.ZOO / f"{LIPS}.safetensors").is_file():
        return None
    return (
        f"{LIPS} reads a spoken sentence from the mouth (its card tells which films it knows): "
        f"python run.py predict CLIP.mp4 --model {LIPS}"
    )


def show(videos: DemoVideos, console: Console) -> None:
    """Print tables and scores."""
    motions, events = videos
    console.print(motion_table(motions))
    console.print(describe_score("accuracy", motions.scores["accuracy"], "clips"))
    console.print(f"made scenes, filmed for this demo, read by {MOTIONS}\n")
    console.print(letter_key(events.labels))
    console.print(event_table(events))
    console.print(describe_score("frame_accuracy", events.scores["frame_accuracy"], "films"))
    console.print(f"longer films, a label for every frame, read by {EVENTS}\n")
    if hint := lips_hint():
        console.print(f"{hint}\n")


def sections(videos: DemoVideos) -> list[str]:
    """Sections of the page: a card for each clip, a timeline for each longer video."""
    motions, events = videos
    colours = palette(events.labels)
    timelines = []
    for seen in events.seen:
        video = timeline_of(seen)
        images = thumbnails(seen.answer.name, part_centres(video.duration, NUM_THUMBNAILS))
        timelines.append(timeline(video._replace(thumbnails=images), events.labels, colours))
    return [
        report.heading("What moves in a clip"),
        report.paragraph(
            f"Made scenes, filmed by {SAMPLE_MAKER} and read by {MOTIONS}. No single "
            "picture tells the way: only their order does."
        ),
        cards([label_card(clip, motions.labels) for clip in motions.seen]),
        report.heading("What happens at every point of a film"),
        report.paragraph(
            f"Read by {EVENTS}, a label for every frame. The three kinds of rest look alike; they "
            "differ only in what came before."
        ),
        legend(events.labels, colours),
        *timelines,
    ]
