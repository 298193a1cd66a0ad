"""Synthetic videos: labels can be recovered from the pixels over time, not from single frames."""

from itertools import pairwise

import numpy as np
import pytest

from datasets.batch import collate
from datasets.video.synthetic import ACTIONS, MOTIONS, SyntheticClips, SyntheticEvents

SOURCES = (SyntheticClips, SyntheticEvents)


def source(kind, count=40, **options):
    return kind(count=count, validation=12, test=12, **options)


def shape_mask(frames):
    """(T, 1, H, W) grey levels -> (T, H, W): where the bright shape is."""
    return frames[:, 0] > np.median(frames) + 45


def shift(mask, axis):
    """Pixels that the shape moves down (axis 1) or right (axis 2), with wrap-around."""
    size = mask.shape[axis]
    profile = mask.sum(axis=3 - axis) @ np.exp(2j * np.pi * np.arange(size) / size)
    angles = np.unwrap(np.angle(profile))
    return (angles[-1] - angles[0]) * size / (2 * np.pi)


def seen_motion(frames):
    """The motion as recognised from the pixels alone."""
    mask = shape_mask(frames)
    area = mask.sum(axis=(1, 2))
    if not 0.6 < area[-1] / area[0] < 1.6:
        return "grows" if area[-1] > area[0] else "shrinks"
    right, down = shift(mask, 2), shift(mask, 1)
    if max(abs(right), abs(down)) < 2:
        return "stays"
    if abs(right) > abs(down):
        return "moves right" if right > 0 else "moves left"
    return "moves down" if down > 0 else "moves up"


def runs(labels):
    """Labels (T,) -> (label, start, end) of each run."""
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    ends = [*starts[1:], len(labels)]
    return [(ACTIONS[labels[a]], a, b) for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("kind", SOURCES)
def test_a_sample_depends_on_seed_split_and_index_alone(kind):
    few, many = source(kind, 5).split("train"), source(kind, 9).split("train")
    other = source(kind, 5, seed=1).split("train")
    for index in (4, 0):
        sample, again = few.read(index), many.read(index)
        np.testing.assert_array_equal(sample.inputs, again.inputs)
        np.testing.assert_array_equal(sample.target, again.target)
        assert sample.inputs.tobytes() != other.read(index).inputs.tobytes()


@pytest.mark.parametrize("kind", SOURCES)
def test_splits_share_no_sample_and_no_scene(kind):
    splits = [source(kind, 12).split(name) for name in ("train", "validation", "test")]
    first = {split.read(i).inputs[0].tobytes() for split in splits for i in range(12)}
    assert len(first) == 36
    assert len({group for split in splits for group in split.groups}) == 9
    assert splits[1].names[7] == "synthetic validation 7"


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("channels", "frame_size"), [(1, 32), (3, 24)])
def test_frames_have_the_promised_form(kind, channels, frame_size):
    data = source(kind, 14, channels=channels, frame_size=frame_size)
    split = data.split("train")
    assert data.input_size == channels
    assert (data.reader.height, data.reader.width) == (frame_size, frame_size)
    assert data.reader.channels == channels
    assert len(set(split.sizes.tolist())) > 5
    for index, sample in (split[i] for i in range(len(split))):
        steps = split.sizes[index]
        assert sample.inputs.shape == (steps, channels, frame_size, frame_size)
        assert (sample.inputs.dtype, sample.target.dtype) == (np.uint8, np.int64)
        assert sample.target.shape == (() if kind is SyntheticClips else (steps,))


@pytest.mark.parametrize("kind", SOURCES)
def test_every_label_occurs(kind):
    data = source(kind)
    split = data.split("train")
    found = {int(x) for i in range(len(split)) for x in np.atleast_1d(split.read(i).target)}
    assert found == set(range(len(data.labels)))


def test_samples_collate():
    split = source(SyntheticEvents).split("test")
    batch = collate([split[3], split[8]])
    longest = int(split.sizes[[3, 8]].max())
    assert batch.inputs.shape == (2, longest, 1, 32, 32)
    assert batch.lengths.tolist() == batch.target_lengths.tolist() == split.sizes[[3, 8]].tolist()


def test_a_clips_motion_can_be_seen():
    split = source(SyntheticClips, 210).split("train")
    samples = [split.read(i) for i in range(len(split))]
    right = [seen_motion(s.inputs) == MOTIONS[s.target] for s in samples]
    assert np.mean(right) > 0.97


def test_a_clips_motion_is_not_in_where_the_shape_stands():
    split = source(SyntheticClips, 1400).split("train")
    across = {"moves left": [], "moves right": []}
    for i in range(len(split)):
        if MOTIONS[i % 7] in across:
            frames = split.read(i).inputs
            columns = shape_mask(frames)[[0, -1]].sum(axis=1)
            across[MOTIONS[i % 7]].append(columns.argmax(axis=1))
    left, right = (np.array(columns_of_clips) for columns_of_clips in across.values())
    for moment in (0, 1):  # the first frame and the last
        both = np.exp(2j * np.pi * left[:, moment] / 32), np.exp(2j * np.pi * right[:, moment] / 32)
        assert abs(both[0].mean() - both[1].mean()) < 3 * np.sqrt(2 / 200)


def test_events_follow_what_the_shape_does():
    split = source(SyntheticEvents).split("train")
    checked = 0
    for i in range(len(split)):
        frames, labels = split.read(i)
        for action, start, end in runs(labels):
            if end - start < 6 or action == "flashing":
                continue
            pixels = shift(shape_mask(frames)[start:end], 2)
            expected = {"moving left": pixels < -2, "moving right": pixels > 2}
            assert expected.get(action, abs(pixels) < 2), (split.names[i], action, start, pixels)
            checked += 1
    assert checked > 100


def test_a_rest_is_named_after_the_move_just_before_it():
    split = source(SyntheticEvents).split("train")
    pairs = set()
    for i in range(len(split)):
        actions = [action for action, _, _ in runs(split.read(i).target)]
        pairs.update(pairwise(actions))
    still = ("waiting", "resting after left", "resting after right")
    assert {(action, before) for before, action in pairs if action in still} == {
        ("waiting", "flashing"),
        ("resting after left", "moving left"),
        ("resting after right", "moving right"),
    }


def test_one_frame_does_not_tell_the_two_rests_apart():
    split = source(SyntheticEvents, 500).split("train")
    wave = np.exp(2j * np.pi * np.arange(32) / 32)
    seen = {"resting after left": [], "resting after right": [], "flashing": []}
    for i in range(len(split)):
        frames, labels = split.read(i)
        for action, start, end in runs(labels):
            if action in seen:
                frame = frames[(start + end) // 2, 0].astype(float)
                x, y = frame.sum(0) @ wave, frame.sum(1) @ wave
                seen[action].append([frame.mean(), np.ptp(frame), x.real, x.imag, y.real, y.imag])

    def difference(one, other):
        """Difference of the means in standard errors, for each statistic of a frame."""
        a, b = np.array(seen[one]), np.array(seen[other])
        return np.abs(a.mean(0) - b.mean(0)) / np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))

    assert len(seen["resting after left"]) > 200
    assert difference("resting after left", "resting after right").max() < 3
    assert difference("resting after left", "flashing").max() > 6  # the measure can tell


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count=0; give at least 1"),
        ({"seed": -1}, "seed=-1; give at least 0"),
        ({"frame_size": 8}, "frame_size=8; give at least 16"),
        ({"channels": 2}, "channels=2; give 1 or 3"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        source(SyntheticClips, **options)
