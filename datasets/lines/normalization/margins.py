"""Margins that are wider than crops of lines have them are cut off."""

import cv2
import numpy as np

from ..ink import find_ink
from .glance import shrink_by
from .part import Part

WIDE, KEPT = 2.0, 0.5  # heights of the image: a margin left or right that is cut, and what stays
LOW, FILLED = 0.36, 0.55  # of the height: text that is cut out, and what it fills then
ROWS, AREA = 400, 2**20  # of the copy in which the margins are found, at most
SPECK, POINT = 3, 0.12  # longest side of a speck in it; of a point, to the height of a letter
LETTER = 8  # rows of a letter in it that can be told from a point
RULE = 0.9  # of the width, from which a mark is a ruled line
EVEN = 20  # range of the greys of paper without any mark


def trim(line: Part) -> Part:
    """Cut wide margins off a line; one with margins as crops have them is returned as it is.

    The height is cut only around text with a letter in it: how large the text is that a point or a
    dash belongs to is unknown. The width is cut only where the paper is even.
    """
    image = line.image
    high, wide = image.shape
    scale = min(1.0, ROWS / high, (AREA / (high * wide)) ** 0.5)
    boxes = find_marks(shrink_by(image, scale))
    if not len(boxes):
        return line
    left, top = boxes[:, :2].min(0) / scale
    right, bottom = (boxes[:, :2] + boxes[:, 2:4]).max(0) / scale
    tall = boxes[boxes[:, 3] >= max(0.6 * (bottom - top) * scale, LETTER)]
    if bottom - top < LOW * high and any(map(is_letter, tall.tolist())):
        margin = (bottom - top) * (1 / FILLED - 1) / 2
        line = line.crop(0, max(0, round(top - margin)), wide, round(bottom + margin))
    high = len(line.image)
    start, end = round(left - KEPT * high), round(right + KEPT * high)
    cut_left = left > WIDE * high and is_even(line.image[:, :start])
    cut_right = wide - right > WIDE * high and is_even(line.image[:, end:])
    if not (cut_left or cut_right):
        return line
    return line.crop(start if cut_left else 0, 0, end if cut_right else wide, high)


def find_marks(image: np.ndarray) -> np.ndarray:
    """The boxes (N, 5) of the marks of a line (h, w) uint8, without specks and ruled lines.

    x, y, width, height and area in pixels.
    """
    ink = find_ink(image).astype(np.uint8)
    boxes = cv2.connectedComponentsWithStats(ink)[2][1:]
    boxes = boxes[(boxes[:, 2:4].max(1) >= SPECK) & (boxes[:, 2] < RULE * image.shape[1])]
    if not len(boxes):
        return boxes
    return boxes[boxes[:, 2:4].max(1) >= POINT * np.median(boxes[:, 3])]


def is_letter(box: list[int]) -> bool:
    """Whether a mark (x, y, width, height, area) is neither a point nor a dash."""
    _, _, wide, high, area = box
    return (area < 0.72 * wide * high and wide < 3 * high) or wide < 0.6 * high


def is_even(image: np.ndarray) -> bool:
    """Whether paper (H, W) uint8 has no mark on it, not even a faint one."""
    if not image.size:
        return False
    smooth = cv2.blur(image, (3, 3))
    return int(smooth.max()) - int(smooth.min()) < EVEN
