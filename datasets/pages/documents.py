"""Files that hold several pages: PDF, and the frames of TIFF, GIF and WebP.

The pages of such a file are named FILE#page=N, with N from 1 on, as in URLs of PDF (RFC 8118).
"""

import ctypes
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..environment import raise_if_machine
from ..files import PDF, TIFF_SUFFIXES, has_suffix
from ..images import to_grey
from ..images.memory import check_tiff
from ..images.orientation import read_header, turn_upright, upright_shape
from ..images.pillow import go_to, open_image
from ..limits.opening import MAX_BYTES, check_regular, named_errors
from ..limits.pixels import check_pixels, max_pixels
from ..output.text import counted

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

DPI = 300  # at which pages of a PDF are rendered
POINTS = 72  # per inch
INVISIBLE = 3  # the text rendering mode of neither filled nor stroked letters
BAND = 256  # rows of a frame that are converted at a time
NAME = re.compile(r"(.+)#page=([1-9]\d{0,6})", re.DOTALL)
# PDFium may run in one thread at a time
_PDFIUM = threading.Lock()


def page_name(path: Path | str, number: int) -> str:
    """Return the name of a page in records and messages, FILE#page=N. number: from 1 on."""
    return f"{path}#page={number}"


def split_page_name(name: str) -> tuple[str, int] | None:
    """Split FILE#page=N into (FILE, N); None if the name has another form, or is that of a file."""
    match = NAME.fullmatch(name)
    return (match[1], int(match[2])) if match and not os.path.exists(name) else None


def count_pages(path: Path | str) -> int:
    """Return the number of pages of a PDF, or of frames of an image file, without decoding them.

    Raises ValueError for a damaged file, one without pages and one with a password, OSError if it
    cannot be read.
    """
    with named_errors(path):
        check_regular(path)
        if has_suffix(path, [PDF]):
            with _PDFIUM, _open_pdf(path) as document:
                return len(document)
        return _count_frames(path)


def _count_frames(path: Path | str) -> int:
    is_open = False
    try:
        with open(path, "rb") as file, open_image(file) as image:
            is_open = True
            return getattr(image, "n_frames", 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise_if_machine(error, path)
        if is_open:  # damaged behind the first frame, which must not pass for all of them
            raise
        return 1  # decoding it says why it cannot be read, or reads what Pillow does not know


def load_page_image(name: str) -> np.ndarray:
    """Load a page, named FILE#page=N, grey (H, W) uint8; of a PDF rendered at DPI.

    Raises ValueError or OSError that names it.
    """
    parts = split_page_name(name)
    if parts is None:
        raise ValueError(f"{name}: not called as a page is, FILE#page=N")
    path, number = parts
    with named_errors(name):
        check_regular(path)
        return _render(path, number) if has_suffix(path, [PDF]) else _load_frame(path, number)


def _load_frame(path: str, number: int) -> np.ndarray:
    name = page_name(path, number)
    if not has_suffix(path, TIFF_SUFFIXES):
        return to_grey(_load_animation(path, number), name)
    with open(path, "rb") as file:
        check_tiff(file, name, number)
    found, frames = cv2.imreadmulti(path, number - 1, 1, flags=cv2.IMREAD_UNCHANGED)
    if not found or not frames:
        raise ValueError(f"{name}: no such frame, or a damaged one; save it as an image of its own")
    return to_grey(frames[0], name)


def _load_animation(path: str, number: int) -> np.ndarray:
    """Load a frame of GIF or WebP, BGRA, upright; OpenCV gives another one than it is asked for."""
    if (size := Path(path).stat().st_size) > MAX_BYTES:
        raise ValueError(f"{path}: {size:,} bytes; images are read up to {MAX_BYTES:,} bytes")
    with open(path, "rb") as file:
        _, flag = read_header(file)
        file.seek(0)
        with open_image(file) as image:
            go_to(image, number, page_name(path, number))
            wide, high = image.size
            pixels = np.empty((high, wide, 4), np.uint8)
            for top in range(0, high, BAND):  # in parts, since Pillow gives copies only
                part = image.crop((0, top, wide, min(top + BAND, high))).convert("RGBA")
                cv2.cvtColor(np.asarray(part), cv2.COLOR_RGBA2BGRA, dst=pixels[top : top + BAND])
        return turn_upright(pixels, flag)


@contextmanager
def _open_pdf(path: Path | str) -> Iterator:
    """Open a PDF with PDFium. Raises ValueError that says why it cannot be opened."""
    import pypdfium2  # imported here for start-up time

    Path(path).open("rb").close()  # PDFium does not say that there is no file, or no permission
    try:
        document = pypdfium2.PdfDocument(str(path))
    except pypdfium2.PdfiumError as error:
        raise ValueError(f"{path}: {_fault_of_pdf(path)}") from error
    try:
        yield document
    finally:
        document.close()


def _fault_of_pdf(path: Path | str) -> str:
    """Say why PDFium does not open a file; its own reason may be that of the file before."""
    import pikepdf  # imported here for start-up time

    try:
        with pikepdf.open(path) as document:
            empty = not document.pages
    except pikepdf.PasswordError:
        return "it has a password; save it without one"
    except (pikepdf.PdfError, RuntimeError):
        return "not a PDF, or damaged; save it again"
    return "a PDF of 0 pages; there is nothing to read" if empty else "a damaged PDF; save it again"


@contextmanager
def _open_page(path: str, number: int) -> Iterator:
    """Open a page of a PDF. Raises ValueError that names it if PDFium cannot read it."""
    import pypdfium2  # imported here for start-up time

    name = page_name(path, number)
    with _PDFIUM, _open_pdf(path) as document:
        if number > len(document):
            raise ValueError(f"{name}: the PDF has {counted(len(document), 'page')}")
        try:
            yield document[number - 1]
        except pypdfium2.PdfiumError as error:
            raise ValueError(f"{name}: a damaged page ({error}); save the PDF again") from error


def _render(path: str, number: int) -> np.ndarray:
    with _open_page(path, number) as page:
        high, wide = _pixel_size(page)
        check_pixels(page_name(path, number), (wide, high), max_pixels(), f" at {DPI} dpi")
        bitmap = page.render(scale=DPI / POINTS, grayscale=True)
        pixels = bitmap.to_numpy()
        return np.ascontiguousarray(pixels.reshape(pixels.shape[:2])).copy()


def _pixel_size(page: "PdfPage") -> tuple[int, int]:
    """Height and width of a page of a PDF at DPI."""
    wide, high = (round(side * DPI / POINTS) for side in page.get_size())
    return high, wide


def page_size(name: str) -> tuple[int, int]:
    """Return the height and width of a page, as `load_page_image` loads it, without rendering it.

    Raises ValueError or OSError that names it.
    """
    path, number = split_page_name(name) or (name, 1)
    with named_errors(name):
        check_regular(path)
        if has_suffix(path, [PDF]):
            with _open_page(path, number) as page:
                return _pixel_size(page)
        with open(path, "rb") as file:
            return upright_shape(file, number)


def count_characters(name: str) -> int:
    """Return the number of characters of text that a page of a PDF carries beside its picture.

    0 for frames of images. Raises ValueError or OSError that names it.
    """
    path, number = split_page_name(name) or ("", 0)
    if not has_suffix(path, [PDF]):
        return 0
    with named_errors(name), _open_page(path, number) as page:
        return page.get_textpage().count_chars()


def visible_characters(name: str, size: tuple[int, int]) -> np.ndarray:
    """Return the middles (N, 2) of the characters that a page of a PDF shows as text, in pixels.

    Spaces, and the invisible text of an OCR, are none. size: width and height of the page in
    pixels. Raises ValueError or OSError that names it.
    """
    import pypdfium2.raw as pdfium  # imported here for start-up time

    path, number = split_page_name(name) or (name, 1)
    x, y, found = ctypes.c_int(), ctypes.c_int(), []
    with named_errors(name), _open_page(path, number) as page:
        layer = page.get_textpage()
        for index in range(layer.count_chars()):
            drawn = pdfium.FPDFText_GetTextObject(layer, index)
            mode = pdfium.FPDFTextObj_GetTextRenderMode(drawn) if drawn else INVISIBLE
            if mode == INVISIBLE or chr(pdfium.FPDFText_GetUnicode(layer, index)).isspace():
                continue
            left, bottom, right, top = layer.get_charbox(index)
            middle = (left + right) / 2, (bottom + top) / 2
            pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, *middle, x, y)
            found.append((x.value, y.value))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def parse_ranges(text: str) -> list[tuple[int, int | None]]:
    """Parse page numbers such as "3", "3-7", "-4" and "1-2,9-" as (first, last) pairs.

    last: None for up to the end. Raises ValueError for what is none.
    """
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{0,7})\s*(-?)\s*(\d{0,7})\s*", part)
        first, dash, last = match.groups() if match else ("", "", "")
        if not (first or last) or (last and not dash):
            raise ValueError(f"--pages {text}: give numbers from 1 on, such as 3-7 or 1,4-")
        start, end = int(first or 1), (int(last) if last else None) if dash else int(first)
        if start < 1 or (end is not None and end < start):
            raise ValueError(f"--pages {text}: give numbers from 1 on, the lower one first")
        ranges.append((start, end))
    return ranges


def chosen_pages(count: int, ranges: list[tuple[int, int | None]] | None) -> list[int]:
    """Return the numbers of a file's pages that lie in the ranges, in the order of the file."""
    if ranges is None:
        return list(range(1, count + 1))
    return [
        number
        for number in range(1, count + 1)
        if any(first <= number <= (last or count) for first, last in ranges)
    ]
