"""One line under two names: equal pixels, or the same print scanned, cut or compressed anew."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from datasets.lines.reader import load_line

from .line_checks import Finding, composed
from .line_files import ListedLine
from .line_ink import HEIGHT, LineInk, find_ink, inked_box

ASPECT = 1.08  # times as wide for its height may a twin be
SPLITS = ("train", "validation", "test")
ALIKE = 0.82  # correlation of small pictures: from here on two lines are compared closely
SAME = 0.9  # correlation of large ones: from here on they are one line
BLOCK = 1024  # lines that are compared with their neighbours in one product
SHIFT = 2  # pixels that a twin may be moved by


def duplicate_findings(
    lines: Sequence[ListedLine], pictures: Sequence[LineInk]
) -> Iterator[Finding]:
    """Each line that has a twin among N, once for each split that has one: the line in training,
    else that in validation, else the later one."""
    told: dict[int, set[str]] = {}  # by line: the splits of its twins that were told
    same: dict[str, list[int]] = {}
    for place, picture in enumerate(pictures):
        if picture.strokes:
            same.setdefault(picture.content, []).append(place)
    for places in same.values():
        best = max(places, key=lambda place: rank(lines[place]))  # the first of equals
        for place in places:
            own = next(other for other in places if lines[other].split == lines[place].split)
            kept = own if own != place and rank(lines[place]) < 0 else best
            if kept != place:
                yield from pair_finding("duplicate", lines, kept, place, told, 1.0)
    large: dict[int, np.ndarray] = {}
    for pair in similar_pairs(pictures):
        kept, other = by_rank(lines, *pair)
        across = lines[kept].split != lines[other].split
        again = lines[kept].split in told.get(other, ()) or (not across and told.keys() & set(pair))
        if again or pictures[kept].content == pictures[other].content:
            continue
        for place in pair:
            if place not in large:
                large[place] = inked_part(load_line(lines[place].path))
        sure = correlation(large[pair[0]], large[pair[1]])
        if sure >= SAME:
            yield from pair_finding("near duplicate", lines, kept, other, told, sure)


def rank(line: ListedLine) -> int:
    """Of two twins in two splits, that with the lower rank goes; below 0 nobody knows."""
    return SPLITS.index(line.split) if line.split in SPLITS else -1


def by_rank(lines: Sequence[ListedLine], a: int, b: int) -> tuple[int, int]:
    """(the one that stays, the other)."""
    a, b = sorted((a, b))
    return (b, a) if rank(lines[a]) < rank(lines[b]) else (a, b)


def pair_finding(
    kind: str, lines: Sequence[ListedLine], a: int, b: int, told: dict[int, set[str]], sure: float
) -> Iterator[Finding]:
    a, b = by_rank(lines, a, b)
    kept, other = lines[a], lines[b]
    if kept.split in told.get(b, ()) or kept.path == other.path:
        return
    told.setdefault(b, set()).add(kept.split)
    across = kept.split != other.split
    differs = composed(kept).strip() != composed(other).strip()
    where = f", in {kept.split} and {other.split}" if across else ""
    more = f", with another text: {kept.text!r}" if differs else ""
    reason = f"{sure:.3f} like {kept.name}{where}{more}".removeprefix("1.000 ")
    # near twins with different texts may be two amounts on like receipts
    leave_out = kind == "duplicate" or (across and not differs)
    if across and min(rank(kept), rank(other)) < 0:
        leave_out = False  # nobody said which of two folders is the test: it must lose no line
    yield Finding(kind, other, reason, leave_out, kept, score=sure + across)


def similar_pairs(pictures: Sequence[LineInk]) -> Iterator[tuple[int, int]]:
    """Pairs of lines whose small pictures agree, among those of like proportions."""
    aspects = np.array([picture.inked_aspect for picture in pictures])
    order = np.flatnonzero(aspects > 0)
    order = order[np.argsort(aspects[order], kind="stable")]
    if not len(order):
        return
    aspects = aspects[order]
    small = np.stack([pictures[place].thumbnail for place in order])
    ends = np.searchsorted(aspects, aspects * ASPECT, side="right")
    for start in range(0, len(order), BLOCK):
        stop = min(start + BLOCK, len(order))
        near = small[start:stop] @ small[start : ends[stop - 1]].T
        for row, column in zip(*np.nonzero(near >= ALIKE), strict=True):
            if row < column and start + column < ends[start + row]:
                yield int(order[start + row]), int(order[start + column])


def inked_part(image: np.ndarray) -> np.ndarray:
    """Grey (H, W) -> the part that has ink, HEIGHT rows high."""
    rows, columns = image.shape
    size = (max(1, round(columns * HEIGHT / rows)), HEIGHT)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ink = find_ink(small)
    return cv2.GaussianBlur(small[inked_box(ink)], (3, 3), 0)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """-1 to 1, of two parts brought to one size and moved by up to SHIFT pixels."""
    columns = max(a.shape[1], 2 * SHIFT + 8)
    a = cv2.resize(a, (columns, HEIGHT), interpolation=cv2.INTER_AREA)
    b = cv2.resize(b, (columns, HEIGHT), interpolation=cv2.INTER_AREA)
    inner = b[SHIFT : HEIGHT - SHIFT, SHIFT : columns - SHIFT]
    return float(cv2.matchTemplate(a, inner, cv2.TM_CCOEFF_NORMED).max())
