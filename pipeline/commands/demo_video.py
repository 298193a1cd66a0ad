"""The demo's films: one motion a clip, and what happens at every point of a longer film."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datasets.video.annotations.files import clip_path, labels_at, read_annotations

from ..reading import bundle
from ..reading.prediction import Recognizer, load_recognizer
from ..reports import html as report
from ..reports.video_html import cards, legend, timeline
from ..reports.video_sections import FILM, Seen, card_of, middles, moments, timeline_of
from ..scoring.metrics import Score, describe_score, scores
from ..scoring.readings import tally_readings
from ..writing.palette import palette

MOTIONS, EVENTS, LIPS = "motions", "events", "lips-en"  # bundles
SAMPLE_MAKER = "datasets/video/sample_film.py"
BAR = 50  # columns of a timeline in the terminal


class Read(NamedTuple):
    """Videos as read, with what is true of them."""

    seen: list[Seen]
    labels: list[str]
    scores: dict[str, Score]


class Films(NamedTuple):
    """The clips with a motion each, and the films with an event for every frame."""

    motions: Read
    events: Read


def read_samples(folder: Path) -> Films:
    """Raises OSError or ValueError for a bundle or a sample that is missing or cannot be used."""
    motions, events = load_recognizer(MOTIONS), load_recognizer(EVENTS)
    return Films(
        read_films(motions, folder / "clips.csv"), read_films(events, folder / "events.csv")
    )


def read_films(recognizer: Recognizer, table: Path) -> Read:
    """The clips of an annotation file; a label a clip, or one a frame, whichever it has.

    Raises ValueError for a clip that cannot be read, or a label that the bundle does not know.
    """
    annotations, problems = read_annotations(table)
    if problems:
        raise ValueError(f"{problems[0].reason}; make the samples again: {SAMPLE_MAKER}")
    labels = recognizer.bundle.labels
    ids = {label: place for place, label in enumerate(labels)}
    answers = list(recognizer.answers(str(clip_path(table, one.clip)) for one in annotations))
    seen = []
    for one, answer in zip(annotations, answers, strict=True):
        if isinstance(answer.reading, str):
            raise ValueError(f"{answer.reading}; make the samples again: {SAMPLE_MAKER}")
        if one.segments:
            target = labels_at(one.segments, answer.times, answer.numbers, ids, set())
        elif one.label in ids:
            target = np.array(ids[one.label])
        else:
            raise ValueError(f"{table}: the bundle does not know the label '{one.label}'")
        seen.append(Seen(answer, target))
    readings, targets = [answer.reading for answer in answers], [one.target for one in seen]
    names = [one.clip for one in annotations]
    return Read(seen, labels, scores(tally_readings(readings, targets, names, labels)))


def motion_table(films: Read) -> Table:
    """Clip, reading and confidence; where a reading is wrong, the truth stands behind it."""
    shown = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    shown.add_column("clip", style="cyan", no_wrap=True)
    shown.add_column("reading, and the truth if they differ")
    shown.add_column("sure", justify="right", no_wrap=True)
    for answer, target in films.seen:
        said, true = films.labels[answer.reading.id], films.labels[int(target)]
        told = Text(said)
        if said != true:
            told = Text.assemble((said, "bold red underline"), (f"  {true}", "green underline"))
        sure = f"{100 * answer.reading.confidence:.1f} %"
        shown.add_row(Path(answer.name).name, told, sure)
    return shown


def event_table(films: Read) -> Table:
    """Truth and reading of each film as strips over its time, one letter a label."""
    shown = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    shown.add_column("film", style="cyan", no_wrap=True)
    shown.add_column("truth above, reading below", no_wrap=True)
    shown.add_column("seconds", justify="right", no_wrap=True)
    for one in films.seen:
        video = timeline_of(one)
        rows = [strip(ids, films.labels) for ids in (video.target, video.reading)]
        shown.add_row(video.name, Text("\n").join(rows), f"{video.edges[-1]:.1f}")
    return shown


def strip(ids: np.ndarray, labels: Sequence[str], columns: int = BAR) -> Text:
    """Ids (T,) -> the letter and colour of the label in the middle of each column's time."""
    middle = ((np.arange(columns) + 0.5) * len(ids) / columns).astype(int)
    return Text.assemble(*(mark(int(place), labels) for place in ids[middle]))


def mark(place: int, labels: Sequence[str]) -> tuple[str, str]:
    """A label's letter in the strips, and its style."""
    return chr(ord("a") + place), f"black on {palette(labels)[labels[place]]}"


def key(labels: Sequence[str]) -> Text:
    """Which letter is which label."""
    told = [Text.assemble(mark(i, labels), f" {label}") for i, label in enumerate(labels)]
    return Text("   ").join(told)


def lips_hint() -> str | None:
    """How to use the bundle that reads lips, if it is there: no sample of a face ships."""
    if not (bundle.ZOO / f"{LIPS}.safetensors").is_file():
        return None
    return (
        f"{LIPS} reads a spoken sentence from the mouth (its card tells which films it knows): "
        f"python run.py predict CLIP.mp4 --model {LIPS}"
    )


def show(films: Films, console: Console) -> None:
    """All of it in the terminal."""
    motions, events = films
    console.print(motion_table(motions))
    console.print(describe_score("accuracy", motions.scores["accuracy"], "clips"))
    console.print(f"made scenes, filmed for this demo, read by {MOTIONS}\n")
    console.print(key(events.labels))
    console.print(event_table(events))
    console.print(describe_score("frame_accuracy", events.scores["frame_accuracy"], "films"))
    console.print(f"longer films, a label for every frame, read by {EVENTS}\n")
    if hint := lips_hint():
        console.print(f"{hint}\n")


def sections(films: Films) -> list[str]:
    """For the page: a card for each clip, a timeline for each film."""
    motions, events = films
    shown = []
    for one in motions.seen:
        said = motions.labels[one.answer.reading.id]
        true = motions.labels[int(one.target)]
        shown.append(card_of(one, said, true, one.answer.reading.confidence))
    drawn = []
    for one in events.seen:
        video = timeline_of(one)
        times = middles(float(video.edges[-1]), FILM)
        film = list(moments(one.answer.name, times).values())
        drawn.append(timeline(video._replace(film=film), events.labels, palette(events.labels)))
    return [
        report.heading("What moves in a clip"),
        report.paragraph(
            f"Made scenes, filmed by {SAMPLE_MAKER} and read by {MOTIONS}. No single "
            "picture tells the way: only their order does."
        ),
        cards(shown),
        report.heading("What happens at every point of a film"),
        report.paragraph(
            f"Read by {EVENTS}, a label for every frame. The three kinds of rest look alike; they "
            "differ only in what came before."
        ),
        legend(events.labels, palette(events.labels)),
        *drawn,
    ]
