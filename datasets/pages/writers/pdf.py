"""Searchable PDF: the scan as it is, with an invisible layer of its text.

The layer stands before the page's own content, so that no state which that leaves can move it.
"""

import copy
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...environment import raise_if_machine
from ...limits.opening import check_regular, named_errors
from ...output.files import replacing
from ...output.text import counted, print_notes
from ..coordinates import SAME_SHAPE
from ..documents import page_name, visible_characters
from .glyphless import ADVANCE, ASCENT, DESCENT, CharacterCodes, glyphless_font
from .invisible_text import remove_invisible_text
from .picture_pdf import PicturePdf
from .pictures import read_picture
from .record import RecordedLine, RecordedPage
from .text_layer import page_matrix, text_layer

if TYPE_CHECKING:
    from pikepdf import Object, Page, Pdf

LETTER = (0.0, 0.0, 612.0, 792.0)  # the page of readers that find no size
FONT = "Glyphless"
Leaves = list[tuple[RecordedPage, int]]  # pages with their indices in a PDF


def write_pdf(target: Path, pages: Iterable[RecordedPage]) -> list[str]:
    """Write a searchable copy of a PDF, or a PDF of the images that pages were read from.

    pages: those that were read, of one PDF (by its ending), or of image files. The others of a PDF
    are kept as they are, since links lead to them and numbers count them; those of an image file
    are left out. Invisible text of an earlier OCR is replaced; lines that the PDF shows as text
    already get none, and a line on standard error counts them; another one says that what the PDF
    forbids, such as copying, is not forbidden in its copy. Returns why pages have no text, or
    are left out. Raises ValueError that names the source if nothing can be written of it, OSError
    if the target cannot be written.
    """
    pages = [page for page in pages if page.error is None]
    problems: list[str] = []
    sources = {page.source for page in pages}
    source = min(sources, default=str(target))
    is_pdf = len(sources) == 1 and source.lower().endswith(".pdf")
    with replacing(target) as new:
        opened = open_pdf(source, pages) if is_pdf else open_pictures(pages, new.parent, problems)
        with opened as (pdf, leaves):
            add_text(pdf, leaves, problems, is_pdf)
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
    except (PdfError, RuntimeError) as error:
        raise ValueError(f"{source}: damaged PDF ({error}); save it again") from error


@contextmanager
def open_pdf(source: str, pages: Sequence[RecordedPage]) -> Iterator[tuple["Pdf", Leaves]]:
    """Open a PDF; yields it, and the index of each page that was read."""
    import pikepdf  # imported here for start-up time

    check_regular(source)
    with pdf_errors(source):
        opened = pikepdf.open(source)
    with opened as pdf:
        if pdf.is_encrypted and not all(pdf.allow):
            print_notes(f"{source}: forbids some uses; its copy with text forbids none")
        yield pdf, [(page, page.number - 1) for page in pages]


@contextmanager
def open_pictures(
    pages: Sequence[RecordedPage], folder: Path, problems: list[str]
) -> Iterator[tuple["Pdf", Leaves]]:
    """Make a PDF of the images of pages, in a file without a name in a folder.

    Yields it, and the index of each page. Adds to `problems` which pages are left out. Raises
    ValueError if all are.
    """
    import pikepdf  # imported here for start-up time

    leaves: Leaves = []
    with tempfile.TemporaryFile(dir=folder) as file:
        made = PicturePdf(file)
        for page in pages:
            try:
                picture = read_picture(page.source, page.number)
            except (OSError, ValueError) as error:
                raise_if_machine(error, page.source)
                reason = getattr(error, "strerror", None)
                reason = f"{page.source}: {reason}" if reason else str(error)
                problems.append(f"{reason}; page {page.number} is left out")
                continue
            leaves.append((page, len(leaves)))
            made.add(picture)
        if not leaves:
            raise ValueError("; ".join(problems) or "no page was read, so no PDF is made")
        made.finish()
        with pikepdf.open(file) as pdf:
            yield pdf, leaves


def add_text(pdf: "Pdf", leaves: Leaves, problems: list[str], is_pdf: bool) -> None:
    """Give pages, with the index of each in a PDF, their layers of text.

    is_pdf: they are those of a PDF, which may show lines as text already.
    """
    from pikepdf import Dictionary, Name  # imported here for start-up time

    codes, font = CharacterCodes(), pdf.make_indirect(Dictionary(Type=Name.Font))
    shown = []
    for page, index in leaves:
        name = page_name(page.source, page.number)
        try:
            if index >= len(pdf.pages):
                raise ValueError(f"{name}: the PDF has {counted(len(pdf.pages), 'page')}")
            with named_errors(name), pdf_errors(name):
                hidden = without_shown(page) if is_pdf else page
                add_layer(pdf, pdf.pages[index], hidden, codes, font)
                shown.append(len([*page.lines]) - len([*hidden.lines]))
        except (OSError, ValueError) as error:
            raise_if_machine(error, name)
            problems.append(f"{error}; the page has no text")
    fill_font(pdf, font, codes)
    if any(shown):
        lines, pages = counted(sum(shown), "line"), counted(sum(map(bool, shown)), "page")
        print_notes(
            f"{leaves[0][0].source}: no invisible text for {lines} on {pages}, which it shows as "
            "text already"
        )


def without_shown(page: RecordedPage) -> RecordedPage:
    """A page of a PDF without the lines that it shows as text: they would be found twice.

    At least half as many characters as were read stand in the box of such a line.
    """
    x, y = visible_characters(page_name(page.source, page.number), (page.width, page.height)).T

    def is_shown(line: RecordedLine) -> bool:
        left, top, right, bottom = line.box
        count = ((x >= left) & (x <= right) & (y >= top) & (y <= bottom)).sum()
        return 0 < sum(len(word.text) for word in line.words) <= 2 * count

    regions = [
        region._replace(lines=tuple(line for line in region.lines if not is_shown(line)))
        for region in page.regions
    ]
    return page._replace(regions=tuple(regions))


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
