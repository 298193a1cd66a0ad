"""Polygons that cut through letters, told by the ink of the letters outside of them."""

from typing import NamedTuple

import cv2
import numpy as np

from .courses import Course, resample

# extent of a line around its baseline, relative to the distance between baselines: it holds
# ascenders and descenders but not those of the neighbours
ABOVE, BELOW = 0.75, 0.28
AROUND = (ABOVE + BELOW) / 2  # the same around the middle of a line
CORE_ABOVE, CORE_BELOW = 0.3, -0.02  # what all letters of a line reach into, around its baseline
CORE_AROUND = 0.15  # the same around the middle
ROWS = 40  # rows between two lines at which ink is looked for
MAX_ROWS = 3 * ROWS  # of a polygon above or below its course
PAPER = 21  # pixels of the closing that removes all strokes at this size
CONTRAST = 28  # smallest difference of grey values between paper and ink
MAX_LOST = 0.06  # share of the ink of its letters that a polygon may leave out


class Extent(NamedTuple):
    """How far a line reaches above (negative) and below its course, and its core; in pixels."""

    top: float
    bottom: float
    core_top: float
    core_bottom: float

    @classmethod
    def around_baseline(cls, gap: float) -> "Extent":
        return cls(-ABOVE * gap, BELOW * gap, -CORE_ABOVE * gap, CORE_BELOW * gap)

    @classmethod
    def around_middle(cls, gap: float) -> "Extent":
        return cls(-AROUND * gap, AROUND * gap, -CORE_AROUND * gap, CORE_AROUND * gap)


class LostInk(NamedTuple):
    """Shares, 0 to 1, of the ink of a line's letters.

    by_polygon: what the polygon leaves out of that in the band of the line. by_band: what the band
    leaves out of that in the polygon.
    """

    by_polygon: float
    by_band: float


def lost_ink(
    image: np.ndarray, outline: np.ndarray, course: Course, gap: float, extent: Extent
) -> LostInk:
    """Measure what a polygon and a band leave out of the letters on a grey page (H, W).

    The letters are the connected ink that reaches into the core of the line.
    """
    step = max(1.0, gap / ROWS)
    flat = course.unroll(resample(outline))
    ends = course.positions[0] - gap / 4, course.positions[-1] + gap / 4
    left, right = min(ends[0], flat[:, 0].min()), max(ends[1], flat[:, 0].max())
    top = max(min(extent.top, flat[:, 1].min()), -MAX_ROWS * step)
    bottom = min(max(extent.bottom, flat[:, 1].max()), MAX_ROWS * step)
    along, below = (np.arange(*edges, step) + step / 2 for edges in ((left, right), (top, bottom)))
    ink = find_ink(course.sample(image, along, below))
    inside = np.zeros(ink.shape, np.uint8)
    cv2.fillPoly(inside, [np.round((flat - (left, top)) / step).astype(np.int32)], 1)
    rows = (below >= extent.top) & (below <= extent.bottom)
    columns = (along >= ends[0]) & (along <= ends[1])
    band = rows[:, None] & columns
    core = (below >= extent.core_top) & (below <= extent.core_bottom)
    letters = reaching_into(ink, core) & ((inside > 0) | band)
    whole = max(int(letters.sum()), 1)
    return LostInk(
        float((letters & (inside == 0)).sum() / whole), float((letters & ~band).sum() / whole)
    )


def find_ink(image: np.ndarray) -> np.ndarray:
    """Segment ink: grey (H, W) -> (H, W) bool, true where a pixel is darker than the paper around.

    The threshold is that of Otsu (1979). None is found on an image without contrast.
    """
    paper = cv2.morphologyEx(image, cv2.MORPH_CLOSE, np.ones((PAPER, PAPER), np.uint8))
    depth = cv2.subtract(paper, image)
    threshold, ink = cv2.threshold(depth, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return ink > 0 if threshold >= CONTRAST / 2 else np.zeros(image.shape, bool)


def reaching_into(ink: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the connected components of ink (H, W) that have a pixel in one of the rows (H,)."""
    count, labels = cv2.connectedComponents(ink.astype(np.uint8), connectivity=8)
    reaching = np.zeros(count, bool)
    reaching[labels[rows]] = True
    reaching[0] = False  # the paper
    return reaching[labels]
