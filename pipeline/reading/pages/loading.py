"""Inputs of a bundle that reads lines -> one line, or the lines of a page, for the network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from datasets import LineReader
from datasets.environment import raise_if_machine
from datasets.files import PDF, has_suffix
from datasets.images import decode_grey, load_grey
from datasets.limits.opening import named_errors
from datasets.lines.normalization.line import NormalLine, normalize_line
from datasets.lines.normalization.part import map_points
from datasets.lines.normalization.polarity import dark_on_light
from datasets.output.text import counted

if TYPE_CHECKING:
    from datasets.pages.crops.cutting import Place

from ..notes import SIDEWAYS, UNLIKE

Layout = Literal["auto", "page", "line"]
BASELINE = 0.3  # height of a line's baseline above its lower edge, relative to its height


class PagePath(str):
    """The path of an image that is a page, whatever it looks like."""


class LinePlace(NamedTuple):
    """Where the image of a line that was read lies on its page.

    size: (H, W) of that image. matrix: (2, 3), from its points to those of the line as it was cut
    out. cut: where that lies.
    """

    size: tuple[int, int]
    matrix: np.ndarray
    cut: "Place"

    def to_page(self, points: np.ndarray) -> np.ndarray:
        """Convert points (N, 2) of the image that was read to those of the page."""
        return self.cut.to_page(map_points(self.matrix, points))


class PageLines(NamedTuple):
    """The lines of a page in reading order.

    name: of the input. layout: "line" for the image of one line, shown as a page. image: name of
    what its pixels are in. shape: (H, W) of that. lines: `datasets.pages.layout.PageLine`, in
    pixels. columns: of each line (W, 1, height) uint8, or why it cannot be read. places: of each
    line that was cut out. notes: on the page.
    """

    name: str
    layout: Literal["page", "line"]
    image: str
    shape: tuple[int, int]
    lines: Sequence
    columns: list[np.ndarray | str]
    places: list[LinePlace | None]
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
    contained = container_of(name)
    if not as_page and (layout == "line" or contained):
        return reader.read(name)
    if contained == "page file":
        return load_line_of_page(name, reader)
    pixels = load_pixels(name)
    if not contained and (layout == "page" or (layout == "auto" and looks_like_page(name, pixels))):
        return find_page(name, pixels, reader)
    return page_of_line(name, pixels, reader) if as_page else reader.read_image(pixels, name)


def container_of(name: str) -> Literal["page file", "database"] | None:
    """What holds a line that has no image file of its own; None for any other input."""
    if "#" not in name:
        return None
    # imported here for start-up time: most inputs are files
    from datasets.lines.lmdb import split_record_name
    from datasets.pages.layout import split_page_line_name

    if split_page_line_name(name):
        return "page file"
    return "database" if split_record_name(name) else None


def looks_like_page(name: str, pixels: np.ndarray) -> bool:
    """Whether an image (H, W) is one of several lines; what is in a PDF always is."""
    # imported here for start-up time
    from datasets.lines.ink import is_page
    from datasets.pages.documents import split_page_name

    document = split_page_name(name)
    return (document is not None and has_suffix(document[0], [PDF])) or is_page(pixels)


def load_pixels(name: str) -> np.ndarray:
    """Load an image file, a page of a document, or a record of an LMDB, grey (H, W), unchanged."""
    from datasets.pages.documents import load_page_image, split_page_name  # for start-up time

    with named_errors(name):
        if container_of(name) == "database":
            from datasets.lines.lmdb import read_record

            return decode_grey(read_record(name), name)
        return load_page_image(name) if split_page_name(name) else load_grey(name)


def find_page(name: str, pixels: np.ndarray, reader: LineReader) -> PageLines:
    """Find the lines of a page's image (H, W), and cut them out; light text on dark is inverted.

    A page of which most text runs up or down has the note that it lies on its side; one with ink
    but no lines the note of what the network has not learned.
    """
    # imported here for start-up time: they load the detector of text
    from datasets.pages.coordinates import line_gaps
    from datasets.pages.documents import count_characters, split_page_name
    from datasets.pages.finding import find_lines

    pixels = dark_on_light(pixels)
    found = find_lines(pixels, name)
    cut = cut_lines(name, pixels, found.lines, line_gaps(found.lines), reader)
    notes = [SIDEWAYS] if found.is_sideways else []
    if not (found.lines or found.is_sideways or found.is_blank):
        notes.append(UNLIKE)
    if split_page_name(name) and (count := count_characters(name)):
        notes.append(f"the PDF carries text of its own here, {counted(count, 'character')}")
    return PageLines(name, "page", name, pixels.shape, *cut, tuple(notes))


def load_page_file(path: str, reader: LineReader) -> PageLines:
    """Cut the lines of a PAGE or ALTO file out of its image.

    Raises ValueError for a file without lines if its image shows some.
    """
    # imported here for start-up time
    from datasets.pages.finding import find_lines
    from datasets.pages.loading import load_page

    page = load_page(path)
    if not page.lines and find_lines(page.image, page.image_path).lines:
        raise ValueError(
            f"{path}: no text line in it; segment it, or give its image, whose lines are found"
        )
    cut = cut_lines(path, page.image, list(page.lines.values()), list(page.gaps.values()), reader)
    return PageLines(path, "page", page.image_path, page.image.shape, *cut)


def load_line_of_page(name: str, reader: LineReader) -> PageLines:
    """A page of the one line of a PAGE or ALTO file that is called page.xml#line, where it is."""
    # imported here for start-up time
    from datasets.pages.layout import split_page_line_name
    from datasets.pages.loading import load_page_of

    page, line = load_page_of(name)
    path = split_page_line_name(name)[0]
    cut = cut_lines(path, page.image, [page.lines[line]], [page.gaps[line]], reader)
    return PageLines(name, "line", page.image_path, page.image.shape, *cut)


def cut_lines(
    name: str,
    image: np.ndarray,
    lines: Sequence,
    gaps: Sequence[float | None],
    reader: LineReader,
) -> tuple[list, list[np.ndarray | str], list[LinePlace | None]]:
    """Cut lines out of an image (H, W): the lines, the columns of each or why it cannot be read,
    and its place.

    A line of which only the baseline is known gets the outline by which it was cut out.
    """
    # imported here for start-up time
    from datasets.pages.crops.cutting import cut_line
    from datasets.pages.layout import page_line_name

    found, columns, places = [], [], []
    for line, gap in zip(lines, gaps, strict=True):
        line_name, place = page_line_name(name, line.id), None
        try:
            cut = cut_line(image, line, gap, line_name, reader.crop)
            normal = normalize_line(cut.image, cut=True)
            columns.append(reader.columns(normal, line_name))
            place = LinePlace(normal.image.shape, normal.place, cut.place)
            if line.polygon is None and line.box is None:
                line = line._replace(polygon=cut.outline)
        except (OSError, ValueError) as error:
            raise_if_machine(error, line_name)
            columns.append(str(error))
        found.append(line)
        places.append(place)
    return found, columns, places


def page_of_line(name: str, image: np.ndarray, reader: LineReader) -> PageLines:
    """A page of one line, which is what its image (H, W) holds without margins."""
    # imported here for start-up time
    from datasets.pages.crops.cutting import Place
    from datasets.pages.layout import PageLine

    normal = normalize_line(image)
    place = LinePlace(normal.image.shape, normal.place, Place())
    polygon, baseline = outline_of(normal, image.shape)
    line = PageLine("l1", "r1", None, polygon, baseline, None)
    columns = reader.columns(normal, name)
    return PageLines(name, "line", name, image.shape, [line], [columns], [place])


def outline_of(line: NormalLine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None]:
    """The outline (4, 2) of a line in the image (H, W) it came from, and, if it was levelled, an
    estimate of its baseline (2, 2).
    """
    high, wide = line.image.shape
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], dtype=np.float64)
    polygon = map_points(line.place, corners).clip(0, shape[::-1])
    if line.place[1, 0] == 0:
        return polygon, None
    ends = np.array([[0, (1 - BASELINE) * high], [wide, (1 - BASELINE) * high]])
    return polygon, map_points(line.place, ends).clip(0, shape[::-1])
