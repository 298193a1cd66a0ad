"""Parse and write XML, keeping prefixes, comments and the order of attributes; no DOCTYPE."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from ..limits.opening import MAX_XML, read_bytes

MAX_DEPTH = 200  # nested elements; the recursion limit of Python is near 1000
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Element = ElementTree.Element


class Document(NamedTuple):
    """An XML document; tags keep their prefixes, namespace declarations are attributes.

    before: comments and processing instructions before the root.
    """

    root: Element
    before: str


def parse_xml(path: Path | str) -> Document:
    """Parse a file, in the encoding that it declares.

    Raises ValueError for damaged XML and for a DOCTYPE, which no page file needs and whose entities
    could fill the memory or refer to other files. Raises OSError if it cannot be read.
    """
    content = read_bytes(path, MAX_XML)
    # ElementTree's own parser would lose the prefixes: it writes ns0, ns1, ...
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    parser, before, depth = expat.ParserCreate(), [], 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"{path}: more than {MAX_DEPTH} elements in each other; no page file")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def comment(text: str) -> None:
        builder.comment(text) if depth else before.append(f"<!--{text}-->\n")

    def instruction(target: str, text: str) -> None:
        builder.pi(target, text) if depth else before.append(f"<?{target} {text}?>\n")

    def refuse(*_: object) -> None:
        raise ValueError(f"{path}: has a DOCTYPE, which no page file needs; remove it")

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: builder.data(text) if depth else None
    parser.CommentHandler, parser.ProcessingInstructionHandler = comment, instruction
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"{path}: damaged XML ({error}); save it again") from error
    except LookupError as error:  # unknown encoding
        raise ValueError(f"{path}: {error}; save it as UTF-8") from error
    return Document(builder.close(), "".join(before))


def serialize_xml(document: Document) -> str:
    """Return the text of the file, to be written as UTF-8."""
    body = ElementTree.tostring(document.root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document.before}{body}\n'


def local_name(element: Element) -> str:
    """Return the tag without its prefix (pc:TextLine -> TextLine); "" for a comment."""
    return element.tag.rpartition(":")[2] if isinstance(element.tag, str) else ""


def children(element: Element, name: str) -> list[Element]:
    return [child for child in element if local_name(child) == name]


def descendants(element: Element, name: str) -> Iterator[Element]:
    return (found for found in element.iter() if local_name(found) == name)


def child(element: Element, name: str) -> Element | None:
    return next(iter(children(element, name)), None)


def insert_child(parent: Element, name: str, after: tuple[str, ...]) -> Element:
    """Insert a child after the last one named in `after`, else as the first, with indentation."""
    added = Element(parent.tag.removesuffix(local_name(parent)) + name)
    ends = (end for end, child in enumerate(parent, 1) if local_name(child) in after)
    position = max(ends, default=0)
    added.tail = parent.text
    if position:
        added.tail, parent[position - 1].tail = parent[position - 1].tail, parent.text
    parent.insert(position, added)
    return added


def remove_children(parent: Element, names: tuple[str, ...]) -> None:
    """Remove the children of these names; the others keep their indentation."""
    if len(parent):
        last_tail = parent[-1].tail
        for child in [child for child in parent if local_name(child) in names]:
            parent.remove(child)
        if len(parent):
            parent[-1].tail = last_tail
        elif parent.text is not None and not parent.text.strip():
            parent.text = None


def check_writable(text: str, name: str) -> str:
    """Return the text. Raises ValueError, with `name`, if it has a character that XML forbids."""
    if found := UNWRITABLE.search(text):
        raise ValueError(f"{name}: U+{ord(found[0]):04X} cannot stand in XML; its text is not kept")
    return text
