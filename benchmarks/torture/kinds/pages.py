"""PAGE and ALTO with the images of their lines, and images whose lines are found."""

from collections.abc import Callable
from pathlib import Path

import cv2

from datasets import LineReader
from datasets.pages.files import read_page
from datasets.pages.loading import load_page_line
from pipeline.reading.pages.loading import load_input
from tests.support.pages import set_page, tesseract, transkribus

from . import Kind

MAX_LINES = 8  # read of a page


def page(write: Callable[[Path], object]) -> Callable[[Path], list[bytes]]:
    """Seeds of a page; its image stays beside the file that is fuzzed."""
    return lambda folder: [Path(write(folder / "fuzzed.xml")).read_bytes()]


def read_lines(path: Path) -> None:
    for line in read_page(path).lines[:MAX_LINES]:
        load_page_line(f"{path}#{line.id}")


def page_images(folder: Path) -> list[bytes]:
    """Formats without checksums, so that damage shows in the pixels and in the sizes."""
    set_page(folder / "seed.png")
    page = cv2.imread(str(folder / "seed.png"), cv2.IMREAD_GRAYSCALE)
    found = [cv2.imencode(suffix, page) for suffix in (".pgm", ".bmp", ".jpg", ".tiff")]
    return [encoded.tobytes() for _, encoded in found]


def read_as_page(path: Path) -> None:
    load_input(str(path), LineReader(), "page", as_page=True)


KINDS = {
    "page images": Kind(".png", page_images, (read_as_page,)),
    "PAGE": Kind(".xml", page(transkribus), (read_lines,)),
    "ALTO": Kind(".xml", page(tesseract), (read_lines,)),
}
