"""Find the lines of a page, in reading order, with the outlines that `crop_line` cuts them by."""

import numpy as np

from .detection import detect
from .layout import PageLine
from .reading_order import reading_order

STEP = 0.5  # distance of the points of an outline, relative to the height of the line
BASELINE = 0.25  # height of the baseline above the bottom of an outline, relative to the height


def find_lines(image: np.ndarray, name: str = "page") -> tuple[PageLine, ...]:
    """Find the lines of a page, in reading order: their polygons, baselines and regions.

    image: grey (H, W) or BGR (H, W, 3) uint8. Lines are called l1, l2, ..., regions (paragraphs,
    headings, notes) r1, r2, ...; a page without text has no lines. Raises ValueError for an image
    that is no page.
    """
    corners = detect(image)
    lines = []
    for number, region in enumerate(reading_order(corners), 1):
        for line in region:
            polygon, baseline = _outline(corners[line])
            name = f"l{len(lines) + 1}"
            lines.append(PageLine(name, f"r{number}", None, polygon, baseline, None))
    return tuple(lines)


def _outline(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the polygon around the boxes (N, 4, 2) of a line, and a baseline in it."""
    height = float(np.median(np.hypot(*(corners[:, 3] - corners[:, 0]).T)))
    left, right = corners[:, :, 0].min(), corners[:, :, 0].max()
    x = np.linspace(left, right, max(int((right - left) / (STEP * height)), 1) + 1)
    top, bottom = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    for box in corners:
        inside = (x >= box[:, 0].min()) & (x <= box[:, 0].max())
        top[inside] = np.minimum(top[inside], np.interp(x[inside], *box[[0, 1]].T))
        bottom[inside] = np.maximum(bottom[inside], np.interp(x[inside], *box[[3, 2]].T))
    known = np.isfinite(top)
    top, bottom = (np.interp(x, x[known], values[known]) for values in (top, bottom))
    outline = np.concatenate([np.stack([x, top], 1), np.stack([x, bottom], 1)[::-1]])
    return outline, np.stack([x, bottom - BASELINE * (bottom - top)], 1)
