"""Text drawn into images, readable on any background: white with a black outline."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
Colour = tuple[int, int, int]  # red, green, blue from 0 to 255
WHITE = (255, 255, 255)


class Span(NamedTuple):
    """A range of pixel columns; `end` is exclusive."""

    start: int
    end: int


def draw_text(
    image: np.ndarray, text: str, left: int, top: int, size: int, limit: int, colour: Colour = WHITE
) -> None:
    """Draw text into an RGB image (H, W, 3) uint8, in place.

    size: height of a capital in pixels. limit: maximum width in pixels; longer text is truncated
    and ends in "...".
    """
    letters = text_mask(shorten(text, size, limit), size)
    border = max(1, size // 8)
    letters = np.pad(letters, border)
    outline = cv2.dilate(letters, np.ones((2 * border + 1, 2 * border + 1), np.uint8))
    # the mask has half a size above the capitals, for accents
    top, left = top - size // 2 - border, left - border
    y, x = max(0, top), max(0, left)
    target = image[y : max(y, top + len(letters)), x : max(x, left + letters.shape[1])]
    shown = slice(y - top, y - top + target.shape[0]), slice(x - left, x - left + target.shape[1])
    dark = outline[shown][..., None].astype(np.float32) / 255
    bright = letters[shown][..., None].astype(np.float32) / 255
    mixed = target * (1 - dark) * (1 - bright) + bright * np.array(colour, np.float32)
    target[:] = np.rint(mixed).astype(np.uint8)


def wrap(words: Sequence[str], size: int, limit: int) -> list[list[Span]]:
    """Break words into rows of at most `limit` pixels; each row lists its words' columns."""
    rows: list[list[Span]] = []
    for word in words:
        length = min(text_width(word, size), limit)
        start = rows[-1][-1].end + size // 2 if rows else limit
        if start + length > limit:
            rows.append([])
            start = 0
        rows[-1].append(Span(start, start + length))
    return rows


def shorten(text: str, size: int, limit: int) -> str:
    """The text, or if wider than `limit` pixels the longest beginning that fits with "..."."""
    if text_width(text, size) <= limit:
        return text
    while text and text_width(text + "...", size) > limit:
        text = text[:-1]
    return text + "..."


def text_width(text: str, size: int) -> int:
    """Width in pixels of a text whose capitals are `size` pixels high."""
    return text_mask(text, size).shape[1]


@lru_cache(256)
def text_mask(text: str, size: int) -> np.ndarray:
    """Mask (2 * size, W) uint8, 255 on the letters; capitals begin half a size below the top.

    OpenCV 5 draws all scripts, OpenCV 4 only ASCII letters.
    """
    thickness = max(1, size // 12)
    scale = cv2.getFontScaleFromHeight(FONT, size, thickness)
    (columns, _), _ = cv2.getTextSize(text, FONT, scale, thickness)
    mask = np.zeros((2 * size, max(1, columns + thickness)), np.uint8)
    cv2.putText(mask, text, (0, round(1.5 * size)), FONT, scale, 255, thickness, cv2.LINE_AA)
    mask.flags.writeable = False  # the cached array is shared
    return mask
