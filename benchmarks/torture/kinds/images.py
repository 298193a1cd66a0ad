"""Images in all formats, and files of several pages."""

import io
from pathlib import Path

import cv2
import numpy as np
import pikepdf
from PIL import Image

from datasets.images import decode_bgr, load_grey
from datasets.pages.documents import count_characters, count_pages, load_page_image, page_name
from datasets.pages.writers.pdf import write_pdf
from datasets.pages.writers.pictures import read_picture
from datasets.pages.writers.record import read_record
from tests.support.images import noise_line
from tests.support.pdfs import scan_pdf
from tests.support.records import page_record

from . import Kind

MAX_PAGES = 4  # read of a document


def encode(image: np.ndarray, *suffixes: str) -> list[bytes]:
    return [cv2.imencode(suffix, image)[1].tobytes() for suffix in suffixes]


def save(kind: str, *frames: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=len(frames) > 1, append_images=frames[1:], **options)
    return file.getvalue()


def frames() -> list[Image.Image]:
    """A grey one, and one of black and white."""
    return [Image.fromarray(noise_line(0, 60)), Image.fromarray(noise_line(1, 60)).convert("1")]


def animations(_: Path) -> list[bytes]:
    return [save(kind, *frames()) for kind in ("GIF", "PNG", "WEBP")]


def images(folder: Path) -> list[bytes]:
    grey = noise_line(0, 60, 40)
    deep = grey.astype(np.uint16) * 257
    found = encode(grey, ".png", ".jpg", ".tiff", ".bmp", ".webp", ".pgm", ".jp2", ".avif")
    found += encode(deep, ".png", ".tiff", ".pgm") + encode(cv2.merge([deep] * 4), ".png", ".tiff")
    found += encode(cv2.merge([grey] * 3), ".gif", ".ppm", ".ras")
    found += encode(cv2.merge([grey] * 4), ".png")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    found += [save(kind, frames()[0], exif=exif) for kind in ("PNG", "JPEG", "WEBP", "TIFF")]
    return found + animations(folder)


def pdfs(folder: Path) -> list[bytes]:
    drawn = scan_pdf(folder / "seed.pdf", pages=2, Rotate=90).read_bytes()
    return [drawn, save("PDF", *frames()), save("PDF", frames()[0].convert("RGB"))]


def tiffs(_: Path) -> list[bytes]:
    found = [save("TIFF", *frames(), compression=name) for name in (None, "tiff_lzw", "packbits")]
    return [*found, save("TIFF", frames()[1], frames()[1], compression="group4")]


def read_pages(path: Path) -> None:
    for number in range(1, min(count_pages(path), MAX_PAGES) + 1):
        load_page_image(page_name(path, number))
        count_characters(page_name(path, number))


def write_searchable(path: Path) -> None:
    """Write a copy of a PDF with a text on its first page; what is written is whole."""
    name = page_name(path, 1)
    high, wide = load_page_image(name).shape
    record = page_record(["a line", "and another"], name, width=wide, height=high)
    target = path.with_name("written.pdf")
    problems = write_pdf(target, [read_record(record)])
    with pikepdf.open(target) as pdf:
        assert len(pdf.pages) == count_pages(target)
    if problems:
        raise ValueError(problems[0])


def read_line(path: Path) -> None:
    load_grey(str(path))


def read_colours(path: Path) -> None:
    decode_bgr(path.read_bytes(), str(path))


KINDS = {
    "images": Kind(".png", images, (read_line, read_colours, read_picture)),
    "PDF": Kind(".pdf", pdfs, (read_pages, write_searchable)),
    "multi-page TIFF": Kind(".tif", tiffs, (read_pages, read_picture)),
    "animations": Kind(".gif", animations, (read_pages, read_picture)),
}
