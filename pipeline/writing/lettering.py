"""Text in a picture that can be read on any ground: white with a black outline."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE = (255, 255, 255)


class Span(NamedTuple):
    """From column start to end, exclusive."""

    start: int
    end: int


def draw_text(
    image: np.ndarray,
    text: str,
    left: int,
    top: int,
    size: int,
    room: int,
    colour: tuple[int, int, int] = WHITE,
) -> None:
    """Into RGB (H, W, 3) uint8, in place. size: pixels of a capital; room: columns at most.

    What is too wide is cut, and ends in "...".
    """
    letters = mask(fit(text, size, room), size)
    border = max(1, size // 8)
    letters = np.pad(letters, border)
    around = cv2.dilate(letters, np.ones((2 * border + 1, 2 * border + 1), np.uint8))
    # the mask holds half a size above the capitals, for accents
    top, left = top - size // 2 - border, left - border
    y, x = max(0, top), max(0, left)
    ground = image[y : max(y, top + len(letters)), x : max(x, left + letters.shape[1])]
    shown = slice(y - top, y - top + ground.shape[0]), slice(x - left, x - left + ground.shape[1])
    dark = around[shown][..., None].astype(np.float32) / 255
    bright = letters[shown][..., None].astype(np.float32) / 255
    mixed = ground * (1 - dark) * (1 - bright) + bright * np.array(colour, np.float32)
    ground[:] = np.rint(mixed).astype(np.uint8)


def wrap(words: Sequence[str], size: int, room: int) -> list[list[Span]]:
    """Words -> rows of at most `room` columns, each row its words' columns."""
    rows: list[list[Span]] = []
    for word in words:
        length = min(width(word, size), room)
        start = rows[-1][-1].end + size // 2 if rows else room
        if start + length > room:
            rows.append([])
            start = 0
        rows[-1].append(Span(start, start + length))
    return rows


def fit(text: str, size: int, room: int) -> str:
    """The text, or as much of its beginning as has room beside "..."."""
    if width(text, size) <= room:
        return text
    kept = len(text)
    while kept and width(text[:kept] + "...", size) > room:
        kept -= 1
    return text[:kept] + "..."


def width(text: str, size: int) -> int:
    """Columns of a text whose capitals are `size` pixels high."""
    return mask(text, size).shape[1]


@lru_cache(256)
def mask(text: str, size: int) -> np.ndarray:
    """(2 * size, W) uint8: 255 where the letters are; the capitals stand half a size below the top.

    OpenCV 5 has all scripts, OpenCV 4 the letters of ASCII.
    """
    thickness = max(1, size // 12)
    scale = cv2.getFontScaleFromHeight(FONT, size, thickness)
    (columns, _), _ = cv2.getTextSize(text, FONT, scale, thickness)
    image = np.zeros((2 * size, max(1, columns + thickness)), np.uint8)
    cv2.putText(image, text, (0, round(1.5 * size)), FONT, scale, 255, thickness, cv2.LINE_AA)
    image.flags.writeable = False  # it is shared
    return image
