"""Which frame of a TIFF, GIF or WebP, or page of a PDF, a page file describes.

That is what follows the image's name in the page file (`scan.tif#page=2`, from 1 on; `scan.tif[1]`,
from 0 on as ImageMagick counts; `scan.tif:2`, from 0 or 1 on, as all such files show); else the
only frame of the size that the page file states; else, if as many page files name the image as it
has frames, the place of the file among them by name.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..files import DOCUMENT_SUFFIXES, PDF, has_suffix
from ..images.pillow import frame_size, open_image
from ..limits.opening import named_errors, open_regular
from ..output.text import counted
from .documents import count_pages, page_name, page_size
from .layout import Page

MARKED = re.compile(
    rf"(.+(?:{'|'.join(map(re.escape, DOCUMENT_SUFFIXES))}))"
    r"(?:(#page=)(\d{1,7})|(\[)(\d{1,7})\]|(:)(\d{1,7}))",
    re.I | re.S,
)
DIGITS = re.compile(r"(\d+)")


class Mark(NamedTuple):
    """A frame as a page file names it. sign: "#page=", "[" or ":". number: as written."""

    sign: str
    number: int


def split_mark(name: str) -> tuple[str, Mark | None]:
    """Split the name of an image in a page file into that of the file and the frame, if any."""
    match = MARKED.fullmatch(name)
    if match is None:
        return name, None
    file, *parts = (group for group in match.groups() if group is not None)
    return file, Mark(parts[0], int(parts[1]))


def count_frames(image: Path) -> int:
    """Return the number of frames of an image file. Raises ValueError or OSError."""
    if not has_suffix(image, DOCUMENT_SUFFIXES):
        return 1
    stamp = image.stat()
    return _count_frames(image, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=256)  # each line of a page asks
def _count_frames(image: Path, modified: int, size: int) -> int:
    return count_pages(image)


def is_document(image: Path) -> bool:
    """Whether a page has its image in a PDF, or in a file of several frames."""
    return has_suffix(image, [PDF]) or count_frames(image) > 1


def frame_sizes(image: Path, count: int) -> list[tuple[int, int]]:
    """Return the width and height of each frame, without decoding them."""
    if has_suffix(image, [PDF]):
        sizes = [page_size(page_name(image, number)) for number in range(1, count + 1)]
        return [(wide, high) for high, wide in sizes]
    with named_errors(image), open_regular(image) as file, open_image(file) as opened:
        return [frame_size(opened, frame) for frame in range(1, count + 1)]


def choose_frame(page: Page, image: Path, count: int, pages: Sequence[Page]) -> int:
    """Return the number, from 1 on, of the frame that a page file describes.

    count: frames of the image. pages: all page files beside it, and itself, that name the image.
    Raises ValueError if the frame is not there, or if it is not clear which one is meant.
    """
    mark = split_mark(page.image)[1]
    if mark and not split_mark(image.name)[1]:  # else the file itself is called like a frame
        return _marked_frame(page, image, mark, count, pages)
    if count == 1:
        return 1
    fitting = [n for n, size in enumerate(frame_sizes(image, count), 1) if size == page.size]
    if len(fitting) == 1:
        return fitting[0]
    if len(pages) == count:
        names = sorted((Path(other.path).name for other in pages), key=natural_order)
        return 1 + names.index(Path(page.path).name)
    raise ValueError(
        f"{page.path}: {image} has {count} frames, and {len(pages)} page files beside this one and "
        f"itself name it; write which frame is meant, as {image.name}#page=1"
    )


def _marked_frame(page: Page, image: Path, mark: Mark, count: int, pages: Sequence[Page]) -> int:
    first = {"#page=": 1, "[": 0}.get(mark.sign)
    if first is None:
        marks = [split_mark(other.image)[1] for other in pages]
        numbers = {other.number for other in marks if other and other.sign == mark.sign}
        if (0 in numbers) == (count in numbers):
            raise ValueError(
                f"{page.path}: names '{page.image}', counted from 0 or from 1? write "
                f"{image.name}#page=N, from 1 on"
            )
        first = 0 if 0 in numbers else 1
    frame = mark.number - first + 1
    if not 1 <= frame <= count:
        has = f"{image} has {counted(count, 'frame')}"
        raise ValueError(f"{page.path}: names '{page.image}', but {has}; correct it")
    return frame


def natural_order(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts names with their numbers by value: p2 before p10."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part)
            for part in DIGITS.split(name)]  # fmt: skip
