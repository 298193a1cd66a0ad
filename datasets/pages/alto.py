"""ALTO (the Library of Congress's, versions 1 to 4) as Tesseract, kraken, eScriptorium and ABBYY
write it."""

from pathlib import Path

import numpy as np

from .layout import (
    Box,
    Page,
    PageLine,
    Placed,
    Reading,
    full_name,
    one_line,
    parse_number,
    parse_points,
    placed_lines,
    reading_order,
)
from .xml import (
    Document,
    Element,
    check_writable,
    child,
    children,
    descendants,
    insert_child,
    local,
    remove_children,
)

ROOT = "alto"
PLACES = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
STALE = ("CC", "SUBS_TYPE", "SUBS_CONTENT")  # of a string whose content is another now


def read_alto(path: Path | str, document: Document) -> Page:
    """The lines of an ALTO file, by its ReadingOrder (from 4.3 on), else as they stand.

    Raises ValueError unless it has one Page.
    """
    pages = list(descendants(document.root, "Page"))
    if len(pages) != 1:
        raise ValueError(f"{path}: {len(pages)} pages in one ALTO file, expected 1; split it")
    found = list(placed_lines(pages[0], "ID"))
    refs = (one.get("REF") for one in document.root.iter() if local(one) == "ElementRef")
    ranks = {ref: rank for rank, ref in enumerate(dict.fromkeys(refs)) if ref}
    width, height = parse_number(pages[0].get("WIDTH")), parse_number(pages[0].get("HEIGHT"))
    unit = next(descendants(document.root, "MeasurementUnit"), None)
    name = next(descendants(document.root, "fileName"), None)
    return Page(
        str(path),
        "alto",
        "" if name is None else (name.text or "").strip(),
        (width, height) if width and height else None,
        "pixel" if unit is None else (unit.text or "").strip() or "pixel",
        tuple(_line(line) for line in reading_order(found, ranks, "ID", [None] * len(found))),
    )


def _line(line: Placed) -> PageLine:
    element, box = line.element, _box(line.element)
    shape = child(element, "Shape")
    polygon = None if shape is None else child(shape, "Polygon")
    outline = None if polygon is None else parse_points(polygon.get("POINTS"))
    return PageLine(
        line.id,
        line.chain[-1].get("ID", ""),
        _text(element),
        outline if outline is not None and len(outline) > 2 else None,
        _baseline(element.get("BASELINE"), box),
        box,
    )


def _box(element: Element) -> Box | None:
    """None unless it has an extent: lines of which only the baseline is known have none."""
    values = [parse_number(element.get(name)) for name in PLACES]
    if None in values or values[2] <= 0 or values[3] <= 0:
        return None
    left, top, width, height = values
    return left, top, left + width, top + height


def _baseline(text: str | None, box: Box | None) -> np.ndarray | None:
    """Points, or before 4.1 one height that the line stands at from end to end."""
    level = parse_number(text)
    if level is None:
        return parse_points(text)
    return None if box is None else np.array([[box[0], level], [box[2], level]])


def _text(line: Element) -> str | None:
    """Strings with a space between them, whether or not the file has an SP, and the hyphen."""
    said, strings = "", 0
    for one in line:
        kind = local(one)
        if kind == "String":
            apart = strings and not said.endswith(" ")
            said += (" " if apart else "") + one.get("CONTENT", "")
            strings += 1
        elif kind == "SP":
            said += "" if said.endswith(" ") else " "
        elif kind == "HYP":
            said = said.rstrip() + one.get("CONTENT", "-")
    return one_line(said) if strings else None


def write_alto(path: str, document: Document, readings: dict[str, Reading]) -> None:
    """Texts into the lines of an ALTO file, by id; the rest stays.

    Strings get a word each if they are as many, else the line gets one String. Raises ValueError.
    """
    for line in placed_lines(document.root, "ID"):
        if line.id in readings:
            check_writable(readings[line.id].text, full_name(path, line.id))
            _write(line.element, readings[line.id])


def _write(line: Element, reading: Reading) -> None:
    text = reading.text
    hyphen = child(line, "HYP")
    if hyphen is not None:
        sign = hyphen.get("CONTENT", "-")
        before = text.removesuffix(sign)
        if before not in ("", text) and before == before.rstrip():
            text = before
        else:
            remove_children(line, ("HYP",))
    strings, words = children(line, "String"), text.split(" ")
    if len(strings) != len(words) or not all(words):
        strings, words = [_only_string(line, strings)], [text]
    for string, word in zip(strings, words, strict=True):
        if string.get("CONTENT") != word:
            for name in STALE:
                string.attrib.pop(name, None)
            remove_children(string, ("ALTERNATIVE", "Glyph"))
            string.set("CONTENT", word)
        string.set("WC", f"{reading.confidence:.4f}")


def _only_string(line: Element, strings: list[Element]) -> Element:
    """The one String of a line, at the line's place; others go, with the spaces between them."""
    if len(strings) == 1:
        return strings[0]
    remove_children(line, ("String", "SP"))
    made = insert_child(line, "String", ("Shape",))
    for name in PLACES:
        if name in line.attrib:
            made.set(name, line.attrib[name])
    return made
