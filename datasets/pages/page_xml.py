"""PAGE-XML (PRImA's, 2009 to 2019) as Transkribus, eScriptorium, kraken and OCR-D write it."""

import re
from pathlib import Path

import numpy as np

from .layout import (
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

ROOT = "PcGts"
BEFORE_TEXT = ("AlternativeImage", "Coords", "Baseline", "Word", "TextLine")  # the schema's order
CLAIMED = re.compile(r"readingOrder\s*\{\s*index\s*:\s*(\d+)")  # Transkribus, in `custom`


def read_page_xml(path: Path | str, document: Document) -> Page:
    """The lines of a PAGE file, by its ReadingOrder, else by Transkribus's indices, else as they
    stand.

    Raises ValueError without a Page.
    """
    page = next(descendants(document.root, "Page"), None)
    if page is None:
        raise ValueError(f"{path}: PAGE-XML without a Page; export it again")
    found = list(placed_lines(page, "id"))
    ordered = reading_order(found, _ranks(page), "id", [_claimed(line.element) for line in found])
    width, height = parse_number(page.get("imageWidth")), parse_number(page.get("imageHeight"))
    return Page(
        str(path),
        "page",
        page.get("imageFilename", ""),
        (width, height) if width and height else None,
        "pixel",
        tuple(_line(line) for line in ordered),
    )


def _line(line: Placed) -> PageLine:
    element = line.element
    polygon = _coordinates(child(element, "Coords"))
    if polygon is not None and len(polygon) < 3:
        polygon = None
    return PageLine(
        line.id,
        line.chain[-1].get("id", ""),
        _text(element),
        polygon,
        _coordinates(child(element, "Baseline")),
        None,
    )


def _coordinates(element: Element | None) -> np.ndarray | None:
    """`points`, or the Point elements of versions before 2013."""
    if element is None:
        return None
    if old := children(element, "Point"):
        return parse_points(" ".join(f"{one.get('x')},{one.get('y')}" for one in old))
    return parse_points(element.get("points"))


def _text(element: Element) -> str | None:
    """A line's own text, else those of its words."""
    chosen = _main_text(element)
    if chosen is not None:
        holder = child(chosen, "Unicode")
        holder = child(chosen, "PlainText") if holder is None else holder
        return one_line("" if holder is None else holder.text or "")
    words = [text for word in children(element, "Word") if (text := _text(word))]
    return " ".join(words) or None


def _main_text(element: Element) -> Element | None:
    """Of several TextEquiv the one with the lowest index, as the schema says."""
    texts = children(element, "TextEquiv")
    return min(texts, key=lambda one: parse_number(one.get("index")) or 0, default=None)


def _claimed(element: Element) -> int | None:
    found = CLAIMED.search(element.get("custom", ""))
    return int(found[1]) if found else None


def _ranks(page: Element) -> dict[str, int]:
    """Ids of regions -> their place in the reading order."""
    order = child(page, "ReadingOrder")
    named: list[str] = []
    if order is not None:
        _walk(order, named)
    else:
        claims = [(_claimed(one), one.get("id", "")) for one in page if local(one) == "TextRegion"]
        if claims and all(claim is not None for claim, _ in claims):
            named = [region for _, region in sorted(claims)]
    return {region: rank for rank, region in enumerate(dict.fromkeys(named))}


def _walk(group: Element, named: list[str]) -> None:
    for one in sorted(group, key=lambda one: parse_number(one.get("index")) or 0):
        if region := one.get("regionRef"):
            named.append(region)
        _walk(one, named)


def write_page_xml(path: str, document: Document, readings: dict[str, Reading]) -> None:
    """Texts into the lines of a PAGE file, by id; the rest stays.

    Words get the line's words if they are as many, else they lose their texts, which would
    contradict. A region's own text is made again from its lines. Raises ValueError.
    """
    regions: dict[int, Element] = {}
    for line in placed_lines(document.root, "id"):
        if line.id in readings:
            reading = readings[line.id]
            check_writable(reading.text, full_name(path, line.id))
            _write_words(line.element, reading)
            _write_text(line.element, reading.text, reading.confidence)
            regions[id(line.chain[-1])] = line.chain[-1]
    for region in regions.values():
        if _main_text(region) is not None:
            _write_text(region, "\n".join(_text(x) or "" for x in children(region, "TextLine")))


def _write_words(line: Element, reading: Reading) -> None:
    words, texts = children(line, "Word"), reading.text.split()
    if len(texts) != len(words):
        for word in words:
            remove_children(word, ("TextEquiv", "Glyph"))
        return
    for word, text in zip(words, texts, strict=True):
        if _text(word) != text:
            remove_children(word, ("Glyph",))
        _write_text(word, text, reading.confidence)


def _write_text(element: Element, text: str, confidence: float | None = None) -> None:
    holder = _main_text(element)
    if holder is None:
        holder = insert_child(element, "TextEquiv", BEFORE_TEXT)
    holder.attrib.pop("conf", None)
    if confidence is not None:
        holder.set("conf", f"{confidence:.4f}")
    remove_children(holder, ("PlainText",))
    written = child(holder, "Unicode")
    if written is None:
        written = insert_child(holder, "Unicode", ())
    written.text = text
