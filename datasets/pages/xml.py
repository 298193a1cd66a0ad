"""XML files as they are: prefixes, comments and the order of attributes kept, no DOCTYPE taken."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

DEEPEST = 200  # elements in each other; Python's own recursion ends near 1000
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Element = ElementTree.Element


class Document(NamedTuple):
    """Tags are as written, with their prefix; namespaces stand among the attributes.

    before: comments and instructions ahead of the root.
    """

    root: Element
    before: str


def parse_xml(path: Path | str) -> Document:
    """A file in any encoding that it declares.

    Raises ValueError for damaged XML, and for a DOCTYPE: no page file needs one, and its entities
    could fill the memory or name other files. OSError if it cannot be read.
    """
    content = Path(path).read_bytes()
    # ElementTree's own parser replaces prefixes by names of its making (ns0) when it writes
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    parser, before, depth = expat.ParserCreate(), [], 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"{path}: more than {DEEPEST} elements in each other; no page file")
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
    except LookupError as error:  # an encoding that Python does not know
        raise ValueError(f"{path}: {error}; save it as UTF-8") from error
    return Document(builder.close(), "".join(before))


def print_xml(document: Document) -> str:
    """The file's text, to be written as UTF-8."""
    body = ElementTree.tostring(document.root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document.before}{body}\n'


def local(element: Element) -> str:
    """pc:TextLine -> TextLine; "" for a comment."""
    return element.tag.rpartition(":")[2] if isinstance(element.tag, str) else ""


def children(element: Element, name: str) -> list[Element]:
    return [child for child in element if local(child) == name]


def descendants(element: Element, name: str) -> Iterator[Element]:
    return (one for one in element.iter() if local(one) == name)


def child(element: Element, name: str) -> Element | None:
    return next(iter(children(element, name)), None)


def insert_child(parent: Element, name: str, after: tuple[str, ...]) -> Element:
    """A new child behind the last of those called `after`, else in front; indented as they are."""
    made = Element(parent.tag.removesuffix(local(parent)) + name)
    places = [place for place, one in enumerate(parent, 1) if local(one) in after]
    place = places[-1] if places else 0
    if place:
        made.tail, parent[place - 1].tail = parent[place - 1].tail, parent.text
    else:
        made.tail = parent.text
    parent.insert(place, made)
    return made


def remove_children(parent: Element, names: tuple[str, ...]) -> None:
    """Without those called so; what stays keeps its indentation."""
    if len(parent):
        closing = parent[-1].tail
        for one in [one for one in parent if local(one) in names]:
            parent.remove(one)
        if len(parent):
            parent[-1].tail = closing
        elif parent.text is not None and not parent.text.strip():
            parent.text = None


def check_writable(text: str, name: str) -> str:
    """The text, if XML has a way to say it. Raises ValueError that names the line."""
    if found := UNWRITABLE.search(text):
        raise ValueError(f"{name}: U+{ord(found[0]):04X} cannot stand in XML; its text is not kept")
    return text
