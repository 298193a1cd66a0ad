"""Join rectangles of words and pieces of lines to lines, and put these in reading order.

Pure geometry. Lengths are in pixels; most limits are relative to the height of the rectangles.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

MAX_TALL = 1.5  # ratio of height to width of a box whose text runs to the right, but for
MAX_SINGLE = 1.5  # single letters such as I: boxes up to so high, by the usual height of text
MIN_OVERLAP = 0.5  # of the heights of two boxes of one line
MAX_HEIGHTS = 2.0  # ratio of the heights of two boxes of one line
WORD_GAP = 0.8  # gap up to which two boxes of a row are one piece of text
MIN_GUTTER = 0.6  # width of the white between two columns
MIN_ROWS = 3  # of a column
MIN_COLUMN = 9.0  # median length of the pieces of text in a column
MIN_NOTE_GUTTER = 1.0  # width of the white beside marginal notes
LEVEL = 0.35  # distance up to which two pieces are level
MAX_ALIGNED = 0.6  # share of the notes that may stand level with a line of text
PARAGRAPH_GAP = 1.4  # distance of lines, by that usual in the column, which ends a paragraph
INDENT = 0.9  # indent of a paragraph's first line
HEIGHT_CHANGE = 1.5  # ratio of heights of two lines that are no one paragraph

RULE_SLACK = 0.3  # how far a box may reach across a rule beside it

Line = list[int]  # indices of boxes, from left to right


class _Boxes(NamedTuple):
    """N boxes as if their page were level: edges, and the height of each perpendicular to its text.

    y_left, y_right: of the middle of a box at its two ends.
    """

    left: np.ndarray
    right: np.ndarray
    y_left: np.ndarray
    y_right: np.ndarray
    height: np.ndarray

    @property
    def y(self) -> np.ndarray:
        return (self.y_left + self.y_right) / 2


def reading_order(corners: np.ndarray, rules: Sequence[np.ndarray] = ()) -> list[list[Line]]:
    """Return regions (paragraphs, headings, notes), each a list of lines, in reading order.

    corners: (N, 4, 2), from the top left on clockwise. Boxes of text that does not run to the right
    are left out. Columns are told by the white between them if there are lines of text on both
    sides of it; a narrow column whose rows are level with those beside it, such as one of prices,
    belongs to the same lines. rules: the upper and the lower end of each vertical stroke, (2, 2);
    no line goes across one, so that the cells of a table are lines.
    """
    upright = np.flatnonzero(run_right(corners))
    if not len(upright):
        return []
    along, (_, high) = corners[upright, 1] - corners[upright, 0], _sides(corners[upright])
    boxes = _level(corners[upright], along, high)
    regions = [
        region
        for column in _columns(boxes, np.arange(len(upright)))
        for region in _paragraphs(boxes, _rows(boxes, column))
    ]
    regions = [[list(upright[row]) for row in region] for region in regions]
    ends = np.reshape(rules, (-1, 2, 2))
    return [[cell for row in region for cell in _cells(corners, row, ends)] for region in regions]


def run_right(corners: np.ndarray) -> np.ndarray:
    """Whether the text in each of N boxes runs to the right, (N,) bool, by their shapes.

    corners: (N, 4, 2), from the top left on clockwise.
    """
    wide, high = _sides(corners)
    flat = high <= MAX_TALL * wide
    return flat | (high <= MAX_SINGLE * np.median(high[flat])) if flat.any() else flat


def _sides(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The widths and the heights of boxes, (N,) each."""
    sides = np.stack([corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]])
    return tuple(np.hypot(*np.moveaxis(sides, 2, 0)))


def _cells(corners: np.ndarray, row: Line, rules: np.ndarray) -> list[Line]:
    """Divide a row where a rule stands between two of its boxes."""
    (x_top, top), (x_bottom, bottom) = rules[:, 0].T, rules[:, 1].T
    cells = [[int(row[0])]]
    for one, other in pairwise(row):
        ends = (corners[one, 1] + corners[one, 2]) / 2, (corners[other, 0] + corners[other, 3]) / 2
        y = (ends[0][1] + ends[1][1]) / 2
        x = x_top + (x_bottom - x_top) * (y - top) / np.maximum(bottom - top, 1)
        slack = RULE_SLACK * np.ptp(corners[one, :, 1])
        between = (x > ends[0][0] - slack) & (x < ends[1][0] + slack)
        if (between & (y > top) & (y < bottom)).any():
            cells.append([])
        cells[-1].append(int(other))
    return cells


def _level(corners: np.ndarray, along: np.ndarray, height: np.ndarray) -> _Boxes:
    """Rotate boxes by the median of their angles, weighted with their lengths."""
    length = np.hypot(*along.T)
    angles = np.arctan2(along[:, 1], along[:, 0])
    order = np.argsort(angles)
    half = np.searchsorted(length[order].cumsum(), length.sum() / 2)
    angle = angles[order[min(half, len(order) - 1)]]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    level = corners @ turn
    ends = (level[:, [0, 1]] + level[:, [3, 2]]) / 2
    return _Boxes(*ends[:, :, 0].T, *ends[:, :, 1].T, height)


def _columns(boxes: _Boxes, chosen: np.ndarray) -> list[np.ndarray]:
    """Divide boxes at the white between columns, recursively -> parts in reading order."""
    gutter = _find_gutter(boxes, chosen)
    if gutter is None:
        return [chosen]
    x, top, bottom, notes_left = gutter
    y = boxes.y[chosen]
    inside = (y > top) & (y < bottom)
    is_left = (boxes.left + boxes.right)[chosen] / 2 < x
    left, right = chosen[inside & is_left], chosen[inside & ~is_left]
    sides = (right, left) if notes_left else (left, right)
    parts = [chosen[y <= top], *sides, chosen[y >= bottom]]
    return [column for part in parts if len(part) for column in _columns(boxes, part)]


def _find_gutter(boxes: _Boxes, chosen: np.ndarray) -> tuple[float, float, float, bool] | None:
    """Return the x of the white between two columns, its top and bottom, and whether what stands
    left of it are notes; the one with most text beside it, None if there is none.
    """
    if len(chosen) < 2 * MIN_ROWS:
        return None
    part = _Boxes(*(values[chosen] for values in boxes))
    unit = float(np.median(part.height))
    pieces = sorted(_pieces(part), key=lambda piece: part.y[piece].mean())
    left = np.array([part.left[piece].min() for piece in pieces])
    right = np.array([part.right[piece].max() for piece in pieces])
    y = np.array([part.y[piece].mean() for piece in pieces])
    best, best_size = None, 0.0
    for edge in np.unique(right.round()):
        for first, second in _beside(edge, left, right, unit, best_size):
            lengths = [np.median((right - left)[side]) for side in (first, second)]
            size = min(len(first), len(second)) * min(lengths)
            is_text = [length >= MIN_COLUMN * unit for length in lengths]
            gap = left[second].min() - right[first].max()
            is_column = all(is_text) and min(len(first), len(second)) >= MIN_ROWS
            is_note = (
                any(is_text)
                and gap >= MIN_NOTE_GUTTER * unit
                and _are_notes(first, second, is_text, y, unit)
            )
            if size > best_size and (is_column or is_note):
                ends = np.concatenate([first, second])
                above, below = ends.min() - 1, ends.max() + 1
                top = y[above] if above >= 0 else -np.inf
                bottom = y[below] if below < len(y) else np.inf
                notes_left = not is_column and not is_text[0]
                best, best_size = (edge + MIN_GUTTER * unit / 2, top, bottom, notes_left), size
    return best


def _beside(
    edge: float, left: np.ndarray, right: np.ndarray, unit: float, least: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield which of the pieces, sorted by y, are left and right of white that begins at x `edge`,
    for each stretch of it between two pieces that cross it, if there may be columns.

    least: rows times length that they must have.
    """
    length = right - left
    cut = (left < edge + MIN_GUTTER * unit) & (right > edge + 0.1 * unit)
    ends = np.concatenate([[-1], np.flatnonzero(cut), [len(left)]])
    is_left = ~cut & ((left + right) / 2 < edge)
    is_long = length >= MIN_COLUMN * unit
    flags = np.stack([is_left, ~cut & ~is_left, is_left & is_long, ~cut & ~is_left & is_long])
    sums = np.concatenate([np.zeros((4, 1), int), flags.cumsum(1)], 1)
    lefts, rights, long_lefts, long_rights = sums[:, ends[1:]] - sums[:, ends[:-1] + 1]
    rows = np.minimum(lefts, rights)
    may_be = (rows >= 2) & ((2 * long_lefts >= lefts) | (2 * long_rights >= rights))
    for place in np.flatnonzero(may_be & (rows * length.max() > least)):
        inside = np.arange(ends[place] + 1, ends[place + 1])
        yield inside[is_left[inside]], inside[~is_left[inside]]


def _are_notes(
    first: np.ndarray, second: np.ndarray, is_text: Sequence[bool], y: np.ndarray, unit: float
) -> bool:
    """Whether the pieces on the narrow side are not level with the lines on the other."""
    text, notes = (first, second) if is_text[0] else (second, first)
    distances = np.abs(y[notes][:, None] - y[text]).min(1)
    level = distances < LEVEL * unit
    return (~level).sum() >= MIN_ROWS and level.mean() <= MAX_ALIGNED


def _pieces(boxes: _Boxes) -> list[Line]:
    """Join the boxes of a row that are as close as words are."""
    return _chains(boxes, WORD_GAP)


def _rows(boxes: _Boxes, chosen: np.ndarray) -> list[Line]:
    """Join all boxes of a column that stand in one row -> lines from top to bottom."""
    part = _Boxes(*(values[chosen] for values in boxes))
    length = part.right - part.left
    rows = _chains(part, np.inf)
    rows.sort(key=lambda row: float(np.average(part.y[row], weights=length[row])))
    return [[int(chosen[i]) for i in row] for row in rows]


def _chains(boxes: _Boxes, max_gap: float) -> list[Line]:
    """Join each box to the nearest one on its right in the same row, if that is its nearest on the
    left too. max_gap: white between them, relative to their height.
    """
    lower = np.minimum(boxes.height[:, None], boxes.height)
    higher = np.maximum(boxes.height[:, None], boxes.height)
    offset = np.abs(boxes.y_right[:, None] - boxes.y_left)
    gap = boxes.left - boxes.right[:, None]
    overlap = (lower + higher) / 2 - offset  # of their heights, where they are next to each other
    joins = (overlap > MIN_OVERLAP * lower) & (higher < MAX_HEIGHTS * lower)
    joins &= (gap > -lower) & (gap < max_gap * higher) & (boxes.left > boxes.left[:, None])
    distance = np.where(joins, gap + offset, np.inf)
    after, before = distance.argmin(1), distance.argmin(0)
    following = {
        i: int(after[i]) for i in range(len(after)) if joins[i, after[i]] and before[after[i]] == i
    }
    chains = []
    for start in sorted(set(range(len(after))) - set(following.values())):
        chain = [start]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append(chain)
    return chains


def _paragraphs(boxes: _Boxes, rows: list[Line]) -> list[list[Line]]:
    """Divide the lines of a column where the distance or the height changes, or at an indent."""
    if len(rows) < 2:
        return [rows] if rows else []
    y = np.array([boxes.y[row].mean() for row in rows])
    height = np.array([boxes.height[row].mean() for row in rows])
    left = np.array([boxes.left[row].min() for row in rows])
    steps = np.diff(y)
    usual = float(np.median(steps))
    margin = float(np.percentile(left, 25))
    unit = float(np.median(height))
    paragraphs = [[rows[0]]]
    for i in range(1, len(rows)):
        ratio = max(height[i - 1], height[i]) / min(height[i - 1], height[i])
        is_indented = left[i] - max(left[i - 1], margin) > INDENT * unit
        returns = i + 1 < len(rows) and left[i] - left[i + 1] > INDENT * unit
        apart = steps[i - 1] > PARAGRAPH_GAP * usual or ratio > HEIGHT_CHANGE
        if apart or (is_indented and returns):
            paragraphs.append([])
        paragraphs[-1].append(rows[i])
    return paragraphs
