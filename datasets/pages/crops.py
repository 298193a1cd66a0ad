"""Cut a text line out of its page, by polygon, baseline or box, and straighten it."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .layout import Box, Page, PageLine

# extent of a line around its baseline, relative to the distance between baselines: it holds
# ascenders and descenders but not those of the neighbours
ABOVE, BELOW = 0.75, 0.28
MAX_GAP = 1.5  # largest gap used, relative to the median of the page; more white is not the line's
DEFAULT_GAP = 0.1  # gap of a baseline without neighbours, relative to its length
MAX_RISE = 0.1  # rise, relative to the height of the line, up to which a line is not straightened
BOX_MARGIN = 0.05  # margin around a box, relative to its height; tight boxes are read worse
MAX_POLYGON_RISE = 0.15  # MAX_RISE for a line whose direction is estimated from its polygon
NEIGHBOURS = 256  # baselines above and below among which the nearest one is
MAX_AREA = 2**24  # pixels of the rectangle around a line, which takes up to 40 bytes each
MAX_LENGTH = 2**21  # pixels of an outline
SAMPLING = 4.0  # pixels between the points of an outline that follows a curve
SAME_SHAPE = 0.02  # tolerance for the aspect ratios of image and file
UNITS = ("mm10", "inch1200")  # units of ALTO other than pixels


def pixel_scale(page: Page, shape: tuple[int, int]) -> tuple[float, float]:
    """Return the factors from x and y of the page file to pixels of an image (H, W).

    An image of another size than the file states is taken for the same page at another resolution.
    Raises ValueError if its aspect ratio differs, or if the unit cannot be converted to pixels.
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
    """Convert the coordinates of a line to pixels, by the factors of `pixel_scale`."""
    return line._replace(
        polygon=None if line.polygon is None else line.polygon * scale,
        baseline=None if line.baseline is None else line.baseline * scale,
        box=line.box and tuple(edge * s for edge, s in zip(line.box, scale * 2, strict=True)),
    )


def line_gaps(lines: Sequence[PageLine]) -> list[float | None]:
    """Return the distance from each baseline to the nearest one in the same column.

    It is at most 1.5 times the median of the page, and looked for among the NEIGHBOURS next ones
    above and below. None for a line without baseline, and for all lines if no two baselines are in
    one column.
    """
    baselines = [line.baseline for line in lines if line.baseline is not None]
    if not baselines:
        return [None] * len(lines)
    spans = [(b[:, 0].min(), b[:, 0].max(), b[:, 1].mean()) for b in baselines]
    left, right, y = np.array(spans).T
    order = np.argsort(y, kind="stable")
    left, right, y = left[order], right[order], y[order]
    ranked = np.full(len(y), np.inf)
    for step in range(1, min(NEIGHBOURS + 1, len(y))):
        distances = y[step:] - y[:-step]
        overlap = np.minimum(right[step:], right[:-step]) > np.maximum(left[step:], left[:-step])
        distances = np.where(overlap & (distances > 1), distances, np.inf)
        np.minimum(ranked[step:], distances, out=ranked[step:])
        np.minimum(ranked[:-step], distances, out=ranked[:-step])
    nearest = np.empty_like(ranked)
    nearest[order] = ranked
    known = nearest[np.isfinite(nearest)]
    if not known.size:
        return [None] * len(lines)
    gaps = iter(np.minimum(nearest, MAX_GAP * np.median(known)).tolist())
    return [None if line.baseline is None else next(gaps) for line in lines]


class _Course(NamedTuple):
    """The curve that a line of text follows.

    It runs from `origin` along the unit vector `direction`; at `positions` along it, the curve is
    displaced by `offsets` along the normal (both in pixels).
    """

    origin: np.ndarray
    direction: np.ndarray
    positions: np.ndarray
    offsets: np.ndarray

    @property
    def normal(self) -> np.ndarray:
        """The unit vector downwards, perpendicular to the direction."""
        return np.array([-self.direction[1], self.direction[0]])

    @property
    def rise(self) -> float:
        """Vertical distance between the highest and the lowest point of the curve, in pixels."""
        y = self.origin[1] + self.positions * self.direction[1] + self.offsets * self.direction[0]
        return float(np.ptp(y))

    def unroll(self, points: np.ndarray) -> np.ndarray:
        """Convert (N, 2) points of the page to coordinates along the curve and below it."""
        moved = points - self.origin
        along = moved @ self.direction
        curve = np.interp(along, self.positions, self.offsets)
        return np.stack([along, moved @ self.normal - curve], 1)

    def is_level(self, height: float, max_rise: float = MAX_RISE) -> bool:
        """Whether the curve runs to the right and rises little, relative to the line's height."""
        return self.direction[0] > 0 and self.rise <= max_rise * height


def crop_line(
    image: np.ndarray, line: PageLine, gap: float | None = None, name: str = "line"
) -> np.ndarray:
    """Cut a line, with coordinates in pixels, out of a grey page (H, W): (h, w) uint8, level.

    Pixels outside of a polygon get the grey of the paper. gap: distance to the next baseline in
    pixels, used for a line with a baseline only. Raises ValueError if the line has no coordinates
    or is outside of the page.
    """
    high, wide = image.shape
    check_near(line, image.shape, name)
    outline = None if line.polygon is None else line.polygon.clip(0, [wide, high])
    course = None if line.baseline is None else _baseline_course(line.baseline)
    use_box = course is None or (line.box and course.is_level(line.box[3] - line.box[1]))
    if outline is None and not use_box:
        gap = gap or DEFAULT_GAP * float(np.ptp(course.positions))
        outline = _band(course, gap).clip(0, [wide, high])
    if outline is None and line.box is not None:
        return _crop_box(image, line.box, name)
    if outline is None:
        raise ValueError(f"{name}: no polygon, baseline or box that could be cut out; draw one")
    if np.ptp(outline, 0).min() < 1:
        raise ValueError(f"{name}: lies outside of its image of {wide} x {high} pixels")
    length = np.hypot(*(np.roll(outline, -1, 0) - outline).T).sum()
    if np.prod(np.ptp(outline, 0)) > MAX_AREA or length > MAX_LENGTH:
        raise ValueError(f"{name}: its outline is as large as a page; is it one line?")
    max_rise = MAX_RISE
    if course is None:
        course, max_rise = _polygon_course(outline), MAX_POLYGON_RISE
    if course.is_level(float(np.ptp(course.unroll(_resample(outline))[:, 1])), max_rise):
        left, top = np.floor(outline.min(0)).astype(int)
        right, bottom = np.ceil(outline.max(0)).astype(int)
        return _fill_outside(image[top:bottom, left:right], outline - (left, top))
    return _straighten(image, outline, course, name)


def check_near(line: PageLine, shape: tuple[int, int], name: str) -> None:
    """Raise ValueError for a baseline or box far outside of an image (H, W), more than its size.

    A polygon is cut at the edges.
    """
    size = np.array(shape[::-1])
    points = [line.baseline, None if line.box is None else np.reshape(line.box, (2, 2))]
    for found in points:
        if found is not None and ((found < -size) | (found > 2 * size)).any():
            raise ValueError(
                f"{name}: coordinates up to {np.abs(found).max():g} in an image of {size[0]} x "
                f"{size[1]} pixels; correct them"
            )


def _crop_box(image: np.ndarray, box: Box, name: str) -> np.ndarray:
    left, top, right, bottom = box
    margin = BOX_MARGIN * (bottom - top)
    x0, y0 = max(round(left - margin), 0), max(round(top - margin), 0)
    crop = image[y0 : max(round(bottom + margin), 0), x0 : max(round(right + margin), 0)]
    if not crop.size:
        high, wide = image.shape
        raise ValueError(f"{name}: lies outside of its image of {wide} x {high} pixels")
    return np.ascontiguousarray(crop)


def _baseline_course(baseline: np.ndarray) -> _Course | None:
    """Return the course of a baseline; None if it has no length.

    A rather horizontal baseline that was drawn from right to left is reversed, since text that is
    upside down is far rarer.
    """
    chord = baseline[-1] - baseline[0]
    length = float(np.hypot(*chord))
    if length < 1:
        return None
    if abs(chord[0]) > abs(chord[1]) and chord[0] < 0:
        baseline, chord = baseline[::-1], -chord
    straight = _Course(baseline[0], chord / length, np.zeros(1), np.zeros(1))
    along, below = straight.unroll(baseline).T
    order = np.argsort(along, kind="stable")
    return straight._replace(positions=along[order], offsets=below[order])


def _polygon_course(outline: np.ndarray) -> _Course:
    """Fit a straight course through the middle of a polygon, for a line without a baseline."""
    left, top = np.floor(outline.min(0)).astype(int)
    size = np.ceil(np.ptp(outline, 0)).astype(int) + 2
    filled = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(filled, [np.round(outline - (left, top)).astype(np.int32)], 1)
    heights = filled.sum(0, dtype=np.int64)
    # without the ends: the corners of a slanted polygon lie above or below its middle
    columns = np.flatnonzero(heights >= 0.8 * np.median(heights[heights > 0]))
    middles = np.arange(size[1]) @ filled[:, columns] / heights[columns]
    wide = columns[-1] - columns[0]
    short_side, long_side = sorted(cv2.minAreaRect(outline.astype(np.float32))[1])
    # a single word is too short for an estimate of the slope, and a vertical text has none
    has_slope = long_side > 3 * short_side and wide > size[1]
    slope = np.polyfit(columns, middles, 1)[0] if has_slope else 0.0
    direction = np.array([1.0, slope]) / np.hypot(1.0, slope)
    origin = np.array([left + columns.mean(), top + middles.mean()])
    return _Course(origin, direction, np.array([-wide / 2, wide / 2]), np.zeros(2))


def _band(course: _Course, gap: float) -> np.ndarray:
    """Return the polygon around a baseline that holds ascenders and descenders."""
    positions = course.positions
    along = np.concatenate([positions[:1] - gap / 4, positions, positions[-1:] + gap / 4])
    offsets = np.interp(along, positions, course.offsets)
    axis = course.origin + along[:, None] * course.direction
    upper = axis + (offsets - ABOVE * gap)[:, None] * course.normal
    return np.concatenate([upper, (axis + (offsets + BELOW * gap)[:, None] * course.normal)[::-1]])


def _resample(outline: np.ndarray) -> np.ndarray:
    """Return the outline with additional points on its long edges."""
    following = np.roll(outline, -1, 0)
    counts = np.ceil(np.hypot(*(following - outline).T) / SAMPLING).astype(int).clip(1)
    edges = [
        a + (b - a) * (np.arange(n) / n)[:, None]
        for a, b, n in zip(outline, following, counts, strict=True)
    ]
    return np.concatenate(edges)


def _straighten(image: np.ndarray, outline: np.ndarray, course: _Course, name: str) -> np.ndarray:
    """Cut out the inside of a polygon, resampled along its course.

    Raises ValueError for a course from which the polygon leads far away.
    """
    flat = course.unroll(_resample(outline))
    (left, top), (right, bottom) = np.floor(flat.min(0)), np.ceil(flat.max(0))
    if (right - left) * (bottom - top) > MAX_AREA:
        raise ValueError(f"{name}: its baseline does not follow its outline; correct them")
    along = np.arange(left, max(right, left + 1)) + 0.5
    below = np.arange(top, max(bottom, top + 1)) + 0.5
    across = below[:, None] + np.interp(along, course.positions, course.offsets)
    x = course.origin[0] + along * course.direction[0] - across * course.direction[1]
    y = course.origin[1] + along * course.direction[1] + across * course.direction[0]
    high, wide = image.shape
    # only the part that is needed: cv2.remap accepts at most 32767 rows and columns
    x0, y0 = (int(max(values.min() - 2, 0)) for values in (x, y))
    part = image[y0 : min(int(y.max()) + 3, high), x0 : min(int(x.max()) + 3, wide)]
    maps = (x - x0 - 0.5).astype(np.float32), (y - y0 - 0.5).astype(np.float32)
    level = cv2.remap(part, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _fill_outside(level, flat - (left, top))


def _fill_outside(image: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Return a copy in which pixels outside of the outline have the grey of the paper inside."""
    inside = np.zeros(image.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    pixels = image[inside > 0]
    if not pixels.size:
        return image.copy()
    paper = np.median(pixels[pixels >= pixels.mean()])
    return np.where(inside > 0, image, np.uint8(paper))
