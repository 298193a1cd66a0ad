"""Remove the invisible text that an earlier OCR left in a page: words would be found twice."""

import copy
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ..documents import INVISIBLE

if TYPE_CHECKING:
    from pikepdf import Object, Page, Pdf

SETS_INVISIBLE = re.compile(rb"(?<![\w.])3(?:\.0*)?\s+Tr\b")
MAX_CONTENT = 2**26  # bytes of a page's content that are searched
MAX_OTHER = 2**18  # of content with other filters than Flate, which expand without a limit
SHOWING = ("Tj", "TJ", "'", '"')
ENCODING = ("/Length", "/Filter", "/DecodeParms")  # entries of a stream's own encoding


def remove_invisible_text(pdf: "Pdf", page: "Page") -> None:
    """Remove invisible text from a page and the forms that it names; nothing else is changed.

    Content that is damaged, or too large to be searched, stays. Forms and resources are copied
    before they are changed, since other pages may use them.
    """
    from pikepdf import Array, Name, PdfError  # imported here for start-up time

    contents = page.obj.get(Name.Contents)
    streams = list(contents) if isinstance(contents, Array) else [contents]
    if contents is not None and has_invisible_text(b"\n".join(map(content_bytes, streams))):
        with suppress(PdfError):
            page.obj.Contents = pdf.make_stream(visible_content(page))
    forms = page.obj.get(Name.Resources, {}).get(Name.XObject, {})
    found = {
        name: form
        for name, form in forms.items()
        if form.get(Name.Subtype) == Name.Form and has_invisible_text(content_bytes(form))
    }
    if not found:
        return
    page.obj.Resources = copy.copy(page.obj.Resources)
    page.obj.Resources.XObject = copy.copy(forms)
    for name, form in found.items():
        entries = {key: value for key, value in form.items() if key not in ENCODING}
        with suppress(PdfError):
            page.obj.Resources.XObject[name] = pdf.make_stream(visible_content(form), entries)


def content_bytes(stream: "Object") -> bytes:
    """The decoded content of a stream; empty if it is too large, or no stream."""
    from pikepdf import Name, Stream

    if not isinstance(stream, Stream):
        return b""
    filters, raw = stream.get(Name.Filter), stream.read_raw_bytes()
    if filters == Name.FlateDecode and Name.DecodeParms not in stream:
        decoder = zlib.decompressobj()
        try:
            content = decoder.decompress(raw, MAX_CONTENT)
        except zlib.error:
            return b""
        return b"" if decoder.unconsumed_tail else content
    if filters is None:
        return raw if len(raw) <= MAX_CONTENT else b""
    return stream.read_bytes() if len(raw) <= MAX_OTHER else b""


def has_invisible_text(content: bytes) -> bool:
    """Whether content may set invisible text."""
    return SETS_INVISIBLE.search(content) is not None


def visible_content(content: "Page | Object") -> bytes:
    """The content of a page or form without the operators that show invisible text."""
    from pikepdf import parse_content_stream, unparse_content_stream

    return unparse_content_stream(list(visible_instructions(parse_content_stream(content))))


def visible_instructions(instructions: Iterable) -> Iterator:
    """The instructions, without invisible text; what else its operators set, they still set."""
    from pikepdf import ContentStreamInstruction as Instruction
    from pikepdf import Operator

    mode, saved = 0, []
    for instruction in instructions:
        operator, operands = str(instruction.operator), instruction.operands
        if operator == "Tr" and operands:
            mode = int(operands[0])
        elif operator == "q":
            saved.append(mode)
        elif operator == "Q" and saved:
            mode = saved.pop()
        if mode != INVISIBLE or operator not in SHOWING:
            yield instruction
            continue
        if operator == '"' and len(operands) == 3:
            yield Instruction([operands[0]], Operator("Tw"))
            yield Instruction([operands[1]], Operator("Tc"))
        if operator in ("'", '"'):
            yield Instruction([], Operator("T*"))
