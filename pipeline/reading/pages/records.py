"""The readings of a page's lines -> its record: text, and each line with its place and words."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from models.heads.labels import Text

from ...scoring.readings import text_of
from ..bundle import Bundle
from ..notes import DOUBTS, UPSIDE_DOWN, notes_record
from ..records import reading_record
from .loading import LinePlace, PageLines

# steps from the first peak of a word to where its ink begins, and from the end of its last peak to
# where it ends: medians of four bundles on typeset lines
BEFORE, BEHIND = -0.25, 2.25
POINTS = 5  # along the upper and the lower edge of a word, since lines may be curved


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
    page is accepted if all its lines are, and nothing makes the whole of it doubtful; that most of
    its lines are upside down does.
    """
    page = reading.page
    parts = zip(page.lines, page.columns, page.places, reading.readings, strict=True)
    lines = [
        line_record(bundle, line, columns, place, *read, accepted_from)
        for line, columns, place, read in parts
    ]
    read = [line for line in lines if "error" not in line]
    weights = [len(line["text"]) or 1 for line in read]
    turned = sum(UPSIDE_DOWN in line.get("notes", ()) for line in lines)
    notes = (*page.notes, *[UPSIDE_DOWN] * (2 * turned > len(lines)))
    is_doubtful = not DOUBTS.isdisjoint(notes)
    confidence = float(not lines and not is_doubtful)
    if read:
        confidence = np.average([line["confidence"] for line in read], weights=weights)
    record = {"layout": page.layout, "text": page_text(lines), "confidence": round(confidence, 4)}
    if accepted_from is not None:
        accepted = all(line.get("accepted", False) for line in lines)
        record["accepted"] = accepted and not is_doubtful
    if notes:
        record["notes"] = list(notes)
    if page.image != page.name:
        record["image"] = page.image
    return record | {"width": page.shape[1], "height": page.shape[0], "lines": lines}


def page_text(
    lines: Iterable[dict], show: Callable[[dict], str] = lambda line: line.get("text", "")
) -> str:
    """The text of lines in reading order, as `show` gives each, an empty line between regions."""
    regions = groupby(lines, key=lambda line: line["region"])
    return "\n\n".join("\n".join(map(show, own)) for _, own in regions)


def line_record(
    bundle: Bundle,
    line,
    columns: np.ndarray | str,
    place: LinePlace | None,
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
    words = []
    if reading.ids:
        steps = bundle.model.encoder.output_lengths(len(columns))
        words = word_records(reading, bundle.labels, len(columns), steps, place, box)
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
    reading: Text,
    labels: Sequence[str],
    columns: int,
    steps: int,
    place: LinePlace,
    box: Sequence[int],
) -> list[dict]:
    """The words of a line, between spaces, with the boxes that the steps of their characters give.

    columns, steps: of the whole image that was read. place: of that image. box: around the line,
    which holds the words. The confidence of a word is the lowest of its characters.
    """
    wide = columns // steps  # of a step; the encoder leaves out a rest of the columns
    texts, spans, sure = [], [], []
    characters = list(zip(reading.ids, reading.confidences, reading.steps, strict=True))
    for is_space, own in groupby(characters, key=lambda one: labels[one[0]].isspace()):
        if is_space:
            continue
        ids, confidences, peaks = zip(*own, strict=True)
        texts.append(text_of(reading._replace(ids=list(ids)), labels))
        sure.append(round(min(confidences), 4))
        first, last = min(first for first, _ in peaks), max(last for _, last in peaks)
        spans.append((first + BEFORE, last + 1 + BEHIND))
    shares = (wide * np.array(spans).reshape(-1, 2) / columns).clip(0, 1)
    boxes = word_boxes(shares, place, box)
    return [
        {"text": text, "box": own, "confidence": confidence}
        for text, own, confidence in zip(texts, boxes, sure, strict=True)
    ]


def word_boxes(spans: np.ndarray, place: LinePlace, box: Sequence[int]) -> list[list[int]]:
    """The boxes on the page of words (N, 2) that reach from one share of the image's width to
    another, at least one pixel wide and high, within the box of the line.
    """
    high, wide = place.size
    x = wide * np.linspace(spans[:, 0], spans[:, 1], POINTS, axis=1)  # (N, POINTS)
    points = np.stack([np.stack([x, np.full_like(x, y)], 2) for y in (0, high)], 1)
    points = place.to_page(points.reshape(-1, 2)).reshape(len(spans), -1, 2)
    left, top, right, bottom = box
    low, end = ((left, top), (max(right, left + 1), max(bottom, top + 1)))
    first = np.round(points.min(1)).astype(int).clip(low, np.subtract(end, 1))
    last = np.round(points.max(1)).astype(int).clip(first + 1, end)
    return np.concatenate([first, last], 1).tolist()
