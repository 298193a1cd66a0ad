"""A cheap look at some pixels of a line: its levels of grey, and its ink row by row."""

from typing import NamedTuple

import cv2
import numpy as np

ROWS, COLUMNS = 32, 400  # that are looked at, at most


class Glance(NamedTuple):
    """Every `down`th row and `across`th column of an image, and its levels of grey.

    darkest, middle, brightest: at or below which 2, 50 and 98 % of these pixels are.
    """

    pixels: np.ndarray
    down: int
    across: int
    darkest: int
    middle: int
    brightest: int


def glance(image: np.ndarray) -> Glance:
    """Look at some pixels of a grey image (H, W) uint8."""
    high, wide = image.shape
    down = -(-high // ROWS)
    across = max(down, -(-wide // COLUMNS))
    pixels = np.ascontiguousarray(image[::down, ::across])
    return Glance(pixels, down, across, *grey_levels(pixels, (0.02, 0.5, 0.98)))


def grey_levels(image: np.ndarray, shares: tuple[float, ...]) -> list[int]:
    """The grey values at or below which these shares of the pixels are."""
    cumulative = cv2.calcHist([image], [0], None, [256], [0, 256]).cumsum()
    return np.searchsorted(cumulative, np.multiply(shares, image.size)).tolist()


def ink_at_a_glance(seen: Glance) -> np.ndarray:
    """(h, w) uint8, 1 where a pixel is darker than halfway from the middle level to the darkest."""
    limit = (seen.darkest + seen.middle) // 2
    return cv2.threshold(seen.pixels, limit, 1, cv2.THRESH_BINARY_INV)[1]


def sum_rows(ink: np.ndarray) -> np.ndarray:
    """(h,) the pixels of ink in each row of (h, w)."""
    return cv2.reduce(ink, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]


def shrink_by(image: np.ndarray, scale: float) -> np.ndarray:
    """Scale an image (H, W) down; at 1 it is returned as it is."""
    if scale >= 1:
        return image
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
