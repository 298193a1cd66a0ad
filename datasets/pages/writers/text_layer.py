"""The invisible text of a page as operators of PDF: each word where it stands in the picture."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...lines.bidi import reorder
from .glyphless import ADVANCE, ASCENT, DESCENT, UNITS, CharacterCodes
from .record import RecordedLine, RecordedPage, RecordedWord, runs_down

ABOVE = ASCENT / (ASCENT - DESCENT)  # share of a line's height above its baseline
MIN_WIDTH = 0.05  # of a word or space, in units of PDF; a scale of 0 would end the text

Point = tuple[float, float]


class Matrix(NamedTuple):
    """An affine map: x' = a x + c y + e, y' = b x + d y + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, point: Point) -> Point:
        """Map a point."""
        across, down = self.turn(point)
        return across + self.e, down + self.f

    def turn(self, direction: Point) -> Point:
        """Map a direction."""
        x, y = direction
        return self.a * x + self.c * y, self.b * x + self.d * y


def page_matrix(
    box: tuple[float, float, float, float], rotation: int, size: tuple[int, int]
) -> Matrix:
    """Return the map from pixels of a page as it is shown to its user space.

    box: left, bottom, right, top of what is shown, in user space. rotation: how far it is shown
    turned clockwise, 0, 90, 180 or 270. size: width and height of the picture in pixels.
    """
    left, bottom, right, top = box
    width, height = right - left, top - bottom
    wide, high = size
    if rotation == 90:
        return Matrix(0, height / wide, width / high, 0, left, bottom)
    if rotation == 180:
        return Matrix(-width / wide, 0, 0, height / high, right, bottom)
    if rotation == 270:
        return Matrix(0, -height / wide, -width / high, 0, right, top)
    return Matrix(width / wide, 0, 0, -height / high, left, top)


class _Course(NamedTuple):
    """The baseline of a line: along axis 0 (x) or 1 (y), in direction 1 or -1.

    points: of the baseline, as (along the axis, across it), ascending. height: of the line,
    perpendicular to the baseline, in pixels.
    """

    axis: int
    direction: int
    points: list[Point]
    height: float

    def at(self, along: float) -> Point:
        """The point of the baseline at a distance along the direction."""
        position = along * self.direction
        end = min(max(bisect_left(self.points, (position,)), 1), len(self.points) - 1)
        first, last = self.points[end - 1], self.points[end]
        length = last[0] - first[0]
        share = min(max((position - first[0]) / length, 0.0), 1.0) if length else 0.0
        across = first[1] + share * (last[1] - first[1])
        return (across, position) if self.axis else (position, across)

    def span(self, word: RecordedWord) -> tuple[float, float]:
        """From where to where a word reaches along the direction."""
        first, last = sorted(self.direction * word.box[i] for i in (self.axis, self.axis + 2))
        return first, last


def line_course(line: RecordedLine) -> _Course:
    """Return the baseline of a line; without one, a level one inside of its box."""
    left, top, right, bottom = line.box
    if line.baseline is None:
        height = max(bottom - top, 1)
        level = top + ABOVE * height
        return _Course(0, 1, [(left, level), (right, level)], height)
    axis = int(runs_down(line.baseline))
    first, last = line.baseline[0], line.baseline[-1]
    along, across = last[axis] - first[axis], last[1 - axis] - first[1 - axis]
    # a level baseline that was drawn from the right is not one of text upside down
    direction = -1 if axis and along < 0 else 1
    points = sorted((point[axis], point[1 - axis]) for point in line.baseline)
    if line.polygon is not None:
        outline = np.array(line.polygon, dtype=float)
        baseline = np.interp(outline[:, axis], *np.array(points, dtype=float).T)
        height = float(np.ptp(outline[:, 1 - axis] - baseline))
    else:
        extent = line.box[3 - axis] - line.box[1 - axis]
        height = max(extent - abs(across), extent / 4)
    slant = abs(along) / max(math.hypot(along, across), 1)
    return _Course(axis, direction, points, max(height * slant, 1.0))


def text_layer(page: RecordedPage, matrix: Matrix, codes: CharacterCodes, font: str) -> bytes:
    """Return the operators that set all lines of a page, in reading order.

    matrix: from pixels to user space. font: its name in the resources of the page. Words, and
    letters in them, are set from left to right, whatever their script: so is printed text, and
    readers turn it round. A space stands between two words, as wide as the gap, so that several
    words are found together.
    """
    operators = ["q BT 3 Tr"]
    for line in page.lines:
        operators += _line_operators(line, matrix, codes, font)
    return "\n".join([*operators, "ET Q\n"]).encode("ascii")


def _line_operators(
    line: RecordedLine, matrix: Matrix, codes: CharacterCodes, font: str
) -> Iterator[str]:
    if not line.words:
        return
    course = line_course(line)
    across = (course.height, 0) if course.axis else (0, course.height)
    size = max(math.hypot(*matrix.turn(across)), MIN_WIDTH)
    yield f"/{font} {size:.3f} Tf"
    for word, following in pairwise([*sorted(line.words, key=course.span), None]):
        start, end = course.span(word)
        visual = "".join(place.symbol for place in reorder(word.text))
        yield _run(course, matrix, (start, end), size, codes.encode(visual))
        if following is not None:
            gap = end, course.span(following)[0]
            yield _run(course, matrix, gap, size, codes.encode(" "))


def _run(
    course: _Course, matrix: Matrix, span: tuple[float, float], size: float, encoded: bytes
) -> str:
    """Set characters from one place along the baseline to another."""
    x0, y0 = matrix.apply(course.at(span[0]))
    x1, y1 = matrix.apply(course.at(max(span)))
    across, up = x1 - x0, y1 - y0
    length = math.hypot(across, up)
    if length < MIN_WIDTH:  # no direction of its own
        ahead = (0, course.direction) if course.axis else (course.direction, 0)
        length, (across, up) = MIN_WIDTH, matrix.turn(ahead)
    whole = math.hypot(across, up)
    cosine, sine = across / whole, up / whole
    scale = 100 * length / (size * ADVANCE / UNITS * (len(encoded) // 2))
    place = f"{cosine:.5f} {sine:.5f} {-sine:.5f} {cosine:.5f} {x0:.3f} {y0:.3f} Tm"
    return f"{place} {scale:.3f} Tz <{encoded.hex()}> Tj"
