"""The layout of a page, common to PAGE and ALTO: lines in reading order, coordinates, texts."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from .xml import Element, local_name

MAX_NUMBER = 1e7  # of a coordinate or size, in any unit
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
BREAKS = re.compile(r"[^\S\n\r\t]*[\n\r\t]\s*")

Box = tuple[float, float, float, float]  # left, top, right, bottom


class PageLine(NamedTuple):
    """One line of a page; its coordinates are in the unit of the file.

    id: that of the file, else made from the line's position. region: id of the element around it.
    text: None or "" if it has none. polygon: (N, 2) x, y. baseline: (N, 2), in writing direction.
    polygon, baseline and box are None if the file does not have them. initial: of a line that was
    found in an image, the box of a drop capital that it begins with, outside of its polygon.
    """

    id: str
    region: str
    text: str | None
    polygon: np.ndarray | None
    baseline: np.ndarray | None
    box: Box | None
    initial: Box | None = None


class Page(NamedTuple):
    """A page file.

    image: file name of the image as the file gives it, or "". size: width and height that the
    coordinates refer to, if known. unit: "pixel", or the MeasurementUnit of ALTO.
    """

    path: str
    kind: Literal["page", "alto"]
    image: str
    size: tuple[float, float] | None
    unit: str
    lines: tuple[PageLine, ...]


class Reading(NamedTuple):
    """A text to write into a line.

    confidence: 0 to 1. accepted: None if nobody asked. words: the confidences of its words.
    """

    text: str
    confidence: float
    accepted: bool | None = None
    words: tuple[float, ...] = ()

    def word_confidences(self, count: int) -> Sequence[float]:
        """Return those of so many words: their own, or that of the line if there are others."""
        return self.words if len(self.words) == count else [self.confidence] * count


class PlacedLine(NamedTuple):
    """The TextLine element of a line, its unique id, and its ancestors from the root on."""

    id: str
    element: Element
    ancestors: tuple[Element, ...]


def placed_lines(root: Element, id_name: str) -> Iterator[PlacedLine]:
    """Yield every TextLine, in the order of the file. id_name: the attribute that holds the id.

    Missing ids are made from the position, and repeated ones are numbered.
    """
    used: set[str] = set()
    repeated: Counter[str] = Counter()
    stack: list[tuple[Element, tuple[Element, ...]]] = [(root, ())]
    count = 0
    while stack:
        element, ancestors = stack.pop()
        if local_name(element) == "TextLine":
            count += 1
            given = element.get(id_name) or f"line_{count}"
            name = given
            while name in used:  # not every tool writes unique ids
                repeated[given] += 1
                name = f"{given}_{repeated[given] + 1}"
            used.add(name)
            yield PlacedLine(name, element, ancestors)
        stack += [(child, (*ancestors, element)) for child in reversed(element)]


def sort_by_rank(
    lines: Sequence[PlacedLine],
    ordered_ids: Sequence[str | None],
    id_name: str,
    line_indices: Sequence[int | None],
) -> list[PlacedLine]:
    """Sort lines by the rank of the innermost element that has one, then by the order of the file.

    ordered_ids: ids of regions, blocks or lines in reading order; lines without any come last.
    line_indices: the index of each line within its region, or None; used only in regions where all
        lines have one.
    """
    ranks = {name: rank for rank, name in enumerate(dict.fromkeys(ordered_ids)) if name is not None}
    regions: dict[int, list[int]] = {}
    for position, line in enumerate(lines):
        regions.setdefault(id(line.ancestors[-1]), []).append(position)
    keys: dict[int, tuple[int, int, int]] = {}
    for number, positions in enumerate(regions.values()):
        indices = [line_indices[position] for position in positions]
        if None in indices:
            indices = list(range(len(positions)))
        for index, position in zip(indices, positions, strict=True):
            inner_first = [lines[position].element, *reversed(lines[position].ancestors)]
            ids = (element.get(id_name) for element in inner_first)
            rank = next((ranks[name] for name in ids if name in ranks), len(ranks))
            keys[position] = (rank, number, index)
    return [lines[position] for position in sorted(keys, key=keys.__getitem__)]


def parse_points(text: str | None) -> np.ndarray | None:
    """Parse "0,1 2,3" or "0 1 2 3" as (N, 2) float64; None unless these are pairs of numbers."""
    text = text or ""
    numbers = NUMBER.findall(text)
    if len(numbers) < 4 or len(numbers) % 2 or re.sub(r"[\s,;]", "", NUMBER.sub("", text)):
        return None
    pairs = np.array(numbers, dtype=np.float64).reshape(-1, 2)
    return pairs if (np.abs(pairs) <= MAX_NUMBER).all() else None


def check_polygon(points: np.ndarray | None) -> np.ndarray | None:
    """Return the points if there are at least three, else None."""
    return points if points is not None and len(points) > 2 else None


def parse_number(text: str | None) -> float | None:
    """Parse a number; None for text that is none, and for what is no coordinate or size."""
    match = NUMBER.fullmatch((text or "").strip())
    number = float(match[0]) if match else MAX_NUMBER + 1
    return number if abs(number) <= MAX_NUMBER else None


def parse_size(width: str | None, height: str | None) -> tuple[float, float] | None:
    """Parse a width and a height; None unless both are at least 1."""
    size = parse_number(width), parse_number(height)
    return size if all(number is not None and number >= 1 for number in size) else None


def one_line(text: str) -> str:
    """Replace line breaks and tabs by spaces, and strip white space at both ends."""
    return BREAKS.sub(" ", text).strip()


def page_line_name(path: Path | str, line: str) -> str:
    """Return the name of a line in records and messages, page.xml#line."""
    return f"{path}#{line}"


def split_page_line_name(name: str) -> tuple[str, str] | None:
    """Split page.xml#line into (page.xml, line).

    None if the name has another form, or is that of a file: page.xml#2 may be a folder of scans. So
    the name of a line may hold a slash only if its page is there.
    """
    path, _, line = name.rpartition("#")
    if not path.lower().endswith(".xml") or os.path.exists(name):
        return None
    return (path, line) if "/" not in line or os.path.isfile(path) else None
