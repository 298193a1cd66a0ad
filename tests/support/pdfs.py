"""Scans as PDF, and what readers find in one: its text and its picture."""

import ctypes
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2
import pypdfium2.raw as raw


def scan_pdf(path: Path, pages: int = 1, box: tuple = (0, 0, 200, 300), **entries) -> Path:
    """Pages with a black bar at the left and top of `box`, and more entries, such as Rotate."""
    with pikepdf.new() as pdf:
        for _ in range(pages):
            leaf = pdf.add_blank_page(page_size=(100, 100)).obj
            left, _, _, top = box
            leaf.Contents = pdf.make_stream(b"0 g %g %g 40 20 re f\n" % (left, top - 20))
            leaf.MediaBox = list(box)
            for name, value in entries.items():
                leaf[f"/{name}"] = value
        pdf.save(path)
    return path


def text_of(path: Path, page: int = 0) -> list[str]:
    """The lines of text that PDFium finds."""
    with pypdfium2.PdfDocument(path) as document:
        found = document[page].get_textpage().get_text_range()
    return found.replace("\r\n", "\n").split("\n") if found else []


def places_of(path: Path, text: str, size: tuple[int, int], page: int = 0) -> list[list[int]]:
    """Left, top, right, bottom of each place where PDFium finds a text, in pixels of the page as it
    shows it in this size (width, height).
    """
    found = []
    with pypdfium2.PdfDocument(path) as document:
        leaf = document[page]
        layer = leaf.get_textpage()
        search = layer.search(text, match_case=True)
        while (match := search.get_next()) is not None:
            rectangles = [layer.get_rect(i) for i in range(layer.count_rects(*match))]
            points = [shown(leaf, size, *r[i : i + 2]) for r in rectangles for i in (0, 2)]
            across, down = zip(*points, strict=True)
            found.append([min(across), min(down), max(across), max(down)])
    return found


def shown(leaf: pypdfium2.PdfPage, size: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    """The pixel at which PDFium shows a point of user space."""
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(leaf, 0, 0, *size, 0, x, y, across, down)
    return across.value, down.value


def picture_of(path: Path, page: int = 0, scale: float = 1.0) -> np.ndarray:
    """The page as PDFium draws it, (H, W, 3) uint8."""
    with pypdfium2.PdfDocument(path) as document:
        return document[page].render(scale=scale, rev_byteorder=True).to_numpy()[..., :3].copy()
