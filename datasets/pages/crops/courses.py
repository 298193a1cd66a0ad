"""The curve that a text line follows: along its baseline, or through the middle of its polygon."""

from typing import NamedTuple

import cv2
import numpy as np

MAX_RISE = 0.1  # rise, relative to the height of the line, up to which a line is not straightened
SAMPLING = 4.0  # pixels between the points of an outline that follows a curve


class Course(NamedTuple):
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

    def roll(self, points: np.ndarray) -> np.ndarray:
        """Convert (N, 2) coordinates along the curve and below it to points of the page."""
        along, below = points.T
        across = below + np.interp(along, self.positions, self.offsets)
        return self.origin + along[:, None] * self.direction + across[:, None] * self.normal

    def sample(self, image: np.ndarray, along: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Sample a grey image (H, W) at positions along (w,) and below (h,) the curve: (h, w).

        Beyond its edges the image continues with their pixels.
        """
        across = below[:, None] + np.interp(along, self.positions, self.offsets)
        x = self.origin[0] + along * self.direction[0] - across * self.direction[1]
        y = self.origin[1] + along * self.direction[1] + across * self.direction[0]
        high, wide = image.shape
        # only the part that is needed: cv2.remap accepts at most 32767 rows and columns
        x0, y0 = (min(int(max(v.min() - 2, 0)), end) for v, end in ((x, wide - 1), (y, high - 1)))
        part = image[y0 : max(int(y.max()), y0) + 3, x0 : max(int(x.max()), x0) + 3]
        maps = (x - x0 - 0.5).astype(np.float32), (y - y0 - 0.5).astype(np.float32)
        return cv2.remap(part, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def is_level(self, height: float, max_rise: float = MAX_RISE) -> bool:
        """Whether the curve runs to the right and rises little, relative to the line's height."""
        return self.direction[0] > 0 and self.rise <= max_rise * height


def baseline_course(baseline: np.ndarray) -> Course | None:
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
    straight = Course(baseline[0], chord / length, np.zeros(1), np.zeros(1))
    along, below = straight.unroll(baseline).T
    order = np.argsort(along, kind="stable")
    return straight._replace(positions=along[order], offsets=below[order])


def polygon_course(outline: np.ndarray) -> Course:
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
    return Course(origin, direction, np.array([-wide / 2, wide / 2]), np.zeros(2))


def resample(outline: np.ndarray) -> np.ndarray:
    """Return the outline with additional points on its long edges."""
    following = np.roll(outline, -1, 0)
    counts = np.ceil(np.hypot(*(following - outline).T) / SAMPLING).astype(int).clip(1)
    edges = [
        a + (b - a) * (np.arange(n) / n)[:, None]
        for a, b, n in zip(outline, following, counts, strict=True)
    ]
    return np.concatenate(edges)
