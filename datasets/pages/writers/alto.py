"""A new ALTO 4.4 document from the record of a page."""

from xml.etree.ElementTree import SubElement, indent

from ..alto import REVIEW, review_label
from ..xml import Document, Element, serialize_xml
from .record import (
    SOFTWARE,
    VERSION,
    Box,
    Points,
    RecordedLine,
    RecordedPage,
    RecordedRegion,
    xml_name,
)

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
SCHEMA = f"{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


def alto_document(page: RecordedPage) -> str:
    """Return the ALTO file of a page that was read; it has no time of writing.

    A line that could not be read has one empty String, as the schema demands one. Whether a line is
    accepted, its notes and its error are OtherTags, to which its TAGREFS refer.
    """
    attributes = {"xmlns": NAMESPACE, "xmlns:xsi": INSTANCE, "xsi:schemaLocation": SCHEMA}
    root = Element("alto", attributes | {"SCHEMAVERSION": "4.4"})
    ids = {region.id for region in page.regions} | {line.id for line in page.lines}
    _describe(root, page, xml_name("strand", ids))
    tags = _add_tags(root, page, ids)
    if page.regions:
        order = SubElement(root, "ReadingOrder")
        group = SubElement(order, "OrderedGroup", ID=xml_name("reading_order", ids))
        for region in page.regions:
            SubElement(group, "ElementRef", ID=xml_name(f"ref_{region.id}", ids), REF=region.id)
    size = {"WIDTH": str(page.width), "HEIGHT": str(page.height)}
    layout = SubElement(root, "Layout")
    number = {"ID": xml_name("page", ids), "PHYSICAL_IMG_NR": str(page.number)}
    leaf = SubElement(layout, "Page", number | size)
    space = SubElement(leaf, "PrintSpace", {"HPOS": "0", "VPOS": "0"} | size)
    for region in page.regions:
        _add_block(space, region, tags)
    indent(root)
    return serialize_xml(Document(root, ""))


def _describe(root: Element, page: RecordedPage, step_id: str) -> None:
    description = SubElement(root, "Description")
    SubElement(description, "MeasurementUnit").text = "pixel"
    source = SubElement(description, "sourceImageInformation")
    SubElement(source, "fileName").text = page.image
    step = SubElement(description, "Processing", ID=step_id)
    SubElement(step, "processingCategory").text = "contentGeneration"
    for note in page.notes:
        SubElement(step, "processingStepDescription").text = note
    software = SubElement(step, "processingSoftware")
    SubElement(software, "softwareName").text = SOFTWARE
    SubElement(software, "softwareVersion").text = VERSION


def _labels(line: RecordedLine) -> list[tuple[str, str]]:
    """Type and label of each tag of a line."""
    found = [("note", note) for note in line.notes]
    if line.accepted is not None:
        found.insert(0, (REVIEW, review_label(line.accepted)))
    return found + ([] if line.error is None else [("error", line.error)])


def _add_tags(root: Element, page: RecordedPage, ids: set[str]) -> dict[tuple[str, str], str]:
    """Add an OtherTag for each type and label in use, and return their ids."""
    found = dict.fromkeys(label for line in page.lines for label in _labels(line))
    tags = {(kind, label): xml_name(kind, ids) for kind, label in found}
    if tags:
        parent = SubElement(root, "Tags")
        for (kind, label), name in tags.items():
            SubElement(parent, "OtherTag", ID=name, TYPE=kind, LABEL=label)
    return tags


def _add_block(space: Element, region: RecordedRegion, tags: dict[tuple[str, str], str]) -> None:
    block = SubElement(space, "TextBlock", {"ID": region.id} | _place(region.box))
    for line in region.lines:
        attributes = {"ID": line.id} | _place(line.box)
        if references := [tags[label] for label in _labels(line)]:
            attributes["TAGREFS"] = " ".join(references)
        if line.baseline is not None:
            attributes["BASELINE"] = _points(line.baseline)
        if line.is_right_to_left:
            attributes["BASEDIRECTION"] = "rtl"
        element = SubElement(block, "TextLine", attributes)
        if line.polygon is not None:
            shape = SubElement(element, "Shape")
            SubElement(shape, "Polygon", POINTS=_points(line.polygon))
        _add_strings(element, line)


def _add_strings(element: Element, line: RecordedLine) -> None:
    """Add a String for each word; one if there is none, or more than one space between two."""
    words = [(word.text, word.box, word.confidence) for word in line.words]
    if not words or " ".join(text for text, *_ in words) != line.text:
        words = [(line.text or "", line.box, line.confidence)]
    for place, (text, box, confidence) in enumerate(words):
        if place:
            SubElement(element, "SP")
        string = SubElement(element, "String", {"CONTENT": text} | _place(box))
        if line.text is not None:
            string.set("WC", f"{confidence:.4f}")


def _place(box: Box) -> dict[str, str]:
    left, top, right, bottom = box
    values = {"HPOS": left, "VPOS": top, "WIDTH": right - left, "HEIGHT": bottom - top}
    return {name: str(value) for name, value in values.items()}


def _points(points: Points) -> str:
    return " ".join(f"{x} {y}" for x, y in points)
