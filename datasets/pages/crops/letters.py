"""Polygons that cut through letters, told by the ink of the letters outside of them."""

from typing import NamedTuple

import cv2
import numpy as np

from .courses import Course, resample

# extent of a line around its baseline, relative to the distance between baselines: it holds
# ascenders and descenders but not those of the neighbours
ABOVE, BELOW = 0.75, 0.28
CORE_ABOVE, CORE_BELOW = 0.3, -0.02  # what all letters of a line reach into
FARTHEST_ABOVE, FARTHEST_BELOW = 0.95, 0.6  # extent if the baseline is drawn too high or too low
LEAST_ABOVE, LEAST_BELOW = 0.35, 0.1  # extent if the line has nothing but a dash
MIDDLE = (ABOVE - BELOW) / 2  # of a line, above its baseline, likewise relative
HIGHEST = 1.2  # height of a letter, likewise; higher ink runs on into other lines
MARGIN = 0.1  # above and below letters, relative to their height
TALLEST = 0.86  # of the letters of a line, likewise
OUTSIDE = 0.003  # share of the ink that may lie above, and below, of what is taken for letters
FEWEST = 0.3  # share of the ink of a line that must be of such letters
ROWS = 40  # rows between two lines at which ink is looked for
MAX_ROWS = 3 * ROWS  # of a polygon above or below its course
PAPER = 21  # pixels of the closing that removes all strokes at this size
CONTRAST = 28  # smallest difference of grey values between paper and ink
MAX_LOST = 0.01  # share of the ink of its letters that a polygon may leave out


class Letters(NamedTuple):
    """Where the letters of a line stand, and what is left out of their ink.

    top, bottom: extent of a band that holds them, from the course downwards, in pixels.
    lost_by_polygon, lost_by_band: shares, 0 to 1, of their ink that these leave out.
    """

    top: float
    bottom: float
    lost_by_polygon: float
    lost_by_band: float


def find_letters(
    image: np.ndarray,
    course: Course,
    gap: float,
    outline: np.ndarray | None = None,
    middle: bool = False,
) -> Letters:
    """Find the letters of a line on a grey page (H, W).

    They are the connected ink that reaches into the core of the line. gap: distance to the next
    line. outline: the polygon of the line, if it has one. middle: whether the course runs through
    the middle of the line, not along its baseline.
    """
    step = max(1.0, gap / ROWS)
    base = MIDDLE * gap if middle else 0.0  # of the baseline below the course
    flat = None if outline is None else course.unroll(resample(outline))
    ends = course.positions[0] - gap / 4, course.positions[-1] + gap / 4
    left, right, top, bottom = *ends, base - FARTHEST_ABOVE * gap, base + FARTHEST_BELOW * gap
    if flat is not None:
        left, right = min(left, flat[:, 0].min()), max(right, flat[:, 0].max())
        top = min(top, max(flat[:, 1].min(), -MAX_ROWS * step))
        bottom = max(bottom, min(flat[:, 1].max(), MAX_ROWS * step))
    along, below = (np.arange(*edges, step) + step / 2 for edges in ((left, right), (top, bottom)))
    ink = _without_rules(otsu_ink(course.sample(image, along, below)))
    letters, rows = _letters(ink, (below - base) / gap)
    if rows is None:
        found = base - ABOVE * gap, base + BELOW * gap
    else:
        found = below[rows[0]] - step / 2, below[rows[1]] + step / 2
        margin = MARGIN * (found[1] - found[0])
        above = np.clip(base - found[0] + margin, LEAST_ABOVE * gap, FARTHEST_ABOVE * gap)
        under = np.clip(found[1] + margin - base, LEAST_BELOW * gap, FARTHEST_BELOW * gap)
        found = float(base - above), float(base + under)
    if flat is None:
        return Letters(*found, 0.0, 0.0)
    inside = np.zeros(ink.shape, np.uint8)
    cv2.fillPoly(inside, [np.round((flat - (left, top)) / step).astype(np.int32)], 1)
    band = ((below >= found[0]) & (below <= found[1]))[:, None]
    band = band & ((along >= ends[0]) & (along <= ends[1]))
    letters &= (inside > 0) | band
    whole = max(int(letters.sum()), 1)
    lost = (letters & (inside == 0)).sum() / whole, (letters & ~band).sum() / whole
    return Letters(*found, *map(float, lost))


def _letters(ink: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Return the ink of letters (H, W) bool, and the first and last row of whole ones.

    heights: of the rows (H,), from the baseline downwards, relative to the distance between lines.
    None for the rows if too few letters stand apart from other lines.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    tops = stats[:, cv2.CC_STAT_TOP]
    bottoms = tops + stats[:, cv2.CC_STAT_HEIGHT] - 1
    core = (heights >= -CORE_ABOVE) & (heights <= CORE_BELOW)
    reaching = np.zeros(count, bool)
    reaching[labels[core]] = True
    reaching[0] = False  # the paper
    apart = (bottoms < len(ink) - 1) & (tops > 0)
    apart &= heights[bottoms] - heights[tops] <= HIGHEST
    whole = reaching & apart
    marks = ~reaching & apart & (heights[tops] >= -ABOVE) & (heights[bottoms] <= BELOW)
    marks[0] = False
    areas = stats[:, cv2.CC_STAT_AREA]
    if areas[whole].sum() <= FEWEST * areas[reaching].sum():
        return reaching[labels], None
    profile = (whole | marks)[labels].sum(1).cumsum()
    limits = np.array([OUTSIDE, 1 - OUTSIDE]) * profile[-1]
    first, last = np.searchsorted(profile, limits, side="right").clip(0, len(ink) - 1)
    tallest = int((heights <= heights[0] + TALLEST).sum())
    if last - first >= tallest:  # such as flourishes: as much of it as a line may have
        masses = (
            profile[first + tallest - 1 : last + 1]
            - np.pad(profile, (1, 0))[first : last - tallest + 2]
        )
        first += int(masses.argmax())
        last = first + tallest - 1
    return whole[labels], (int(first), int(last))


def _without_rules(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) without the columns that are full of it: no letter is so high, a rule is."""
    wider = cv2.dilate(ink.astype(np.uint8), np.ones((1, 3), np.uint8))  # for a tilted rule
    return ink & ~wider.astype(bool).all(0)


def otsu_ink(image: np.ndarray) -> np.ndarray:
    """Segment ink: grey (H, W) -> (H, W) bool, true where a pixel is darker than the paper around.

    The threshold is that of Otsu (1979). None is found on an image without contrast.
    """
    paper = cv2.morphologyEx(image, cv2.MORPH_CLOSE, np.ones((PAPER, PAPER), np.uint8))
    depth = cv2.subtract(paper, image)
    threshold, _ = cv2.threshold(depth, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = depth > threshold
    # of a bitonal image the threshold is 0: only the pixels themselves tell the contrast
    is_clear = ink.any() and depth[ink].mean() - depth[~ink].mean() >= CONTRAST
    return ink if is_clear else np.zeros(image.shape, bool)
