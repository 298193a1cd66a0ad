"""Cut pieces of text where the vertical rules of a table cross them: the detector may see one piece
in several cells, or take a rule beside the text for a letter.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ..rules import Rule
from .detection import Piece

# relative to the height of a piece
LONGER = 1.2  # length of a rule that cuts it, at least; a stroke of its own letters is shorter
REACH = 0.3  # how far above and below its middle the rule goes on, at least
LEAST = 0.3  # width of a part beside a rule, at least; the margin of a piece is narrower


def cut_at_rules(pieces: Sequence[Piece], rules: Sequence[Rule]) -> list[Piece]:
    """Return the pieces, each that a rule crosses as its parts, which end at the rule."""
    return [part for piece in pieces for part in _parts(piece, rules)]


def _parts(piece: Piece, rules: Sequence[Rule]) -> Iterator[Piece]:
    start, end = piece.course[0, 0], piece.course[-1, 0]
    crossings = [place for rule in rules if (place := _crossing(piece, rule)) is not None]
    if not crossings:
        yield piece
        return
    for left, right in [*sorted(crossings), (end, end)]:
        if left - start >= LEAST * piece.height:
            yield _part(piece, start, left)
        start = max(start, right)


def _crossing(piece: Piece, rule: Rule) -> tuple[float, float] | None:
    """Where a rule begins and ends in a piece, by x; None if it does not cross it."""
    if np.ptp(rule.y) < LONGER * piece.height:
        return None
    middle = np.interp((rule.left + rule.right) / 2, *piece.course.T)
    below, reach = rule.y - middle, REACH * piece.height
    if below[0] > -reach or below[-1] < reach:
        return None
    beside = np.abs(below) <= reach
    left, right = rule.left[beside].min(), rule.right[beside].max()
    inside = left < piece.course[-1, 0] and right > piece.course[0, 0]
    return (float(left), float(right)) if inside else None


def _part(piece: Piece, left: float, right: float) -> Piece:
    """The part of a piece between two x."""
    x, y = piece.course.T
    between = (x > left) & (x < right)
    along = np.array([left, *x[between], right])
    corners = piece.corners.copy()
    direction = corners[1] - corners[0]
    slope = direction[1] / max(direction[0], 1)
    for pair, place, inner in ([0, 3], left, max), ([1, 2], right, min):
        edge = corners[pair, 0].mean()
        by = inner(edge, place) - edge
        corners[pair] += by, by * slope
    return Piece(corners, np.stack([along, np.interp(along, x, y)], 1), piece.height)
