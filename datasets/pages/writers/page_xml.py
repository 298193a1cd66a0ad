"""A new PAGE-XML document (2019-07-15) from the record of a page."""

from xml.etree.ElementTree import SubElement, indent

from ..page_xml import accepted_mark
from ..xml import Document, Element, serialize_xml
from .record import (
    SOFTWARE,
    VERSION,
    Points,
    RecordedLine,
    RecordedPage,
    RecordedRegion,
    corners,
    xml_name,
)

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
# the schema demands times; the same page is to give the same file, whenever it is read
TIME = "1970-01-01T00:00:00Z"


def page_document(page: RecordedPage) -> str:
    """Return the PAGE file of a page that was read, with 1970 for the times that it must have.

    `custom` of a line holds its place in the region, as Transkribus writes it, and whether it is
    accepted; `comments` its notes, and why it could not be read.
    """
    location = f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd"
    attributes = {"xmlns": NAMESPACE, "xmlns:xsi": INSTANCE, "xsi:schemaLocation": location}
    root = Element("PcGts", attributes)
    metadata = SubElement(root, "Metadata")
    SubElement(metadata, "Creator").text = f"{SOFTWARE} {VERSION}"
    SubElement(metadata, "Created").text = SubElement(metadata, "LastChange").text = TIME
    if page.notes:
        SubElement(metadata, "Comments").text = "; ".join(page.notes)
    size = {"imageWidth": str(page.width), "imageHeight": str(page.height)}
    leaf = SubElement(root, "Page", {"imageFilename": page.image} | size)
    ids = {region.id for region in page.regions} | {line.id for line in page.lines}
    if page.regions:
        order = SubElement(leaf, "ReadingOrder")
        group = SubElement(order, "OrderedGroup", id=xml_name("reading_order", ids))
        for index, region in enumerate(page.regions):
            SubElement(group, "RegionRefIndexed", index=str(index), regionRef=region.id)
    for region in page.regions:
        _add_region(leaf, region, ids)
    indent(root)
    return serialize_xml(Document(root, ""))


def _add_region(leaf: Element, region: RecordedRegion, ids: set[str]) -> None:
    element = SubElement(leaf, "TextRegion", id=region.id)
    SubElement(element, "Coords", points=_points(corners(region.box)))
    for index, line in enumerate(region.lines):
        _add_line(element, line, index, ids)
    _add_text(element, "\n".join(line.text or "" for line in region.lines))


def _add_line(region: Element, line: RecordedLine, index: int, ids: set[str]) -> None:
    custom = f"readingOrder {{index:{index};}}"
    if line.accepted is not None:
        custom += f" {accepted_mark(line.accepted)}"
    attributes = {"id": line.id, "custom": custom}
    if line.is_right_to_left:
        attributes["readingDirection"] = "right-to-left"
    comments = [*line.notes, *([] if line.error is None else [f"error: {line.error}"])]
    if comments:
        attributes["comments"] = "; ".join(comments)
    element = SubElement(region, "TextLine", attributes)
    SubElement(element, "Coords", points=_points(line.polygon or corners(line.box)))
    if line.baseline is not None:
        SubElement(element, "Baseline", points=_points(line.baseline))
    for number, word in enumerate(line.words, 1):
        inner = SubElement(element, "Word", id=xml_name(f"{line.id}_w{number}", ids))
        SubElement(inner, "Coords", points=_points(corners(word.box)))
        _add_text(inner, word.text, word.confidence)
    if line.text is not None:
        _add_text(element, line.text, line.confidence)


def _add_text(element: Element, text: str, confidence: float | None = None) -> None:
    equiv = SubElement(element, "TextEquiv")
    if confidence is not None:
        equiv.set("conf", f"{confidence:.4f}")
    SubElement(equiv, "Unicode").text = text


def _points(points: Points) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
