"""HTML of pages that were read: the picture with its lines in reading order, beside their text."""

from collections.abc import Callable, Iterator
from html import escape

import cv2
import numpy as np

from datasets.environment import raise_if_machine
from datasets.output.text import counted
from datasets.pages.writers.record import (
    RecordedLine,
    RecordedPage,
    corners,
    read_record,
    replace_unwritable,
)

from . import html
from .line_strip import colour

LONGER_SIDE = 1600  # pixels of a picture inside the page; larger ones are scaled down
QUALITY = 80  # of JPEG, from 0 to 100
LETTERS = 1 / 70  # height of the numbers, relative to the picture's longer side
STYLE = """
body { max-width: 100rem } svg { overflow: visible }
.page { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.5rem }
.page > svg { position: sticky; top: 1rem; max-height: calc(100vh - 2rem) }
.page .found polygon { fill: var(--c); fill-opacity: .12; stroke: var(--c); stroke-width: 1.5;
  vector-effect: non-scaling-stroke }
.page .found text { fill: var(--c); font-size: inherit; font-weight: 700; stroke: #fff;
  paint-order: stroke; stroke-width: .25em; text-anchor: end }
.page .found:hover polygon, .page .found:target polygon { fill-opacity: .4; stroke-width: 3 }
.page ol { margin: 0; padding: 0; list-style: none } .page ol + ol { margin-top: 1.2rem }
.page li { display: grid; grid-template-columns: 2.2rem minmax(0, 1fr) 6rem; gap: .6rem;
  padding: .15rem .4rem; border-left: 4px solid var(--c); margin-bottom: 2px }
.page li:target { background: var(--card); outline: 1px solid var(--rule) }
.page li a { color: var(--soft); text-decoration: none; text-align: right }
.page li span { white-space: pre-wrap; overflow-wrap: anywhere }
.page li small { text-align: right } .page li small b { color: var(--right) }
@media (max-width: 60rem) { .page { grid-template-columns: 1fr } .page > svg { position: static } }
@media print { .page > svg { position: static } }
"""


class PageReport:
    """One HTML file of pages, in parts, so that no more than one page is in memory.

    Args:
        load_image: gives the pixels of a record's page as its coordinates refer to them, grey
            (H, W) or RGB (H, W, 3), uint8; its OSError or ValueError leaves the page without a
            picture, and says so.
        title: of the file.
    """

    def __init__(self, load_image: Callable[[dict], np.ndarray], title: str = "Pages read"):
        self.load_image, self.title = load_image, title
        self.pages = self.texts = self.failed = 0

    def head(self) -> str:
        """Return what stands before the pages."""
        return html.head(self.title, "Lines in reading order", STYLE)

    def add(self, record: dict) -> Iterator[str]:
        """Yield the sections of the next page. Raises ValueError for one without a size."""
        page = read_record(record)
        self.pages += 1
        self.failed += (page.error is not None) + sum(line.text is None for line in page.lines)
        self.texts += sum(line.text is not None for line in page.lines)
        for section in page_sections(page, record, self.pages, self.load_image):
            yield section + "\n"

    def tail(self) -> str:
        """Return what stands behind the pages: how many they are."""
        count = f"{counted(self.pages, 'page')}, {counted(self.texts, 'line')}"
        count += f"; {self.failed} could not be read" * (self.failed > 0)
        return f"{html.paragraph(count)}\n{html.TAIL}"


def page_sections(
    page: RecordedPage, record: dict, place: int, load_image: Callable[[dict], np.ndarray]
) -> list[str]:
    """The sections of the page with number `place` in the report."""
    found = [html.heading(replace_unwritable(record["input"]))]
    found += map(html.paragraph, page.notes)
    if page.error is not None:
        return [*found, html.paragraph(page.error)]
    picture = ""
    try:
        picture = html.data_uri(shrunk_jpeg(load_image(record)))
    except (OSError, ValueError) as error:
        raise_if_machine(error, record["input"])
        found.append(html.paragraph(f"no picture: {replace_unwritable(str(error))}"))
    numbers = {line.id: number for number, line in enumerate(page.lines, 1)}
    drawing = drawn_page(page, picture, place, numbers)
    lists = "".join(
        f"<ol>{''.join(listed_line(line, place, numbers[line.id]) for line in region.lines)}</ol>"
        for region in page.regions
    )
    return [*found, f'<div class="page">{drawing}<div>{lists}</div></div>']


def shrunk_jpeg(image: np.ndarray) -> bytes:
    """Grey (H, W) or RGB (H, W, 3) uint8 as a JPEG file of at most `LONGER_SIDE` a side."""
    high, wide = image.shape[:2]
    scale = min(1.0, LONGER_SIDE / max(high, wide))
    if scale < 1:
        size = (max(1, round(wide * scale)), max(1, round(high * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def drawn_page(page: RecordedPage, picture: str, place: int, numbers: dict[str, int]) -> str:
    """An SVG of the picture (a data URI, or "") with the outline and number of each line."""
    image = f'<image href="{picture}" width="{page.width}" height="{page.height}" '
    image += 'preserveAspectRatio="none"/>'
    size = max(page.width, page.height) * LETTERS
    lines = "".join(drawn_line(line, place, numbers[line.id]) for line in page.lines)
    return (
        f'<svg viewBox="0 0 {page.width} {page.height}" role="img" style="font-size:{size:.1f}px" '
        f'aria-label="the page with its lines">{image * bool(picture)}{lines}</svg>'
    )


def drawn_line(line: RecordedLine, place: int, number: int) -> str:
    """Outline and number of a line, which lead to its text."""
    points = " ".join(f"{x},{y}" for x, y in line.polygon or corners(line.box))
    tip = line.error if line.text is None else f"{line.text}\n{100 * line.confidence:.1f} %"
    left, middle = line.box[0], (line.box[1] + line.box[3]) / 2
    return (
        f'<a class="found" id="{place}-{number}" href="#{place}-{number}-text" '
        f'style="--c:{line_colour(line)}"><title>{number}: {escape(tip or "")}</title>'
        f'<polygon points="{points}"/><text x="{left}" y="{middle}" dx="-.3em" dy=".35em">'
        f"{number}</text></a>"
    )


def listed_line(line: RecordedLine, place: int, number: int) -> str:
    """Number, text and confidence of a line; the number leads to its place in the picture."""
    said = "" if line.text is not None else f'<em class="no">{escape(line.error or "")}</em>'
    side = "" if line.text is None else f"{100 * line.confidence:.1f} %"
    if line.accepted is not None:
        side += " <b>accepted</b>" if line.accepted else " look"
    notes = "".join(f"<br><small>{escape(note)}</small>" for note in line.notes)
    return (
        f'<li id="{place}-{number}-text" style="--c:{line_colour(line)}">'
        f'<a href="#{place}-{number}">{number}</a>'
        f'<span dir="auto">{said}{escape(line.text or "")}{notes}</span><small>{side}</small></li>'
    )


def line_colour(line: RecordedLine) -> str:
    """The colour of a line's confidence; that of no confidence for one that could not be read."""
    return colour(0.0 if line.text is None else line.confidence)
