"""An hOCR document (1.2) of the pages of one input, as XML that is also HTML 5."""

from xml.etree.ElementTree import Element, SubElement, tostring

from .record import SOFTWARE, VERSION, Box, RecordedLine, RecordedPage, replace_unwritable

CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_wconf"
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml">
  <head>
    {}
    <meta charset="utf-8" />
    <meta name="ocr-system" content="{}" />
    <meta name="ocr-capabilities" content="{}" />
  </head>
  <body>
"""
TAIL = "  </body>\n</html>\n"


def hocr_head(title: str) -> str:
    """Return what stands before the pages of a file; TAIL stands behind them."""
    element = Element("title")
    element.text = replace_unwritable(title)
    name = tostring(element, encoding="unicode")
    return HEAD.format(name, f"{SOFTWARE} {VERSION}", CAPABILITIES)


def hocr_page(page: RecordedPage, place: int) -> str:
    """Return a page. place: among the pages of the file, from 1 on.

    `data-accepted` says whether a line is accepted, `data-notes` what else is known of it or of a
    page, and `data-error` why either could not be read.
    """
    return "    " + tostring(_page(page, place), "unicode", short_empty_elements=False) + "\n"


def _page(page: RecordedPage, place: int) -> Element:
    image = page.image.replace("\\", "\\\\").replace('"', '\\"')
    box = _box((0, 0, page.width, page.height))
    title = f'image "{image}"; {box}; ppageno {page.number - 1}'
    element = Element("div", {"class": "ocr_page", "id": f"page_{place}", "title": title})
    if page.error is not None:
        element.set("data-error", page.error)
    if page.notes:
        element.set("data-notes", "; ".join(page.notes))
    for region in page.regions:
        name = f"page_{place}_{region.id}"
        carea = {"class": "ocr_carea", "id": name, "title": _box(region.box)}
        area = SubElement(element, "div", carea)
        area.tail = "\n"
        paragraph = {"class": "ocr_par", "id": f"{name}_par", "title": _box(region.box)}
        if sum(line.is_right_to_left for line in region.lines) * 2 > len(region.lines):
            paragraph["dir"] = "rtl"
        inner = SubElement(area, "p", paragraph)
        for line in region.lines:
            _add_line(inner, line, f"page_{place}_{line.id}")
    return element


def _add_line(paragraph: Element, line: RecordedLine, name: str) -> None:
    title = _box(line.box) + _baseline(line)
    if line.text is not None:
        title += f"; x_wconf {100 * line.confidence:.2f}"
    attributes = {"class": "ocr_line", "id": name, "title": title}
    if line.accepted is not None:
        attributes["data-accepted"] = str(line.accepted).lower()
    if line.notes:
        attributes["data-notes"] = "; ".join(line.notes)
    if line.error is not None:
        attributes["data-error"] = line.error
    element = SubElement(paragraph, "span", attributes)
    element.tail = "\n"
    for number, word in enumerate(line.words, 1):
        title = f"{_box(word.box)}; x_wconf {100 * word.confidence:.2f}"
        attributes = {"class": "ocrx_word", "id": f"{name}_w{number}", "title": title}
        inner = SubElement(element, "span", attributes)
        inner.text, inner.tail = word.text, " " if number < len(line.words) else None


def _box(box: Box) -> str:
    return "bbox " + " ".join(map(str, box))


def _baseline(line: RecordedLine) -> str:
    """Slope of the baseline, and its height at the left edge above the bottom of the box."""
    if line.baseline is None:
        return ""
    (x0, y0), (x1, y1) = sorted((line.baseline[0], line.baseline[-1]))
    if x0 == x1:
        return ""  # a vertical line has none in hOCR
    slope = (y1 - y0) / (x1 - x0)
    offset = y0 + slope * (line.box[0] - x0) - line.box[3]
    return f"; baseline {slope:.4f} {offset:.1f}"
