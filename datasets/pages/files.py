"""Find, read and write PAGE and ALTO files, and find their images."""

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path
from urllib.parse import unquote

from ..environment import raise_if_machine
from ..files import find_files, find_named, sibling_images
from ..limits.opening import named_errors
from ..limits.roots import OutsideError, given_root
from ..source import Problem
from . import alto, page_xml
from .coordinates import pixel_scale
from .documents import page_name, page_size
from .frames import choose_frame, count_frames, is_document, split_mark
from .layout import Page, Reading, page_line_name
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
    folder = Path(page.path).parent
    pages = _pages_by_image(folder, folder.stat().st_mtime_ns)
    beside = pages.get((page.kind, image.resolve()), ())
    name = Path(page.path).name
    others = [other for other in beside if Path(other.path).name != name]
    return choose_frame(page, image, count, [*others, page])


def picture_of(page: Page, image: Path) -> str:
    """Return the name by which the picture of a page is loaded: its image, or FILE#page=N.

    Raises as `find_frame`.
    """
    return page_name(image, find_frame(page, image)) if is_document(image) else str(image)


@lru_cache(maxsize=16)  # each line of each page asks
def _pages_by_image(folder: Path, modified: int) -> dict[tuple[str, Path], list[Page]]:
    """The page files in a folder, without their lines, by their kind and image."""
    pages: dict[tuple[str, Path], list[Page]] = {}
    for path in find_files(folder, [".xml"], below=False):
        try:
            page = read_page(path)
            image = find_image(page).resolve()
        except (OSError, ValueError) as error:
            raise_if_machine(error, path)  # any other is reported when that page is read
            continue
        pages.setdefault((page.kind, image), []).append(page._replace(lines=()))
    return pages


def check_image(page: Page) -> Path:
    """Return the image of a page after checking, without decoding it, that its size fits the file.

    Of an image of several frames, that of the page's. Raises ValueError or OSError, once for the
    page instead of for each of its lines.
    """
    path = find_image(page)
    picture = picture_of(page, path)
    try:
        shape = page_size(picture)
    except (OSError, ValueError) as error:
        raise ValueError(f"{page.path}: its image {path} cannot be read ({error})") from error
    pixel_scale(page, shape)
    return path


def find_pages(root: Path) -> list[Path]:
    """Return the XML files at or below a path, sorted; some may not be pages."""
    if root.is_dir():
        return find_files(root, [".xml"])
    return [root] if root.suffix.lower() == ".xml" else []


def pages_and_images(files: Iterable[Path]) -> tuple[list[Path], dict[Path, set[int]]]:
    """Return the page files among XML files, including damaged ones, and their possible images.

    The paths of the images are resolved. Of a PDF, and of an image of several frames, the numbers
    of those that page files describe are known.
    """
    pages: list[Path] = []
    images: dict[Path, set[int]] = {}
    for path in files:
        found = {image.resolve(): set() for image in sibling_images(path, path.stem)}
        try:
            page = read_page(path)
            image = find_image(page)
            frames = found.setdefault(image.resolve(), set())
            if is_document(image):
                frames.add(find_frame(page, image))
        except OtherXmlError:
            continue
        except (OSError, ValueError) as error:
            raise_if_machine(error, path)  # any other is reported when the page is read
        pages.append(path)
        for resolved, frames in found.items():
            images.setdefault(resolved, set()).update(frames)
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
