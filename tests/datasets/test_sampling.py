"""`BucketSampler`: limits, completeness, order by epoch, and distribution over processes."""

import numpy as np
import pytest

from datasets.sampling import BucketSampler

SIZES = np.random.default_rng(0).integers(1, 400, 1000)


def flat(sampler) -> list[int]:
    return [index for batch in sampler for index in batch]


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_sample_comes_once(shuffle):
    sampler = BucketSampler(SIZES, 16, 3000, shuffle)
    assert sorted(flat(sampler)) == list(range(1000))
    assert len(list(sampler)) == len(sampler)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_both_bounds_hold(seed, shuffle):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 50, rng.integers(0, 40))
    batch_size = int(rng.integers(1, 7))
    batch_steps = [None, int(rng.integers(1, 120))][seed % 2]
    sampler = BucketSampler(sizes, batch_size, batch_steps, shuffle)
    batches = list(sampler)
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        padded = len(batch) * max(sizes[i] for i in batch)
        assert batch_steps is None or len(batch) == 1 or padded <= batch_steps
    assert 0 <= sampler.padding_waste() <= 1


def test_a_sample_above_the_bound_is_a_batch_of_its_own():
    batches = list(BucketSampler([5, 500, 6], 8, 100))
    assert batches == [[0, 2], [1]]


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed: int, epoch: int) -> list[list[int]]:
        sampler = BucketSampler(SIZES, 16, shuffle=True, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 0) == order(0, 0) and order(3, 5) == order(3, 5)
    orders = [order(0, 0), order(0, 1), order(1, 0), order(1, 1)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])
    neighbours = [{frozenset(batch) for batch in batches} for batches in orders[:2]]
    assert len(neighbours[0] & neighbours[1]) < 5


def test_without_shuffling_batches_grow_and_never_change():
    sampler = BucketSampler(SIZES, 16)
    before = list(sampler)
    sampler.set_epoch(3)
    assert list(sampler) == before
    assert np.all(np.diff(SIZES[flat(sampler)]) >= 0)


def test_batches_of_like_length_waste_little():
    waste = BucketSampler(SIZES, 16, shuffle=True).padding_waste()
    padded = sum(16 * SIZES[i : i + 16].max() for i in range(0, 992, 16))
    unsorted = 1 - SIZES[:992].sum() / padded
    assert 0 < waste < 0.1 < 0.4 < unsorted
    assert BucketSampler([7] * 10, 4).padding_waste() == 0
    assert BucketSampler([0, 0], 4).padding_waste() == BucketSampler([], 4).padding_waste() == 0
    assert BucketSampler([1, 3], 2).padding_waste() == pytest.approx(2 / 6)


@pytest.mark.parametrize("world", [2, 3, 7])
def test_ranks_share_validation_without_a_gap(world):
    shares = [BucketSampler(SIZES, 16, rank=rank, world_size=world) for rank in range(world)]
    taken = [flat(share) for share in shares]
    assert sorted(i for share in taken for i in share) == list(range(1000))
    assert all(len(list(s)) == len(s) for s in shares)


@pytest.mark.parametrize("world", [2, 3, 7])
def test_ranks_take_equally_many_training_batches(world):
    for epoch in range(3):
        shares = [BucketSampler(SIZES, 16, 3000, True, 0, rank, world) for rank in range(world)]
        for share in shares:
            share.set_epoch(epoch)
        batches = [[tuple(batch) for batch in share] for share in shares]
        assert len({len(share) for share in batches}) == 1
        different = {batch for share in batches for batch in share}
        total = sum(map(len, batches))
        assert total - len(different) < world + 3  # repeated so that all have equally many
        assert len({i for batch in different for i in batch}) >= 1000 - 3 * 16


def test_a_batch_holds_at_least_one():
    with pytest.raises(ValueError, match="batch_size 0: at least 1"):
        BucketSampler(SIZES, 0)


def test_every_epoch_has_each_sample_once_in_as_many_batches():
    """Other neighbours come to other counts, which the trainer would cut off or fill up."""
    sampler = BucketSampler(SIZES, 4, 900, shuffle=True)
    for epoch in range(20):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert sorted(index for batch in batches for index in batch) == list(range(1000))
        assert all(len(batch) * SIZES[batch].max() <= 900 for batch in batches)


def test_longer_samples_than_were_counted_still_come_once():
    sampler = BucketSampler([10] * 60, 8, 60, shuffle=True)
    sampler.sizes = np.array([10] * 30 + [30] * 30)
    assert len(sampler) == 10 and sorted(flat(sampler)) == list(range(60))
    sampler.sizes = np.array([10] * 58 + [600] * 2)
    assert sorted(flat(sampler)) == list(range(60)) and len(list(sampler)) == 10


@pytest.mark.parametrize(("samples", "processes"), [(5, 4), (4, 4), (9, 3), (1, 1)])
def test_each_process_validates_something_and_each_sample_is_validated_once(samples, processes):
    sizes = np.arange(1, samples + 1)
    ranks = [BucketSampler(sizes, 8, rank=rank, world_size=processes) for rank in range(processes)]
    given = [list(sampler) for sampler in ranks]
    assert all(given) and [len(batches) for batches in given] == list(map(len, ranks))
    assert sorted(i for batches in given for b in batches for i in b) == list(range(samples))
