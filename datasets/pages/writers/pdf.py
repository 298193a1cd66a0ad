"""Searchable PDF: the scan as it is, with an invisible layer of its text.

The layer stands before the page's own content, so that no state which that leaves can move it.
"""

import copy
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...environment import raise_if_machine
from ...limits.opening import check_regular, named_errors
from ...output.files import replacing
from .glyphless import ADVANCE, ASCENT, DESCENT, CharacterCodes, glyphless_font
from .invisible_text import remove_invisible_text
from .picture_pdf import PicturePdf
from .pictures import read_picture
from .record import RecordedPage
from .text_layer import page_matrix, text_layer

if TYPE_CHECKING:
    from pikepdf import Object, Page, Pdf

SAME_SHAPE = 0.02  # tolerance for the aspect ratios of page and picture
LETTER = (0.0, 0.0, 612.0, 792.0)  # the page of readers that find no size
FONT = "Glyphless"


def write_pdf(target: Path, source: str, pages: Sequence[RecordedPage]) -> list[str]:
    """Write a searchable copy of a PDF, or a PDF of the frames of an image file.

    source: the file that was read, a PDF by its ending, else an image. pages: those that were read.
    The others of a PDF are kept as they are, since links lead to them and numbers count them; those
    of an image file are left out. Invisible text of an earlier OCR is replaced. Returns why pages
    have no text, or are left out. Raises ValueError that names the source if nothing can be written
    of it, OSError if the target cannot be written.
    """
    problems: list[str] = []
    pages = [page for page in pages if page.error is None]
    with replacing(target) as new:
        opened = (
            open_pdf(source)
            if source.lower().endswith(".pdf")
            else open_pictures(source, pages, new.parent, problems)
        )
        with opened as (pdf, places):
            add_text(pdf, source, pages, places, problems)
            with new.open("wb") as file, pdf_errors(source):
                pdf.save(file, deterministic_id=True)
    return problems


@contextmanager
def pdf_errors(source: str) -> Iterator[None]:
    """Turn what a damaged PDF makes pikepdf raise into ValueError that names it."""
    from pikepdf import PasswordError, PdfError  # imported here for start-up time

    try:
        yield
    except PasswordError as error:
        raise ValueError(f"{source}: needs a password; save it without one") from error
    except PdfError as error:
        raise ValueError(f"{source}: damaged PDF ({error}); save it again") from error


@contextmanager
def open_pdf(source: str) -> Iterator[tuple["Pdf", dict[int, int]]]:
    """Open a PDF; yields it, and the index of each page number."""
    import pikepdf  # imported here for start-up time

    check_regular(source)
    with pdf_errors(source):
        opened = pikepdf.open(source)
    with opened as pdf:
        yield pdf, {index + 1: index for index in range(len(pdf.pages))}


@contextmanager
def open_pictures(
    source: str, pages: Sequence[RecordedPage], folder: Path, problems: list[str]
) -> Iterator[tuple["Pdf", dict[int, int]]]:
    """Make a PDF of the frames of an image file, in a file without a name in a folder.

    Yields it, and the index of each page number. Adds to `problems` which pages are left out.
    Raises ValueError if all are.
    """
    import pikepdf  # imported here for start-up time

    places: dict[int, int] = {}
    with tempfile.TemporaryFile(dir=folder) as file:
        made = PicturePdf(file)
        for page in pages:
            try:
                picture = read_picture(source, page.number)
            except (OSError, ValueError) as error:
                raise_if_machine(error, source)
                problems.append(f"{error}; page {page.number} is left out")
                continue
            places[page.number] = len(places)
            made.add(picture)
        if not places:
            raise ValueError(f"{source}: no page of it could be read, so no PDF is made")
        made.finish()
        with pikepdf.open(file) as pdf:
            yield pdf, places


def add_text(
    pdf: "Pdf",
    source: str,
    pages: Sequence[RecordedPage],
    places: dict[int, int],
    problems: list[str],
) -> None:
    """Give pages, whose indices `places` has by their numbers, their layers of text."""
    from pikepdf import Dictionary, Name  # imported here for start-up time

    codes, font = CharacterCodes(), pdf.make_indirect(Dictionary(Type=Name.Font))
    for page in pages:
        try:
            if page.number not in places:
                raise ValueError(f"{source}: has no page {page.number}")
            with named_errors(source), pdf_errors(source):
                add_layer(pdf, pdf.pages[places[page.number]], page, codes, font)
        except (OSError, ValueError) as error:
            raise_if_machine(error, source)
            problems.append(f"{error}; page {page.number} has no text")
    fill_font(pdf, font, codes)


def add_layer(
    pdf: "Pdf", leaf: "Page", page: RecordedPage, codes: CharacterCodes, font: "Object"
) -> None:
    """Add the text of a page below its content. Raises ValueError if their shapes differ."""
    from pikepdf import Dictionary, Name  # imported here for start-up time

    box, rotation = shown_box(leaf), shown_rotation(leaf)
    wide, high = box[2] - box[0], box[3] - box[1]
    if rotation % 180:
        wide, high = high, wide
    # a pixel more or less is no other shape
    difference = abs(page.width * high - page.height * wide)
    if difference > SAME_SHAPE * page.height * wide + wide + high:
        raise ValueError(
            f"read as {page.width} x {page.height} pixels, but the page is {wide:g} x {high:g} "
            "points; was it turned or changed since?"
        )
    if not any(line.words for line in page.lines):
        return
    remove_invisible_text(pdf, leaf)
    resources = copy.copy(leaf.obj.get(Name.Resources, Dictionary()))
    fonts = copy.copy(resources.get(Name.Font, Dictionary()))
    name = next(n for i in range(len(fonts) + 1) if f"/{(n := f'{FONT}{i}')}" not in fonts)
    fonts[f"/{name}"] = font
    resources.Font = fonts
    leaf.obj.Resources = resources
    matrix = page_matrix(box, rotation, (page.width, page.height))
    leaf.contents_add(text_layer(page, matrix, codes, name), prepend=True)


def shown_box(leaf: "Page") -> tuple[float, float, float, float]:
    """Left, bottom, right, top of what is shown of a page: its crop box within its media box."""
    from pikepdf import Name  # imported here for start-up time

    media = _rectangle(leaf.obj.get(Name.MediaBox)) or LETTER
    crop = _rectangle(leaf.obj.get(Name.CropBox)) or media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if left >= right or bottom >= top:
        raise ValueError("its crop box lies outside of its media box")
    return left, bottom, right, top


def _rectangle(values: "Object | None") -> tuple[float, float, float, float] | None:
    """A rectangle with its corners in order; None if it has no area."""
    if values is None or len(values) != 4:
        return None
    x0, y0, x1, y1 = map(float, values)
    left, right, bottom, top = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    return (left, bottom, right, top) if left < right and bottom < top else None


def shown_rotation(leaf: "Page") -> int:
    """How far a page is shown turned clockwise: 0, 90, 180 or 270."""
    return int(leaf.obj.get("/Rotate", 0)) // 90 % 4 * 90


def fill_font(pdf: "Pdf", font: "Object", codes: CharacterCodes) -> None:
    """Make the font of all layers, once it is known which characters they have."""
    from pikepdf import Array, Dictionary, Name, String  # imported here for start-up time

    base, program = Name.GlyphLessFont, glyphless_font()
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=base,
        Flags=5,  # fixed pitch, symbolic
        FontBBox=[0, DESCENT, ADVANCE, ASCENT],
        ItalicAngle=0,
        Ascent=ASCENT,
        Descent=DESCENT,
        CapHeight=ASCENT,
        StemV=80,
        FontFile2=pdf.make_stream(program, Length1=len(program)),
    )
    info = Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0)
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=base,
        CIDSystemInfo=info,
        FontDescriptor=pdf.make_indirect(descriptor),
        DW=ADVANCE,
        CIDToGIDMap=pdf.make_stream(b"\0\0" + b"\0\1" * len(codes)),
    )
    font.Subtype, font.BaseFont, font.Encoding = Name.Type0, base, Name("/Identity-H")
    font.DescendantFonts = Array([pdf.make_indirect(descendant)])
    font.ToUnicode = pdf.make_stream(codes.to_unicode())
