"""One line under two names: equal pixels, or the same print scanned, cut or compressed anew."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from datasets.line_reader import load_grey

from .line_checks import Finding, composed
from .line_files import ListedLine
from .line_pictures import HEIGHT, Picture, find_ink, inked_box

ASPECT = 1.08  # times as wide for its height may a twin be
ALIKE = 0.82  # correlation of small pictures: from here on two lines are compared closely
SAME = 0.9  # correlation of large ones: from here on they are one line
BLOCK = 1024  # lines that are compared with their neighbours in one product
SHIFT = 2  # pixels that a twin may be moved by


def twin_findings(lines: Sequence[ListedLine], pictures: Sequence[Picture]) -> Iterator[Finding]:
    """Each line that has a twin among N, once: the one in training, else the later one."""
    told: set[int] = set()
    first: dict[str, int] = {}
    for place, picture in enumerate(pictures):
        if picture.strokes and picture.content in first:
            yield from pair_finding("duplicate", lines, first[picture.content], place, told, 1.0)
        else:
            first[picture.content] = place
    large: dict[int, np.ndarray] = {}
    for a, b in alike(pictures):
        if pictures[a].content == pictures[b].content or a in told or b in told:
            continue
        for place in (a, b):
            if place not in large:
                large[place] = inked_part(load_grey(lines[place].path))
        sure = correlation(large[a], large[b])
        if sure >= SAME:
            yield from pair_finding("near duplicate", lines, a, b, told, sure)


def pair_finding(
    kind: str, lines: Sequence[ListedLine], a: int, b: int, told: set[int], sure: float
) -> Iterator[Finding]:
    a, b = sorted((a, b))
    if lines[a].split == "train" and lines[b].split != "train":
        a, b = b, a
    kept, other = lines[a], lines[b]
    if b in told or kept.path == other.path:
        return
    told.add(b)
    across = kept.split != other.split
    differs = composed(kept).strip() != composed(other).strip()
    where = f", in {kept.split} and {other.split}" if across else ""
    more = f", with another text: {kept.text!r}" if differs else ""
    reason = f"{sure:.3f} like {kept.name}{where}{more}".removeprefix("1.000 ")
    # near twins with different texts may be two amounts on like receipts
    leave_out = kind == "duplicate" or (across and not differs)
    yield Finding(kind, other, reason, leave_out, kept, score=sure + across)


def alike(pictures: Sequence[Picture]) -> Iterator[tuple[int, int]]:
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
