"""Find the lines of a page, in reading order, with the outlines that `crop_line` cuts them by."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .layout import Box, PageLine
from .pieces.cells import cut_at_rules
from .pieces.detection import Piece
from .pieces.looks import detect, has_ink
from .pieces.marks import absorb_marks, find_initials
from .reading_order import reading_order, run_right
from .rules import find_rules

MAX_PIECES = 2500  # of text on a page: each pair of them is looked at
STEP = 0.5  # distance of the points of an outline, relative to the height of the line
ABOVE, BELOW = 0.38, 0.4  # extent of a line around the middle of its pieces, by their height
MARGIN = 0.08  # of a piece around a drop capital, relative to its height
BASELINE = 0.31  # height of the baseline above the bottom of an outline, by the height of that


class FoundLines(NamedTuple):
    """The lines of a page in reading order, and what is known of the rest.

    left_out: number of pieces of text that do not run to the right. is_sideways: whether these are
    most of the page's pieces. is_blank: whether there is no ink.
    """

    lines: tuple[PageLine, ...]
    left_out: int
    is_sideways: bool
    is_blank: bool


def find_lines(image: np.ndarray, name: str = "page") -> FoundLines:
    """Find the lines of a page, in reading order: their polygons, baselines and regions.

    image: dark on light, grey (H, W) or BGR (H, W, 3) uint8. Lines are called l1, l2, ..., regions
    (paragraphs, headings, notes) r1, r2, ...; a page without text has no lines. Raises ValueError
    for an image that seems full of more than a page's text, ImportError without the package
    rapidocr.
    """
    pieces = detect(image)
    if len(pieces) > MAX_PIECES:
        raise ValueError(
            f"{name}: {len(pieces):,} pieces of text, a page has up to {MAX_PIECES:,}; cut it into "
            "pages, or is it a pattern?"
        )
    rules = find_rules(image, pieces)
    pieces = cut_at_rules(absorb_marks(pieces), rules)
    first = find_initials(pieces)
    initials = {first[i]: _letter(pieces[i], pieces[first[i]]) for i in first}
    places = [i for i in range(len(pieces)) if i not in first]
    corners = np.array([pieces[i].corners for i in places]).reshape(-1, 4, 2)
    regions = reading_order(corners, [rule.ends for rule in rules])
    lines = []
    for number, region in enumerate(regions, 1):
        for row in region:
            line = [places[i] for i in row]
            polygon, baseline = _outline([pieces[i] for i in line])
            polygon = polygon.clip(0, image.shape[1::-1])
            initial = next((initials[i] for i in line if i in initials), None)
            ids = f"l{len(lines) + 1}", f"r{number}"
            lines.append(PageLine(*ids, None, polygon, baseline, None, initial))
    left_out = int((~run_right(corners)).sum())
    is_blank = not pieces and not has_ink(image)
    return FoundLines(tuple(lines), left_out, 2 * left_out > len(pieces), is_blank)


def _letter(piece: Piece, line: Piece) -> Box:
    """The box of a drop capital, without the margin that pieces have, left of its first line."""
    (left, top), (right, bottom) = piece.corners.min(0), piece.corners.max(0)
    margin = MARGIN * (bottom - top)
    end = max(min(right - margin, line.course[0, 0]), left + 2 * margin)
    return float(left + margin), float(top + margin), float(end), float(bottom - margin)


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
