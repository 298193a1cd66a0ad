"""The pieces of text on a page: one look at the whole, a larger one where there is small print.

The larger look sees an image twice as large and costs up to four times as much. So only those parts
are looked at again where small pieces were found, or ink as small as that was not: outside of all
pieces, or in one so high that it must be several lines.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ...lines.ink import find_ink
from ...lines.normalization.glance import shrink_by
from ...lines.normalization.polarity import dark_on_light
from .detection import Piece, find_pieces

MAX_SIDE = 960  # pixels of the longer side of a page at the first look
MIN_TEXT = 12.0  # height of pieces there, below which they are seen again
LARGE = 24.0  # height there, from which the first look is believed
LETTER = 7.0  # height there of letters of small print, at most
SPECK = 3  # rows of a letter at the larger look, at least
MAX_WIDE, MAX_FULL = 2, 0.75  # width of letters by height, share of their box: no dashes, no dots
CONTRAST, DARK = 28, 0.35  # grey levels of a page's ink, at least; share of them that letters have
DIRT = 8  # pixels of ink at the first look, below which a page is blank
FEW = 25  # letters that are no print
SEVERAL = 0.12  # height of letters by that of a piece, below which it is no single line
CELL, REACH = 8, 3  # pixels at the larger look in which letters are counted; cells between lines
WHOLE = 0.5  # share of the page from which all of it is looked at
COVERED = 0.5  # share of a piece that another look has seen
LINES = 0.3  # share of a large piece that small lines cover, from which it is these

Part = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the image


def detect(image: np.ndarray) -> list[Piece]:
    """Find the pieces of text in a grey (H, W) or BGR (H, W, 3) uint8 image, large and small."""
    scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
    pieces = find_pieces(image, scale)
    if scale == 1:
        return pieces
    larger = min(1.0, 2 * scale)
    found = []
    parts = find_small_print(image, scale, larger, pieces)
    for left, top, right, bottom in parts:
        part = np.ascontiguousarray(image[top:bottom, left:right])
        found += [_moved(piece, left, top) for piece in find_pieces(part, larger)]
    return _merge(pieces, found, parts, scale, image.shape[:2]) if parts else pieces


def has_ink(image: np.ndarray) -> bool:
    """Whether a grey (H, W) or BGR (H, W, 3) uint8 image has ink that is no speck and no edge."""
    grey = _shrunk(image, min(1.0, MAX_SIDE / max(image.shape[:2])))
    ink = find_ink(grey).astype(np.uint8)
    sizes = cv2.connectedComponentsWithStats(ink)[2][1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    no_edge = (sizes < np.array(grey.shape[::-1]) / 2).all(1)
    return bool(((sizes.max(1, initial=0) >= DIRT) & no_edge).any())


def find_small_print(
    image: np.ndarray, scale: float, larger: float, pieces: Sequence[Piece]
) -> list[Part]:
    """Return the parts of an image where the first look saw small print, or overlooked it.

    scale, larger: of the two looks.
    """
    grey = _shrunk(image, larger)
    shape = -(-grey.shape[0] // CELL), -(-grey.shape[1] // CELL)
    small, letters = np.zeros(shape, np.uint8), np.zeros(shape, np.int64)
    for piece in pieces:
        if _size(piece) * scale < MIN_TEXT:
            cv2.fillConvexPoly(small, (piece.corners * larger // CELL).astype(np.int32), 1)
    x, y = _missed_letters(grey, pieces, larger, LETTER * larger / scale)
    np.add.at(letters, (y // CELL, x // CELL), 1)
    around = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    cells = cv2.dilate(((letters > 0) | (small > 0)).astype(np.uint8), around)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cells)
    many = np.bincount(labels.ravel(), letters.ravel(), count) > (FEW if pieces else 0)
    chosen = many | (np.bincount(labels.ravel(), small.ravel(), count) > 0)
    boxes = stats[1:][chosen[1:], :4] * (CELL / larger)
    boxes[:, 2:] += boxes[:, :2]
    (high, wide), limits = image.shape[:2], image.shape[1::-1] * 2
    parts = _apart([tuple(box) for box in boxes.clip(0, limits).astype(int).tolist()])
    area = sum((right - left) * (bottom - top) for left, top, right, bottom in parts)
    return [(0, 0, wide, high)] if area > WHOLE * wide * high else parts


def _missed_letters(
    image: np.ndarray, pieces: Sequence[Piece], scale: float, highest: float
) -> tuple[np.ndarray, np.ndarray]:
    """The x and y (N,) of letters up to a height outside of pieces, or in one of several lines.

    image: grey (h, w), the page scaled by a factor.
    """
    x, y, height, area = _find_marks(image)
    owners = np.full(image.shape, -1, np.int32)
    for number, piece in enumerate(pieces):
        cv2.fillConvexPoly(owners, np.round(piece.corners * scale).astype(np.int32), number)
    owner = owners[y, x]
    missed = owner < 0
    for number, piece in enumerate(pieces):
        own = owner == number
        if own.any() and _middle(height[own], area[own]) < SEVERAL * scale * _size(piece):
            missed |= own
    missed &= height <= highest
    return x[missed], y[missed]


def _shrunk(image: np.ndarray, scale: float) -> np.ndarray:
    """A smaller copy, grey (h, w) uint8, dark on light."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return dark_on_light(shrink_by(grey, scale))


def _find_marks(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The middles x, y, the heights and the pixels of marks of ink that may be letters, (N,) each.

    As `find_ink`, but without smoothing, in which the thin strokes of small print vanish.
    """
    paper = cv2.morphologyEx(image, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    depth = cv2.subtract(cv2.blur(paper, (15, 15)), image)
    contrast = max(np.percentile(depth[::4, ::4], (99, 99.9)) * (1, 0.6))
    if contrast < CONTRAST:
        return (np.zeros(0, int),) * 4
    ink = (depth > max(DARK * contrast, CONTRAST / 2)).astype(np.uint8)
    left, top, wide, high, area = cv2.connectedComponentsWithStats(ink)[2][1:].T
    some = (high >= SPECK) & (wide > 1) & (area > SPECK)
    some &= (wide <= MAX_WIDE * high) & (area <= MAX_FULL * wide * high)
    return tuple(values[some] for values in (left + wide // 2, top + high // 2, high, area))


def _middle(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median."""
    order = values.argsort()
    sums = weights[order].cumsum()
    return float(values[order[np.searchsorted(sums, sums[-1] / 2)]])


def _apart(boxes: Sequence[Part]) -> list[Part]:
    """Join boxes that overlap, until none do."""
    parts: list[Part] = []
    for box in boxes:
        while touched := [part for part in parts if _overlap(part, box)]:
            parts = [part for part in parts if part not in touched]
            corners = np.array([box, *touched])
            box = (*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist())
        parts.append(box)
    return parts


def _overlap(one: Part, other: Part) -> bool:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in range(2))


def _merge(
    pieces: Sequence[Piece],
    found: Sequence[Piece],
    parts: Sequence[Part],
    scale: float,
    shape: tuple[int, int],
) -> list[Piece]:
    """Join what two looks at an image (H, W) saw; each text once.

    pieces: of the first look, at a scale. found: of the larger one, in the parts.
    """
    is_small = [_size(piece) * scale < MIN_TEXT for piece in found]
    lines = _mask([p for p, small in zip(found, is_small, strict=True) if small], scale, shape)
    kept = []
    for piece in pieces:
        large = _size(piece) * scale >= LARGE and _share(piece, lines, scale) < LINES
        inside = piece.corners.clip(0, shape[::-1])
        (left, top), (right, bottom) = inside.min(0), inside.max(0)
        if large or not any(
            x0 <= left and y0 <= top and right <= x1 and bottom <= y1 for x0, y0, x1, y1 in parts
        ):
            kept.append(piece)
    seen = _mask(kept, scale, shape)
    return kept + [piece for piece in found if _share(piece, seen, scale) < COVERED]


def _size(piece: Piece) -> float:
    """The height of the text, also of text that runs up or down."""
    along, down = (np.hypot(*(piece.corners[i] - piece.corners[0])) for i in (1, 3))
    return float(min(piece.height, along, down))


def _moved(piece: Piece, left: int, top: int) -> Piece:
    by = np.array([left, top])
    return piece._replace(corners=piece.corners + by, course=piece.course + by)


def _mask(pieces: Sequence[Piece], scale: float, shape: tuple[int, int]) -> np.ndarray:
    """Where pieces are in an image (H, W) scaled by a factor: (h, w) uint8, 0 or 1."""
    mask = np.zeros([max(1, round(side * scale)) for side in shape], np.uint8)
    for piece in pieces:
        cv2.fillConvexPoly(mask, np.round(piece.corners * scale).astype(np.int32), 1)
    return mask


def _share(piece: Piece, mask: np.ndarray, scale: float) -> float:
    """The share of a piece that a mask covers."""
    corners = np.round(piece.corners * scale).astype(np.int32)
    left, top, wide, high = cv2.boundingRect(corners.clip(0, np.array(mask.shape[::-1]) - 1))
    inside = np.zeros((high, wide), np.uint8)
    cv2.fillConvexPoly(inside, corners - (left, top), 1)
    return cv2.mean(mask[top : top + high, left : left + wide], inside)[0]
