"""Find the lines of a page, in reading order, with the outlines that `crop_line` cuts them by."""

from collections.abc import Sequence

import numpy as np

from .detection import Piece, detect
from .layout import PageLine
from .reading_order import reading_order
from .rules import find_rules

MAX_PIECES = 2500  # of text on a page: each pair of them is looked at
STEP = 0.5  # distance of the points of an outline, relative to the height of the line
ABOVE, BELOW = 0.38, 0.4  # extent of a line around the middle of its pieces, by their height
BASELINE = 0.31  # height of the baseline above the bottom of an outline, by the height of that


def find_lines(image: np.ndarray, name: str = "page") -> tuple[PageLine, ...]:
    """Find the lines of a page, in reading order: their polygons, baselines and regions.

    image: grey (H, W) or BGR (H, W, 3) uint8. Lines are called l1, l2, ..., regions (paragraphs,
    headings, notes) r1, r2, ...; a page without text has no lines. Raises ValueError for an image
    that seems full of more than a page's text, ImportError without the package rapidocr.
    """
    pieces = detect(image)
    if len(pieces) > MAX_PIECES:
        raise ValueError(
            f"{name}: {len(pieces):,} pieces of text, a page has up to {MAX_PIECES:,}; cut it into "
            "pages, or is it a pattern?"
        )
    corners = np.array([piece.corners for piece in pieces]).reshape(-1, 4, 2)
    regions = reading_order(corners, find_rules(image, pieces))
    lines = []
    for number, region in enumerate(regions, 1):
        for line in region:
            polygon, baseline = _outline([pieces[i] for i in line])
            polygon = polygon.clip(0, image.shape[1::-1])
            ids = f"l{len(lines) + 1}", f"r{number}"
            lines.append(PageLine(*ids, None, polygon, baseline, None))
    return tuple(lines)


def _outline(pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Return the polygon around the pieces of a line, and a baseline in it."""
    height = float(np.median([piece.height for piece in pieces]))
    left = min(piece.course[0, 0] for piece in pieces)
    right = max(piece.course[-1, 0] for piece in pieces)
    x = np.linspace(left, right, max(int((right - left) / (STEP * height)), 1) + 1)
    top, bottom = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    for piece in pieces:
        inside = (x >= piece.course[0, 0]) & (x <= piece.course[-1, 0])
        y = np.interp(x[inside], *piece.course.T)
        top[inside] = np.minimum(top[inside], y - piece.height * ABOVE)
        bottom[inside] = np.maximum(bottom[inside], y + piece.height * BELOW)
    known = np.isfinite(top)
    top, bottom = (np.interp(x, x[known], values[known]) for values in (top, bottom))
    outline = np.concatenate([np.stack([x, top], 1), np.stack([x, bottom], 1)[::-1]])
    return outline, np.stack([x, bottom - BASELINE * (bottom - top)], 1)
