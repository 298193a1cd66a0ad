"""Several sources as one: train on all, judge by the first."""

import numpy as np
import pytest
from conftest import noise_line, write_image

from datasets import LineFolder, Mixture, RealLines, SyntheticClips, SyntheticTags


def tags(count: int, seed: int = 0) -> SyntheticTags:
    return SyntheticTags(count, validation=count, test=1, seed=seed)


@pytest.fixture
def lines(tmp_path):
    """alphabet -> a source of three training lines and one for validation."""

    def make(name: str, alphabet: str | None = "ab", height: int = 16) -> RealLines:
        for place in range(4):
            path = write_image(tmp_path / name / f"p{place}__.png", noise_line(place))
            path.with_suffix(".gt.txt").write_text("ab" if place else "c", encoding="utf-8")
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
    for place, sample in enumerate(expected):
        index, found = mixed[place]
        assert index == place
        np.testing.assert_array_equal(found.inputs, sample.inputs)
        np.testing.assert_array_equal(found.target, sample.target)


def test_validation_and_test_are_the_firsts():
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
        with pytest.raises(
            ValueError, match=r"sources differ: 2 labels, then \d+; reader options that differ: "
        ):
            Mixture([first, other])


def test_augmentation_and_epoch_reach_every_part(lines):
    train = Mixture([lines("one"), lines("two")]).split("train")
    before = [train[i][1].inputs for i in range(len(train))]
    train.augmentation = lambda image: 255 - image
    train.epoch = 3
    after = [train[i][1].inputs for i in range(len(train))]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    assert train.epoch == 3 and [part.epoch for part in train.parts] == [3, 3]


def test_sources_without_images_have_nothing_to_augment():
    train = Mixture([tags(2), tags(2)]).split("train")
    assert not hasattr(train, "augmentation")
    clips = Mixture([SyntheticClips(2, 1, 1), SyntheticClips(2, 1, 1)]).split("train")
    assert not hasattr(clips, "augmentation")
