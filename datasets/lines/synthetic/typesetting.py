"""Text -> clean grey lines and pages, with Pillow, from the fonts that a machine has.

Text may carry marks (in Unicode's private use area: no alphabet has them): ITALIC or SMALL_CAPS
at a word's start set that word; RAISED in a word raises the rest, as a footnote's figure stands.
`plain` takes the marks off: that is the label.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from .fonts import Font, has_raqm, load_font

ITALIC, SMALL_CAPS, RAISED = "\ue000", "\ue001", "\ue002"
BASELINE, LINE_HEIGHT = 1.5, 2.4  # of a rendered line, in em: room for neighbours above and below
SENTENCE_ENDS = {".", "!", "?"}


def plain(text: str) -> str:
    """Marked text -> what it says."""
    return text.translate({ord(mark): None for mark in (ITALIC, SMALL_CAPS, RAISED)})


class Piece(NamedTuple):
    """Letters drawn at once. rise: above the baseline, in em."""

    letters: str
    face: Font
    scale: float
    rise: float
    tags: tuple[str, ...]


def split_word(word: str, face: Font, italic: Font | None, tags: tuple[str, ...]) -> list[Piece]:
    """A marked word -> its pieces. Small capitals are the face's own, else capitals at 0.78 em."""
    mark, word = (word[0], word[1:]) if word[:1] in (ITALIC, SMALL_CAPS) else ("", word)
    base, _, raised = word.partition(RAISED)
    face = (
        italic if italic and mark == ITALIC and set(word) - {RAISED} <= italic.characters else face
    )
    pieces = []
    if mark == SMALL_CAPS and not ("smcp" in face.features and has_raqm()):
        for run in re.findall(r"[^\W\d_A-Z]+|[\W\d_A-Z]+", base):
            small = run.islower() and set(run.upper()) <= face.characters
            pieces.append(Piece(run.upper() if small else run, face, 0.78 if small else 1, 0, tags))
    elif base:
        pieces.append(Piece(base, face, 1, 0, (*tags, "smcp") if mark == SMALL_CAPS else tags))
    if raised:
        pieces.append(Piece(raised, face, 0.62, 0.34, ()))
    return pieces


def render_line(
    rng: np.random.Generator,
    text: str,
    face: Font,
    italic: Font | None = None,
    size: int = 44,
    gap: float = 0.0,
    tracking: float = 0.0,
    jitter: float = 0.0,
    thin: float = 0.0,
    old_style: bool = False,
) -> np.ndarray:
    """Marked text -> (2.4 size, W) uint8, black on white, baseline 1.5 size down, half an em aside.

    italic: the face for words marked ITALIC. size: pixels an em. The rest is in em: gap is added to
    each word space, twice after a sentence; tracking to each letter; thin goes before ; : ! ? as
    old printers did; jitter moves letters up or down and varies their ink, as a typewriter does.
    old_style: old-style figures, if the face has them.
    """
    tags = ("onum",) if old_style and "onum" in face.features and has_raqm() else ()
    x, placed = size / 2, []
    for word in text.split(" "):
        for piece in split_word(word, face, italic, tags):
            font = load_font(piece.face.path, round(size * piece.scale))
            spaced = (
                list(piece.letters)
                if tracking or jitter
                else re.split(r"(?=[;:!?])", piece.letters)
            )
            shaping = {"features": list(piece.tags)} if piece.tags else {}
            for part in filter(None, spaced):
                x += thin * size if thin and part[0] in ";:!?" else 0
                rise, ink = piece.rise, 255
                if jitter:
                    rise += rng.normal(0, jitter)
                    ink = int(255 - min(abs(rng.normal(0, 1200 * jitter)), 130))
                placed.append((x, rise, part, font, ink, shaping))
                x += font.getlength(part, **shaping) + tracking * size
        x += load_font(face.path, size).getlength(" ") + gap * size * (
            2 if word[-1:] in SENTENCE_ENDS else 1
        )
    canvas = Image.new("L", (max(round(x + size / 2), 1), round(LINE_HEIGHT * size)))
    draw = ImageDraw.Draw(canvas)
    for x, rise, part, font, ink, shaping in placed:
        draw.text((x, size * (BASELINE - rise)), part, ink, font, "ls", **shaping)
    return 255 - np.asarray(canvas)


def ink_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of what is darker than mid-grey; the whole image if nothing is."""
    rows, columns = (np.flatnonzero((image < 128).any(axis)) for axis in (1, 0))
    if not len(rows):
        return 0, image.shape[0], 0, image.shape[1]
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def typeset_page(
    rng: np.random.Generator,
    texts: Sequence[str],
    face: Font,
    size: int = 44,
    leading: float = 1.35,
    **options,
) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Marked lines -> (page (H, W) uint8, each line's ink box (left, top, right, bottom)).

    leading: from baseline to baseline, in em. options: `render_line`'s.
    """
    lines = [render_line(rng, text, face, size=size, **options) for text in texts]
    margin, pitch = 2 * size, round(leading * size)
    height = 2 * margin + pitch * (len(lines) - 1) + round(LINE_HEIGHT * size)
    page = np.full((height, 2 * margin + max(line.shape[1] for line in lines)), 255, np.uint8)
    boxes = []
    for row, line in enumerate(lines):
        top = margin + row * pitch
        place = page[top : top + line.shape[0], margin : margin + line.shape[1]]
        np.minimum(place, line, out=place)
        y0, y1, x0, x1 = (int(v) for v in ink_box(line))
        boxes.append((margin + x0, top + y0, margin + x1, top + y1))
    return page, boxes
