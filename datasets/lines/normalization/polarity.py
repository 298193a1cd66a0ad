"""Light text on a dark ground, recognized and inverted: networks read dark on light."""

import cv2
import numpy as np

from .glance import glance, shrink_by

ROWS = 32  # of the copy in which strokes are measured, at most
DARK = 0.4  # of the way from the darkest to the brightest greys: where dark ground lies below
SHEET = 0.4  # of the height: a square that no stroke of a letter fills
SHARE = 0.3  # of what is light: where more of it is so wide, it is a sheet


def dark_on_light(image: np.ndarray) -> np.ndarray:
    """Invert a grey image (H, W) uint8 of light text on dark; return any other as it is."""
    return cv2.bitwise_not(image) if is_light_on_dark(image) else image


def is_dark(darkest: int, middle: int, brightest: int) -> bool:
    """Whether most pixels are nearer to the darkest than to the brightest."""
    return middle < darkest + DARK * (brightest - darkest)


def is_light_on_dark(image: np.ndarray) -> bool:
    """Whether most of a line (H, W) uint8, its edges too, is darker than its strokes.

    The dark surround of a light sheet is no ground: such a sheet is wider than strokes.
    """
    seen = glance(image)
    if not is_dark(*seen[3:]):
        return False
    if not is_dark(seen.darkest, int(np.median(edges(image))), seen.brightest):
        return False
    scale = ROWS / len(image)
    small = shrink_by(image, scale) if scale < 1 else image
    light = cv2.threshold(small, (seen.middle + seen.brightest) // 2, 1, cv2.THRESH_BINARY)[1]
    side = max(3, round(SHEET * len(small)))
    sheet = cv2.morphologyEx(light, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return bool(light.any()) and cv2.countNonZero(sheet) < SHARE * cv2.countNonZero(light)


def edges(image: np.ndarray) -> np.ndarray:
    """The pixels (N,) along the four edges of an image (H, W)."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
