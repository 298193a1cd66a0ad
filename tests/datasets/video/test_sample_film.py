"""The sample videos equal what the generator makes, and agree with their tables."""

import csv
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from datasets import ClipReader
from datasets.video.sample_film import (
    DRAWN,
    EVENT_FILMS,
    MOTION_CLIPS,
    RATE_HZ,
    SAMPLES,
    SEED,
    segments,
    write_samples,
)
from datasets.video.synthetic import ACTIONS, MOTIONS, SyntheticClips, SyntheticEvents

READER = ClipReader(DRAWN, DRAWN, 1)
TABLES = ("clips.csv", "events.csv")


def rows(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder)
    return folder


def test_they_are_made_again_as_they_ship(made):
    names = sorted(path.name for path in SAMPLES.iterdir())
    assert names == sorted(path.name for path in made.iterdir())
    for table in TABLES:
        assert (made / table).read_bytes() == (SAMPLES / table).read_bytes()
    for name in names:
        if name not in TABLES:  # another version of the encoder may write other bytes
            new, shipped = (READER.read(str(f / name)).astype(int) for f in (made, SAMPLES))
            assert new.shape == shipped.shape and np.abs(new - shipped).mean() < 2, name


def test_a_reader_gets_the_made_frames_back_but_for_the_encoders_loss():
    motions = SyntheticClips(MOTION_CLIPS, 0, 0, SEED, DRAWN).split("train")
    events = SyntheticEvents(EVENT_FILMS, 0, 0, SEED, DRAWN).split("train")
    samples = {f"motion{i + 1:02}.mp4": motions.read(i) for i in range(MOTION_CLIPS)}
    samples |= {f"events{i + 1}.mp4": events.read(i) for i in range(EVENT_FILMS)}
    for name, sample in samples.items():
        clip = READER.read_clip(str(SAMPLES / name))
        assert clip.frames.shape == sample.inputs.shape
        difference = clip.frames.astype(float) - sample.inputs
        assert abs(difference.mean()) < 1 and difference.std() < 5  # noise of 2 to 8 is partly lost
        np.testing.assert_allclose(clip.times, np.arange(len(clip.frames)) / RATE_HZ, atol=1e-3)


def test_they_are_small_and_show_every_label():
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 300_000
    motions = Counter(row["label"] for row in rows(SAMPLES / "clips.csv"))
    assert motions == dict.fromkeys(MOTIONS, MOTION_CLIPS // len(MOTIONS))
    assert {row["label"] for row in rows(SAMPLES / "events.csv")} == set(ACTIONS)


def test_every_frame_of_a_film_has_its_label():
    truth = SyntheticEvents(EVENT_FILMS, 0, 0, SEED, DRAWN).split("train")
    for i in range(EVENT_FILMS):
        runs = [r for r in rows(SAMPLES / "events.csv") if r["clip"] == f"events{i + 1}.mp4"]
        bounds = [(int(r["start_frame"]), int(r["end_frame"])) for r in runs]
        assert bounds[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(bounds))
        labels = [r["label"] for r, (a, b) in zip(runs, bounds, strict=True) for _ in range(a, b)]
        assert labels == [ACTIONS[action] for action in truth.read(i).target]


def test_runs_of_one_label_become_segments():
    ids = np.array([2, 2, 0, 2])
    assert segments(ids, "abc") == [(0, 2, "c"), (2, 3, "a"), (3, 4, "c")]
