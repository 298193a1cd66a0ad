"""Read and write PAGE-XML (PRImA, 2009 to 2019), as written by Transkribus, eScriptorium, OCR-D."""

import re
from pathlib import Path

import numpy as np

from . import layout, xml
from .layout import Page, PageLine, PlacedLine, Reading
from .xml import Document, Element

ROOT = "PcGts"
BEFORE_TEXT = ("AlternativeImage", "Coords", "Baseline", "Word", "TextLine")  # order of the schema
ORDER_INDEX = re.compile(r"readingOrder\s*\{\s*index\s*:\s*(\d{1,9})\b")  # Transkribus, in `custom`
ACCEPTED = re.compile(r"\s*\baccepted\s*\{[^}]*\}")  # in `custom` too


def read_page_xml(path: Path | str, document: Document) -> Page:
    """Read a PAGE file.

    Its lines are in the order of its ReadingOrder, else of the indices that Transkribus writes,
    else of the file. Raises ValueError without a Page.
    """
    page = next(xml.descendants(document.root, "Page"), None)
    if page is None:
        raise ValueError(f"{path}: PAGE-XML without a Page; export it again")
    lines = list(layout.placed_lines(page, "id"))
    indices = [_order_index(line.element) for line in lines]
    return Page(
        str(path),
        "page",
        page.get("imageFilename", ""),
        layout.parse_size(page.get("imageWidth"), page.get("imageHeight")),
        "pixel",
        tuple(map(_read_line, layout.sort_by_rank(lines, _ordered_regions(page), "id", indices))),
    )


def _read_line(line: PlacedLine) -> PageLine:
    return PageLine(
        line.id,
        line.ancestors[-1].get("id", ""),
        _read_text(line.element),
        layout.check_polygon(_read_points(xml.child(line.element, "Coords"))),
        _read_points(xml.child(line.element, "Baseline")),
        None,
    )


def _read_points(element: Element | None) -> np.ndarray | None:
    """Parse the attribute `points`, or the Point elements of versions before 2013."""
    if element is None:
        return None
    if points := xml.children(element, "Point"):
        return layout.parse_points(" ".join(f"{p.get('x')},{p.get('y')}" for p in points))
    return layout.parse_points(element.get("points"))


def _read_text(element: Element) -> str | None:
    """Return the text of the line itself, else those of its words."""
    equiv = _main_text(element)
    if equiv is not None:
        content = xml.child(equiv, "Unicode")
        content = xml.child(equiv, "PlainText") if content is None else content
        return layout.one_line("" if content is None else content.text or "")
    words = [text for word in xml.children(element, "Word") if (text := _read_text(word))]
    return " ".join(words) or None


def _main_text(element: Element) -> Element | None:
    """Return the TextEquiv with the lowest index, which is the main one by the schema."""
    return min(xml.children(element, "TextEquiv"), key=_index, default=None)


def _index(element: Element) -> float:
    return layout.parse_number(element.get("index")) or 0


def _order_index(element: Element) -> int | None:
    match = ORDER_INDEX.search(element.get("custom", ""))
    return int(match[1]) if match else None


def _ordered_regions(page: Element) -> list[str]:
    """Return the ids of the regions in reading order; empty if the file does not define one."""
    order = xml.child(page, "ReadingOrder")
    if order is not None:
        return _region_references(order)
    indices = [(_order_index(r), r.get("id", "")) for r in xml.children(page, "TextRegion")]
    if any(index is None for index, _ in indices):
        return []
    return [region for _, region in sorted(indices)]


def _region_references(group: Element) -> list[str]:
    references: list[str] = []
    for element in sorted(group, key=_index):
        if region := element.get("regionRef"):
            references.append(region)
        references += _region_references(element)
    return references


def write_page_xml(path: str, document: Document, readings: dict[str, Reading]) -> None:
    """Write texts into the lines of a PAGE file, by id; the rest is kept.

    Each Word gets one word if their numbers agree, else the Words lose their texts, which would
    contradict the line. The text of a region is joined again from its lines. Whether a line is
    accepted stands in its `custom`. Raises ValueError if a text cannot be written as XML.
    """
    regions: dict[int, Element] = {}
    for line in layout.placed_lines(document.root, "id"):
        if line.id in readings:
            reading = readings[line.id]
            xml.check_writable(reading.text, layout.page_line_name(path, line.id))
            _write_words(line.element, reading)
            _write_text(line.element, reading.text, reading.confidence)
            _write_accepted(line.element, reading.accepted)
            regions[id(line.ancestors[-1])] = line.ancestors[-1]
    for region in regions.values():
        if _main_text(region) is not None:
            lines = xml.children(region, "TextLine")
            _write_text(region, "\n".join(_read_text(line) or "" for line in lines))


def accepted_mark(accepted: bool) -> str:
    """Return what `custom` says of a line that is accepted, or that somebody is to look at."""
    return f"accepted {{value:{str(accepted).lower()};}}"


def _write_accepted(line: Element, accepted: bool | None) -> None:
    custom = ACCEPTED.sub("", line.get("custom", "")).strip()
    if accepted is not None:
        custom = f"{custom} {accepted_mark(accepted)}".strip()
    if custom or "custom" in line.attrib:
        line.set("custom", custom)


def _write_words(line: Element, reading: Reading) -> None:
    words, texts = xml.children(line, "Word"), reading.text.split()
    if len(texts) != len(words):
        for word in words:
            xml.remove_children(word, ("TextEquiv", "Glyph"))
        return
    for word, text, sure in zip(words, texts, reading.word_confidences(len(words)), strict=True):
        if _read_text(word) != text:
            xml.remove_children(word, ("Glyph",))
        _write_text(word, text, sure)


def _write_text(element: Element, text: str, confidence: float | None = None) -> None:
    equiv = _main_text(element)
    if equiv is None:
        equiv = xml.insert_child(element, "TextEquiv", BEFORE_TEXT)
    equiv.attrib.pop("conf", None)
    if confidence is not None:
        equiv.set("conf", f"{confidence:.4f}")
    xml.remove_children(equiv, ("PlainText",))
    content = xml.child(equiv, "Unicode")
    if content is None:
        content = xml.insert_child(equiv, "Unicode", ())
    content.text = text
