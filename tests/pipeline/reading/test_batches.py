"""Batches: every input once, bounded; of lines by the cheapest cuts."""

from itertools import combinations

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
    ends = [*starts[1:], len(lengths)]
    return sum(OVERHEAD + lengths[s] * (e - s) for s, e in zip(starts, ends, strict=True))


@pytest.mark.parametrize("unit", [300, 2_000, 9_000, 30_000])
def test_no_cut_is_cheaper(unit):
    lengths = [unit * n for n in (19, 19, 18, 9, 9, 8, 7, 2, 1)]
    every = [
        [0, *cuts] for n in range(len(lengths)) for cuts in combinations(range(1, len(lengths)), n)
    ]
    allowed = [
        starts
        for starts in every
        if all(e - s in COUNTS for s, e in zip(starts, [*starts[1:], 9], strict=True))
    ]
    found = cheapest_cuts(lengths, 32, 10**9)
    assert found in allowed
    assert cost(lengths, found) == min(cost(lengths, starts) for starts in allowed)


def test_each_line_is_read_once_beside_lines_of_its_length():
    sizes = {place: 4_000 + 37 * (place * 613 % 997) for place in range(500)}
    batches = line_batches(sizes, 32, 2)
    assert sorted(place for batch in batches for place in batch) == list(range(500))
    falling = [sizes[place] for batch in batches for place in batch]
    assert falling == sorted(falling, reverse=True)
    for batch in batches:
        longest = max(sizes[place] for place in batch)
        assert len(batch) in COUNTS and longest * len(batch) <= BOUND
    padded = sum(len(batch) * max(sizes[place] for place in batch) for batch in batches)
    assert padded < 1.05 * sum(sizes.values())


def test_bounds_of_count_bytes_and_share():
    assert {len(b) for b in line_batches(dict.fromkeys(range(9), 4_000), 1, 2)} == {1}
    huge = line_batches({0: 10 * BOUND, 1: 10 * BOUND, 2: 100}, 32, 1)
    assert [0] in huge and [1] in huge
    # 32 equal lines and two workers: none waits while the other reads half of all
    assert {len(b) for b in line_batches(dict.fromkeys(range(32), 4_000), 32, 2)} == {8}
    assert line_batches({}, 32, 2) == []


def test_even_batches_hold_what_fits():
    sizes = {0: 10, 1: 40, 2: 30, 3: 10, 4: 500}
    assert even_batches(sizes, 32, 100) == [[4], [2, 1], [0, 3]]
    assert even_batches(sizes, 1, 100) == [[4], [1], [2], [3], [0]]
    assert even_batches({}, 32, 100) == []
