"""Windows, speed changes and augmentation keep frames and their labels together."""

import albumentations
import numpy as np
import pytest

from datasets import ClipReader
from datasets.data_module import Augmentation
from datasets.video.cache import FrameCache
from datasets.video.dataset import ClipDataset, LabelledClip
from tests.support.films import film

STEPS = 20


@pytest.fixture
def parts(tmp_path):
    """A video whose frame t has grey 10 t + 20 and label t, and its cache."""
    path = film(tmp_path / "c.mp4", [20 + 10 * t for t in range(STEPS)])
    cache = FrameCache(ClipReader(8, 8), str(tmp_path / "cache"))
    return [LabelledClip("c", "g", cache.store(path), np.arange(STEPS))], cache


def steps_seen(sample) -> np.ndarray:
    """Which frame each step is, recognised by its grey."""
    return np.round((sample.inputs.mean((1, 2, 3)) - 20) / 10).astype(int)


def test_a_whole_clip_is_read_as_it_is(parts):
    dataset = ClipDataset(*parts, per_step=True)
    sample = dataset.read(0)
    assert len(dataset) == 1 and dataset.sizes.tolist() == [STEPS]
    np.testing.assert_array_equal(steps_seen(sample), np.arange(STEPS))
    np.testing.assert_array_equal(sample.target, np.arange(STEPS))


@pytest.mark.parametrize(("window", "speed"), [(7, 0.0), (7, 0.4), (0, 0.4), (50, 0.4)])
def test_labels_stay_with_their_frames(parts, window, speed):
    dataset = ClipDataset(*parts, per_step=True, window=window, speed=speed)
    for dataset.epoch in range(8):
        sample = dataset.read(0)
        np.testing.assert_array_equal(steps_seen(sample), sample.target)
        assert (np.diff(sample.target) >= 0).all()


def test_windows_cover_a_clip_over_the_epochs(parts):
    dataset = ClipDataset(*parts, per_step=True, window=7)
    assert len(dataset) == 3 and dataset.sizes.tolist() == [7] * 3
    seen, starts = set(), set()
    for dataset.epoch in range(40):
        for index in range(3):
            target = dataset.read(index).target
            np.testing.assert_array_equal(np.diff(target), 1)
            assert len(target) == 7
            seen |= set(target.tolist())
            starts.add(int(target[0]))
    assert seen == set(range(STEPS)) and len(starts) > 10


def test_speed_changes_the_length_both_ways(parts):
    dataset = ClipDataset(*parts, per_step=True, speed=0.5)
    lengths = []
    for dataset.epoch in range(40):
        target = dataset.read(0).target
        lengths.append(len(target))
        assert target[0] == 0 and target[-1] >= STEPS - 3  # from the first frame to the last
    assert min(lengths) < 16 and max(lengths) > 25
    assert min(lengths) >= STEPS / 1.5 - 1 and max(lengths) <= STEPS * 1.5 + 1


def test_an_epoch_can_be_drawn_again(parts):
    one, other = (ClipDataset(*parts, per_step=True, window=5, seed=s) for s in (3, 3))
    one.epoch = other.epoch = 6
    np.testing.assert_array_equal(one.read(1).target, other.read(1).target)


def test_one_label_a_clip_is_not_cut(parts):
    clips, cache = parts
    clips = [clips[0]._replace(target=np.array(2))]
    assert ClipDataset(clips, cache, per_step=False, window=5).read(0).target == 2
    clips = [clips[0]._replace(target=np.array([1, 2, 3]))]
    assert ClipDataset(clips, cache, per_step=False, speed=0.4).read(0).target.tolist() == [1, 2, 3]


def test_all_frames_of_a_clip_are_changed_alike(parts):
    dataset = ClipDataset(*parts, per_step=True)
    plain = dataset.read(0).inputs.astype(int)
    dataset.augmentation = Augmentation([albumentations.RandomBrightnessContrast(p=1)])
    dataset.augmentation.start(1)
    changed = dataset.read(0).inputs.astype(int)
    assert changed.shape == plain.shape
    inside = (changed[:, 0, 0, 0] > 5) & (changed[:, 0, 0, 0] < 250)
    # one brightness and one contrast: what the first two frames tell holds for all
    slope, offset = np.polyfit(plain[inside, 0, 0, 0], changed[inside, 0, 0, 0], 1)
    fitted = slope * plain[inside, 0, 0, 0] + offset
    assert inside.sum() > 8 and abs(slope - 1) + abs(offset) > 1
    np.testing.assert_allclose(changed[inside, 0, 0, 0], fitted, atol=1.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_long_clips_are_changed_alike_too(channels):
    """More frames than OpenCV flips at once: all chunks get one draw."""
    augmentation = Augmentation(
        [albumentations.HorizontalFlip(), albumentations.D4(p=1), albumentations.Affine(rotate=20)]
    )
    frame = np.random.default_rng(0).integers(0, 255, (10, 10, channels), np.uint8)
    first = set()
    for seed in range(12):
        augmentation.start(seed)
        changed = augmentation.clip(np.repeat(frame[None], 300, 0))
        assert changed.shape == (300, 10, 10, channels)
        np.testing.assert_array_equal(changed, changed[:1].repeat(300, 0))
        first.add(changed[0].tobytes())
    assert len(first) > 6  # each clip has a draw of its own
