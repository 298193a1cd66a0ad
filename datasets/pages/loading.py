"""Load the pages of PAGE and ALTO files with their images, and the images of their lines."""

import threading
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..images import load_grey
from ..lines.normalization.polarity import dark_on_light
from .coordinates import in_pixels, line_gaps, pixel_scale
from .crops.cutting import crop_line, cut_letters
from .crops.modes import Crop
from .documents import load_page_image, split_page_name
from .files import find_image, picture_of, read_page
from .layout import PageLine, split_page_line_name


class LoadedPage(NamedTuple):
    """The image (H, W) uint8 of a page, dark on light, and its file; its lines, in pixels, and the
    gaps between them, by line id.
    """

    image: np.ndarray
    image_path: str
    lines: dict[str, PageLine]
    gaps: dict[str, float | None]


_LOCK = threading.Lock()


def load_page_line(name: str, crop: Crop = "auto") -> np.ndarray:
    """Load the image of a line, named page.xml#line, grey (H, W) uint8.

    crop: the shape by which it is cut out. Raises ValueError or OSError.
    """
    page, line = load_page_of(name)
    return crop_line(page.image, page.lines[line], page.gaps[line], name, crop)


def share_of_letters_cut(name: str) -> float:
    """Return the share of the ink of its letters that the polygon of a line, page.xml#line, cuts.

    0 where that is so little that `auto` takes the polygon. Raises as `load_page_line` does.
    """
    page, line = load_page_of(name)
    letters = cut_letters(page.image, page.lines[line], page.gaps[line])
    return 0.0 if letters is None else letters.lost_by_polygon


def load_page_of(name: str) -> tuple[LoadedPage, str]:
    """Load the page of a line, called page.xml#line; also the line's id, which it has.

    Raises ValueError or OSError.
    """
    parts = split_page_line_name(name)
    if parts is None:
        raise ValueError(f"{name}: not called as a page's line is, PAGE.xml#LINE")
    path, line = parts
    page = load_page(path)
    if line not in page.lines:
        raise ValueError(f"{name}: {path} has no line '{line}'")
    return page, line


def load_page(path: str) -> LoadedPage:
    """Load the image and the lines of a page file.

    The last pages stay in memory, since their other lines are likely to follow. Raises ValueError
    or OSError.
    """
    with _LOCK:  # otherwise several threads would decode the same page
        described = read_page(path)
        image = find_image(described)
        picture, stamp = picture_of(described, image), image.stat()
        modified = Path(path).stat().st_mtime_ns
        return _load_page(path, modified, picture, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=4)
def _load_page(path: str, modified: int, image: str, image_modified: int, size: int) -> LoadedPage:
    page = read_page(path)
    pixels = load_page_image(image) if split_page_name(image) else load_grey(image)
    pixels = dark_on_light(pixels)
    scale = pixel_scale(page, pixels.shape)
    lines = {line.id: in_pixels(line, scale) for line in page.lines}
    gaps = line_gaps(list(lines.values()))
    return LoadedPage(pixels, image, lines, dict(zip(lines, gaps, strict=True)))
