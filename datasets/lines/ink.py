"""Where the ink of an image lies: its depth, its mask, and whether it is a whole page."""

from typing import NamedTuple

import cv2
import numpy as np

from .normalization.glance import glance, ink_at_a_glance, shrink_by, sum_rows
from .normalization.polarity import dark_on_light

CONTRAST = 28  # smallest difference of grey values between paper and ink
INK = 0.45  # of that difference, from which a pixel is ink
AREA, ROWS = 2**18, 600  # pixels and rows of the copy in which bands are looked for, at most
LARGE, LETTER = 40, 20  # rows of letters too large for `find_ink`, and those they are scaled to
SPECK = 4  # rows below which a mark is no letter
GAP = 1.5  # heights of a letter, the widest gap in a band
THICK = 0.5  # of a letter's height: what is lower is a stroke, or the rest of a neighbouring line
STACKED = 0.5  # share of the inked columns that cross three bands, from which they are lines
EMPTY = 0.02  # of the fullest row's ink, between two lines
LIKE = 0.55  # of the ink and of the height of one line, that another has
EDGE = 0.06  # of the height, in which a band is cut off
SMALL = 24  # rows or columns below which an image holds no two lines
SHEET = 400, 1.5  # rows from which an image of at most this width by height is a page
STRIP = 5  # width by height above which a line shows in the sums of its rows
HEIGHT = 40  # rows to which an image is scaled before two bands are looked for
TWO_BANDS = 0.25  # share of a line's parts with two bands, from which it is two lines
PARTS = 8  # largest number of parts in which two bands are looked for
COLUMN = 0.25  # width by height below which one line may lie on its side


def find_ink(image: np.ndarray) -> np.ndarray:
    """Segment ink: grey (H, W) -> (H, W) bool, true where a pixel is darker than the paper around.

    The threshold is about half the line's contrast. Paper that darkens gradually contains no ink.
    """
    depth = measure_depth(cv2.GaussianBlur(image, (3, 3), 0))
    # the higher percentile finds the contrast of a short word on a long strip
    high, highest = percentiles(depth, (0.99, 0.999))
    contrast = max(high, 0.6 * highest)
    if contrast < CONTRAST:
        return np.zeros(image.shape, bool)
    return depth > max(INK * contrast, CONTRAST / 2)


def percentiles(image: np.ndarray, shares: tuple[float, ...]) -> list[float]:
    """What `np.percentile` gives for an image (H, W) uint8, by its histogram, which is faster.

    shares: 0 to 1.
    """
    cumulative = cv2.calcHist([image], [0], None, [256], [0, 256]).cumsum(dtype=np.float64)
    places = np.multiply(shares, image.size - 1)
    below, above = np.floor(places), np.ceil(places)
    low, high = (np.searchsorted(cumulative, n, side="right") for n in (below, above))
    return (low + (high - low) * (places - below)).tolist()


def measure_depth(smooth: np.ndarray) -> np.ndarray:
    """How much darker each pixel of a smoothed image is than the paper around it, (H, W) uint8."""
    paper = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    return cv2.subtract(cv2.blur(paper, (15, 15)), smooth)


def is_page(image: np.ndarray) -> bool:
    """Whether a grey image (H, W) uint8 is a page of several lines rather than one line.

    Either most of its columns cross several bands of ink, whatever their slant, or it has the shape
    of a sheet. Feet and heads of neighbouring lines at the edges of a line make no page.
    """
    high, wide = image.shape
    if min(high, wide) < SMALL:
        return False
    image = dark_on_light(image)
    if wide > STRIP * high and _has_one_hump(image):
        return False
    if wide < COLUMN * high and not _is_stacked(np.ascontiguousarray(image.T)):
        return False
    return (high >= SHEET[0] and COLUMN * high <= wide <= SHEET[1] * high) or _is_stacked(image)


def _has_one_hump(image: np.ndarray) -> bool:
    """Whether the ink of a strip lies around one row, by some of its pixels: a cheap look."""
    rows = sum_rows(ink_at_a_glance(glance(image)))
    full = np.flatnonzero(rows >= 0.5 * rows.max())
    return bool(rows[full[0] : full[-1] + 1].min() >= 0.25 * rows.max())


class _Bands(NamedTuple):
    """Ink (h, w) uint8, 0 or 1, joined to bands in a copy of an image.

    letter: the rows of a letter in it.
    """

    bands: np.ndarray
    letter: float


def _smear(image: np.ndarray) -> _Bands | None:
    """Join the letters of each line to bands; None without ink."""
    high, wide = image.shape
    scale = min(1.0, (AREA / (high * wide)) ** 0.5, ROWS / high)
    found = _smear_at(image, scale)
    if found is not None and found.letter > LARGE:
        found = _smear_at(image, scale * LETTER / found.letter)
    return found


def _smear_at(image: np.ndarray, scale: float) -> _Bands | None:
    image = shrink_by(image, scale)
    ink = find_ink(image).astype(np.uint8)
    heights = cv2.connectedComponentsWithStats(ink)[2][1:, cv2.CC_STAT_HEIGHT]
    heights = heights[(heights >= SPECK) & (heights < 0.9 * len(image))]
    if not heights.size:
        return None
    letter = float(np.median(heights))
    gap, thick = max(3, round(GAP * letter)), max(1, round(THICK * letter))
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))
    bands = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((thick, 1), np.uint8))
    return _Bands(bands, letter)


def _is_stacked(image: np.ndarray) -> bool:
    """Whether most of the columns of an image that have ink cross several bands."""
    found = _smear(image)
    if found is None or not found.bands.any():
        return False
    bands = np.pad(found.bands, ((1, 0), (0, 0)))
    counts = (bands[1:] > bands[:-1]).sum(0)
    inked = counts > 0
    return bool((counts[inked] >= 3).mean() >= STACKED) or _has_two_humps(found.bands)


def _has_two_humps(bands: np.ndarray) -> bool:
    """Whether empty rows part the bands (h, w) into two alike, neither cut off by an edge."""
    if bands.shape[1] < 2 * bands.shape[0]:
        return False
    rows = bands.sum(1, dtype=np.int64)
    full = np.pad(rows > EMPTY * rows.max(), 1)
    edges = np.flatnonzero(full[1:] != full[:-1])
    rim = max(1, round(EDGE * len(rows)))
    humps = [
        (int(rows[top:bottom].sum()), int(bottom - top))
        for top, bottom in zip(edges[::2], edges[1::2], strict=True)
        if top >= rim and bottom <= len(rows) - rim
    ]
    most, highest = np.max(humps, 0, initial=0) if humps else (0, 0)
    return sum(ink >= LIKE * most and high >= LIKE * highest for ink, high in humps) >= 2


def share_of_two_bands(ink: np.ndarray) -> float:
    """Return the share, 0 to 1, of parts along the line whose ink lies in two separate bands.

    The line is split into parts because it may be slanted. Descenders of a neighbouring line at the
    edge do not count: both bands must have similar mass.
    """
    if not ink.shape[1]:
        return 0.0
    count = min(PARTS, max(1, ink.shape[1] // HEIGHT))
    size, larger = divmod(ink.shape[1], count)
    starts = np.arange(count) * size + np.minimum(np.arange(count), larger)
    rows = np.add.reduceat(ink, starts, axis=1, dtype=np.int64).T.astype(float)  # (parts, H)
    inked = np.add.reduceat(ink.any(0), starts, dtype=np.int64)  # columns with ink
    kept = rows.sum(1) > HEIGHT // 2
    bands = [has_two_bands(*part) for part in zip(rows[kept], inked[kept].tolist(), strict=True)]
    return sum(bands) / len(bands) if bands else 0.0


def has_two_bands(rows: np.ndarray, inked: int) -> bool:
    """Return whether an empty row splits ink into two bands of similar mass and height.

    rows: (H,) pixels of ink in each row. inked: columns with ink.
    """
    rows = np.convolve(rows, np.ones(3) / 3, "same")
    middle = slice(HEIGHT // 5, HEIGHT - HEIGHT // 5)
    valley = HEIGHT // 5 + int(rows[middle].argmin())
    above, below = rows[:valley], rows[valley + 1 :]
    peaks = min(above.max(), below.max())
    # every letter crosses the middle row of a single line; only a few tails cross the gap of two
    if rows[valley] >= min(0.25 * peaks, 0.06 * inked):
        return False
    mass = sorted((above.sum(), below.sum()))
    tall = min((above > 0.3 * peaks).sum(), (below > 0.3 * peaks).sum())
    return bool(mass[0] > 0.3 * mass[1] and tall >= 0.1 * HEIGHT)
