"""`Mixture`: training on several sources, validation and test on the first."""

import albumentations
import numpy as np
import pytest

from datasets import LineFolder, Mixture, RealLines, SyntheticClips, SyntheticTags
from datasets.data_module import Augmentation, EpochSampler
from datasets.mixture import DrawnDataset, MixedDataset, draw_indices
from datasets.source import SequenceDataset
from tests.support.small import noise_line, write_image


def tags(count: int, seed: int = 0) -> SyntheticTags:
    return SyntheticTags(count, validation=count, test=1, seed=seed)


@pytest.fixture
def lines(tmp_path):
    """A function that makes a source of three training lines and one for validation."""

    def make(name: str, alphabet: str | None = "ab", height: int = 16) -> RealLines:
        for i in range(4):
            path = write_image(tmp_path / name / f"p{i}__.png", noise_line(i))
            path.with_suffix(".gt.txt").write_text("ab" if i else "c", encoding="utf-8")
        return RealLines([LineFolder(str(tmp_path / name), validation=["p3"])], alphabet, height)

    return make


def test_training_is_all_sources_one_after_the_other():
    first, second = tags(3), tags(5, seed=1)
    mixed = Mixture([first, second]).split("train")
    parts = [first.split("train"), second.split("train")]
    assert len(mixed) == 8
    assert mixed.names == parts[0].names + parts[1].names
    assert mixed.groups == parts[0].groups + parts[1].groups
    assert mixed.sizes.tolist() == [*parts[0].sizes, *parts[1].sizes]
    expected = [part.read(i) for part in parts for i in range(len(part))]
    for i, sample in enumerate(expected):
        index, read = mixed[i]
        assert index == i
        np.testing.assert_array_equal(read.inputs, sample.inputs)
        np.testing.assert_array_equal(read.target, sample.target)


def test_validation_and_test_are_those_of_the_first_source():
    mixed = Mixture([tags(3), tags(5, seed=1)])
    assert (len(mixed.split("validation")), len(mixed.split("test"))) == (3, 1)


def test_labels_sizes_reader_and_problems_are_handed_on(lines):
    first, second = lines("one"), lines("two")
    mixed = Mixture([first, second])
    assert (mixed.labels, mixed.input_size, mixed.reader) == (["a", "b"], 16, first.reader)
    assert [p.name for p in mixed.problems] == [p.name for s in (first, second) for p in s.problems]
    assert len(mixed.problems) == 2 and "cannot encode 'c'" in mixed.problems[1].reason


def test_sources_that_differ_are_refused(lines):
    first = lines("one")
    for other in (lines("two", "ba"), lines("two", "abc"), lines("two", height=24), tags(3)):
        message = r"sources differ: 2 labels, then \d+; reader options that differ: "
        with pytest.raises(ValueError, match=message):
            Mixture([first, other])


def test_augmentation_and_epoch_reach_every_part(lines):
    train = Mixture([lines("one"), lines("two")]).split("train")
    before = [train[i][1].inputs for i in range(len(train))]
    train.augmentation = Augmentation([albumentations.InvertImg(p=1)])
    train.epoch = 3
    after = [train[i][1].inputs for i in range(len(train))]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    assert train.epoch == 3 and [part.epoch for part in train.parts] == [3, 3]


def test_sources_without_images_have_nothing_to_augment():
    train = Mixture([tags(2), tags(2)]).split("train")
    assert not hasattr(train, "augmentation")
    clips = Mixture([SyntheticClips(2, 1, 1), SyntheticClips(2, 1, 1)]).split("train")
    assert not hasattr(clips, "augmentation")


def test_the_added_share_changes_linearly():
    """Of 20 samples: 16, 12, 8 and 4 of the second source, and 4 from then on."""
    mixture = Mixture([tags(8), tags(12, seed=1)], (0.8, 0.2), epochs=4)
    train = mixture.split("train")
    for epoch, added in enumerate([16, 12, 8, 4, 4]):
        train.epoch = epoch
        assert len(train) == len(train.names) == len(train.groups) == len(train.sizes) == 20
        assert (train.indices >= 8).sum() == added


def test_an_epochs_samples_are_those_it_names():
    mixture = Mixture([tags(8), tags(12, seed=1)], (0.5, 0.5), epochs=1)
    train, whole = mixture.split("train"), Mixture([tags(8), tags(12, seed=1)]).split("train")
    for epoch in (0, 3):
        train.epoch = epoch
        for position, index in enumerate(train.indices.tolist()):
            sample = train.read(position)
            np.testing.assert_array_equal(sample.inputs, whole.read(index).inputs)
            assert train.sizes[position] == len(sample.inputs)
            assert train.names[position] == whole.names[index]


def test_the_epoch_alone_decides_the_draw():
    first, second = (Mixture([tags(8), tags(12)], (0.8, 0.2)).split("train") for _ in range(2))
    first.epoch = second.epoch = 2
    assert first.indices.tolist() == second.indices.tolist()
    first.epoch = 3
    assert first.indices.tolist() != second.indices.tolist()
    first.epoch = 2
    assert first.indices.tolist() == second.indices.tolist()


def test_all_of_a_part_come_before_any_comes_twice():
    indices = draw_indices(np.random.default_rng(0), 5, 13).tolist()
    assert sorted(indices[:5]) == sorted(indices[5:10]) == list(range(5))
    assert len(set(indices[10:])) == 3 and indices[:5] != list(range(5))
    assert draw_indices(np.random.default_rng(0), 0, 0).tolist() == []


@pytest.mark.parametrize(("share", "first"), [((1.0, 1.0), 0), ((0.0, 0.0), 20)])
def test_one_source_alone(share, first):
    train = Mixture([tags(8), tags(12)], share).split("train")
    assert (train.indices < 8).sum() == first


def test_batches_know_the_sizes_of_this_epochs_samples():
    """Each batch keeps to its steps, whatever the epoch has drawn."""
    train = Mixture([tags(9), tags(30, seed=1)], (0.9, 0.1), epochs=3).split("train")
    sampler = EpochSampler(train, batch_size=8, batch_steps=60, shuffle=True)
    seen = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        np.testing.assert_array_equal(sampler.sizes, train.sizes)
        seen.append(train.sizes.tolist())
        for batch in sampler:
            assert len(batch) == 1 or len(batch) * train.sizes[batch].max() <= 60
    assert seen[0] != seen[1] != seen[2]


INVALID_SHARES = [
    (((1.2, 0.5),), r"added_share \[1.2, 0.5\] over 10 epochs: give two shares from 0 to 1"),
    (((0.8, 0.2), 0), r"over 0 epochs: give two shares from 0 to 1, and at least 1 epoch"),
]


@pytest.mark.parametrize(("options", "message"), INVALID_SHARES)
def test_invalid_shares_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Mixture([tags(2), tags(2)], *options)
    with pytest.raises(ValueError, match="there is one source only; add another"):
        Mixture([tags(2)], (0.5, 0.5))


def test_a_schedule_reaches_the_augmentation_and_the_epoch_of_every_part(lines):
    train = Mixture([lines("one"), lines("two")], (0.5, 0.5)).split("train")
    train.augmentation = len
    train.epoch = 4
    assert [part.augmentation for part in train.whole.parts] == [len, len]
    assert train.augmentation is len and train.whole.epoch == train.epoch == 4
    plain = Mixture([tags(2), tags(2)], (0.5, 0.5)).split("train")
    assert not hasattr(plain, "augmentation")


class Widths(SequenceDataset):
    """A dataset with sizes only."""

    def __init__(self, sizes: np.ndarray):
        self.sizes, self.names = sizes, [str(i) for i in range(len(sizes))]
        self.groups = self.names

    def read(self, index: int):
        raise NotImplementedError


def test_a_mixture_has_what_its_parts_draw_this_epoch():
    part = DrawnDataset(Widths(np.arange(1, 10)), (9,), lambda epoch: (5,))
    mixed = MixedDataset([Widths(np.array([40])), part])
    seen = []
    for epoch in (0, 1):
        mixed.epoch = epoch
        assert mixed.names == ["0", *part.names] and mixed.groups == mixed.names
        assert mixed.sizes.tolist() == [40, *part.sizes.tolist()]
        seen.append(mixed.names)
    assert seen[0] != seen[1]


@pytest.mark.parametrize("share", [(0.8, 0.2), (0.2, 0.8)])
@pytest.mark.parametrize("world", [1, 3])
def test_epochs_of_unequal_widths_have_each_sample_once(share, world):
    """Wide lines first, or last: as many batches each epoch, none above its steps."""
    parts = [Widths(np.full(1000, wide)) for wide in (300, 900)]
    added = np.linspace(*share, 5)
    counts = [round(2000 * a) for a in added]
    count = lambda epoch: (2000 - counts[min(epoch, 4)], counts[min(epoch, 4)])  # noqa: E731
    train = DrawnDataset(MixedDataset(parts), (1000, 1000), count, epochs=5)
    options = {"batch_size": 32, "batch_steps": 7000, "shuffle": True, "world_size": world}
    samplers = [EpochSampler(train, rank=rank, **options) for rank in range(world)]
    for epoch in range(7):
        taken = []
        for sampler in samplers:
            sampler.set_epoch(epoch)
            batches = list(sampler)
            assert len(batches) == len(sampler) == len(samplers[0])
            assert all(len(batch) * train.sizes[batch].max() <= 7000 for batch in batches)
            taken += [index for batch in batches for index in batch]
        assert sorted(taken) == list(range(2000))


def test_notes_are_handed_on(lines):
    first, second = lines("one"), lines("two")
    second.notes = ["look"]
    assert Mixture([first, second]).notes == ["look"]
