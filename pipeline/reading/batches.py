"""Batch composition: group inputs of similar size to limit padding, with few distinct shapes."""

from collections.abc import Sequence
from itertools import pairwise

BOUND = 500_000  # bytes of a padded batch: above it, memory bandwidth is slower than the network
# fixed cost of a batch in equivalent bytes of line: measured 2 ms, plus 9 ms for a new shape, for
# which oneDNN generates kernels, at 0.18 ms per 1,000 bytes
OVERHEAD = 20_000
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # allowed batch sizes: few, so that shapes recur


def line_batches(sizes: dict[int, int], max_count: int, workers: int) -> list[list[int]]:
    """Partition lines into the cheapest batches of at most `max_count`, longest lines first.

    sizes: bytes of each line by index; returns batches of indices. Of all ways to cut the lines
    sorted by length the cheapest is taken: a batch costs OVERHEAD plus, for each line, the bytes of
    the longest. A batch of several lines has at most BOUND bytes, and at most half of a worker's
    share, so that all workers finish together.
    """
    order = sorted(sizes, key=sizes.__getitem__, reverse=True)
    bound = min(BOUND, sum(sizes.values()) // (2 * workers))
    edges = [*cheapest_cuts([sizes[i] for i in order], max_count, bound), len(order)]
    return [order[start:end] for start, end in pairwise(edges)]


def cheapest_cuts(lengths: Sequence[int], max_count: int, bound: int) -> list[int]:
    """Bytes of N lines in descending order -> the start of each batch, by dynamic programming."""
    counts = [count for count in COUNTS if count <= max_count]
    best = [(0, 0)]  # for the first n lines: (least cost, start of the last batch)
    for end in range(1, len(lengths) + 1):
        candidates = [
            (best[end - count][0] + OVERHEAD + count * lengths[end - count], end - count)
            for count in counts
            if count <= end and (count == 1 or count * lengths[end - count] <= bound)
        ]
        best.append(min(candidates))
    starts, end = [], len(lengths)
    while end:
        end = best[end][1]
        starts.append(end)
    return starts[::-1]


def even_batches(sizes: dict[int, int], max_count: int, bound: int) -> list[list[int]]:
    """Partition inputs of similar size into batches of indices, the longest first.

    sizes: bytes of each input by index. A batch holds one input, or at most `max_count` inputs and
    `bound` bytes including padding.
    """
    order, batches = sorted(sizes, key=sizes.__getitem__), []
    while order:
        size = max(1, min(max_count, bound // sizes[order[-1]]))
        order, batch = order[:-size], order[-size:]
        batches.append(batch)
    return batches
