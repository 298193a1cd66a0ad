"""PAGE and ALTO files found, read and written, and their lines as images."""

import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from ..images import IMAGE_SUFFIXES, load_grey
from ..source import Problem
from . import alto, page_xml
from .crops import crop_line, in_pixels, line_gaps, pixel_scale
from .layout import Page, PageLine, Reading, full_name, split_name
from .xml import local, parse_xml, print_xml

KINDS = {page_xml.ROOT: "page", alto.ROOT: "alto"}


class OtherXmlError(ValueError):
    """Good XML that is no page: METS, TEI, a tool's settings."""


def read_page(path: Path | str) -> Page:
    """A PAGE or ALTO file. Raises ValueError for another one, OSError if it cannot be read."""
    stamp = Path(path).stat()
    return _read_page(str(path), stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=2048)  # a folder is gone through for texts, for problems, and for images
def _read_page(path: str, modified: int, size: int) -> Page:
    document = parse_xml(path)
    kind = KINDS.get(local(document.root))
    if kind is None:
        raise OtherXmlError(
            f"{path}: XML of <{local(document.root)}>, neither PAGE (PcGts) nor ALTO (alto)"
        )
    read = page_xml.read_page_xml if kind == "page" else alto.read_alto
    return read(path, document)


def write_page(source: str, readings: dict[str, Reading]) -> str:
    """A page file's text with other texts in its lines, by id. Raises ValueError or OSError."""
    document = parse_xml(source)
    write = page_xml.write_page_xml if read_page(source).kind == "page" else alto.write_alto
    write(source, document, readings)
    return print_xml(document)


def find_image(page: Page) -> Path:
    """The page's image: as its file says, beside it or in the folder above (Transkribus has its
    XML in `page`), else an image called as the XML is.

    Raises ValueError that says where it looked.
    """
    path = Path(page.path)
    given = page.image.removeprefix("file://").replace("\\", "/")
    names = [
        n for one in dict.fromkeys((given, unquote(given))) for n in (one, Path(one).name) if n
    ]
    tried = [folder / name for folder in (path.parent, path.parent.parent) for name in names]
    called = (path.with_suffix(e) for s in IMAGE_SUFFIXES for e in (s, s.upper()))
    for candidate in chain(tried, called):
        if candidate.is_file():
            return candidate
    wanted = f"'{page.image}'" if page.image else "an image (the file names none)"
    raise ValueError(
        f"{page.path}: {wanted} is neither beside it nor in the folder above; put it there"
    )


def check_image(page: Page) -> Path:
    """The image of a page, whose size agrees with the file's; it is not decoded.

    Raises ValueError or OSError: one for the page, where each of its lines would fail.
    """
    from PIL import Image

    found = find_image(page)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(found) as image:
                wide, high = image.size
    except Image.DecompressionBombError:
        return found  # only large; OpenCV has a bound of its own
    except OSError as error:
        raise ValueError(f"{page.path}: its image {found} cannot be read ({error})") from error
    pixel_scale(page, (high, wide))
    return found


def find_pages(root: Path) -> list[Path]:
    """The XML files at or below a path, by name; among them may be some that are no pages."""
    if root.is_dir():
        return sorted(p for p in root.rglob("*") if p.suffix.lower() == ".xml" and p.is_file())
    return [root] if root.suffix.lower() == ".xml" else []


def pages_and_images(folder: Path) -> tuple[list[Path], set[Path]]:
    """The page files in a folder, broken ones too but no other XML; and their images, resolved."""
    pages, images = [], set()
    for path in find_pages(folder):
        called = {path.with_suffix(e) for s in IMAGE_SUFFIXES for e in (s, s.upper())}
        try:
            called.add(find_image(read_page(path)))
        except OtherXmlError:
            continue
        except (OSError, ValueError):
            pass  # that is told when the page is read
        pages.append(path)
        images |= {image.resolve() for image in called}
    return pages, images


def read_pages(root: Path) -> tuple[list[Page], list[Problem]]:
    """The pages at or below a path whose images are there, and why others are not.

    In a folder other XML is passed over. A page image counts once: of PAGE and ALTO of the same
    page the first by name is taken.
    """
    pages, problems, images = [], [], {}
    for path in find_pages(root):
        try:
            page = read_page(path)
            image = check_image(page).resolve()
        except OtherXmlError as error:
            if not root.is_dir():
                problems.append(Problem(str(path), str(error)))
            continue
        except (OSError, ValueError) as error:
            problems.append(Problem(str(path), str(error)))
            continue
        other = images.setdefault(image, path)
        if other != path:
            reason = f"{path}: has the image of {other}; its lines are not taken a second time"
            problems.append(Problem(str(path), reason))
        else:
            pages.append(page)
    return pages, problems


def page_rows(root: Path) -> Iterator[tuple[Path, str]]:
    """(page.xml#line, text) of each line that has a text."""
    for page in read_pages(root)[0]:
        for line in page.lines:
            if line.text:
                yield Path(full_name(page.path, line.id)), line.text


def page_problems(root: Path) -> list[Problem]:
    """Pages that cannot be used, and lines without a text."""
    pages, problems = read_pages(root)
    for page in pages:
        if not page.lines:
            problems.append(Problem(page.path, f"{page.path}: no text line in it; segment it"))
        for line in page.lines:
            if not line.text:
                name = full_name(page.path, line.id)
                problems.append(
                    Problem(name, f"{name}: no text, so it is unlabelled; transcribe it")
                )
    return problems


class _Loaded(NamedTuple):
    """A page's pixels (H, W) uint8, its lines by id, and the gaps of their baselines."""

    image: np.ndarray
    lines: dict[str, PageLine]
    gaps: dict[str, float | None]


_LOCK = threading.Lock()


def load_page_line(name: str) -> np.ndarray:
    """page.xml#line -> the line, grey (H, W) uint8.

    Some pages stay in memory, for the lines that follow. Raises ValueError or OSError.
    """
    parts = split_name(name)
    if parts is None:
        raise ValueError(f"{name}: not called as a page's line is, PAGE.xml#LINE")
    path, line = parts
    with _LOCK:  # or several threads would decode the page that they all wait for
        image = find_image(read_page(path))
        stamp = image.stat()
        loaded = _load_page(
            path, Path(path).stat().st_mtime_ns, str(image), stamp.st_mtime_ns, stamp.st_size
        )
    if line not in loaded.lines:
        raise ValueError(f"{name}: {path} has no line '{line}'")
    return crop_line(loaded.image, loaded.lines[line], loaded.gaps[line], name)


@lru_cache(maxsize=4)
def _load_page(path: str, modified: int, image: str, image_modified: int, size: int) -> _Loaded:
    page, pixels = read_page(path), load_grey(image)
    scale = pixel_scale(page, pixels.shape)
    lines = [in_pixels(line, scale) for line in page.lines]
    gaps = {line.id: gap for line, gap in zip(lines, line_gaps(lines), strict=True)}
    return _Loaded(pixels, {line.id: line for line in lines}, gaps)
