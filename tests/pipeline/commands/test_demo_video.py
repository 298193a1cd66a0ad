"""The videos of the demo: read and scored, shown as tables, strips and sections."""

import io
import re
import shutil

import numpy as np
import pytest
from rich.console import Console

from datasets.video.synthetic import ACTIONS, MOTIONS
from models.heads.labels import Label
from pipeline.commands import demo_video
from pipeline.commands.demo import SAMPLES
from pipeline.reading import bundle_files
from pipeline.reading.bundle import save_bundle
from tests.support.film_bundles import film_bundles

CLIPS = SAMPLES / "clips"


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    for name, made in film_bundles().items():
        save_bundle(made, tmp_path / f"{name}.safetensors")
    monkeypatch.setattr(bundle_files, "ZOO", tmp_path)
    return tmp_path


def printed(*things) -> str:
    console = Console(width=100, file=io.StringIO())
    for thing in things:
        console.print(thing)
    return console.file.getvalue()


def corrected(videos: demo_video.ScoredVideos) -> demo_video.ScoredVideos:
    """Every clip but the first gets its own label as reading, the first one the next label."""
    seen = []
    for i, clip in enumerate(videos.seen):
        label = (int(clip.target) + (i == 0)) % len(videos.labels)
        seen.append(clip._replace(answer=clip.answer._replace(reading=Label(label, 0.875))))
    return videos._replace(seen=seen)


def test_every_sample_is_read_and_scored(zoo):
    motions, events = demo_video.read_samples(CLIPS)
    assert len(motions.seen) == 14 and len(events.seen) == 4
    correct = [clip.answer.reading.id == int(clip.target) for clip in motions.seen]
    assert motions.scores["accuracy"].value == pytest.approx(100 * np.mean(correct))
    for answer, target, _ in events.seen:
        assert len(answer.reading.ids) == len(answer.times) == len(target) > 40
        assert target.min() >= 0  # every frame of these videos has a label
    assert 0 <= events.scores["frame_accuracy"].value <= 100


def test_a_wrong_clip_shows_its_truth(zoo):
    motions = corrected(
        demo_video.read_videos(demo_video.load_recognizer("motions"), CLIPS / "clips.csv")
    )
    rows = [r for r in printed(demo_video.motion_table(motions)).splitlines() if ".mp4" in r]
    assert re.split(r"\s{2,}", rows[0].strip()) == ["motion01.mp4", "moves left", "stays", "87.5 %"]
    assert re.split(r"\s{2,}", rows[1].strip()) == ["motion02.mp4", "moves left", "87.5 %"]
    assert len(rows) == 14


def test_a_strip_shows_each_label_for_its_share_of_the_time():
    ids = np.repeat([0, 5, 2], [10, 20, 10])
    text = demo_video.strip(ids, ACTIONS, columns=8)
    assert text.plain == "aaffffcc"
    assert len({span.style for span in text.spans}) == 3
    ids = np.repeat([0, 5], [12, 28])  # the third column, frames 10 to 15, is f in its middle
    assert demo_video.strip(ids, ACTIONS, columns=8).plain == "aaffffff"
    ids = np.repeat([0, 5], [12, 28])  # the third column, frames 10 to 15, is f in its middle
    assert demo_video.strip(ids, ACTIONS, columns=8).plain == "aaffffff"
    assert demo_video.strip(ids[:3], ACTIONS, columns=8).plain == "aaaaaaaa"
    legend = demo_video.letter_key(ACTIONS).plain
    assert "a waiting" in legend and "f flashing" in legend


def test_the_truth_is_above_the_reading(zoo):
    events = demo_video.read_videos(demo_video.load_recognizer("events"), CLIPS / "events.csv")
    rows = printed(demo_video.event_table(events)).splitlines()
    first = next(i for i, row in enumerate(rows) if "events1.mp4" in row)
    strips = [re.search(r"\b[a-f]{50}\b", row).group() for row in rows[first : first + 2]]
    target, answer = events.seen[0].target, events.seen[0].answer
    reading = [ids[0] for ids in answer.reading.ids]
    for shown, ids in zip(strips, (target, reading), strict=True):
        assert [ord(letter) - ord("a") for letter in shown] == [
            ids[int((column + 0.5) * len(ids) / 50)] for column in range(50)
        ]


def test_the_lips_hint_needs_its_bundle(zoo):
    assert demo_video.lips_hint() is None
    (zoo / "lips-en.safetensors").write_bytes(b"")
    assert "predict CLIP.mp4 --model lips-en" in demo_video.lips_hint()


@pytest.mark.parametrize("missing", ["motions", "events"])
def test_a_missing_bundle_is_named(zoo, missing):
    (zoo / f"{missing}.safetensors").unlink()
    with pytest.raises((OSError, ValueError), match=f"no bundle '{missing}'"):
        demo_video.read_samples(CLIPS)


def test_a_damaged_clip_and_an_unknown_label_are_named(zoo, tmp_path):
    recognizer = demo_video.load_recognizer("motions")
    shutil.copy(CLIPS / "motion01.mp4", tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"")
    table = tmp_path / "clips.csv"
    table.write_text("clip,label\na.mp4,stays\nb.mp4,stays\n")
    with pytest.raises(ValueError, match=r"b\.mp4.*make the samples again"):
        demo_video.read_videos(recognizer, table)
    table.write_text("clip,label\na.mp4,swims\n")
    with pytest.raises(ValueError, match="does not know the label 'swims'"):
        demo_video.read_videos(recognizer, table)


def test_the_page_has_a_card_for_each_clip_and_a_timeline_for_each_longer_video(zoo):
    html = "".join(demo_video.sections(demo_video.read_samples(CLIPS)))
    assert html.count('class="card"') == 14 and html.count('class="timeline"') == 4
    assert html.count("<image ") == 4 * demo_video.NUM_THUMBNAILS
    assert all(f">{label}</li>" in html for label in ACTIONS)
    assert all(label in html for label in MOTIONS)
