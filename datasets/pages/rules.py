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
MIN_DEPTH = 20  # grey levels that it is darker than what is next to it; folds and edges are not


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
        if area > (MAX_WIDTH * height + 2) * high:  # 2: dilated
            continue
        inside = labels[top : top + high, left : left + wide] == label
        first, last = left + inside.argmax(1), left + wide - inside[:, ::-1].argmax(1)
        y = top + np.arange(high)
        if _depth(small, y, first, last) >= MIN_DEPTH:
            rules.append(Rule((y + 0.5) / scale, first / scale, last / scale))
    return rules


def _depth(image: np.ndarray, y: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """How much darker a stroke is than what is next to it at either side, in most of its rows.

    y: of the rows, (K,). left, right: where it begins and ends there, (K,).
    """
    end = image.shape[1] - 1
    beside = np.minimum(image[y, (left - 1).clip(0)], image[y, right.clip(0, end)]).astype(int)
    inside = [image[row, a:b].min() for row, a, b in zip(y, left, right, strict=True)]
    return float(np.median(beside - inside))
