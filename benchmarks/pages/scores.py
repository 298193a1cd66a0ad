"""Scores of the lines that a reader finds on a page, and of its text, against the truth.

Lines found and true ones are compared by the areas of their polygons. A found line that lies by
half or more in an area without truth is left out everywhere.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from rapidfuzz.distance import Levenshtein

MIN_IOU = 0.5  # of a found line and the true one that it is
MIN_COVERED = 0.5  # share of a line's area that the lines of the other side cover
MIN_LINK = 0.3  # share of a line in the other one, from which the texts of both are compared


class FoundLine(NamedTuple):
    """A line as a reader found it: polygon (N, 2) in pixels, and what it read there."""

    polygon: np.ndarray
    text: str


class PageTally(NamedTuple):
    """What one page adds to the scores.

    counts: name -> (numerator, denominator). text: pairs of read and true text of the whole page;
    lines: of each group of lines that belong together, whatever their order.
    """

    counts: dict[str, tuple[int, int]]
    text: tuple[str, str]
    lines: list[tuple[str, str]]


def tally_page(
    found: Sequence[FoundLine],
    truth: Sequence[FoundLine],
    ignored: Sequence[np.ndarray],
) -> PageTally:
    """Compare what was found on a page with its true lines, both in reading order."""
    outside = areas_shared([line.polygon for line in found], ignored).sum(1)
    sizes = areas([line.polygon for line in found])
    found = [line for line, o, s in zip(found, outside, sizes, strict=True) if o < s / 2]
    ours, theirs = ([line.polygon for line in lines] for lines in (found, truth))
    shared, sizes, true_sizes = areas_shared(ours, theirs), areas(ours), areas(theirs)
    iou = shared / np.maximum(sizes[:, None] + true_sizes - shared, 1)
    matched = count_pairs(iou)
    covered = int((shared.sum(0) >= MIN_COVERED * true_sizes).sum())
    covering = int((shared.sum(1) >= MIN_COVERED * sizes).sum())
    links = link(shared, sizes, true_sizes, iou)
    counts = {
        "recall": (matched, len(truth)),
        "precision": (matched, len(found)),
        "covered": (covered, len(truth)),
        "covering": (covering, len(found)),
        "order": count_in_order(links),
    }
    texts = (" ".join(line.text for line in lines) for lines in (found, truth))
    return PageTally(counts, tuple(texts), grouped_texts(links, found, truth))


def areas(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Areas (N,) in pixels, as `areas_shared` counts them."""
    return np.array([areas_shared([polygon], [polygon])[0, 0] for polygon in polygons], float)


def areas_shared(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Pixels (N, M) that each polygon shares with each of the others."""
    shared = np.zeros((len(first), len(second)))
    bounds = [[(p.min(0), p.max(0)) for p in polygons] for polygons in (first, second)]
    for i, (low, high) in enumerate(bounds[0]):
        for j, (other_low, other_high) in enumerate(bounds[1]):
            corner = np.floor(np.maximum(low, other_low))
            size = np.ceil(np.minimum(high, other_high)) - corner
            if (size > 0).all():
                masks = [np.zeros(size.astype(int)[::-1], np.uint8) for _ in range(2)]
                for mask, polygon in zip(masks, (first[i], second[j]), strict=True):
                    cv2.fillPoly(mask, [np.round(polygon - corner).astype(np.int32)], 1)
                shared[i, j] = np.count_nonzero(masks[0] & masks[1])
    return shared


def count_pairs(iou: np.ndarray) -> int:
    """How many pairs of a found line and a true one reach MIN_IOU, each line in one pair."""
    left, count = iou.copy(), 0
    while left.size and left.max() >= MIN_IOU:
        i, j = np.unravel_index(left.argmax(), left.shape)
        left[i], left[:, j] = 0, 0
        count += 1
    return count


def link(
    shared: np.ndarray, sizes: np.ndarray, true_sizes: np.ndarray, iou: np.ndarray
) -> np.ndarray:
    """Which of N found and M true lines belong together (N, M): each to the one most alike on the
    other side, if that holds MIN_LINK of it. So a line found in two pieces belongs to one true
    line, and one found across two belongs to both.
    """
    links = np.zeros(shared.shape, bool)
    if not links.size:
        return links
    best, rows = iou.argmax(1), np.arange(len(sizes))
    links[rows, best] = shared[rows, best] >= MIN_LINK * sizes
    best, columns = iou.argmax(0), np.arange(len(true_sizes))
    links[best, columns] |= shared[best, columns] >= MIN_LINK * true_sizes
    return links


def count_in_order(links: np.ndarray) -> tuple[int, int]:
    """Of the true lines next to each other in reading order, both found and not as one line: how
    many were found in that order; and how many there are.
    """
    places = [np.flatnonzero(column) for column in links.T]
    right = total = 0
    for one, other in pairwise(places):
        if len(one) and len(other) and not set(one) & set(other):
            total += 1
            right += bool(one.mean() < other.mean())
    return right, total


def grouped_texts(
    links: np.ndarray, found: Sequence[FoundLine], truth: Sequence[FoundLine]
) -> list[tuple[str, str]]:
    """Read and true text of each group of linked lines; a line without any is a group alone.

    Pieces of one row are joined in the order given or from left to right, whichever fits better.
    """
    groups, seen = [], set()
    for start in range(len(found) + len(truth)):
        if start in seen:
            continue
        group, todo = set(), [start]
        while todo:
            node = todo.pop()
            if node not in group:
                group.add(node)
                is_found = node < len(found)
                linked = links[node] if is_found else links[:, node - len(found)]
                todo += [int(i) + is_found * len(found) for i in np.flatnonzero(linked)]
        seen |= group
        ours = [found[i] for i in sorted(group) if i < len(found)]
        theirs = " ".join(truth[i - len(found)].text for i in sorted(group) if i >= len(found))
        orders = ours, sorted(ours, key=lambda line: line.polygon[:, 0].min())
        read = (" ".join(line.text for line in order) for order in orders)
        groups.append((min(read, key=lambda text: Levenshtein.distance(text, theirs)), theirs))
    return groups
