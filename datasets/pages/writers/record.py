"""The record of a page, checked: its regions, lines and words, each with a box in pixels.

A record is plain JSON data: `input`, `width`, `height` and `lines`, or `error`; see `read_record`.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ...lines.bidi import RIGHT_TO_LEFT, reorder
from ..documents import split_page_name
from ..layout import one_line, page_line_name
from ..xml import UNWRITABLE, check_writable

SOFTWARE, VERSION = "Strand", "0.1.0"
NAME_CHARACTERS = re.compile(r"[^\w.-]", re.ASCII)
WORD = re.compile(r"\S+")

Points = list[tuple[int, int]]
Box = tuple[int, int, int, int]  # left, top, right, bottom


class RecordedWord(NamedTuple):
    """A word of a line. confidence: 0 to 1."""

    text: str
    box: Box
    confidence: float


class RecordedLine(NamedTuple):
    """A line of text.

    id: unique in the page, and a name of XML. text: one line; None if it could not be read, and
    then `error` says why. polygon, baseline: None if they are unknown. words: in the order in which
    they are read; empty without a text. accepted: None if nobody asked.
    """

    id: str
    text: str | None
    confidence: float
    box: Box
    polygon: Points | None
    baseline: Points | None
    words: tuple[RecordedWord, ...]
    accepted: bool | None
    notes: tuple[str, ...]
    error: str | None

    @property
    def is_right_to_left(self) -> bool:
        """Whether at least half of its letters are written from right to left."""
        kinds = [unicodedata.bidirectional(c) for c in self.text or ""]
        leftwards = sum(kind in RIGHT_TO_LEFT for kind in kinds)
        return leftwards > 0 and leftwards >= kinds.count("L")


class RecordedRegion(NamedTuple):
    """Lines that are read one after the other, and the box around them. id: as that of a line."""

    id: str
    box: Box
    lines: tuple[RecordedLine, ...]


class RecordedPage(NamedTuple):
    """A page with its regions in reading order.

    source: the file that its pixels are in. number: that of the page in it, from 1. image: how page
    files name both, without folders. error: why it could not be read, or None. problems: what of
    the record cannot be written, and why.
    """

    source: str
    number: int
    image: str
    width: int
    height: int
    regions: tuple[RecordedRegion, ...]
    notes: tuple[str, ...]
    error: str | None
    problems: tuple[str, ...]

    @property
    def lines(self) -> Iterator[RecordedLine]:
        """All lines in reading order."""
        return (line for region in self.regions for line in region.lines)


def read_record(record: dict) -> RecordedPage:
    """Check the record of a page.

    A line whose text XML cannot hold loses it, and gets an error; other texts (names, notes) have
    U+FFFD in place of such characters. Boxes are cut at the edges of the page. Raises ValueError
    for a page without a size.
    """
    name = record["input"]
    pixels = record.get("image") or name
    source, number = split_page_name(pixels) or (pixels, 1)
    image, notes = replace_unwritable(Path(pixels).name), _notes(record)
    if "error" in record:
        error = replace_unwritable(str(record["error"]))
        return RecordedPage(source, number, image, 0, 0, (), notes, error, ())
    width, height = (round(record.get(side) or 0) for side in ("width", "height"))
    if min(width, height) < 1:
        raise ValueError(f"{name}: {width} x {height} pixels in its record; read it again")
    ids: set[str] = set()
    regions, problems = [], []
    for _, lines in groupby(record["lines"], key=lambda line: line.get("region")):
        lines = list(lines)
        region = xml_name(lines[0].get("region") or "r", ids)
        read = tuple(_read_line(name, line, (width, height), ids) for line in lines)
        regions.append(RecordedRegion(region, union([line.box for line in read]), read))
        pairs = zip(lines, read, strict=True)
        problems += [line.error for given, line in pairs if line.error and "error" not in given]
    return RecordedPage(
        source, number, image, width, height, tuple(regions), notes, None, tuple(problems)
    )


def _notes(record: dict) -> tuple[str, ...]:
    return tuple(replace_unwritable(note) for note in record.get("notes") or ())


def _read_line(page: str, line: dict, size: tuple[int, int], ids: set[str]) -> RecordedLine:
    text, error = None, line.get("error")
    if error is None:
        try:
            text = one_line(check_writable(line["text"], page_line_name(page, line["id"])))
        except ValueError as unwritable:
            error = str(unwritable)
    confidence = min(max(line.get("confidence") or 0.0, 0.0), 1.0)
    box = cut_box(line["box"], size)
    baseline = cut_points(line.get("baseline"), size, 2)
    return RecordedLine(
        xml_name(line["id"], ids),
        text,
        confidence,
        box,
        cut_points(line.get("polygon"), size, 3),
        baseline,
        () if text is None else tuple(_read_words(line, text, box, baseline, confidence, size)),
        line.get("accepted"),
        _notes(line),
        None if error is None else replace_unwritable(error),
    )


def _read_words(
    line: dict,
    text: str,
    box: Box,
    baseline: Points | None,
    confidence: float,
    size: tuple[int, int],
) -> Iterator[RecordedWord]:
    """The words of the record if they are those of the text, else shares of the line's box.

    Those of the record may stand from left to right, whatever the direction of the script.
    """
    shares = list(share_out(text, box, baseline))
    order = sorted(range(len(shares)), key=lambda i: shares[i][2][0])
    given = sorted(line.get("words") or (), key=lambda word: word["box"][0])
    words = [text[start:end] for start, end, _ in shares]
    same = [word["text"] for word in given] == [words[i] for i in order]
    if not same or runs_down(baseline):  # boxes of upright letters, side by side
        for word, (*_, share) in zip(words, shares, strict=True):
            yield RecordedWord(word, share, confidence)
        return
    for i in sorted(range(len(order)), key=order.__getitem__):
        own = min(max(given[i].get("confidence", confidence), 0.0), 1.0)
        yield RecordedWord(given[i]["text"], cut_box(given[i]["box"], size), own)


def runs_down(baseline: Points | None) -> bool:
    """Whether a line runs down or up rather than to the side."""
    across, down = (0, 0) if baseline is None else _chord(baseline)
    return abs(down) > abs(across)


def share_out(
    text: str, box: Box, baseline: Points | None = None
) -> Iterator[tuple[int, int, Box]]:
    """Yield start and end of each word, and its share of the line's box by the characters' widths.

    Characters stand in visual order; wide ones (Han, kana, Hangul) count twice, combining marks
    not at all. A line whose baseline goes down or up is shared from top to bottom or from bottom to
    top.
    """
    edges, position = {}, 0
    for place in reorder(text):
        width = _columns(text[place.index])
        edges[place.index] = (position, position + width)
        position += width
    total = max(position, 1)
    axis = int(runs_down(baseline))
    upwards = axis and _chord(baseline)[1] < 0
    low, high = box[axis], box[axis + 2]
    for match in WORD.finditer(text):
        spans = [edges[index] for index in range(*match.span())]
        first, last = min(span[0] for span in spans), max(span[1] for span in spans)
        if upwards:
            first, last = total - last, total - first
        share = list(box)
        share[axis] = low + round((high - low) * first / total)
        share[axis + 2] = low + round((high - low) * last / total)
        yield *match.span(), tuple(share)


def _chord(points: Points) -> tuple[int, int]:
    (x0, y0), (x1, y1) = points[0], points[-1]
    return x1 - x0, y1 - y0


def _columns(symbol: str) -> int:
    if symbol.isascii():
        return 1
    if unicodedata.category(symbol) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(symbol) in "WF" else 1


def xml_name(given: str, used: set[str]) -> str:
    """Return a name (NCName) like the given one that is not yet used, and add it to `used`."""
    name = NAME_CHARACTERS.sub("_", given) or "_"
    name = name if name[0].isalpha() or name[0] == "_" else f"_{name}"
    number, unique = 1, name
    while unique in used:
        number += 1
        unique = f"{name}_{number}"
    used.add(unique)
    return unique


def replace_unwritable(text: str) -> str:
    """Return a text with U+FFFD in place of characters that XML forbids."""
    return UNWRITABLE.sub("\ufffd", text)


def cut_points(
    points: Sequence[Sequence[float]] | None, size: tuple[int, int], least: int
) -> Points | None:
    """Round points to pixels within a page (width, height); None for fewer than `least`."""
    if points is None or len(points) < least:
        return None
    return [tuple(min(max(round(v), 0), end) for v, end in zip(p, size, strict=True))
            for p in points]  # fmt: skip


def cut_box(box: Sequence[float], size: tuple[int, int]) -> Box:
    """Round a box to pixels within a page (width, height)."""
    (left, top), (right, bottom) = cut_points([box[:2], box[2:]], size, 2)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def union(boxes: Sequence[Box]) -> Box:
    """Return the box around boxes."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def corners(box: Box) -> Points:
    """Return the corners of a box, clockwise from the top left."""
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
