"""Find, read and write PAGE and ALTO files, and load the images of their lines."""

import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from ..environment import raise_if_machine
from ..files import find_files, find_named, sibling_images
from ..images import load_grey
from ..images.orientation import upright_size
from ..limits.opening import named_errors, open_regular
from ..limits.roots import OutsideError, given_root
from ..source import Problem
from . import alto, page_xml
from .coordinates import in_pixels, line_gaps, pixel_scale
from .crops.cutting import crop_line, cut_letters
from .crops.modes import Crop
from .documents import load_page_image, page_name, split_page_name
from .frames import choose_frame, count_frames, split_mark
from .layout import Page, PageLine, Reading, page_line_name, split_page_line_name
from .xml import local_name, parse_xml, serialize_xml

PAGE_FOLDERS = ("alto", "page")  # beside the images of the folder above, as Transkribus writes them
KINDS = {page_xml.ROOT: "page", alto.ROOT: "alto"}


class OtherXmlError(ValueError):
    """The file is valid XML but not a page: METS, TEI, settings of a tool."""


def read_page(path: Path | str) -> Page:
    """Read a PAGE or ALTO file. Raises ValueError if it is neither, OSError if it is unreadable."""
    stamp = Path(path).stat()
    with named_errors(path):
        return _read_page(str(path), stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=2048)  # a folder is read for its texts, its problems and its images
def _read_page(path: str, modified: int, size: int) -> Page:
    document = parse_xml(path)
    root = local_name(document.root)
    if root not in KINDS:
        raise OtherXmlError(f"{path}: XML of <{root}>, neither PAGE (PcGts) nor ALTO (alto)")
    read = page_xml.read_page_xml if KINDS[root] == "page" else alto.read_alto
    return read(path, document)


def write_page(source: str, readings: dict[str, Reading]) -> str:
    """Return the content of a page file with new texts in some lines, by id.

    Raises ValueError or OSError if it cannot be read, ValueError if a text cannot be written.
    """
    document = parse_xml(source)
    write = page_xml.write_page_xml if read_page(source).kind == "page" else alto.write_alto
    write(source, document, readings)
    return serialize_xml(document)


def find_image(page: Page) -> Path:
    """Find the image of a page.

    The name in the page file, with or without what names a frame in it, is looked up beside it and
    in the folder above (Transkribus writes its XML to `page`); else an image with the name of the
    XML file is taken. Raises ValueError if there is none, or only one outside of the folder of the
    data.
    """
    path, outside = Path(page.path), None
    given = page.image.removeprefix("file://").replace("\\", "/")
    spellings = dict.fromkeys((given, unquote(given), split_mark(given)[0]))
    names = [name for s in spellings for name in (s, Path(s).name) if name]
    root = image_root(path)
    for folder, name in product((path.parent, path.parent.parent), names):
        try:
            candidate = find_named(folder, name, root)
        except OutsideError as error:
            outside = outside or error
            continue
        if candidate.is_file():
            return candidate
    for candidate in sibling_images(path, path.stem):
        if candidate.is_file():
            return candidate
    if outside is not None and page.image:
        raise ValueError(f"{page.path}: names {outside}")
    wanted = f"'{page.image}'" if page.image else "an image (the file names none)"
    raise ValueError(
        f"{page.path}: {wanted} is neither beside it nor in the folder above; put it there"
    )


def image_root(path: Path) -> Path:
    """Return the folder that holds the image of a page: that which the user gave, or, if he gave
    the file, or a folder called as tools call those of page files, the one above.
    """
    folder = Path(os.path.abspath(path)).parent
    root = given_root(folder)
    beside = root is None or (root == folder and folder.name.lower() in PAGE_FOLDERS)
    return folder.parent if beside else root


def find_frame(page: Page, image: Path) -> int:
    """Return the number, from 1 on, of the frame of its image that a page file describes.

    Raises ValueError if that is not there or not clear, or for a damaged image, OSError.
    """
    count = count_frames(image)
    if count == 1:
        return choose_frame(page, image, count, [page])
    beside = sorted(p for p in Path(page.path).parent.iterdir() if p.suffix.lower() == ".xml")
    stamps = tuple((str(p), (stamp := p.stat()).st_mtime_ns, stamp.st_size) for p in beside)
    return choose_frame(page, image, count, _pages_of_image(stamps, page.kind, image.resolve()))


@lru_cache(maxsize=16)  # each of a folder's pages asks
def _pages_of_image(
    files: tuple[tuple[str, int, int], ...], kind: str, image: Path
) -> tuple[Page, ...]:
    """The pages of a kind, among files with their times and sizes, that have this image."""
    pages = []
    for path, *_ in files:
        try:
            page = read_page(path)
            if page.kind == kind and find_image(page).resolve() == image:
                pages.append(page)
        except (OSError, ValueError) as error:
            raise_if_machine(error, path)  # any other is reported when that page is read
    return tuple(pages)


def check_image(page: Page) -> Path:
    """Return the image of a page after checking, without decoding it, that its size fits the file.

    Of an image of several frames, that of the page's. Raises ValueError or OSError, once for the
    page instead of for each of its lines.
    """
    path = find_image(page)
    frame = find_frame(page, path)
    try:
        with open_regular(path) as file:
            size = upright_size(file, frame)
    except (OSError, ValueError) as error:
        raise ValueError(f"{page.path}: its image {path} cannot be read ({error})") from error
    pixel_scale(page, size)
    return path


def find_pages(root: Path) -> list[Path]:
    """Return the XML files at or below a path, sorted; some may not be pages."""
    if root.is_dir():
        return find_files(root, [".xml"])
    return [root] if root.suffix.lower() == ".xml" else []


def pages_and_images(folder: Path) -> tuple[list[Path], set[Path]]:
    """Return the page files in a folder, including damaged ones, and their possible images.

    The paths of the images are resolved.
    """
    pages, images = [], set()
    for path in find_pages(folder):
        candidates = sibling_images(path, path.stem)
        try:
            candidates.append(find_image(read_page(path)))
        except OtherXmlError:
            continue
        except (OSError, ValueError) as error:
            raise_if_machine(error, path)  # any other is reported when the page is read
        pages.append(path)
        images |= {image.resolve() for image in candidates}
    return pages, images


def read_pages(root: Path) -> tuple[list[Page], list[Problem]]:
    """Read the pages at or below a path that have an image, and list the problems of the others.

    Other XML files in a folder are skipped. If several files (PAGE and ALTO) share an image, or a
    frame of one, only the first by name is used.
    """
    pages, problems, images = [], [], {}
    for path in find_pages(root):
        try:
            page = read_page(path)
            image = check_image(page)
            source = image.resolve(), find_frame(page, image)
        except (OSError, ValueError) as error:
            raise_if_machine(error, path)
            if not (isinstance(error, OtherXmlError) and root.is_dir()):
                problems.append(Problem(str(path), str(error)))
            continue
        first = images.setdefault(source, path)
        if first != path:
            reason = f"{path}: has the image of {first}; its lines are not taken a second time"
            problems.append(Problem(str(path), reason))
        else:
            pages.append(page)
    return pages, problems


def page_rows(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield (page.xml#line, text) of each line with a text."""
    for page in read_pages(root)[0]:
        for line in page.lines:
            if line.text:
                yield Path(page_line_name(page.path, line.id)), line.text


def page_problems(root: Path) -> list[Problem]:
    """List the pages that cannot be used, and the lines without a text."""
    pages, problems = read_pages(root)
    for page in pages:
        if not page.lines:
            problems.append(Problem(page.path, f"{page.path}: no text line in it; segment it"))
        for line in page.lines:
            if not line.text:
                name = page_line_name(page.path, line.id)
                reason = f"{name}: no text, so it is unlabelled; transcribe it"
                problems.append(Problem(name, reason))
    return problems


class LoadedPage(NamedTuple):
    """The image (H, W) uint8 of a page and its file; its lines, in pixels, and the gaps between
    them, by line id.
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
    page, line = _page_of(name)
    return crop_line(page.image, page.lines[line], page.gaps[line], name, crop)


def share_of_letters_cut(name: str) -> float:
    """Return the share of the ink of its letters that the polygon of a line, page.xml#line, cuts.

    0 where that is so little that `auto` takes the polygon. Raises as `load_page_line` does.
    """
    page, line = _page_of(name)
    letters = cut_letters(page.image, page.lines[line], page.gaps[line])
    return 0.0 if letters is None else letters.lost_by_polygon


def _page_of(name: str) -> tuple[LoadedPage, str]:
    """Return the page of a line, and the line's id, which it has."""
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
        picture, stamp = str(image), image.stat()
        if count_frames(image) > 1:
            picture = page_name(image, find_frame(described, image))
        modified = Path(path).stat().st_mtime_ns
        return _load_page(path, modified, picture, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=4)
def _load_page(path: str, modified: int, image: str, image_modified: int, size: int) -> LoadedPage:
    page = read_page(path)
    pixels = load_page_image(image) if split_page_name(image) else load_grey(image)
    scale = pixel_scale(page, pixels.shape)
    lines = {line.id: in_pixels(line, scale) for line in page.lines}
    gaps = line_gaps(list(lines.values()))
    return LoadedPage(pixels, image, lines, dict(zip(lines, gaps, strict=True)))
