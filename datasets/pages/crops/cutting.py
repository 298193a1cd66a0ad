"""Cut a text line out of its page, by polygon, baseline or box, and straighten it."""

from typing import NamedTuple

import cv2
import numpy as np

from ...lines.normalization.polarity import is_dark
from ..layout import Box, PageLine
from .courses import MAX_RISE, Course, baseline_course, polygon_course, resample
from .letters import MAX_LOST, Letters, find_letters
from .modes import Crop

DEFAULT_GAP = 0.1  # gap of a baseline without neighbours, relative to its length
BOX_MARGIN = 0.05  # margin around a box, relative to its height; tight boxes are read worse
MAX_POLYGON_RISE = 0.15  # MAX_RISE for a line whose direction is estimated from its polygon
CAPITAL = 0.7  # height of a capital in a line, relative to it
MAX_AREA = 2**24  # pixels of the rectangle around a line, which takes up to 40 bytes each
MAX_LENGTH = 2**21  # pixels of an outline


class Place(NamedTuple):
    """Where the image of a line lies on its page.

    corner: the point of the page, or the position along the course and below it, at which the image
    begins. course: along which the line was straightened, None if it was not.
    """

    corner: tuple[float, float] = (0.0, 0.0)
    course: Course | None = None

    def to_page(self, points: np.ndarray) -> np.ndarray:
        """Convert points (N, 2) of the image to those of the page."""
        points = points + self.corner
        return points if self.course is None else self.course.roll(points)


class Cut(NamedTuple):
    """A line that was cut out: its image (h, w) uint8, level, and its place.

    outline: (N, 2), by which it was cut; None if that was its box.
    """

    image: np.ndarray
    place: Place
    outline: np.ndarray | None = None


def crop_line(
    image: np.ndarray,
    line: PageLine,
    gap: float | None = None,
    name: str = "line",
    crop: Crop = "auto",
) -> np.ndarray:
    """Return the image of a line as `cut_line` cuts it out."""
    return cut_line(image, line, gap, name, crop).image


def cut_line(
    image: np.ndarray,
    line: PageLine,
    gap: float | None = None,
    name: str = "line",
    crop: Crop = "auto",
) -> Cut:
    """Cut a line, with coordinates in pixels, out of a grey page (H, W).

    Pixels outside of a polygon get the grey of the paper. gap: distance to the next line in pixels,
    as of `line_gaps`. crop: by which shape. A drop capital stands before the line, as high as its
    other capitals. Raises ValueError if the line has no coordinates or is outside of the page.
    """
    if line.initial is not None:
        rest = cut_line(image, line._replace(initial=None), gap, name, crop)
        return _prefixed(rest, _crop_box(image, line.initial, name).image)
    check_near(line, image.shape, name)
    course = None if line.baseline is None else baseline_course(line.baseline)
    outline = choose_outline(image, line, course, gap, crop)
    if outline is None and line.box is not None:
        return _crop_box(image, line.box, name)
    if outline is None:
        raise ValueError(f"{name}: no polygon, baseline or box that could be cut out; draw one")
    if fault := _outline_fault(outline, image.shape):
        raise ValueError(f"{name}: {fault}")
    if crop == "box":
        return _crop_box(image, (*outline.min(0), *outline.max(0)), name, outline)
    max_rise = MAX_RISE
    if course is None:
        course, max_rise = polygon_course(outline), MAX_POLYGON_RISE
    if course.is_level(float(np.ptp(course.unroll(resample(outline))[:, 1])), max_rise):
        left, top = np.floor(outline.min(0)).astype(int)
        right, bottom = np.ceil(outline.max(0)).astype(int)
        inside = _fill_outside(image[top:bottom, left:right], outline - (left, top))
        return Cut(inside, Place((left, top)), outline)
    return _straighten(image, outline, course, name)


def choose_outline(
    image: np.ndarray, line: PageLine, course: Course | None, gap: float | None, crop: Crop
) -> np.ndarray | None:
    """Return the outline (N, 2) by which a line is cut out; None if that is its box, or nothing.

    course: of its baseline, None without one.
    """
    polygon, box = line.polygon, line.box
    if box is not None and crop != "baseline":
        level = course is None or course.is_level(box[3] - box[1])
        if crop == "box" or (polygon is None and level):
            return None
    if polygon is None and course is None:
        return None
    if course is not None and (polygon is None or crop == "baseline"):
        gap = gap or DEFAULT_GAP * float(np.ptp(course.positions))
        outline = _band(course, find_letters(image, course, gap), gap)
    elif crop == "auto" and (letters := cut_letters(image, line, gap)):
        outline = _widen(polygon, letters) if course is None else _band(course, letters, gap)
    else:
        outline = polygon
    return outline.clip(0, image.shape[::-1])


def cut_letters(image: np.ndarray, line: PageLine, gap: float | None) -> Letters | None:
    """Return the letters of a line that its polygon cuts through; None if it does not.

    It may leave out up to MAX_LOST of their ink, or less than a band around the baseline leaves
    out. None as well without a polygon or a gap. The arguments are those of `crop_line`.
    """
    if line.polygon is None or gap is None:
        return None
    polygon = line.polygon.clip(0, image.shape[::-1])
    if _outline_fault(polygon, image.shape):
        return None
    course = None if line.baseline is None else baseline_course(line.baseline)
    along = polygon_course(polygon) if course is None else course
    letters = find_letters(image, along, gap, polygon, middle=course is None)
    cut = letters.lost_by_polygon > max(MAX_LOST, letters.lost_by_band)
    return letters if cut else None


def _outline_fault(outline: np.ndarray, shape: tuple[int, int]) -> str | None:
    """Return why an outline cannot be cut out of an image (H, W); None if it can."""
    size = np.ptp(outline, 0)
    if size.min() < 1:
        return f"lies outside of its image of {shape[1]} x {shape[0]} pixels"
    length = np.hypot(*(np.roll(outline, -1, 0) - outline).T).sum()
    if np.prod(size) > MAX_AREA or length > MAX_LENGTH:
        return "its outline is as large as a page; is it one line?"
    return None


def _band(course: Course, letters: Letters, gap: float) -> np.ndarray:
    """Return the polygon along a course that holds its letters, and a little more at its ends."""
    positions = course.positions
    along = np.concatenate([positions[:1] - gap / 4, positions, positions[-1:] + gap / 4])
    offsets = np.interp(along, positions, course.offsets)[:, None]
    axis = course.origin + along[:, None] * course.direction
    edges = [axis + (offsets + edge) * course.normal for edge in (letters.top, letters.bottom)]
    return np.concatenate([edges[0], edges[1][::-1]])


def _widen(outline: np.ndarray, letters: Letters) -> np.ndarray:
    """Return a polygon with its upper edge higher and its lower edge lower, to hold its letters."""
    flat = polygon_course(outline).unroll(resample(outline))[:, 1]
    above = max(0, round(float(np.median(flat[flat < 0])) - letters.top))
    below = max(0, round(letters.bottom - float(np.median(flat[flat > 0]))))
    left, top = np.floor(outline.min(0)).astype(int)
    right, bottom = np.ceil(outline.max(0)).astype(int) + 1
    inside = np.zeros((above + bottom - top + below, right - left), np.uint8)
    top -= above
    cv2.fillPoly(inside, [np.round(outline - (left, top)).astype(np.int32)], 1)
    # a column of ones from `below` rows above a pixel, which is then reached, to `above` under it
    column = np.ones((above + below + 1, 1), np.uint8)
    wider = cv2.dilate(inside, column, anchor=(0, below))
    found, _ = cv2.findContours(wider, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return max(found, key=cv2.contourArea)[:, 0] + np.array([left, top], np.float64)


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


def _crop_box(image: np.ndarray, box: Box, name: str, outline: np.ndarray | None = None) -> Cut:
    left, top, right, bottom = box
    margin = BOX_MARGIN * (bottom - top)
    x0, y0 = max(round(left - margin), 0), max(round(top - margin), 0)
    crop = image[y0 : max(round(bottom + margin), 0), x0 : max(round(right + margin), 0)]
    if not crop.size:
        high, wide = image.shape
        raise ValueError(f"{name}: lies outside of its image of {wide} x {high} pixels")
    return Cut(np.ascontiguousarray(crop), Place((x0, y0)), outline)


def _prefixed(line: Cut, initial: np.ndarray) -> Cut:
    """Put a capital (h, w) before a line, scaled to stand on its baseline."""
    high = max(round(CAPITAL * len(line.image)), 1)
    wide = max(round(initial.shape[1] * high / len(initial)), 1)
    small = cv2.resize(initial, (wide, high), interpolation=cv2.INTER_AREA)
    below = len(line.image) - high
    paper = _paper(line.image)
    small = cv2.copyMakeBorder(small, 0, below, 0, 0, cv2.BORDER_CONSTANT, value=paper)
    left, top = line.place.corner
    place = line.place._replace(corner=(left - wide, top))
    return line._replace(image=np.hstack([small, line.image]), place=place)


def _straighten(image: np.ndarray, outline: np.ndarray, course: Course, name: str) -> Cut:
    """Cut out the inside of a polygon, resampled along its course.

    Raises ValueError for a course from which the polygon leads far away.
    """
    flat = course.unroll(resample(outline))
    (left, top), (right, bottom) = np.floor(flat.min(0)), np.ceil(flat.max(0))
    if (right - left) * (bottom - top) > MAX_AREA:
        raise ValueError(f"{name}: its baseline does not follow its outline; correct them")
    along = np.arange(left, max(right, left + 1)) + 0.5
    below = np.arange(top, max(bottom, top + 1)) + 0.5
    inside = _fill_outside(course.sample(image, along, below), flat - (left, top))
    return Cut(inside, Place((left, top), course), outline)


def _fill_outside(image: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Return a copy in which pixels outside of the outline have the grey of the paper inside."""
    inside = np.zeros(image.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    pixels = image[inside > 0]
    if not pixels.size:
        return image.copy()
    return np.where(inside > 0, image, np.uint8(_paper(pixels)))


def _paper(pixels: np.ndarray) -> int:
    """Return the grey of the ground of a line's pixels, which is light but for light text."""
    light = not is_dark(*np.percentile(pixels, (0.2, 50, 99.8)))
    return int(np.median(pixels[(pixels >= pixels.mean()) == light]))
