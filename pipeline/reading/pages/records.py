"""The readings of a page's lines -> its record: text, and each line with its place and words."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from models.heads.labels import Text

from ...scoring.readings import text_of
from ..bundle import Bundle
from ..notes import DOUBTS, notes_record
from ..records import reading_record
from .loading import PageLines


class PageReading(NamedTuple):
    """The readings of a page's lines, in reading order, each with the notes on it.

    An error message where there is no reading.
    """

    page: PageLines
    readings: list[tuple[Text | str, tuple[str, ...]]]


def page_record(bundle: Bundle, reading: PageReading, accepted_from: float | None = None) -> dict:
    """A page as a JSON-serializable record, without its input.

    text: lines end with a line break, regions with an empty line. width, height, polygon, baseline,
    box: in pixels of the image. confidence: mean over the lines by their characters; of a page
    without a line that was read 1 if it is blank, else 0. accepted_from: as in `reading_record`; a
    page is accepted if all its lines are, and nothing makes the whole of it doubtful.
    """
    page = reading.page
    lines = [
        line_record(bundle, line, columns, *read, accepted_from)
        for line, columns, read in zip(page.lines, page.columns, reading.readings, strict=True)
    ]
    read = [line for line in lines if "error" not in line]
    weights = [len(line["text"]) or 1 for line in read]
    is_doubtful = not DOUBTS.isdisjoint(page.notes)
    confidence = float(not lines and not is_doubtful)
    if read:
        confidence = np.average([line["confidence"] for line in read], weights=weights)
    record = {"layout": page.layout, "text": page_text(lines), "confidence": round(confidence, 4)}
    if accepted_from is not None:
        accepted = all(line.get("accepted", False) for line in lines)
        record["accepted"] = accepted and not is_doubtful
    if page.notes:
        record["notes"] = list(page.notes)
    if page.image != page.name:
        record["image"] = page.image
    return record | {"width": page.shape[1], "height": page.shape[0], "lines": lines}


def page_text(lines: Sequence[dict]) -> str:
    """The text of lines in reading order: a line each, an empty one between regions."""
    regions = groupby(lines, key=lambda line: line["region"])
    return "\n\n".join("\n".join(line.get("text", "") for line in own) for _, own in regions)


def line_record(
    bundle: Bundle,
    line,
    columns: np.ndarray | str,
    reading: Text | str,
    notes: tuple[str, ...],
    accepted_from: float | None,
) -> dict:
    """A line of a page: its place, and its text with its words, or an error."""
    polygon = None if line.polygon is None else np.round(line.polygon).astype(int).tolist()
    baseline = None if line.baseline is None else np.round(line.baseline).astype(int).tolist()
    box = [round(edge) for edge in extent(line)]
    record = {"id": line.id, "region": line.region, "polygon": polygon, "baseline": baseline}
    record["box"] = box
    if isinstance(reading, str):
        return record | {"error": reading}
    read = reading_record(bundle, reading, accepted_from=accepted_from)
    steps = bundle.model.encoder.output_lengths(len(columns)) if reading.ids else 0
    words = word_records(reading, bundle.labels, steps, box)
    return record | read | notes_record(read, notes) | {"words": words}


def extent(line) -> tuple[float, float, float, float]:
    """The smallest box (left, top, right, bottom) around a line's polygon, box or baseline.

    Zeros for a line whose file has none of them, and which cannot be cut out.
    """
    points = line.baseline if line.polygon is None else line.polygon
    if points is None or (line.polygon is None and line.box is not None):
        return line.box or (0.0, 0.0, 0.0, 0.0)
    return (*points.min(0).tolist(), *points.max(0).tolist())


def word_records(
    reading: Text, labels: Sequence[str], steps: int, box: Sequence[int]
) -> list[dict]:
    """The words of a line, between spaces, with the boxes that the steps of their characters give.

    steps: of the whole line, which reaches from left to right of its box. The confidence of a word
    is the lowest of its characters.
    """
    left, top, right, bottom = box
    scale, words = (right - left) / max(steps, 1), []
    characters = list(zip(reading.ids, reading.confidences, reading.steps, strict=True))
    for is_space, own in groupby(characters, key=lambda one: labels[one[0]].isspace()):
        if is_space:
            continue
        ids, confidences, spans = zip(*own, strict=True)
        # a character peaks at its middle: half a step of white on either side
        start, end = min(first for first, _ in spans) - 1, max(last for _, last in spans) + 2
        edges = [round(left + scale * step) for step in (max(start, 0), min(end, steps))]
        text = text_of(reading._replace(ids=list(ids)), labels)
        confidence = round(min(confidences), 4)
        place = [edges[0], top, max(edges[1], edges[0] + 1), bottom]
        words.append({"text": text, "box": place, "confidence": confidence})
    return words
