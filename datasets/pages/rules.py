"""Find the vertical rules of a table: long dark strokes between its columns."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .pieces.detection import Piece

MAX_SIDE = 960  # pixels of the longer side at which rules are looked for
MIN_LENGTH = 4.0  # of a rule, by the height of the text
MAX_WIDTH = 0.5  # of a rule, likewise; the edge of a page is wider
MIN_CONTRAST = 12  # grey levels that a rule is darker than what is around it


class Rule(NamedTuple):
    """A vertical stroke, in pixels of the image: the first and last x of it, at each of K rows y.

    y, left, right: (K,). A pixel of paper at either side belongs to it.
    """

    y: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """The upper and the lower end, (2, 2)."""
        return np.stack([(self.left + self.right) / 2, self.y], 1)[[0, -1]]


def find_rules(image: np.ndarray, pieces: Sequence[Piece]) -> list[Rule]:
    """Find the vertical rules of an image, grey (H, W) or BGR (H, W, 3) uint8.

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
    dark = cv2.dilate(dark, np.ones((1, 3), np.uint8))  # a tilted rule stays in one piece
    upright = np.ones((2 * round(MIN_LENGTH * height / 2) + 1, 1), np.uint8)
    long = cv2.morphologyEx(dark, cv2.MORPH_OPEN, upright)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(long)
    rules = []
    for label in range(1, count):
        left, top, wide, high, area = stats[label]
        if area <= (MAX_WIDTH * height + 2) * high:  # 2: dilated
            inside = labels[top : top + high, left : left + wide] == label
            rules.append(_rule(inside, left, top, scale))
    return rules


def _rule(inside: np.ndarray, left: int, top: int, scale: float) -> Rule:
    """A rule by its pixels (h, w) bool, which begin at `left` and `top` of the scaled page."""
    high, wide = inside.shape
    first = inside.argmax(1)
    last = wide - inside[:, ::-1].argmax(1)
    return Rule(*((top + np.arange(high) + 0.5, left + first, left + last) / np.float64(scale)))
