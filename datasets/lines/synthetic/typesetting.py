"""Typeset marked text as clean grey images of lines, with Pillow.

Marks are characters of Unicode's private use area, which no alphabet has: ITALIC or SMALL_CAPS
before a word applies to that word; RAISED inside a word sets the rest of it as a superscript.
`plain` removes the marks, which gives the label.
"""

import re
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from .fonts import Font, has_raqm, load_font

ITALIC, SMALL_CAPS, RAISED = "\ue000", "\ue001", "\ue002"
BASELINE, LINE_HEIGHT = 1.5, 2.4  # of a rendered line, in em: leaves room above and below
SENTENCE_ENDS = {".", "!", "?"}


def plain(text: str) -> str:
    """Return marked text without its marks."""
    return text.translate({ord(mark): None for mark in (ITALIC, SMALL_CAPS, RAISED)})


class TextRun(NamedTuple):
    """Letters set in one font.

    scale: size relative to the line. rise: above the baseline, in em. tags: OpenType features.
    """

    letters: str
    font: Font
    scale: float
    rise: float
    tags: tuple[str, ...]


def split_word(word: str, font: Font, italic: Font | None, tags: tuple[str, ...]) -> list[TextRun]:
    """Split a marked word into runs; without real small capitals, capitals at 0.78 em are used."""
    mark, word = (word[0], word[1:]) if word[:1] in (ITALIC, SMALL_CAPS) else ("", word)
    base, _, raised = word.partition(RAISED)
    if italic and mark == ITALIC and set(word) - {RAISED} <= italic.characters:
        font = italic
    runs = []
    if mark == SMALL_CAPS and not ("smcp" in font.features and has_raqm()):
        for letters in re.findall(r"[^\W\d_A-Z]+|[\W\d_A-Z]+", base):
            if letters.islower() and set(letters.upper()) <= font.characters:
                runs.append(TextRun(letters.upper(), font, 0.78, 0, tags))
            else:
                runs.append(TextRun(letters, font, 1, 0, tags))
    elif base:
        runs.append(TextRun(base, font, 1, 0, (*tags, "smcp") if mark == SMALL_CAPS else tags))
    if raised:
        runs.append(TextRun(raised, font, 0.62, 0.34, ()))
    return runs


def render_line(
    rng: np.random.Generator,
    text: str,
    font: Font,
    italic: Font | None = None,
    size: int = 44,
    gap: float = 0.0,
    tracking: float = 0.0,
    jitter: float = 0.0,
    thin: float = 0.0,
    old_style: bool = False,
) -> np.ndarray:
    """Render marked text as (2.4 size, W) uint8, black on white.

    The baseline is 1.5 size below the top, with half an em of white at both ends.
    italic: font of the words marked ITALIC. size: pixels per em. The following are in em: gap is
    added to each word space, twice after a sentence; tracking to each letter; thin is the space
    before ; : ! ? in old print; jitter shifts letters vertically and varies their ink, as a
    typewriter does. old_style: use old-style figures, if the font has them.
    """
    tags = ("onum",) if old_style and "onum" in font.features and has_raqm() else ()
    x, placed = size / 2, []
    for word in text.split(" "):
        for run in split_word(word, font, italic, tags):
            sized_font = load_font(run.font.path, round(size * run.scale))
            separator = "" if tracking or jitter else r"(?=[;:!?])"  # "" separates all letters
            shaping = {"features": list(run.tags)} if run.tags else {}
            for part in filter(None, re.split(separator, run.letters)):
                x += thin * size if thin and part[0] in ";:!?" else 0
                rise, ink = run.rise, 255
                if jitter:
                    rise += rng.normal(0, jitter)
                    ink = int(255 - min(abs(rng.normal(0, 1200 * jitter)), 130))
                placed.append((x, rise, part, sized_font, ink, shaping))
                x += sized_font.getlength(part, **shaping) + tracking * size
        gaps = 2 if word[-1:] in SENTENCE_ENDS else 1
        x += load_font(font.path, size).getlength(" ") + gap * size * gaps
    canvas = Image.new("L", (max(round(x + size / 2), 1), round(LINE_HEIGHT * size)))
    draw = ImageDraw.Draw(canvas)
    for x, rise, part, sized_font, ink, shaping in placed:
        draw.text((x, size * (BASELINE - rise)), part, ink, sized_font, "ls", **shaping)
    return 255 - np.asarray(canvas)


def ink_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) of the pixels below 128, or of the whole image."""
    rows, columns = (np.flatnonzero((image < 128).any(axis)) for axis in (1, 0))
    if not len(rows):
        return 0, image.shape[0], 0, image.shape[1]
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def paste(page: np.ndarray, line: np.ndarray, top: int, left: int) -> tuple[int, int, int, int]:
    """Draw a line on a page at a position, and return its ink box (left, top, right, bottom)."""
    target = page[top : top + line.shape[0], left : left + line.shape[1]]
    np.minimum(target, line, out=target)
    y0, y1, x0, x1 = map(int, ink_box(line))
    return left + x0, top + y0, left + x1, top + y1
