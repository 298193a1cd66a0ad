"""The image of a line as it comes -> as networks read it: dark on light, level, without margins.

An ordinary line, dark on light and cropped by its text, is left as it is, bit for bit; a cheap look
at some of its pixels finds that out.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .blank import has_ink
from .glance import glance, ink_at_a_glance, sum_rows
from .margins import LOW, WIDE, trim
from .part import WHOLE, Part
from .polarity import dark_on_light, is_dark
from .slant import level

CLEAR = 50  # grey values between paper and ink, from which ink is no shadow
BUSY = 6  # changes between paper and ink along a row of letters, at least
UNEVEN = 0.6  # of the fullest row's ink, which the emptiest must lack: noise lies in all alike
RISE = 0.25  # of the image's height, from which the slope is measured


class NormalLine(NamedTuple):
    """A line as networks read it.

    image: (H, W) uint8, dark on light. blank: whether it has no ink that could be read. place:
    (2, 3), the affine map from its points (x, y) to those of the image as it came.
    """

    image: np.ndarray
    blank: bool
    place: np.ndarray = WHOLE


def normalize_line(image: np.ndarray, cut: bool = False) -> NormalLine:
    """Invert, level and trim the image of a line (H, W) uint8, and say whether it is blank.

    cut: it was cut out of a page along its text, so it is only inverted.
    """
    if is_ordinary(image):
        return NormalLine(image, False)
    inverted = dark_on_light(image)
    if inverted is not image and is_ordinary(inverted):
        return NormalLine(inverted, False)
    if not has_ink(inverted):
        return NormalLine(inverted, True)
    line = Part(inverted) if cut else trim(level(inverted))
    return NormalLine(line.image, False, line.place)


def is_ordinary(image: np.ndarray) -> bool:
    """Whether a line is surely one of dark letters on light paper, level and without margins."""
    high = len(image)
    seen = glance(image)
    if seen.middle - seen.darkest < CLEAR or is_dark(*seen[3:]):
        return False
    ink = ink_at_a_glance(seen)
    left, _, columns, _ = cv2.boundingRect(ink)
    right = ink.shape[1] - left - columns
    if max(left, right) * seen.across > WIDE * high:
        return False
    rows = sum_rows(ink)
    inked = np.flatnonzero(rows > 0.02 * columns)
    if not inked.size or inked[-1] + 1 - inked[0] < 1.2 * LOW * len(rows):
        return False
    if rows.min() > (1 - UNEVEN) * rows.max():
        return False
    changes = cv2.countNonZero(cv2.absdiff(ink[:, 1:], ink[:, :-1]))
    if changes < BUSY * (inked[-1] + 1 - inked[0]):
        return False
    moments = cv2.moments(ink, True)
    slope = moments["mu11"] / max(moments["mu20"], 1.0) * seen.down / seen.across
    return abs(slope) * columns * seen.across < RISE * high
