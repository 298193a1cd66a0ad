"""report for videos: what a bundle read in each, beside what is true where that is known."""

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasets import ClipReader
from datasets.paths import resolve
from datasets.progress import track
from models.heads.labels import Label, StepLabels, Text

from ..evaluation.evaluate import labelled_data
from ..evaluation.labelled import LabelledData
from ..reading.bundle import find_bundle
from ..reading.inputs import KINDS
from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, Score, scores
from ..scoring.readings import tally_readings
from . import html as page
from .video_html import comparison
from .video_sections import Seen, label_sections, step_sections, text_sections

# beside a video, these hold what is true of it
ANNOTATIONS = (".csv", ".tsv", ".json", ".boris", ".eaf")


class Found(NamedTuple):
    """All videos as read; data: None if nothing is known to be true of them."""

    seen: list[Seen]
    data: LabelledData | None
    scores: dict[str, Score]


def report_videos(
    recognizer: Recognizer, tables: Mapping[str, Mapping[str, float]], options
) -> tuple[str, list[str], list[str], int]:
    """The page's lead and sections, what the terminal says, and the exit status.

    tables: scores of others, by name, in percent.
    """
    check(recognizer, options.model)
    found = read_videos(recognizer, options)
    sections = headline(found)
    if tables and found.scores:
        own = {name: score.value for name, score in found.scores.items()}
        others = {n: {k: v for k, v in told.items() if k in own} for n, told in tables.items()}
        sections += [page.heading("Beside other ways"), page.paragraph("In percent.")]
        sections.append(comparison({find_bundle(options.model).stem: own} | others))
    sections += of_readings(found, recognizer.bundle.labels, options.shown)
    lead = f"{len(found.seen)} videos of {options.data}, read by {options.model}"
    failed = any(isinstance(one.answer.reading, str) for one in found.seen)
    return lead, sections + problems(found), [], int(failed)


def check(recognizer: Recognizer, model: str) -> None:
    """Raises ValueError for a bundle whose readings have no page yet."""
    kind = type(recognizer.bundle.reader).__name__
    if not isinstance(recognizer.bundle.reader, ClipReader):
        raise ValueError(
            f"{model} reads {KINDS[kind][0]}; report takes bundles that read lines or videos. "
            "evaluate scores this one"
        )
    if getattr(recognizer.model.head, "multi_label", False):
        raise ValueError(f"{model}: several labels a step; report shows bundles with one a step")


def read_videos(recognizer: Recognizer, options) -> Found:
    """Every video read and, where the truth is known, scored."""
    bare = unlabelled(options.data)
    data = None if bare else labelled_data(recognizer, options)
    items = bare or data.items
    answers = list(track(recognizer.answers(items), "reading", len(items)))
    for answer in answers:
        if isinstance(answer.reading, str):
            print(f"error: {answer.reading}", file=sys.stderr)
    if data is None:
        return Found([Seen(answer, None) for answer in answers], None, {})
    # what could not be read stays in the scores, as a reading that is wrong
    scored = [
        answer._replace(reading=data.nothing) if isinstance(answer.reading, str) else answer
        for answer in answers
    ]
    data, notes = data.settled(scored)
    data = data._replace(unscored=[*data.unscored, *notes])
    tally = tally_readings(
        [answer.reading for answer in scored],
        data.targets,
        data.groups,
        data.labels,
        Normalization(options.ignore_case),
        data.background,
    )
    seen = [Seen(answer, target) for answer, target in zip(answers, data.targets, strict=True)]
    return Found(seen, data, scores(tally))


def unlabelled(data: str) -> list[str]:
    """The videos of a folder that holds no annotations and no folders, or one video; else none."""
    path = resolve(data)
    if path.is_file():
        return [str(path)] if path.suffix.lower() in ClipReader.suffixes else []
    inside = sorted(path.iterdir())
    if any(one.is_dir() or one.suffix.lower() in ANNOTATIONS for one in inside):
        return []
    return [str(one) for one in inside if one.suffix.lower() in ClipReader.suffixes]


def headline(found: Found) -> list[str]:
    """Scores with their intervals, and how much was read."""
    failed = sum(isinstance(one.answer.reading, str) for one in found.seen)
    told = {"videos": str(len(found.seen)), "not readable": str(failed)}
    for name, score in found.scores.items():
        told[name.replace("_", " ")] = in_words(score)
    sections = [page.facts(told)]
    if found.scores:
        groups = len(set(found.data.groups))
        sections.append(
            page.paragraph(
                f"In brackets the 95 % interval over {groups} groups, drawn again with "
                "replacement. A video that could not be read counts as wrong."
            )
        )
    else:
        sections.append(page.paragraph("Nothing is known to be true: the readings alone."))
    return sections


def in_words(score: Score) -> str:
    if np.isnan(score.value):
        return "undefined"
    span = "" if np.isnan(score.low) else f" ({score.low:.1f}-{score.high:.1f})"
    return f"{score.value:.1f} %{span}"


def of_readings(found: Found, labels: Sequence[str], most: int) -> list[str]:
    """The sections that fit what the bundle's head reads."""
    seen = [one for one in found.seen if not isinstance(one.answer.reading, str)]
    if not seen:
        return [page.paragraph("No video could be read.")]
    labels = found.data.labels if found.data else labels
    kinds = {StepLabels: step_sections, Label: label_sections, Text: text_sections}
    sections = kinds[type(seen[0].answer.reading)](seen, labels, most)
    lost = len(found.seen) - len(seen)
    told = f"{lost} of {len(found.seen)} videos could not be read and are in nothing below."
    return [page.paragraph(told)] * bool(lost) + sections


def problems(found: Found) -> list[str]:
    """What could not be read or scored, with the reasons."""
    unread = [one.answer.reading for one in found.seen if isinstance(one.answer.reading, str)]
    named = unread + (found.data.unscored if found.data else [])
    return [page.folded(f"{len(named)} not read or not scored", "\n".join(named))] if named else []
