"""Whether a line has any ink: what a network reads in an empty one is made up.

Paper, its texture, noise, gradients and shadows, stains, dust, creases, ruled lines and frames are
no ink; a point, a dash, a digit and a faint pencil are. All figures are in rows of a copy of the
image of HEIGHT rows, and in grey values.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..ink import INK, measure_depth

HEIGHT = 40
MAX_COLUMNS = 4000  # of that copy: longer lines are squeezed
FAINTEST, WEAK, STRONG = 17, 24, 70  # contrast of ink to paper: none below, letters, any mark
NOISE = 3.5  # times the usual unevenness of the paper, below which a weak contrast is noise
NARROWEST = 4  # pixels: of a smaller image nothing can be said, and reading it tells why
STRIP_ROWS = 120, 80  # rows of an image from which it is searched in strips, and those of a strip
MAX_ROWS = 600  # of the copy that is cut into strips
STRIP = 3  # times as wide as high: a line across it is ruled, not a dash
# longest side of a point in a crop, of a point on a strip, and of what is surely a letter
TINY, SMALL, LETTER = 3, 5, 8
FEWEST = 5  # letters that a contrast below WEAK must show; two that one below FAINT must
FAINT = 30
BLUR = 0.06  # by which the edges of so many letters may be softer: a stain has not that many parts
SPECKS = 10, 3  # so many specks, and so many for each mark: the marks are specks too
THIN = 4  # columns of a straight vertical line


class _Paper(NamedTuple):
    """depth: (h, w) uint8, how much darker a pixel is than the paper around it. steepness: (h, w)
    of the grey values. contrast: of the ink. noise: the usual depth.
    """

    depth: np.ndarray
    steepness: np.ndarray
    contrast: float
    noise: float


def has_ink(image: np.ndarray) -> bool:
    """Whether a line (H, W) uint8, dark on light, has ink that could be read.

    A high image, in which a line may be small, is searched as a whole and in strips.
    """
    rows, columns = image.shape
    if min(rows, columns) < NARROWEST or _has_marks(image):
        return True
    if rows <= STRIP_ROWS[0]:
        return False
    scale = min(1.0, MAX_ROWS / rows)
    size = (max(1, round(columns * scale)), round(rows * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    height, step = STRIP_ROWS[1], STRIP_ROWS[1] // 2
    return any(_has_marks(small[top : top + height]) for top in range(0, len(small) - step, step))


def _has_marks(image: np.ndarray) -> bool:
    paper = _measure(image)
    if paper.contrast < max(FAINTEST, min(NOISE * paper.noise, STRONG)):
        return False
    threshold = max(INK * paper.contrast, FAINTEST / 2)
    if paper.contrast < STRONG:
        threshold = max(threshold, 2 * paper.noise)
    ink = (paper.depth > threshold).astype(np.uint8)
    ruled = _remove_rules(ink)
    marks, specks = _find_marks(ink, paper, ruled)
    if specks > SPECKS[0] + SPECKS[1] * len(marks):
        marks = [size for size in marks if size >= LETTER]
    fewest = FEWEST if paper.contrast < WEAK else 2 if paper.contrast < FAINT else 1
    return len(marks) >= fewest and specks <= SPECKS[0] + 20 * len(marks)


def _measure(image: np.ndarray) -> _Paper:
    rows, columns = image.shape
    size = (min(max(1, round(columns * HEIGHT / rows)), MAX_COLUMNS), HEIGHT)
    method = cv2.INTER_AREA if rows > HEIGHT else cv2.INTER_LINEAR
    smooth = cv2.GaussianBlur(cv2.resize(image, size, interpolation=method), (3, 3), 0)
    depth = measure_depth(smooth)
    cumulative = cv2.calcHist([depth], [0], None, [256], [0, 256]).cumsum() / depth.size
    usual, *highest = np.searchsorted(cumulative, (0.5, 0.99, 0.999, 0.99999))
    # the higher shares find the contrast of a short word, or of a point, on a long strip
    contrast = float(np.dot(np.diag(highest), (1, 0.6, 0.5)).max())
    slopes = (cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    return _Paper(depth, cv2.magnitude(*slopes), contrast, float(usual))


def _remove_rules(ink: np.ndarray) -> bool:
    """Clear lines across a strip from its ink (h, w) uint8, and return whether there were any."""
    high, wide = ink.shape
    if wide < STRIP * high:
        return False
    found = False
    for kernel in (np.ones((1, 2 * high), np.uint8), np.ones((high - 2, 1), np.uint8)):
        rules = cv2.morphologyEx(ink, cv2.MORPH_OPEN, kernel)
        if rules.any():
            ink[cv2.dilate(rules, np.ones((3, 3), np.uint8)) > 0] = 0
            found = True
    return found


def _find_marks(ink: np.ndarray, paper: _Paper, ruled: bool) -> tuple[list[int], int]:
    """The longest side of each connected mark that may be a letter, and the number of specks.

    The longest marks are looked at first, and no more than the answer needs.
    """
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(ink)
    sides = boxes[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(1)
    smallest = TINY if ink.shape[1] < STRIP * len(ink) else SMALL
    if paper.contrast < WEAK:
        smallest = LETTER
    order = [label for label in np.argsort(-sides, kind="stable") if label]
    specks, marks, soft = int((sides[1:] < smallest).sum()), [], []
    least = _least_sharpness(paper.contrast)
    for label in order[: len(order) - specks]:
        x, y, wide, high, area = boxes[label].tolist()
        part = slice(y, y + high), slice(x, x + wide)
        inside = labels[part] == label
        deepest = max(int(paper.depth[part][inside].max()), 1)
        sharpness = float(np.percentile(paper.steepness[part][inside], 80)) / deepest
        if sharpness < least - BLUR or (
            _is_rule(wide, high, area, ink.shape, paper.contrast, ruled)
            or _is_shadow((x, y, wide, high), area, ink.shape)
        ):
            continue
        (marks if sharpness >= least else soft).append(max(wide, high))
        if len(marks) >= FEWEST and specks <= SPECKS[0] + SPECKS[1] * len(marks):
            break
    return (marks if len(marks + soft) < FEWEST else marks + soft), specks


def _least_sharpness(contrast: float) -> float:
    """The steepest change of grey per pixel at the edge of ink, relative to its depth.

    Stains, folds and ink from the back of the sheet are softer; where the contrast is weak, noise
    sharpens them.
    """
    return (
        0.26 if contrast < WEAK else 0.24 if contrast < 40 else 0.17 if contrast < STRONG else 0.15
    )


def _is_rule(
    wide: int, high: int, area: int, shape: tuple[int, int], contrast: float, ruled: bool
) -> bool:
    """Whether a mark is the rest of a ruled line, a side of a frame, or a scratch."""
    rows, columns = shape
    if contrast < STRONG and min(wide, high) < 3:
        return True
    if columns < STRIP * rows:
        return False
    across = wide >= 0.5 * columns and area <= SMALL * wide
    straight = wide <= THIN and area >= 0.7 * wide * high
    side = ruled and wide <= 1.5 * THIN and high >= 0.6 * rows and area >= 0.7 * wide * high
    return (
        across
        or side
        or (straight and (ruled or contrast < WEAK))
        or (wide < THIN and contrast < 40)
    )


def _is_shadow(box: tuple[int, int, int, int], area: int, shape: tuple[int, int]) -> bool:
    """Whether a solid mark lies along an edge of the image."""
    x, y, wide, high = box
    rows, columns = shape
    if columns < STRIP / 2 * rows or area <= 0.6 * wide * high:
        return False
    along = wide > 0.5 * columns and (y == 0 or y + high == rows)
    return along or (high > 0.85 * rows and (x == 0 or x + wide == columns))
