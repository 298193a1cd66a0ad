"""A line that rises or falls is levelled, if its ink gathers in rows then."""

import cv2
import numpy as np

from ..ink import find_ink
from .glance import shrink_by
from .part import Part

ROWS = 96  # of the copy in which the slope is measured
STEEPEST = 0.1  # slope that is levelled, 5.7 degrees
MIN_RISE = 0.75  # of the text's height, over its width: lines that rise less are left as they are
SHARPER = 1.15  # times the concentration of ink in rows that levelling must gain


def level(image: np.ndarray) -> Part:
    """Turn a line (H, W) uint8 that rises or falls, up to STEEPEST, and cut off the rows that this
    took up.

    A line that is level enough, or whose ink does not gather in rows when it is turned, is returned
    as it is.
    """
    high, wide = image.shape
    scale = min(1.0, ROWS / high)
    small = shrink_by(image, scale)
    y, x = np.nonzero(find_ink(small))
    if len(x) < 2 or np.ptp(x) < high * scale:
        return Part(image)
    slope, text_rows = find_slope(x, y)
    if abs(slope) * np.ptp(x) < MIN_RISE * text_rows:
        return Part(image)
    centre = (wide / 2, high / 2)
    turn = cv2.getRotationMatrix2D(centre, np.degrees(np.arctan(slope)), 1.0)
    paper = int(np.median(image[image >= np.median(image)]))
    turned = cv2.warpAffine(
        image, turn, (wide, high), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
        borderValue=paper,
    )  # fmt: skip
    # the middle rows of the text, and the margins that it had
    rows = (y - slope * (x - small.shape[1] / 2)) / scale
    top, bottom = np.percentile(rows, (1, 99))
    margin = max((high - (bottom - top) - abs(slope) * wide) / 2, 0.1 * (bottom - top))
    line = Part(turned, cv2.invertAffineTransform(turn))
    return line.crop(0, max(0, round(top - margin)), wide, max(1, round(bottom + margin)))


def find_slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The slope at which ink (N,) at x, y gathers most in rows, and the rows that it fills then.

    0 if that is no more than SHARPER as concentrated as without turning.
    """
    x = x - x.mean()
    step = 1.0 / max(np.ptp(x), 1.0)  # moves the ends against each other by one row

    def concentration(slope: float) -> float:
        rows = np.bincount(np.round(y - slope * x - (y - slope * x).min()).astype(int))
        return float(np.square(rows, dtype=np.float64).sum())

    slopes = np.arange(-STEEPEST, STEEPEST + step, max(step, STEEPEST / 40))
    best = max(slopes, key=concentration)
    best = max(best + step * np.arange(-2, 3), key=concentration)
    if abs(best) > STEEPEST or concentration(best) < SHARPER * concentration(0.0):
        return 0.0, 1.0
    low, high = np.percentile(y - best * x, (2, 98))
    return float(best), max(float(high - low), 1.0)
