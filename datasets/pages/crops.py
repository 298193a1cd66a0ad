"""A text line cut from its page: by polygon, baseline or box, level and without neighbours."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .layout import Page, PageLine

# of the distance between baselines: a band that holds ascenders and descenders, not the neighbours'
ABOVE, BELOW = 0.75, 0.28
WIDEST_GAP = 1.5  # of the page's median gap: beyond it the white around a line is not its own
LONE_LINE = 0.1  # of its length: the gap taken for a baseline that has no neighbour
LEVEL = 0.1  # of a line's height: it may rise so much and is still cut without turning
BOX_MARGIN = 0.05  # of its height, added on each side: boxes of ink alone are read worse
TILTED = 0.15  # the same for a polygon, whose outline alone says how it lies
SAMPLING = 4.0  # pixels between points of an outline that follows a curve
SAME_SHAPE = 0.02  # width to height of image and file may differ by this share
UNITS = ("mm10", "inch1200")  # ALTO's other than pixels


def pixel_scale(page: Page, shape: tuple[int, int]) -> tuple[float, float]:
    """What x and y of the file are multiplied by to be pixels of an image (H, W).

    An image larger or smaller than the file says is taken for the same page at another resolution.
    Raises ValueError if it has another shape, or if the unit cannot be known in pixels.
    """
    high, wide = shape
    if page.size is None:
        if page.unit == "pixel":
            return 1.0, 1.0
        raise ValueError(
            f"{page.path}: measured in {page.unit} without WIDTH and HEIGHT of its Page, so pixels "
            "are unknown; export it in pixels"
        )
    if page.unit != "pixel" and page.unit not in UNITS:
        known = ", ".join(("pixel", *UNITS))
        raise ValueError(f"{page.path}: MeasurementUnit '{page.unit}'; known are {known}")
    across, down = wide / page.size[0], high / page.size[1]
    if abs(across / down - 1) > SAME_SHAPE:
        raise ValueError(
            f"{page.path}: made for an image of {page.size[0]:g} x {page.size[1]:g} {page.unit}, "
            f"but its image has {wide} x {high} pixels; is it turned or cropped?"
        )
    return across, down


def in_pixels(line: PageLine, scale: tuple[float, float]) -> PageLine:
    across, down = scale
    box = line.box
    return line._replace(
        polygon=None if line.polygon is None else line.polygon * scale,
        baseline=None if line.baseline is None else line.baseline * scale,
        box=None
        if box is None
        else (box[0] * across, box[1] * down, box[2] * across, box[3] * down),
    )


def line_gaps(lines: Sequence[PageLine]) -> list[float | None]:
    """Distance from each baseline to the nearest in its column, at most 1.5 times the page's
    median; None for a line without baseline, or if no two stand in one column.
    """
    spans = [None if line.baseline is None else _span(line.baseline) for line in lines]
    nearest = []
    for place, here in enumerate(spans):
        others = [there for other, there in enumerate(spans) if other != place and there]
        apart = [
            abs(here.middle - there.middle)
            for there in others
            if here and min(here.right, there.right) - max(here.left, there.left) > 0
        ]
        nearest.append(min((gap for gap in apart if gap > 1), default=None))
    known = [gap for gap in nearest if gap is not None]
    widest = WIDEST_GAP * float(np.median(known)) if known else None
    return [
        None if span is None or widest is None else min(gap or widest, widest)
        for span, gap in zip(spans, nearest, strict=True)
    ]


class _Span(NamedTuple):
    left: float
    right: float
    middle: float


def _span(baseline: np.ndarray) -> _Span:
    return _Span(baseline[:, 0].min(), baseline[:, 0].max(), float(baseline[:, 1].mean()))


class _Course(NamedTuple):
    """How a line runs: from `origin` along `direction`, off that by `offsets` at `places` (pixels
    along and across it).
    """

    origin: np.ndarray
    direction: np.ndarray
    places: np.ndarray
    offsets: np.ndarray

    @property
    def rise(self) -> float:
        """Pixels from the highest to the lowest point of the page that the line runs through."""
        runs = self.origin[1] + self.places * self.direction[1] + self.offsets * self.direction[0]
        return float(np.ptp(runs))

    def unroll(self, outline: np.ndarray) -> np.ndarray:
        """(N, 2) of the page -> (N, 2) along the course and below it."""
        moved, down = outline - self.origin, np.array([-self.direction[1], self.direction[0]])
        along = moved @ self.direction
        return np.stack([along, moved @ down - np.interp(along, self.places, self.offsets)], 1)


def crop_line(
    image: np.ndarray, line: PageLine, gap: float | None = None, name: str = "line"
) -> np.ndarray:
    """Grey page (H, W) and a line in its pixels -> the line (h, w) uint8, level.

    A polygon's outside gets the paper's grey. gap: to the next baseline, in pixels, for a line
    that has a baseline only. Raises ValueError for a line without a place, or outside of the page.
    """
    high, wide = image.shape
    outline = None if line.polygon is None else line.polygon.clip(0, [wide, high])
    course = None if line.baseline is None else _course(line.baseline)
    if outline is None and course is not None and (line.box is None or not _level(line, course)):
        gap = gap or LONE_LINE * float(np.ptp(course.places))
        outline = _band(course, gap).clip(0, [wide, high])
    if outline is None and line.box is not None:
        return _box(image, line, name)
    if outline is None:
        raise ValueError(f"{name}: no polygon, baseline or box that could be cut out; draw one")
    if np.ptp(outline, 0).min() < 1:
        raise ValueError(f"{name}: lies outside of its image of {wide} x {high} pixels")
    share = LEVEL
    if course is None:
        course, share = _middle(outline), TILTED
    if course.direction[0] > 0 and course.rise <= share * _thickness(course, outline):
        left, top = np.floor(outline.min(0)).astype(int)
        right, bottom = np.ceil(outline.max(0)).astype(int)
        return _masked(image[top:bottom, left:right], outline - (left, top))
    return _unrolled(image, outline, course)


def _level(line: PageLine, course: _Course) -> bool:
    return course.direction[0] > 0 and course.rise <= LEVEL * (line.box[3] - line.box[1])


def _box(image: np.ndarray, line: PageLine, name: str) -> np.ndarray:
    left, top, right, bottom = line.box
    margin = BOX_MARGIN * (bottom - top)
    x0, y0 = max(round(left - margin), 0), max(round(top - margin), 0)
    cut = image[y0 : max(round(bottom + margin), 0), x0 : max(round(right + margin), 0)]
    if not cut.size:
        high, wide = image.shape
        raise ValueError(f"{name}: lies outside of its image of {wide} x {high} pixels")
    return np.ascontiguousarray(cut)


def _course(baseline: np.ndarray) -> _Course | None:
    """None for one without length. Drawn from right to left, a level line is read as if it were
    not: upside down text is far rarer."""
    chord = baseline[-1] - baseline[0]
    length = float(np.hypot(*chord))
    if length < 1:
        return None
    if abs(chord[0]) > abs(chord[1]) and chord[0] < 0:
        baseline, chord = baseline[::-1], -chord
    direction = chord / length
    moved, down = baseline - baseline[0], np.array([-direction[1], direction[0]])
    along = moved @ direction
    order = np.argsort(along, kind="stable")
    return _Course(baseline[0], direction, along[order], (moved @ down)[order])


def _middle(outline: np.ndarray) -> _Course:
    """The straight line through the middle of a polygon, for one that says no baseline."""
    left, top = np.floor(outline.min(0)).astype(int)
    size = np.ceil(np.ptp(outline, 0)).astype(int) + 2
    filled = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(filled, [np.round(outline - (left, top)).astype(np.int32)], 1)
    heights = filled.sum(0, dtype=np.int64)
    # not the ends: the corners of a slanted polygon lie above or below its middle
    columns = np.flatnonzero(heights >= 0.8 * np.median(heights[heights > 0]))
    rows = np.arange(size[1])
    middles = rows @ filled[:, columns] / heights[columns]
    wide = columns[-1] - columns[0]
    sides = sorted(cv2.minAreaRect(outline.astype(np.float32))[1])
    # a word is too short to say how it lies, and a column of text does not lie at all
    lies = sides[1] > 3 * sides[0] and wide > size[1]
    slope = np.polyfit(columns, middles, 1)[0] if lies else 0.0
    direction = np.array([1.0, slope]) / np.hypot(1.0, slope)
    origin = np.array([left + columns.mean(), top + middles.mean()])
    ends = np.array([-wide / 2, wide / 2])
    return _Course(origin, direction, ends, np.zeros(2))


def _thickness(course: _Course, outline: np.ndarray) -> float:
    return float(np.ptp(course.unroll(_sampled(outline))[:, 1]))


def _band(course: _Course, gap: float) -> np.ndarray:
    """The polygon around a baseline that reaches as far up and down as letters do."""
    along = np.concatenate(
        [course.places[:1] - gap / 4, course.places, course.places[-1:] + gap / 4]
    )
    offsets = np.interp(along, course.places, course.offsets)
    down = np.array([-course.direction[1], course.direction[0]])
    runs = course.origin + along[:, None] * course.direction
    upper = runs + (offsets - ABOVE * gap)[:, None] * down
    return np.concatenate([upper, (runs + (offsets + BELOW * gap)[:, None] * down)[::-1]])


def _sampled(outline: np.ndarray) -> np.ndarray:
    """The outline with points on its long edges too."""
    following = np.roll(outline, -1, 0)
    counts = np.ceil(np.hypot(*(following - outline).T) / SAMPLING).astype(int).clip(1)
    edges = [
        a + (b - a) * (np.arange(n) / n)[:, None]
        for a, b, n in zip(outline, following, counts, strict=True)
    ]
    return np.concatenate(edges)


def _unrolled(image: np.ndarray, outline: np.ndarray, course: _Course) -> np.ndarray:
    """The polygon's inside, laid level along its course."""
    flat = course.unroll(_sampled(outline))
    (left, top), (right, bottom) = np.floor(flat.min(0)), np.ceil(flat.max(0))
    along = np.arange(left, max(right, left + 1)) + 0.5
    below = np.arange(top, max(bottom, top + 1)) + 0.5
    across = below[:, None] + np.interp(along, course.places, course.offsets)
    x = course.origin[0] + along * course.direction[0] - across * course.direction[1]
    y = course.origin[1] + along * course.direction[1] + across * course.direction[0]
    high, wide = image.shape
    x0, y0 = (int(max(values.min() - 2, 0)) for values in (x, y))  # remap takes 32767 at the most
    part = image[y0 : min(int(y.max()) + 3, high), x0 : min(int(x.max()) + 3, wide)]
    places = (x - x0 - 0.5).astype(np.float32), (y - y0 - 0.5).astype(np.float32)
    level = cv2.remap(part, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _masked(level, flat - (left, top))


def _masked(cut: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """A copy in which all outside of the outline has the grey of the paper inside."""
    inside = np.zeros(cut.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    pixels = cut[inside > 0]
    if not pixels.size:
        return cut.copy()
    paper = np.median(pixels[pixels >= pixels.mean()])
    return np.where(inside > 0, cut, np.uint8(paper))
