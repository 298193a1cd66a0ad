"""Labelled videos from folders and tables: targets, groups, and named problems."""

import cv2
import numpy as np
import pytest

from datasets import Clips
from datasets.video.groups import group_of
from tests.support.films import film, with_sound

STEPS = 12


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    """Six videos a0 a1 b0 b1 c0 c1, each with its own grey levels."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for index, name in enumerate(("a0", "a1", "b0", "b1", "c0", "c1")):
        film(folder / f"{name}.mp4", [30 * index + t for t in range(STEPS)], size=(32, 32))
    return folder


def write(root, name: str, *rows: str) -> str:
    (root / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return name


def clips(root, table: str | None, **options) -> Clips:
    given = {"height": 8, "width": 8, "validation": 0.0, "group_pattern": "(.)[01]"} | options
    return Clips(str(root), table=table, **given)


def labels_table(root) -> str:
    rows = [f"{name}.mp4,{'odd' if name[1] == '1' else 'even'}" for name in
            ("a0", "a1", "b0", "b1", "c0", "c1")]  # fmt: skip
    return write(root, "labels.csv", "clip,label", *rows)


def test_one_label_a_clip_split_by_group(root):
    source = clips(root, labels_table(root), validation=["b"], test=["c"])
    assert source.labels == ["even", "odd"] and source.problems == []
    for split, names in (("train", "a"), ("validation", "b"), ("test", "c")):
        dataset = source.split(split)
        assert dataset.names == [f"{names}0.mp4", f"{names}1.mp4"]
        assert dataset.groups == [names] * 2
        assert [int(dataset.read(i).target) for i in (0, 1)] == [0, 1]
    assert source.split("train").read(0).inputs.shape == (STEPS, 1, 8, 8)


def test_a_folder_for_each_class(root):
    for name in ("a0", "a1", "b0"):
        target = root / ("run" if name[1] == "0" else "rest") / f"{name}.mp4"
        target.parent.mkdir(exist_ok=True)
        (root / f"{name}.mp4").rename(target)
    for name in ("b1", "c0", "c1"):
        (root / f"{name}.mp4").unlink()
    source = clips(root, None, labels=["run", "rest"])
    dataset = source.split("train")
    found = {dataset.names[i]: int(dataset.read(i).target) for i in range(3)}
    assert found == {"rest/a1.mp4": 1, "run/a0.mp4": 0, "run/b0.mp4": 0}


def test_a_label_for_every_step_and_unlabelled_ones(root):
    rows = ["a0.mp4,0,3,walk", "a0.mp4,5,8,none", "a0.mp4,8,12,fall"]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label", *rows)
    source = clips(root, table, target="steps", ignore=["none"])
    assert source.labels == ["fall", "walk"]
    expected = [1] * 3 + [-100] * 5 + [0] * 4
    assert source.split("train").read(0).target.tolist() == expected


def test_seconds_and_a_lower_rate(root):
    rows = ["a0.mp4,0,0.55,walk", "a0.mp4,0.55,1.2,fall"]
    table = write(root, "s.csv", "clip,start,end,label", *rows)
    source = clips(root, table, target="steps", rate_hz=5)
    # at 0, 0.2, 0.4 | 0.6, 0.8, 1.0 seconds of a film at 10 Hz
    assert source.split("train").read(0).target.tolist() == [1, 1, 1, 0, 0, 0]


def test_transcripts_by_character_and_by_word(root):
    table = write(root, "t.csv", "clip,text", "a0.mp4,set red", "b0.mp4,bin red")
    source = clips(root, table, target="text", validation=["b"])
    assert "".join(source.labels) == " bdeinrst"
    text = "".join(source.labels[i] for i in source.split("train").read(0).target)
    assert text == "set red"
    words = clips(root, table, target="text", unit="words", validation=["b"])
    assert words.labels == ["bin", "red", "set"]
    assert words.split("train").read(0).target.tolist() == [2, 1]


def test_rows_can_be_chosen(root):
    rows = ["a0.mp4,0,6,digit,two", "a0.mp4,6,9,color,red", "b0.mp4,0,6,digit,six"]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label,word", *rows)
    source = clips(root, table, column="word", where="label=digit", validation=["b"])
    assert source.labels == ["six", "two"]
    assert int(source.split("train").read(0).target) == 1


def test_what_cannot_be_used_is_named_and_the_rest_is_read(root):
    (root / "a1.mp4").write_text("version https://git-lfs.github.com/spec/v1")
    rows = ["a0.mp4,x", "a1.mp4,x", "gone.mp4,y", "b0.mp4,y", "b1.mp4,"]
    source = clips(root, write(root, "l.csv", "clip,label", *rows), group_pattern=None)
    assert source.split("train").names == ["a0.mp4", "b0.mp4"]
    reasons = {problem.name: problem.reason for problem in source.problems}
    assert len(reasons) == 3
    assert "no such file" in reasons["gone.mp4"] and "a1.mp4" in reasons["a1.mp4"]


def test_a_label_that_no_training_clip_has_is_named(root):
    rows = ["a0.mp4,x", "a1.mp4,y", "c0.mp4,z"]
    source = clips(root, write(root, "l.csv", "clip,label", *rows), test=["c"])
    assert source.labels == ["x", "y"] and len(source.split("test")) == 0
    (problem,) = source.problems
    assert "c0.mp4" in problem.reason and "'z'" in problem.reason


def test_one_video_under_two_names_cannot_stand_on_both_sides(root):
    (root / "c1.mp4").write_bytes((root / "a0.mp4").read_bytes())
    table = labels_table(root)
    assert len(clips(root, table).split("train")) == 6
    with pytest.raises(ValueError, match=r"a0\.mp4 and c1\.mp4 are the same video.*test"):
        clips(root, table, test=["c"])


def test_segments_past_the_end_are_named(root):
    rows = ["a0.mp4,0,6,walk", "a0.mp4,6,30,fall"]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label", *rows)
    for rate, end in ((None, "12"), (5, "about 12"), (3, "about 13")):
        source = clips(root, table, target="steps", rate_hz=rate)
        (problem,) = source.notes
        assert source.problems == []
        assert f"past its end, {end} frames" in problem.reason


@pytest.mark.parametrize("rate", [None, 5])
@pytest.mark.parametrize(
    ("columns", "rows", "hint"),
    [
        ("start,end", ["0,600,walk", "600,1200,fall"], "seem to be milliseconds"),
        ("start,end", ["0,6,walk", "6,12,fall"], "seem to be frames"),
        ("start_frame,end_frame", ["0,600,walk", "600,1200,fall"], "seem to be milliseconds"),
        ("start,end", ["0,30,walk", "30,99,fall"], "another unit or belong to another clip"),
    ],
)
def test_times_of_another_unit_are_refused_at_any_rate(root, rate, columns, rows, hint):
    table = write(root, "s.csv", f"clip,{columns},label", *(f"a0.mp4,{row}" for row in rows))
    with pytest.raises(ValueError, match=f"no clip to train on\n.*far past the clip's end.*{hint}"):
        clips(root, table, target="steps", rate_hz=rate)


def test_one_mistyped_time_leaves_out_its_segment_only(root):
    rows = ["a0.mp4,0,0.5,walk", "a0.mp4,0.5,0.9,fall", "a0.mp4,0.9,11,walk", "b0.mp4,0,0.5,fall",
            "b0.mp4,0.5,120,walk", "c0.mp4,90,95,walk", "c0.mp4,0.1,0.6,walk"]  # fmt: skip
    table = write(root, "s.csv", "clip,start,end,label", *rows)
    source = clips(root, table, target="steps")
    first, second, third = (problem.reason for problem in source.problems)
    says = "'walk' from 0.9 to 11.0 s (s.csv, line 4) ends far past its end, 1.200 s; correct it"
    assert first == f"a0.mp4: {says}"
    assert "'walk' from 0.5 to 120.0 s (s.csv, line 6) ends far past" in second
    assert "'walk' from 90.0 to 95.0 s (s.csv, line 7) labels no step" in third
    assert source.split("train").names == ["a0.mp4", "b0.mp4", "c0.mp4"] and source.notes == []
    assert (source.split("train").read(0).target == -100).sum() == 3


def test_each_segment_owns_a_step_or_is_named(root):
    rows = ["a0.mp4,0,0.55,walk", "a0.mp4,0.61,0.79,trip", "a0.mp4,0.8,1.2,fall",
            "b0.mp4,0,1.2,fall", "b0.mp4,1.3,1.5,walk", "c0.mp4,1.3,1.4,walk"]  # fmt: skip
    table = write(root, "s.csv", "clip,start,end,label", *rows)
    source = clips(root, table, target="steps", rate_hz=5)
    assert source.labels == ["fall", "walk"]  # no step is left to learn 'trip' from
    trip, late, alone = (problem.reason for problem in source.problems)
    assert "'trip' from 0.61 to 0.79 s (s.csv, line 3) labels no step" in trip
    assert "begins past its end, 1.200 s" in late and alone.startswith("c0.mp4")
    assert source.split("train").names == ["a0.mp4", "b0.mp4"]
    assert clips(root, table, target="steps").labels == ["fall", "trip", "walk"]


def test_frames_counted_from_one_with_inclusive_ends_are_noticed(root):
    rows = ["1,3,walk", "4,6,fall", "7,9,walk", "10,12,fall"]
    from_one = [f"a0.mp4,{row}" for row in rows]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label", *from_one)
    (note,) = clips(root, table, target="steps").notes
    assert "3 of 3 neighbouring segments leave one frame between them" in note.reason
    assert "subtract 1 from start_frame" in note.reason
    shifted = ["a0.mp4,0,2,walk", "a0.mp4,3,5,fall", "a0.mp4,6,8,walk", "a0.mp4,9,11,fall"]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label", *shifted)
    (note,) = clips(root, table, target="steps").notes
    assert "add 1 to end_frame" in note.reason
    exact = ["a0.mp4,0,3,walk", "a0.mp4,3,6,fall", "a0.mp4,6,9,walk", "a0.mp4,9,12,fall"]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label", *exact)
    assert clips(root, table, target="steps").notes == []


def test_pictures_that_begin_after_the_sound_keep_their_labels(root):
    with_sound(root / "late.mkv", 500, 0)
    rows = ["late.mkv,0.45,0.65,walk", "late.mkv,0.65,0.8,fall"]
    table = write(root, "s.csv", "clip,start,end,label", *rows)
    source = clips(root, table, target="steps", group_pattern=None)
    assert source.split("train").read(0).target.tolist() == [1, 1, 0]  # at 0.5, 0.6, 0.7 s
    (note,) = source.notes
    assert "late.mkv by 0.500 s; seconds count from the start of the sound" in note.reason


def in_split_folders(root, *names: str) -> None:
    """Move the six videos into root/names[i]/run or rest, two into each."""
    for name in ("a0", "a1", "b0", "b1", "c0", "c1"):
        split, label = names["abc".index(name[0])], "rest" if name[1] == "1" else "run"
        (root / split / label).mkdir(parents=True, exist_ok=True)
        (root / f"{name}.mp4").rename(root / split / label / f"{name}.mp4")


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "testing")])
def test_folders_of_splits_are_splits_and_no_classes(root, names):
    in_split_folders(root, *names)
    source = clips(root, None, group_pattern=None)
    assert source.labels == ["rest", "run"]
    for split, name, letter in zip(("train", "validation", "test"), names, "abc", strict=True):
        dataset = source.split(split)
        assert dataset.names == [f"{name}/rest/{letter}1.mp4", f"{name}/run/{letter}0.mp4"]
        assert [int(dataset.read(i).target) for i in (0, 1)] == [0, 1]
    with pytest.raises(ValueError, match="folder of the test split says what is in it"):
        clips(root, None, group_pattern=None, test=["a"])


def test_a_split_without_a_folder_is_drawn_from_the_training_clips(root):
    in_split_folders(root, "train", "train", "test")
    source = clips(root, None, group_pattern=None, validation=0.25)
    sizes = {split: len(source.split(split)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 2, "validation": 2, "test": 2}  # both labels in each


def test_a_group_in_two_folders_of_splits_is_refused(root):
    in_split_folders(root, "train", "val", "test")
    with pytest.raises(ValueError, match="group 'mp4' is in the folders of two splits"):
        clips(root, None, group_pattern="(mp4)")


def test_several_labels_at_once_from_a_table(root):
    rows = ["a0.mp4,0,6,walk", "a0.mp4,3,9,eat", "a0.mp4,9,10,unsure"]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label", *rows)
    source = clips(root, table, target="steps", multi_label=True, ignore=["unsure"])
    assert source.labels == ["eat", "walk"] and source.problems == []
    expected = [[0, 1]] * 3 + [[1, 1]] * 3 + [[1, 0]] * 3 + [[-100, -100]] + [[0, 0]] * 2
    assert source.split("train").read(0).target.tolist() == expected
    alone = clips(root, table, target="steps", ignore=["unsure", "eat"], multi_label=True)
    assert alone.labels == ["walk"]  # on or off: two things to tell apart
    with pytest.raises(ValueError, match="multi_label goes with target: steps"):
        clips(root, table, multi_label=True)


def test_one_label_alone_is_refused(root):
    table = write(root, "s.csv", "clip,label", "a0.mp4,x", "b0.mp4,x", "gone.mp4,y")
    with pytest.raises(
        ValueError, match=r"(?s)only one label is left, 'x'.*gone\.mp4: no such file"
    ):
        clips(root, table)


def frames_in(folder, levels, name="{:04d}.png", start=1) -> None:
    folder.mkdir(parents=True)
    for number, level in enumerate(levels, start):
        image = np.full((16, 16), level, np.uint8)
        cv2.imwrite(str(folder / name.format(number)), image)


def test_a_folder_of_frames_is_a_clip_with_a_rate(tmp_path):
    frames_in(tmp_path / "run" / "one", [10, 20, 30, 40])
    frames_in(tmp_path / "rest" / "day1" / "two", range(90, 102), "f{}.jpg")
    source = clips(tmp_path, None, group_pattern=None, rate_hz=5)
    dataset = source.split("train")
    assert dataset.names == ["rest/day1/two", "run/one"] and dataset.groups[0] == "day1"
    frames = dataset.read(1).inputs
    assert frames.shape == (4, 1, 8, 8) and frames[:, 0, 0, 0].tolist() == [10, 20, 30, 40]
    stored = source.cache.store(str(tmp_path / "rest" / "day1" / "two"))
    np.testing.assert_allclose(stored.times, np.arange(12) / 5)
    assert abs(dataset.read(0).inputs.mean((1, 2, 3)) - np.arange(90, 102)).max() <= 2  # 2 after 10
    with pytest.raises(ValueError, match="a folder of images does not say how many"):
        clips(tmp_path, None, group_pattern=None)


def test_a_gap_in_a_folder_of_frames_is_named(tmp_path):
    frames_in(tmp_path / "run" / "one", [10, 20, 30, 40])
    frames_in(tmp_path / "rest" / "two", [10, 20], "{:02d}0.png")
    frames_in(tmp_path / "run" / "three", [1, 2, 3])
    (tmp_path / "run" / "one" / "0003.png").unlink()
    source = clips(tmp_path, None, group_pattern=None, rate_hz=5)
    (problem,) = source.problems
    assert "images are missing between 0002.png and 0004.png" in problem.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "text", "window": 5}, "would cut a transcript"),
        ({"window": -1}, "window=-1"),
        ({"speed": 1.0}, "speed below 1"),
        ({"labels": ["even"]}, "lack"),
        ({"group_pattern": "(x)"}, "finds no group"),
        ({"group_pattern": "("}, "group_pattern"),
        ({"rate_hz": 5, "frames": 3}, "give one of them"),
        ({"test": ["d"]}, "no group 'd'"),
    ],
)
def test_mistakes_are_told_before_training(root, options, message):
    with pytest.raises(ValueError, match=message):
        clips(root, labels_table(root), **options)


def test_groups_by_pattern():
    assert group_of("day7/x.mp4", r"day(\d)") == "7" and group_of("x.mp4", None) == "x.mp4"


def test_training_is_cut_and_validation_is_whole(root):
    rows = [*(f"{n}.mp4,0,12,walk" for n in ("a0", "b0")), "a1.mp4,0,12,sit"]
    table = write(root, "s.csv", "clip,start_frame,end_frame,label", *rows)
    source = clips(root, table, target="steps", window=5, validation=["b"])
    assert source.split("train").sizes.tolist() == [5, 5, 5, 5, 5, 5]
    assert source.split("validation").sizes.tolist() == [STEPS]
    np.testing.assert_array_equal(source.split("validation").read(0).target, 1)


@pytest.mark.parametrize("target", ["clip", "steps"])
def test_one_label_is_refused(root, target):
    table = write(root, "s.csv", "clip,start,end,label", "a0.mp4,0,1,run", "b0.mp4,0,1,Run\u200b")
    (note,) = clips(root, table, target=target).notes
    assert "labels 'Run\u200b' (" in note.reason and "did you mean one?" in note.reason
    with pytest.raises(ValueError, match="only one label is left, 'run'"):
        clips(root, table, target=target, ignore=["Run\u200b"])


def test_spellings_of_a_label_are_joined_and_counted(root):
    names = ["a0", "a1", "b0", "b1", "c0"]
    labels = ["caf\u00e9", "cafe\u0301", "1", "1.0", " 1"]
    rows = [f"{name}.mp4,{label}" for name, label in zip(names, labels, strict=True)]
    source = clips(root, write(root, "l.csv", "clip,label", *rows), labels=["1.0", "cafe\u0301"])
    assert source.labels == ["1", "caf\u00e9"] and source.notes == []
    assert source.label_counts("train") == {"1": 3, "caf\u00e9": 2}


def test_transcripts_lose_tabs_and_line_breaks(root):
    rows = ["a0.mp4,one\u00a0two", 'b0.mp4,"one\ntwo"', "c0.mp4,two"]
    source = clips(root, write(root, "t.csv", "clip,text", *rows), target="text")
    assert set(source.labels) == set("one two")
    (note,), (problem,) = source.notes, source.problems
    assert "1 transcripts with tabs or unusual spaces (1 x U+00A0)" in note.reason
    assert problem.name == "b0.mp4" and "a line break inside" in problem.reason


def test_words_of_one_letter_would_be_read_as_characters(root):
    table = write(root, "t.csv", "clip,text", "a0.mp4,a b", "b0.mp4,b a")
    with pytest.raises(ValueError, match="take unit: characters"):
        clips(root, table, target="text", unit="words")


def test_clips_whose_label_is_ignored_are_no_problem(root):
    rows = ["a0.mp4,x", "b0.mp4,y", "c0.mp4,unknown"]
    source = clips(root, write(root, "l.csv", "clip,label", *rows), ignore=["unknown"])
    assert source.labels == ["x", "y"] and len(source.split("train")) == 2
    assert source.problems == []


def test_sizes_bound_what_a_faster_or_slower_clip_has(root):
    dataset = clips(root, labels_table(root), speed=0.5).split("train")
    assert dataset.sizes.tolist() == [18] * 6
    for dataset.epoch in range(20):
        assert all(len(dataset.read(i).inputs) <= 18 for i in range(6))
