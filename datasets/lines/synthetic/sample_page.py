"""Render the shipped line samples: a page of a book, a receipt and a letter, and their lines.

    python -m datasets.lines.synthetic.sample_page datasets/samples

writes OUT/page.png, OUT/lines/NN.png and OUT/lines/labels.tsv (file TAB text).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from .degradation import fine_noise, smooth_noise, to_uint8, wear
from .fonts import Font, FontKind, find_fonts
from .typesetting import ITALIC, LINE_HEIGHT, SMALL_CAPS, ink_box, paste, plain, render_line

SEED = 1787
# type is rendered at this multiple of the scan's size, so that ink spreads smoothly
OVERSAMPLING = 2
CENTRED, INDENTED, RAGGED = "=>|"  # first character of a line that is not justified
SHEETS = {
    "book": """\
=CHAPTER VII.
=_In _which _a _Debt _is _paid

The bridge at Merrow had in those days two keepers, who
had not spoken together since the great flood of 1768. One
wound the clock; the other, ^John ^Fell, took the pence of
all that crossed it, and wrote them in a ledger of red calf.
“A clock,” he would say, “is but a toll-gate: each hour that
comes must stop, and pay.” And so they lived for nineteen
long winters, until the 3rd of March, 1787, when a gentle-
man in grey laid down £4 12s. 6d. upon the sill, in silver,
|and asked him what o’clock it was.
>“You are early, sir,” quoth the old keeper; “that account
was closed these twenty years.”—“Then I am still in time,”
replied the other; and he drew from beneath his cloak a
|_pendulum, wrapped in a leaf of the old almanack.""",
    "receipt": """\
|MERROW BOOKS & PRINTS LTD
|2 X INDIA INK 50ML @ 4.90   9.80
|TOTAL (INCL. 6% TAX)      £14.35""",
    "letter": """\
|Merrow Bridge, Cal., March 3rd, 1909.
|Dear Mr. Fell:- Yours of the 28th came""",
}
ALPHABET = "".join(sorted({*"".join(SHEETS.values())} - {*"=>|_^\n"}))
# grey levels of the PNG palette: few, for small files, and closer together towards paper
SHADES = 255 * (1 - np.linspace(1, 0, 24) ** 1.5)

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


class Style(NamedTuple):
    """How a sheet is printed and scanned."""

    kind: FontKind
    families: tuple[str, ...]  # in order of preference; else any font of this kind
    size: int  # pixels per em in the scan
    leading: float  # distance between baselines, in em
    margin: float  # in em
    spread: float  # of the ink, in pixels of the scan
    wear: float  # maximum loss of ink in patches, in grey levels
    skew: float  # degrees
    grain: float  # of the paper, in grey levels
    ink: tuple[int, int, int]  # RGB
    paper: tuple[int, int, int]
    options: dict  # of render_line


STYLES = {
    "book": Style("serif", ("EB Garamond", "Linux Libertine O", "Old Standard TT"), 36, 1.36, 2.2,
                  0.75, 70, -0.35, 3.2, (46, 34, 28), (244, 233, 212),
                  {"old_style": True, "thin": 0.08}),
    "receipt": Style("mono", ("Liberation Mono", "DejaVu Sans Mono"), 24, 1.4, 1.5,
                     0.8, 90, 0.4, 2.0, (52, 54, 66), (250, 250, 248), {}),
    "letter": Style("mono", ("GNUTypewriter", "Liberation Mono"), 32, 1.6, 1.8,
                    0.6, 120, 0.25, 3.0, (34, 36, 58), (232, 228, 216), {"jitter": 0.022}),
}  # fmt: skip


class Scan(NamedTuple):
    """A scanned sheet: image (H, W) uint8, 0 ink to 255 paper; texts and ink boxes of its lines."""

    image: np.ndarray
    texts: list[str]
    boxes: list[Box]


def marked(line: str) -> str:
    """Convert a line of SHEETS to the marked text of typesetting.py."""
    return line.lstrip("=>|").replace("_", ITALIC).replace("^", SMALL_CAPS)


def justify(
    rng: np.random.Generator, lines: Sequence[str], size: int, **options
) -> tuple[list[np.ndarray], list[int]]:
    """Render lines as images, each (2.4 size, W) uint8, with their indents in pixels.

    Word spaces are stretched so that every line without a mark is as wide as the widest.
    """

    def render(line: str, gap: float = 0.0) -> np.ndarray:
        tracking = 0.1 if line.startswith(CENTRED) and line.isupper() else 0.0
        return render_line(rng, marked(line), size=size, gap=gap, tracking=tracking, **options)

    images = [render(line) for line in lines]
    indents = [size if line.startswith(INDENTED) else 0 for line in lines]
    boxes = [ink_box(image) for image in images]
    ends = [box[3] - box[2] + indent for box, indent in zip(boxes, indents, strict=True)]
    for row, line in enumerate(lines):
        free = max(ends) - ends[row]
        if line.startswith(CENTRED):
            indents[row] = free // 2
        elif not line.startswith(RAGGED):
            spaces = sum(2 if word[-1] in ".!?" else 1 for word in line.split(" ")[:-1])
            images[row] = render(line, free / (spaces * size))
    return images, indents


def compose(
    rng: np.random.Generator, lines: Sequence[str], style: Style, **options
) -> tuple[np.ndarray, list[Box]]:
    """Render lines as a clean sheet (H, W) uint8, OVERSAMPLING times too large, with ink boxes.

    An empty line is half a line of white and has no box.
    """
    size = style.size * OVERSAMPLING
    images, indents = justify(rng, [line for line in lines if line], size, **options)
    margin, pitch = round(style.margin * size), round(style.leading * size)
    offsets = np.cumsum([pitch if line else pitch // 2 for line in lines]) - pitch
    tops = [int(y) + margin - size // 2 for y, line in zip(offsets, lines, strict=True) if line]
    width = max(p.shape[1] + i for p, i in zip(images, indents, strict=True)) + 2 * margin
    height = tops[-1] + round(LINE_HEIGHT * size) + margin
    sheet = np.full((height, width), 255, np.uint8)
    boxes = [
        paste(sheet, image, top, margin + indent)
        for image, top, indent in zip(images, tops, indents, strict=True)
    ]
    return sheet, boxes


def rotate(sheet: np.ndarray, boxes: list[Box], degrees: float) -> tuple[np.ndarray, list[Box]]:
    """Rotate a sheet about its centre; each box becomes the bounding box of its rotated corners."""
    height, width = sheet.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    rotated = cv2.warpAffine(sheet, matrix, (width, height), borderValue=255)
    rotated_boxes = []
    for left, top, right, bottom in boxes:
        corners = np.array([(x, y, 1) for x in (left, right) for y in (top, bottom)]) @ matrix.T
        edges = *np.floor(corners.min(0)), *np.ceil(corners.max(0))
        rotated_boxes.append(tuple(int(edge) for edge in edges))
    return rotated, rotated_boxes


def print_ink(
    rng: np.random.Generator, sheet: np.ndarray, spread: float, max_loss: float
) -> np.ndarray:
    """Spread the ink into the paper with uneven edges, and wear it off in patches."""
    soft = cv2.GaussianBlur(sheet, (0, 0), spread * OVERSAMPLING).astype(np.float32)
    edge = 158 + 14 * smooth_noise(rng, sheet.shape, 5) + 7 * smooth_noise(rng, sheet.shape, 60)
    inked = to_uint8((soft - edge) * 3.2 + 128)  # a soft threshold keeps the outlines smooth
    return np.where(inked < 250, wear(rng, inked, max_loss), inked)


def lay_on_paper(rng: np.random.Generator, ink: np.ndarray, grain: float) -> np.ndarray:
    """Put ink (H, W) uint8 on paper with grain, foxing, bleed-through and a darker gutter."""
    height, width = ink.shape
    back = cv2.GaussianBlur(np.roll(ink[:, ::-1], height // 31, axis=0), (0, 0), 2.2)
    ground = 246 - 0.05 * (255 - back.astype(np.float32))
    ground += grain * (smooth_noise(rng, ink.shape, 90) + smooth_noise(rng, ink.shape, 2.5) * 0.7)
    ground += grain * 0.6 * fine_noise(rng, ink.shape)
    spots = smooth_noise(rng, ink.shape, 70) + smooth_noise(rng, ink.shape, 9) * 0.4
    ground -= np.clip(spots - 2.1, 0, 1) * 9 * grain  # foxing
    ground *= 1 - 0.2 * np.exp(-np.arange(width, dtype=np.float32) / 26)
    return to_uint8(ground * (0.06 + 0.94 * ink.astype(np.float32) / 255))


def render_sheet(
    rng: np.random.Generator, text: str, style: Style, font: Font, italic: Font | None
) -> Scan:
    """Render one of SHEETS as a scan."""
    lines = text.splitlines()
    clean = compose(rng, lines, style, font=font, italic=italic, **style.options)
    sheet, boxes = rotate(*clean, style.skew)
    sheet = print_ink(rng, sheet, style.spread, style.wear)
    width, height = (edge // OVERSAMPLING for edge in sheet.shape[::-1])
    ink = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA)
    boxes = [tuple(edge // OVERSAMPLING for edge in box) for box in boxes]
    texts = [" ".join(plain(marked(line)).split()) for line in lines if line]  # tabs: a space
    return Scan(lay_on_paper(rng, ink, style.grain), texts, boxes)


def choose_fonts(fonts: Sequence[Font], style: Style) -> tuple[Font, Font | None]:
    """Return (upright, its italic or None) of the style's families, else of its kind, else any."""
    upright = [f for f in fonts if not f.italic and not f.bold] or list(fonts)
    preferred = [f for name in style.families for f in upright if f.family == name]
    font = (preferred or [f for f in upright if f.kind == style.kind] or upright)[0]
    italics = (f for f in fonts if f.family == font.family and f.italic and not f.bold)
    return font, next(italics, None)


def make_scans(fonts: Sequence[str] | None = None, seed: int = SEED) -> dict[str, Scan]:
    """Render the three sheets, by name. fonts: files or folders; None: those of the system."""
    found, scans = find_fonts(ALPHABET, fonts), {}
    for index, (name, style) in enumerate(STYLES.items()):
        rng = np.random.default_rng([seed, index])
        scans[name] = render_sheet(rng, SHEETS[name], style, *choose_fonts(found, style))
    return scans


def save_image(image: np.ndarray, style: Style, path: Path) -> None:
    """Write a palette PNG whose colours are the SHADES from ink to paper."""
    palette = np.array(style.ink) + (SHADES[:, None] / 255) * np.subtract(style.paper, style.ink)
    nearest = np.abs(SHADES[:, None] - np.arange(256)).argmin(0).astype(np.uint8)
    indexed = Image.fromarray(nearest[image], "P")
    indexed.putpalette(np.rint(palette).astype(np.uint8).tobytes())
    indexed.save(path, optimize=True)


def write_samples(out: Path, fonts: Sequence[str] | None = None) -> None:
    """Write OUT/page.png (the book), OUT/lines/NN.png (of all sheets) and OUT/lines/labels.tsv."""
    (out / "lines").mkdir(parents=True, exist_ok=True)
    rows = []
    for name, (image, texts, boxes) in make_scans(fonts).items():
        style, pad = STYLES[name], STYLES[name].size // 8
        if name == "book":
            save_image(image, style, out / "page.png")
        for text, (left, top, right, bottom) in zip(texts, boxes, strict=True):
            rows.append((f"{len(rows) + 1:02}.png", text))
            line = image[top - pad : bottom + pad, left - 2 * pad : right + 2 * pad]
            save_image(line, style, out / "lines" / rows[-1][0])
    table = "".join(f"{file}\t{text}\n" for file, text in rows)
    (out / "lines" / "labels.tsv").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    program = "python -m datasets.lines.synthetic.sample_page"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("out", type=Path)
    write_samples(parser.parse_args().out)
