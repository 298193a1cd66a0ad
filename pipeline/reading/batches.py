"""What is read together: little padding; of lines few batches of few different shapes."""

from collections.abc import Sequence
from itertools import pairwise

BOUND = 500_000  # bytes of a batch with its padding: at more, memory is slower than the network
# what a batch costs beside its lines, as bytes of line: measured 2 ms and, of a shape not seen
# before, 9 more for oneDNN to write its kernels, at 0.18 ms for 1,000 bytes
OVERHEAD = 20_000
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # of lines: few, so that shapes come again


def line_batches(sizes: dict[int, int], most: int, workers: int) -> list[list[int]]:
    """Bytes of each line, by place -> batches of at most `most` places, the longest first.

    Of all ways to cut the lines in their order by length the cheapest: a batch costs OVERHEAD and
    the longest's bytes for each line. A batch of several has at most BOUND bytes, and no more than
    half of a worker's share, so that all workers end together.
    """
    order = sorted(sizes, key=sizes.__getitem__, reverse=True)
    bound = min(BOUND, sum(sizes.values()) // (2 * workers))
    edges = [*cheapest_cuts([sizes[place] for place in order], most, bound), len(order)]
    return [order[start:end] for start, end in pairwise(edges)]


def cheapest_cuts(lengths: Sequence[int], most: int, bound: int) -> list[int]:
    """Falling bytes of N lines -> where each batch starts."""
    counts = [count for count in COUNTS if count <= most]
    costs, lasts = [0], [0]  # of the first n lines: their least cost, and their last batch's start
    for end in range(1, len(lengths) + 1):
        choices = [
            (costs[end - count] + OVERHEAD + count * lengths[end - count], end - count)
            for count in counts
            if count <= end and (count == 1 or count * lengths[end - count] <= bound)
        ]
        cost, start = min(choices)
        costs.append(cost)
        lasts.append(start)
    starts, end = [], len(lengths)
    while end:
        end = lasts[end]
        starts.append(end)
    return starts[::-1]


def even_batches(sizes: dict[int, int], most: int, bound: int) -> list[list[int]]:
    """Bytes of each input, by place -> batches of places of like size, the longest first: of one,
    or of at most `most` places and `bound` bytes with their padding.
    """
    order, batches = sorted(sizes, key=sizes.__getitem__), []
    while order:
        size = max(1, min(most, bound // sizes[order[-1]]))
        order, batch = order[:-size], order[-size:]
        batches.append(batch)
    return batches
