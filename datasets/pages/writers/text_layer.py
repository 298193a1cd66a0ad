"""The invisible text of a page as operators of PDF: each word where it stands in the picture."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...lines.bidi import reorder
from .glyphless import ADVANCE, ASCENT, DESCENT, UNITS, CharacterCodes
from .record import RecordedLine, RecordedPage, RecordedWord

ABOVE = ASCENT / (ASCENT - DESCENT)  # share of a line's height above its baseline
MIN_WIDTH = 0.05  # of a word or space, in units of PDF; a scale of 0 would end the text


class Matrix(NamedTuple):
    """An affine map: x' = a x + c y + e, y' = b x + d y + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 2)."""
        return points @ self.linear + (self.e, self.f)

    @property
    def linear(self) -> np.ndarray:
        """The map of directions, (2, 2), to be multiplied from the right."""
        return np.array([[self.a, self.b], [self.c, self.d]])


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

    positions, offsets: coordinates along the axis, ascending, and across it. height: of the line,
    perpendicular to the baseline, in pixels.
    """

    axis: int
    direction: int
    positions: np.ndarray
    offsets: np.ndarray
    height: float

    def at(self, along: np.ndarray) -> np.ndarray:
        """The points (N, 2) of the baseline at these distances (N,) along the direction."""
        positions = along * self.direction
        points = np.stack([positions, np.interp(positions, self.positions, self.offsets)], -1)
        return points[:, ::-1] if self.axis else points

    def span(self, word: RecordedWord) -> tuple[float, float]:
        """From where to where a word reaches along the direction."""
        first, last = sorted(self.direction * word.box[i] for i in (self.axis, self.axis + 2))
        return first, last


def line_course(line: RecordedLine) -> _Course:
    """Return the baseline of a line; without one, a level one inside of its box."""
    left, top, right, bottom = line.box
    if line.baseline is None:
        height = max(bottom - top, 1)
        level = np.full(2, top + ABOVE * height)
        return _Course(0, 1, np.array([left, right]), level, height)
    points = np.array(line.baseline, dtype=float)
    chord = points[-1] - points[0]
    axis = int(abs(chord[1]) > abs(chord[0]))
    # a level baseline that was drawn from the right is not one of text upside down
    direction = -1 if axis and chord[1] < 0 else 1
    order = np.argsort(points[:, axis], kind="stable")
    positions, offsets = points[order, axis], points[order, 1 - axis]
    if line.polygon is not None:
        outline = np.array(line.polygon, dtype=float)
        across = outline[:, 1 - axis] - np.interp(outline[:, axis], positions, offsets)
        height = np.ptp(across)
    else:
        extent = line.box[3 - axis] - line.box[1 - axis]
        height = max(extent - abs(chord[1 - axis]), extent / 4)
    slant = abs(chord[axis]) / max(np.hypot(*chord), 1)
    return _Course(axis, direction, positions, offsets, max(float(height * slant), 1.0))


def text_layer(page: RecordedPage, matrix: Matrix, codes: CharacterCodes, font: str) -> bytes:
    """Return the operators that set all words of a page, in reading order.

    matrix: from pixels to user space. font: its name in the resources of the page. Letters of
    right-to-left words are set from left to right, as readers expect them of printed text and
    turn them round. A space stands between two words of a line, as wide as the gap, so that several
    words are found together.
    """
    operators = [b"q BT 3 Tr"]
    for line in page.lines:
        operators += _line_operators(line, matrix, codes, font)
    return b"\n".join([*operators, b"ET Q\n"])


def _line_operators(
    line: RecordedLine, matrix: Matrix, codes: CharacterCodes, font: str
) -> Iterator[bytes]:
    if not line.words:
        return
    course = line_course(line)
    across = np.eye(2)[1 - course.axis] * course.height
    size = max(float(np.hypot(*(across @ matrix.linear))), MIN_WIDTH)
    yield f"/{font} {size:.3f} Tf".encode("ascii")
    for word, following in pairwise([*line.words, None]):
        start, end = span = course.span(word)
        visual = "".join(place.symbol for place in reorder(word.text))
        yield _run(course, matrix, span, size, codes.encode(visual))
        if following is not None:
            # the gap lies on the side where the line goes on
            before, after = course.span(following)
            gap = (after, start) if before < start else (end, before)
            yield _run(course, matrix, gap, size, codes.encode(" "))


def _run(
    course: _Course, matrix: Matrix, span: tuple[float, float], size: float, encoded: bytes
) -> bytes:
    """Set characters from one place along the baseline to another."""
    first, last = matrix.apply(course.at(np.array([span[0], max(span)], dtype=float)))
    length = float(np.hypot(*(last - first)))
    if length < MIN_WIDTH:  # no direction of its own
        length, last = MIN_WIDTH, first + np.eye(2)[course.axis] * course.direction @ matrix.linear
    across, up = (last - first) / np.hypot(*(last - first))
    scale = 100 * length / (size * ADVANCE / UNITS * (len(encoded) // 2))
    place = f"{across:.5f} {up:.5f} {-up:.5f} {across:.5f} {first[0]:.3f} {first[1]:.3f} Tm"
    return f"{place} {scale:.3f} Tz <{encoded.hex()}> Tj".encode("ascii")
