"""Find the vertical rules of a table: long dark strokes between its columns."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .pieces.detection import Piece

MAX_SIDE = 960  # pixels of the longer side at which rules are looked for
MIN_LENGTH = 4.0  # of a rule, by the height of the text
MIN_CELL = 1.2  # of a rule from one level stroke to another, likewise
TOUCH = 0.1  # how far from its end that may be, likewise
MAX_WIDTH = 0.5  # of a rule, likewise; the edge of a page is wider
MIN_CONTRAST = 12  # grey levels that a rule is darker than what is around it
MIN_DEPTH = 20  # grey levels that it is darker than what is next to it; folds and edges are not

Stroke = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows y, first and last column there, (K,) each


class Rule(NamedTuple):
    """A vertical stroke, in pixels of the image: the first and last x of it, at each of K rows y.

    y, left, right: (K,). The edges are a pixel, of the image of at most MAX_SIDE, too far out.
    """

    y: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """The upper and the lower end, (2, 2)."""
        return np.stack([(self.left + self.right) / 2, self.y], 1)[[0, -1]]


def find_rules(image: np.ndarray, pieces: Sequence[Piece]) -> list[Rule]:
    """Find the vertical rules of an image, dark on light, grey (H, W) or BGR (H, W, 3) uint8.

    pieces: the text found on it, for its height.
    """
    if not pieces:
        return []
    scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
    height = scale * float(np.median([piece.height for piece in pieces]))
    size = [max(round(side * scale), 1) for side in image.shape[1::-1]]
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    # around in all directions: beside a crossing of two rules there is ink only
    around = cv2.blur(small, (2 * round(height) + 1,) * 2)
    dark = (cv2.subtract(around, small) > MIN_CONTRAST).astype(np.uint8)
    most = MAX_WIDTH * height
    strokes = [
        (y, left, right)
        for y, left, right in _strokes(dark, height)
        if (right - left).mean() <= most + 2 and _depth(small, y, left, right) >= MIN_DEPTH
    ]
    return [Rule((y + 0.5) / scale, left / scale, right / scale) for y, left, right in strokes]


def _strokes(dark: np.ndarray, height: float) -> Iterator[Stroke]:
    """Find upright strokes of a mask (h, w) uint8: long ones, and shorter ones that end at level
    ones, as in a table of two rows.
    """
    sides = np.ones((1, 3), np.uint8)  # a tilted rule stays in one piece
    upright, level = cv2.dilate(dark, sides), cv2.dilate(dark, sides.T)
    size = 2 * round(MIN_LENGTH * height / 2) + 1
    long = cv2.morphologyEx(upright, cv2.MORPH_OPEN, np.ones((size, 1), np.uint8))
    level = cv2.morphologyEx(level, cv2.MORPH_OPEN, np.ones((1, size), np.uint8))
    yield from _components(long)
    size = 2 * round(MIN_CELL * height / 2) + 1
    short = cv2.morphologyEx(upright, cv2.MORPH_OPEN, np.ones((size, 1), np.uint8))
    short[cv2.dilate(long, sides) > 0] = 0
    for y, left, right in _components(short):
        middle = (left + right) // 2
        reach = max(round(TOUCH * height), 1)
        if all(level[max(y[i] - reach, 0) : y[i] + reach + 1, middle[i]].any() for i in (0, -1)):
            yield y, left, right


def _components(mask: np.ndarray) -> Iterator[Stroke]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    for label in range(1, count):
        left, top, wide, high, _ = stats[label]
        inside = labels[top : top + high, left : left + wide] == label
        first, last = inside.argmax(1), wide - inside[:, ::-1].argmax(1)
        yield top + np.arange(high), left + first, left + last


def _depth(image: np.ndarray, y: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """How much darker a stroke is than what is next to it at either side, in most of its rows.

    y: of the rows, (K,). left, right: where it begins and ends there, (K,).
    """
    end = image.shape[1] - 1
    beside = np.minimum(image[y, (left - 1).clip(0)], image[y, right.clip(0, end)]).astype(int)
    inside = [image[row, a:b].min() for row, a, b in zip(y, left, right, strict=True)]
    return float(np.median(beside - inside))
