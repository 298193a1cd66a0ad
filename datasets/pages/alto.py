"""Read and write ALTO 1 to 4, as written by Tesseract, kraken, eScriptorium and ABBYY."""

from itertools import count
from pathlib import Path

import numpy as np

from . import layout, xml
from .layout import Box, Page, PageLine, PlacedLine, Reading
from .xml import Document, Element

ROOT = "alto"
BOX_ATTRIBUTES = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
REVIEW = "review"  # TYPE of the tags that say which lines are accepted
STALE = ("CC", "SUBS_TYPE", "SUBS_CONTENT")  # attributes that describe the old content of a String


def read_alto(path: Path | str, document: Document) -> Page:
    """Read an ALTO file; its lines are in the order of ReadingOrder (since 4.3), else of the file.

    Raises ValueError unless it has exactly one Page.
    """
    pages = list(xml.descendants(document.root, "Page"))
    if len(pages) != 1:
        raise ValueError(f"{path}: {len(pages)} pages in one ALTO file, expected 1; split it")
    lines = list(layout.placed_lines(pages[0], "ID"))
    references = [ref.get("REF") or None for ref in xml.descendants(document.root, "ElementRef")]
    ordered = layout.sort_by_rank(lines, references, "ID", [None] * len(lines))
    return Page(
        str(path),
        "alto",
        _header_text(document, "fileName"),
        layout.parse_size(pages[0].get("WIDTH"), pages[0].get("HEIGHT")),
        _header_text(document, "MeasurementUnit") or "pixel",
        tuple(map(_read_line, ordered)),
    )


def _header_text(document: Document, name: str) -> str:
    element = next(xml.descendants(document.root, name), None)
    return "" if element is None else (element.text or "").strip()


def _read_line(line: PlacedLine) -> PageLine:
    element, box = line.element, _read_box(line.element)
    shape = xml.child(element, "Shape")
    polygon = None if shape is None else xml.child(shape, "Polygon")
    points = None if polygon is None else polygon.get("POINTS")
    return PageLine(
        line.id,
        line.ancestors[-1].get("ID", ""),
        _read_text(element),
        layout.check_polygon(layout.parse_points(points)),
        _parse_baseline(element.get("BASELINE"), box),
        box,
    )


def _read_box(element: Element) -> Box | None:
    """None unless it has an extent: lines of which only the baseline is known have none."""
    values = [layout.parse_number(element.get(name)) for name in BOX_ATTRIBUTES]
    if None in values or values[2] <= 0 or values[3] <= 0:
        return None
    left, top, width, height = values
    return left, top, left + width, top + height


def _parse_baseline(text: str | None, box: Box | None) -> np.ndarray | None:
    """Points, or before version 4.1 a single height, which applies to the whole line."""
    height = layout.parse_number(text)
    if height is None:
        return layout.parse_points(text)
    return None if box is None else np.array([[box[0], height], [box[2], height]])


def _read_text(line: Element) -> str | None:
    """Join the Strings with a space between them, with or without an SP, and the final hyphen."""
    text, has_string = "", False
    for element in line:
        name = xml.local_name(element)
        if name == "String":
            text += " " if has_string and not text.endswith(" ") else ""
            text += element.get("CONTENT", "")
            has_string = True
        elif name == "SP":
            text += "" if text.endswith(" ") else " "
        elif name == "HYP":
            text = text.rstrip() + element.get("CONTENT", "-")
    return layout.one_line(text) if has_string else None


def write_alto(path: str, document: Document, readings: dict[str, Reading]) -> None:
    """Write texts into the lines of an ALTO file, by id; the rest is kept.

    Each String gets one word if their numbers agree, else the line gets a single String. Whether a
    line is accepted is a tag, to which its TAGREFS refer. Raises ValueError if a text cannot be
    written as XML.
    """
    marks = {reading.accepted for reading in readings.values()} - {None}
    tags, old = _review_tags(document.root, sorted(marks, reverse=True))
    for line in layout.placed_lines(document.root, "ID"):
        if line.id in readings:
            reading = readings[line.id]
            xml.check_writable(reading.text, layout.page_line_name(path, line.id))
            _write_line(line.element, reading)
            _write_references(line.element, tags.get(reading.accepted), old)


def review_label(accepted: bool) -> str:
    """Return the LABEL of the tag of lines that are accepted, or that somebody is to look at."""
    return "accepted" if accepted else "look"


def _review_tags(root: Element, marks: list[bool]) -> tuple[dict[bool, str], set[str]]:
    """Return the ids of the tags for these marks, made if missing, and those of all such tags."""
    found = {
        tag.get("LABEL", ""): tag.get("ID", "")
        for tag in xml.descendants(root, "OtherTag")
        if tag.get("TYPE") == REVIEW
    }
    used = {name for element in root.iter() if (name := element.get("ID"))}
    for label in map(review_label, marks):
        if label in found:
            continue
        parent = xml.child(root, "Tags")
        if parent is None:
            parent = xml.insert_child(root, "Tags", ("Description", "Styles"))
        name = next(n for i in count(1) if (n := f"{REVIEW}_{i}") not in used)
        used.add(name)
        tag = xml.insert_child(parent, "OtherTag", tuple(xml.local_name(t) for t in parent))
        tag.attrib.update({"ID": name, "TYPE": REVIEW, "LABEL": label})
        found[label] = name
    return {mark: found[review_label(mark)] for mark in marks}, set(found.values())


def _write_references(line: Element, tag: str | None, old: set[str]) -> None:
    references = [name for name in line.get("TAGREFS", "").split() if name not in old]
    references += [] if tag is None else [tag]
    if references:
        line.set("TAGREFS", " ".join(references))
    else:
        line.attrib.pop("TAGREFS", None)


def _write_line(line: Element, reading: Reading) -> None:
    text = reading.text
    hyphen = xml.child(line, "HYP")
    if hyphen is not None:
        before = text.removesuffix(hyphen.get("CONTENT", "-"))
        if before not in ("", text) and before == before.rstrip():
            text = before
        else:
            xml.remove_children(line, ("HYP",))
    strings, words = xml.children(line, "String"), text.split(" ")
    if len(strings) != len(words) or not all(words):
        strings, words = [_only_string(line, strings)], [text]
    for string, word, sure in zip(
        strings, words, reading.word_confidences(len(words)), strict=True
    ):
        if string.get("CONTENT") != word:
            for name in STALE:
                string.attrib.pop(name, None)
            xml.remove_children(string, ("ALTERNATIVE", "Glyph"))
            string.set("CONTENT", word)
        string.set("WC", f"{sure:.4f}")


def _only_string(line: Element, strings: list[Element]) -> Element:
    """Replace all Strings and spaces of a line by one String with the box of the line."""
    if len(strings) == 1:
        return strings[0]
    xml.remove_children(line, ("String", "SP"))
    string = xml.insert_child(line, "String", ("Shape",))
    for name in BOX_ATTRIBUTES:
        if name in line.attrib:
            string.set(name, line.attrib[name])
    return string
