"""Inputs of a bundle that reads lines -> one line, or the lines of a page, for the network."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from datasets import LineReader
from datasets.environment import raise_if_machine
from datasets.images import load_grey
from datasets.limits.opening import named_errors
from datasets.lines.reader import load_line

from ..notes import SIDEWAYS, UNLIKE

Layout = Literal["auto", "page", "line"]


class PagePath(str):
    """The path of an image that is a page, whatever it looks like."""


class PageLines(NamedTuple):
    """The lines of a page in reading order.

    name: of the input. layout: "line" for the image of one line, shown as a page. image: name of
    what its pixels are in. shape: (H, W) of that. lines: `datasets.pages.layout.PageLine`, in
    pixels. columns: of each line (W, 1, height) uint8, or why it cannot be read. notes: on the
    page.
    """

    name: str
    layout: Literal["page", "line"]
    image: str
    shape: tuple[int, int]
    lines: Sequence
    columns: list[np.ndarray | str]
    notes: tuple[str, ...] = ()


def load_input(
    name: str, reader: LineReader, layout: Layout = "line", as_page: bool = False
) -> np.ndarray | PageLines:
    """Load a line as columns (W, 1, height) uint8, or a page.

    name: of an image, a page of a document (FILE#page=N), a PAGE or ALTO file, or a line in a
    container. layout: what an image is; `auto` decides by its pixels. as_page: also a line comes as
    a page, of one line. Raises ValueError or OSError that names it.
    """
    if name.lower().endswith(".xml"):
        return load_page_file(name, reader)
    if not as_page and (layout == "line" or is_contained(name)):
        return reader.read(name)
    if is_contained(name):
        return page_of_line(name, load_line(name), reader)
    pixels = load_pixels(name)
    if layout == "page" or (layout == "auto" and looks_like_page(name, pixels)):
        return find_page(name, pixels, reader)
    return page_of_line(name, pixels, reader) if as_page else reader.read_image(pixels, name)


def is_contained(name: str) -> bool:
    """Whether a name is that of a line in a PAGE or ALTO file, or of a record of an LMDB."""
    if "#" not in name:
        return False
    # imported here for start-up time: most inputs are files
    from datasets.lines.lmdb import split_record_name
    from datasets.pages.layout import split_page_line_name

    return bool(split_page_line_name(name) or split_record_name(name))


def looks_like_page(name: str, pixels: np.ndarray) -> bool:
    """Whether an image (H, W) is one of several lines; what is in a PDF always is."""
    # imported here for start-up time
    from datasets.lines.ink import is_page
    from datasets.pages.documents import PDF, split_page_name

    document = split_page_name(name)
    return (document is not None and document[0].lower().endswith(PDF)) or is_page(pixels)


def load_pixels(name: str) -> np.ndarray:
    """Load an image file, or a page of a document, grey (H, W) uint8, unchanged."""
    from datasets.pages.documents import load_page_image, split_page_name  # for start-up time

    with named_errors(name):
        return load_page_image(name) if split_page_name(name) else load_grey(name)


def find_page(name: str, pixels: np.ndarray, reader: LineReader) -> PageLines:
    """Find the lines of a page's image (H, W), and cut them out.

    A page of which most text runs up or down has the note that it lies on its side; one with ink
    but no lines the note of what the network has not learned.
    """
    # imported here for start-up time: they load the detector of text
    from datasets.pages.coordinates import line_gaps
    from datasets.pages.documents import count_characters, split_page_name
    from datasets.pages.finding import find_lines

    found = find_lines(pixels, name)
    columns = cut_lines(name, pixels, found.lines, line_gaps(found.lines), reader)
    notes = [SIDEWAYS] if found.is_sideways else []
    if not (found.lines or found.is_sideways or found.is_blank):
        notes.append(UNLIKE)
    if split_page_name(name) and (count := count_characters(name)):
        notes.append(f"the PDF carries text of its own here, {count:,} characters")
    return PageLines(name, "page", name, pixels.shape, found.lines, columns, tuple(notes))


def load_page_file(path: str, reader: LineReader) -> PageLines:
    """Cut the lines of a PAGE or ALTO file out of its image."""
    from datasets.pages.files import load_page  # imported here for start-up time

    page = load_page(path)
    if not page.lines:
        raise ValueError(
            f"{path}: no text line in it; segment it, or give its image, whose lines are found"
        )
    lines, gaps = list(page.lines.values()), list(page.gaps.values())
    columns = cut_lines(path, page.image, lines, gaps, reader)
    return PageLines(path, "page", page.image_path, page.image.shape, lines, columns)


def cut_lines(
    name: str,
    image: np.ndarray,
    lines: Sequence,
    gaps: Sequence[float | None],
    reader: LineReader,
) -> list[np.ndarray | str]:
    """The columns of each line of an image (H, W), or why it cannot be read."""
    from datasets.pages.crops.cutting import crop_line  # imported here for start-up time
    from datasets.pages.layout import page_line_name

    columns = []
    for line, gap in zip(lines, gaps, strict=True):
        line_name = page_line_name(name, line.id)
        try:
            cut = crop_line(image, line, gap, line_name, reader.crop)
            columns.append(reader.read_image(cut, line_name, cut=True))
        except (OSError, ValueError) as error:
            raise_if_machine(error, line_name)
            columns.append(str(error))
    return columns


def page_of_line(name: str, image: np.ndarray, reader: LineReader) -> PageLines:
    """A page of one line, which is all of its image (H, W)."""
    from datasets.pages.layout import PageLine  # imported here for start-up time

    high, wide = image.shape
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], dtype=np.float64)
    line = PageLine("l1", "r1", None, corners, None, (0.0, 0.0, float(wide), float(high)))
    return PageLines(name, "line", name, (high, wide), [line], [reader.read_image(image, name)])
