"""What PAGE and ALTO have in common: a page's lines in reading order, their places and texts."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from .xml import Element, local

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
BREAKS = re.compile(r"[^\S\n\r\t]*[\n\r\t]\s*")

Box = tuple[float, float, float, float]  # left, top, right, bottom


class PageLine(NamedTuple):
    """One line of a page; its places are in the file's unit.

    id: as the file has it, else made from its place. text: None or "" if it has none.
    polygon: (N, 2) x, y. baseline: (N, 2), along the writing. None: the file does not say it.
    """

    id: str
    region: str
    text: str | None
    polygon: np.ndarray | None
    baseline: np.ndarray | None
    box: Box | None


class Page(NamedTuple):
    """A page file. size: width and height that the places refer to, if the file says them.

    image: the name that the file gives, or "". unit: "pixel", or what ALTO measures in.
    """

    path: str
    kind: Literal["page", "alto"]
    image: str
    size: tuple[float, float] | None
    unit: str
    lines: tuple[PageLine, ...]


class Reading(NamedTuple):
    """What is written back to a line. confidence: 0 to 1."""

    text: str
    confidence: float


class Placed(NamedTuple):
    """A TextLine's element with a name that no other line of its file has, and what it lies in,
    from the root on."""

    id: str
    element: Element
    chain: tuple[Element, ...]


def placed_lines(root: Element, id_name: str) -> Iterator[Placed]:
    """Every TextLine in the order of the file. id_name: the attribute that names it."""
    taken: set[str] = set()
    waiting: list[tuple[Element, tuple[Element, ...]]] = [(root, ())]
    count = 0
    while waiting:
        element, chain = waiting.pop()
        if local(element) == "TextLine":
            count += 1
            given = element.get(id_name) or f"line_{count}"
            name, tries = given, 1
            while name in taken:  # ids should differ, and not every tool sees to it
                tries += 1
                name = f"{given}_{tries}"
            taken.add(name)
            yield Placed(name, element, chain)
        waiting += [(below, (*chain, element)) for below in reversed(element)]


def reading_order(
    lines: Sequence[Placed], ranks: dict[str, int], id_name: str, own: Sequence[int | None]
) -> list[Placed]:
    """Lines as they are read: by the rank of the innermost part that has one, then as in the file.

    ranks: of regions, blocks or lines, by id; what has none comes last. own: the place that a line
    claims within its region; it counts if all lines of a region claim one.
    """
    regions: dict[int, list[int]] = {}
    for place, line in enumerate(lines):
        regions.setdefault(id(line.chain[-1]), []).append(place)
    keys: dict[int, tuple[int, int, int]] = {}
    for number, places in enumerate(regions.values()):
        claimed = [own[place] for place in places]
        told = None not in claimed
        for position, place in enumerate(places):
            inner = [lines[place].element, *reversed(lines[place].chain)]
            ranked = (ranks[i] for one in inner if (i := one.get(id_name)) in ranks)
            rank = next(ranked, len(ranks))
            keys[place] = (rank, number, claimed[position] if told else position)
    return [lines[place] for place in sorted(keys, key=keys.__getitem__)]


def parse_points(text: str | None) -> np.ndarray | None:
    """ "0,1 2,3" or "0 1 2 3" -> (N, 2) float64; None if these are no pairs of numbers."""
    numbers = NUMBER.findall(text or "")
    if len(numbers) < 4 or len(numbers) % 2 or re.sub(r"[\s,;]", "", NUMBER.sub("", text or "")):
        return None
    pairs = np.array(numbers, dtype=np.float64).reshape(-1, 2)
    return pairs if np.isfinite(pairs).all() else None


def parse_number(text: str | None) -> float | None:
    found = NUMBER.fullmatch((text or "").strip())
    return float(found[0]) if found else None


def one_line(text: str) -> str:
    """Without line breaks and tabs, and without space at both ends."""
    return BREAKS.sub(" ", text).strip()


def full_name(path: Path | str, line: str) -> str:
    """What a line is called in records and messages."""
    return f"{path}#{line}"


def split_name(name: str) -> tuple[str, str] | None:
    """page.xml#line -> (page.xml, line); None for another name."""
    path, _, line = name.rpartition("#")
    return (path, line) if path.lower().endswith(".xml") else None
