"""Detection of duplicate lines: equal pixels, or the same print scanned or compressed anew.

A duplicate of a test line in training makes the test scores too good.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

import cv2
import numpy as np

from datasets.lines.ink import HEIGHT, find_ink
from datasets.lines.reader import load_line
from datasets.pages.crops.modes import Crop
from datasets.source import SPLITS

from .diagnosis import group_by
from .line_checks import Finding, composed
from .line_files import ListedLine
from .line_ink import LineInk, inked_box, scale

ASPECT = 1.08  # largest ratio of the aspects of two duplicates
ALIKE = 0.82  # correlation of thumbnails, from which two lines are compared at full size
SAME = 0.9  # correlation at full size, from which two lines are duplicates
BLOCK = 1024  # lines compared with their neighbours in one matrix product
SHIFT = 2  # pixels by which duplicates may be displaced

Reported = defaultdict[int, set[str]]  # index of a line -> splits of its reported duplicates


def duplicate_findings(
    lines: Sequence[ListedLine], inks: Sequence[LineInk], crop: Crop = "auto"
) -> Iterator[Finding]:
    """Yield the lines that have a duplicate among N, once for each split that contains one.

    Of two duplicates the line in training is reported, else that in validation, else the later one.
    crop: the shape by which lines of pages are cut out.
    """
    reported: Reported = defaultdict(set)
    inked = [index for index, ink in enumerate(inks) if ink.strokes]
    for indices in group_by(inked, lambda index: inks[index].content):
        best = max(indices, key=lambda index: rank(lines[index]))  # the first of equals
        for index in indices:
            own = next(other for other in indices if lines[other].split == lines[index].split)
            kept = own if own != index and rank(lines[index]) < 0 else best
            if kept != index:
                yield from pair_finding("duplicate", lines, kept, index, reported, 1.0)

    @cache
    def part(index: int) -> np.ndarray:
        return inked_part(load_line(lines[index].path, crop))

    for pair in similar_pairs(inks):
        kept, other = by_rank(lines, *pair)
        across = lines[kept].split != lines[other].split
        known = lines[kept].split in reported[other] or (
            not across and any(reported[index] for index in pair)
        )
        if known or inks[kept].content == inks[other].content:
            continue
        similarity = correlation(*map(part, pair))
        if similarity >= SAME:
            yield from pair_finding("near duplicate", lines, kept, other, reported, similarity)


def rank(line: ListedLine) -> int:
    """Return the rank of a line's split: the lower of two duplicates is left out; -1 if unknown."""
    return SPLITS.index(line.split) if line.split in SPLITS else -1


def by_rank(lines: Sequence[ListedLine], a: int, b: int) -> tuple[int, int]:
    """Order two indices: first the line to keep, then its duplicate."""
    a, b = sorted((a, b))
    return (b, a) if rank(lines[a]) < rank(lines[b]) else (a, b)


def pair_finding(
    kind: str, lines: Sequence[ListedLine], a: int, b: int, reported: Reported, similarity: float
) -> Iterator[Finding]:
    """Yield the finding for two duplicates unless its split was reported, and record it."""
    a, b = by_rank(lines, a, b)
    kept, other = lines[a], lines[b]
    if kept.split in reported[b] or kept.path == other.path:
        return
    reported[b].add(kept.split)
    across = kept.split != other.split
    differs = composed(kept).strip() != composed(other).strip()
    where = f", in {kept.split} and {other.split}" if across else ""
    text = f", with another text: {kept.text!r}" if differs else ""
    reason = f"{similarity:.3f} like {kept.name}{where}{text}".removeprefix("1.000 ")
    # near duplicates with different texts may be two amounts on similar receipts
    leave_out = kind == "duplicate" or (across and not differs)
    if across and min(rank(kept), rank(other)) < 0:
        leave_out = False  # either of two folders may be the test set, which must lose no line
    yield Finding(kind, other, reason, leave_out, kept, score=similarity + across)


def similar_pairs(inks: Sequence[LineInk]) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices of lines with similar aspects and similar thumbnails."""
    aspects = np.array([ink.inked_aspect for ink in inks])
    order = np.flatnonzero(aspects > 0)
    order = order[np.argsort(aspects[order], kind="stable")]
    if not len(order):
        return
    aspects = aspects[order]
    thumbnails = np.stack([inks[index].thumbnail for index in order])
    ends = np.searchsorted(aspects, aspects * ASPECT, side="right")
    for start in range(0, len(order), BLOCK):
        stop = min(start + BLOCK, len(order))
        similarities = thumbnails[start:stop] @ thumbnails[start : ends[stop - 1]].T
        for row, column in zip(*np.nonzero(similarities >= ALIKE), strict=True):
            if row < column and start + column < ends[start + row]:
                yield int(order[start + row]), int(order[start + column])


def inked_part(image: np.ndarray) -> np.ndarray:
    """Scale a grey image (H, W) to HEIGHT rows and crop it to its ink."""
    small = scale(image)
    return cv2.GaussianBlur(small[inked_box(find_ink(small))], (3, 3), 0)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest correlation, -1 to 1, of two crops displaced by up to SHIFT pixels."""
    columns = max(a.shape[1], 2 * SHIFT + 8)
    a = cv2.resize(a, (columns, HEIGHT), interpolation=cv2.INTER_AREA)
    b = cv2.resize(b, (columns, HEIGHT), interpolation=cv2.INTER_AREA)
    inner = b[SHIFT : HEIGHT - SHIFT, SHIFT : columns - SHIFT]
    return float(cv2.matchTemplate(a, inner, cv2.TM_CCOEFF_NORMED).max())
