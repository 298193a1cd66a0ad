"""What belongs to a line beside it: small marks, such as a quotation mark, and drop capitals."""

from collections.abc import Sequence

import numpy as np

from .detection import Piece

# of marks that belong to the text beside them, relative to its height
SMALL, NARROW = 0.6, 1.5  # their height and width, at most
NEAR, WITHIN = 0.5, 0.6  # the white between, and the distance from the middle of the text
# of drop capitals, relative to the usual height of text; their shape is height by width
LEAST, MOST, SLIM, BROAD = 1.7, 6.0, 3.0, 0.77
# distance of the lines beside it, and of its top from the first one's middle, at most
BESIDE, TOP = 0.8, 1.2
LINE = 1.5, 3.0  # height and length of these lines, at most and at least


def absorb_marks(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces without marks, each so long that it holds the marks that were its own.

    A mark belongs to the nearest text, and takes along the smaller marks that belong to it.
    """
    if not pieces:
        return []
    x = np.array([piece.corners[:, 0] for piece in pieces])
    left, right = x.min(1), x.max(1)
    middle = np.array([piece.corners[:, 1].mean() for piece in pieces])
    height = np.array([piece.height for piece in pieces])
    courses = np.array([(p.course[:, 1].min(), p.course[:, 1].max()) for p in pieces])
    upper, lower = courses[:, 0] - WITHIN * height, courses[:, 1] + WITHIN * height
    size = np.maximum(height / SMALL, (right - left) / NARROW)  # least height of the text beside it
    is_text = np.ones(len(pieces), bool)
    small = np.flatnonzero(size <= height.max())
    for mark in small[height[small].argsort(kind="stable")]:
        gap = np.maximum(left[mark] - right, left - right[mark])
        beside = (gap <= NEAR * height) & (upper <= middle[mark]) & (middle[mark] <= lower)
        beside &= is_text & (size[mark] <= height)
        beside[mark] = False
        places = np.flatnonzero(beside)
        center = (left[mark] + right[mark]) / 2
        y = np.array([np.interp(center, *pieces[place].course.T) for place in places])
        off = np.abs(y - middle[mark])
        within = off <= WITHIN * height[places]
        if within.any():
            text = places[np.where(within, off + gap[places].clip(0), np.inf).argmin()]
            left[text], right[text] = min(left[text], left[mark]), max(right[text], right[mark])
            is_text[mark] = False
    return [_reach(pieces[i], left[i], right[i]) for i in np.flatnonzero(is_text)]


def _reach(piece: Piece, left: float, right: float) -> Piece:
    """The piece, so long that it reaches from `left` to `right` at least."""
    corners, course = piece.corners.copy(), piece.course
    start, end = corners[:, 0].min(), corners[:, 0].max()
    along = (corners[1] - corners[0]) / max(float(np.hypot(*(corners[1] - corners[0]))), 1e-6)
    if left < start:
        corners[[0, 3]] -= (start - left) * along
        course = np.vstack([course[:1] - [[start - left, 0]], course])
    if right > end:
        corners[[1, 2]] += (right - end) * along
        course = np.vstack([course, course[-1] + [right - end, 0]])
    return Piece(corners, course, piece.height)


def find_initials(pieces: Sequence[Piece]) -> dict[int, int]:
    """Return the pieces that are drop capitals, each with the first line beside it, as indices.

    Beside one, between its top and its foot, begin two lines or more.
    """
    if not pieces:
        return {}
    corners = np.array([piece.corners for piece in pieces])
    (left, top), (right, bottom) = corners.min(1).T, corners.max(1).T
    wide, high = right - left, bottom - top
    usual = float(np.median([piece.height for piece in pieces]))
    is_line = (high <= LINE[0] * usual) & (wide >= LINE[1] * usual)
    shaped = (high <= SLIM * wide) & (high >= BROAD * wide)
    initials = {}
    for place in np.flatnonzero((high >= LEAST * usual) & (high <= MOST * usual) & shaped):
        middle = (top + bottom) / 2
        beside = is_line & (np.abs(left - right[place]) <= BESIDE * usual)
        beside &= (middle > top[place]) & (middle < bottom[place])
        lines = np.flatnonzero(beside)
        if len(lines) > 1:
            first = lines[middle[lines].argmin()]
            if middle[first] - top[place] <= TOP * usual:
                initials[int(place)] = int(first)
    return initials
