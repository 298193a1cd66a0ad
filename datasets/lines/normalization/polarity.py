"""Light text on a dark ground, recognized and inverted: networks read dark on light."""

import cv2
import numpy as np

from .glance import grey_levels

ROWS = 200  # of the pixels in which the light ones are found, at least if there are
DARK = 0.4  # of the way from the darkest to the brightest greys: where dark ground lies below
EXTREMES = (0.002, 0.5, 0.998)  # shares of the pixels: a short word on a long strip is few of them
FILLED = 0.55  # of the box around what is light, from which it is a sheet


def dark_on_light(image: np.ndarray) -> np.ndarray:
    """Invert a grey image (H, W) uint8 of light text on dark; return any other as it is."""
    return cv2.bitwise_not(image) if is_light_on_dark(image) else image


def is_dark(darkest: int, middle: int, brightest: int) -> bool:
    """Whether most pixels are nearer to the darkest than to the brightest."""
    return middle < darkest + DARK * (brightest - darkest)


def is_light_on_dark(image: np.ndarray) -> bool:
    """Whether most of a line (H, W) uint8, its edges too, is darker than its strokes.

    The dark surround of a light sheet is no ground: strokes fill less of their box than paper does.
    """
    step = max(1, min(image.shape) // ROWS)
    pixels = np.ascontiguousarray(image[::step, ::step])
    darkest, middle, brightest = grey_levels(pixels, EXTREMES)
    edge = int(np.median(edges(pixels)))
    if not (is_dark(darkest, middle, brightest) and is_dark(darkest, edge, brightest)):
        return False
    y, x = np.nonzero(pixels > (middle + brightest) // 2)
    if not len(x):
        return False
    high, wide = (np.ptp(np.percentile(places, (1, 99))) + 1 for places in (y, x))
    return len(x) < FILLED * high * wide


def edges(image: np.ndarray) -> np.ndarray:
    """The pixels (N,) along the four edges of an image (H, W)."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
