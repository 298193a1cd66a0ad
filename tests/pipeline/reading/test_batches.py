"""Batch composition: every input once, bounded sizes, least cost for lines."""

from itertools import combinations, pairwise

import pytest

from pipeline.reading.batches import (
    BOUND,
    COUNTS,
    OVERHEAD,
    cheapest_cuts,
    even_batches,
    line_batches,
)


def cost(lengths, starts) -> int:
    """Cost of the batches that begin at these starts, in bytes."""
    edges = [*starts, len(lengths)]
    return sum(OVERHEAD + lengths[start] * (end - start) for start, end in pairwise(edges))


@pytest.mark.parametrize("unit", [300, 2_000, 9_000, 30_000])
def test_no_cut_is_cheaper(unit):
    lengths = [unit * n for n in (19, 19, 18, 9, 9, 8, 7, 2, 1)]
    every = ([0, *cuts] for n in range(9) for cuts in combinations(range(1, 9), n))
    allowed = [
        starts for starts in every if all(b - a in COUNTS for a, b in pairwise([*starts, 9]))
    ]
    starts = cheapest_cuts(lengths, 32, 10**9)
    assert starts in allowed
    assert cost(lengths, starts) == min(cost(lengths, other) for other in allowed)


def test_each_line_is_in_one_batch_with_lines_of_similar_length():
    sizes = {i: 4_000 + 37 * (i * 613 % 997) for i in range(500)}
    batches = line_batches(sizes, 32, 2)
    order = [i for batch in batches for i in batch]
    assert sorted(order) == list(range(500))
    assert order == sorted(order, key=sizes.get, reverse=True)
    padded_sizes = [len(batch) * max(map(sizes.get, batch)) for batch in batches]
    assert all(len(batch) in COUNTS for batch in batches) and max(padded_sizes) <= BOUND
    assert sum(padded_sizes) < 1.05 * sum(sizes.values())


def test_bounds_of_count_bytes_and_share():
    assert {len(b) for b in line_batches(dict.fromkeys(range(9), 4_000), 1, 2)} == {1}
    huge = line_batches({0: 10 * BOUND, 1: 10 * BOUND, 2: 100}, 32, 1)
    assert [0] in huge and [1] in huge
    # 32 equal lines and two workers: neither idles while the other reads half of them
    assert {len(b) for b in line_batches(dict.fromkeys(range(32), 4_000), 32, 2)} == {8}
    assert line_batches({}, 32, 2) == []


def test_even_batches_respect_their_bounds():
    sizes = {0: 10, 1: 40, 2: 30, 3: 10, 4: 500}
    assert even_batches(sizes, 32, 100) == [[4], [2, 1], [0, 3]]
    assert even_batches(sizes, 1, 100) == [[4], [1], [2], [3], [0]]
    assert even_batches({}, 32, 100) == []
