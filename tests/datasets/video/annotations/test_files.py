"""Dispatch by content, targets from segments, clip labels, clip ends, and class folders."""

import gzip
import json

import numpy as np
import pytest

from datasets.video.annotations.checks import find_late_segments
from datasets.video.annotations.class_folders import read_class_folders
from datasets.video.annotations.files import (
    ClipAnnotation,
    FrameSegment,
    TimeSegment,
    clip_labels,
    clip_path,
    labels_at,
    read_annotations,
)

IDS = {"a": 0, "b": 1}


def one_by_one(segments, times, numbers, ids, ignored):
    """labels_at according to its definition, in a loop."""
    targets = []
    for seconds, number in zip(times, numbers, strict=True):
        found = -100
        for segment in segments:
            start, end = segment.bounds
            value = number if isinstance(segment, FrameSegment) else seconds
            if start <= value < end and segment.label not in ignored:
                found = ids[segment.label]
        targets.append(found)
    return targets


def test_a_step_on_a_border_belongs_to_what_begins_there():
    frames = [FrameSegment(2, 4, "a"), FrameSegment(4, 5, "b"), FrameSegment(6, 99, "a")]
    numbers = np.arange(8)
    got = labels_at(frames, numbers / 10, numbers, IDS, set())
    assert got.dtype == np.int64
    assert got.tolist() == [-100, -100, 0, 0, 1, -100, 0, 0]
    seconds = [TimeSegment(0.2, 0.4, "a"), TimeSegment(0.4, 0.5, "b")]
    assert labels_at(seconds, numbers / 10, numbers, IDS, set()).tolist() == [
        -100, -100, 0, 0, 1, -100, -100, -100,
    ]  # fmt: skip


def test_frames_are_counted_in_the_file_not_in_the_sample():
    numbers = np.array([0, 5, 10, 15])
    got = labels_at([FrameSegment(5, 11, "b")], numbers / 25, numbers, IDS, set())
    assert got.tolist() == [-100, 1, 1, -100]


def test_ignored_labels_leave_steps_unlabelled():
    segments = [FrameSegment(0, 2, "none"), FrameSegment(2, 3, "a")]
    got = labels_at(segments, np.zeros(4), np.arange(4), IDS, {"none"})
    assert got.tolist() == [-100, -100, 0, -100]
    assert labels_at((), np.zeros(3), np.arange(3), IDS, set()).tolist() == [-100] * 3
    assert labels_at(segments, np.zeros(0), np.zeros(0, int), IDS, {"none"}).shape == (0,)


@pytest.mark.parametrize("kind", [FrameSegment, TimeSegment])
def test_targets_equal_their_definition(kind):
    rng = np.random.default_rng(0)
    for _ in range(30):
        borders = np.sort(rng.choice(60, size=12, replace=False)).tolist()
        names = rng.choice(["a", "b", "none"], size=6).tolist()
        segments = [
            kind(start, end, name)
            for start, end, name in zip(borders[::2], borders[1::2], names, strict=True)
        ]
        numbers = np.sort(rng.choice(70, size=40, replace=False))
        arguments = (segments, numbers + 0.0, numbers, IDS, {"none"})
        assert labels_at(*arguments).tolist() == one_by_one(*arguments)


def test_unknown_labels_and_overlaps_are_named():
    with pytest.raises(ValueError, match=r"'c' from frame 0 to 2 .t.csv, line 9.: no such label"):
        labels_at([FrameSegment(0, 2, "c", "t.csv, line 9")], np.zeros(1), np.zeros(1), IDS, set())
    with pytest.raises(ValueError, match="overlaps"):
        labels_at(
            [FrameSegment(0, 3, "a"), FrameSegment(2, 4, "b")], np.zeros(1), np.zeros(1), IDS, set()
        )


def test_seconds_and_frames_are_never_equal():
    assert TimeSegment(0, 1, "a") != FrameSegment(0, 1, "a")
    assert TimeSegment(0, 1, "a", "here") == TimeSegment(0, 1, "a", "there")


def test_segments_of_one_label_give_the_clips_label():
    same = ClipAnnotation(
        "x", segments=(FrameSegment(0, 1, "a"), FrameSegment(5, 6, "a")), group="g"
    )
    two = ClipAnnotation(
        "y", segments=(FrameSegment(0, 1, "a", "l1"), FrameSegment(5, 6, "b", "l2"))
    )
    own = ClipAnnotation("z", label="b")
    text = ClipAnnotation("t", text="words", where="t.csv, line 4")
    labelled, problems = clip_labels([same, two, own, text])
    assert [(one.clip, one.label, one.group) for one in labelled] == [
        ("x", "a", "g"),
        ("z", "b", None),
    ]
    assert [p.name for p in problems] == ["y", "t"]
    assert "'a' (l1), 'b' (l2)" in problems[0].reason
    assert "t.csv, line 4" in problems[1].reason


def test_segments_past_the_end_are_named():
    clip = ClipAnnotation(
        "x", segments=(FrameSegment(0, 9, "a"), FrameSegment(9, 11, "b", "line 3"))
    )
    assert find_late_segments(clip, 11, 1.1) == []
    (problem,) = find_late_segments(clip, 10, 1.0)
    assert "'b' from frame 9 to 11 (line 3)" in problem.reason and "10 frames" in problem.reason
    late = ClipAnnotation("x", segments=(TimeSegment(0, 1.1, "a"), TimeSegment(1.1, 1.3, "b")))
    assert [p.reason.split(" is")[0] for p in find_late_segments(late, 10, 1.0)] == [
        "x: 'b' from 1.1 to 1.3 s ()"
    ]
    assert find_late_segments(late, 12, 1.2) == []  # the end may be a frame late
    assert len(find_late_segments(late, 13, 1.1)) == 1


def test_a_clip_is_found_from_its_table_on(tmp_path):
    table = tmp_path / "labels.csv"
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/a.mp4").touch()
    (tmp_path / "b.mp4").touch()
    assert clip_path(table, "clips/a.mp4") == tmp_path / "clips/a.mp4"
    assert clip_path(table, str(tmp_path / "clips/a.mp4")) == tmp_path / "clips/a.mp4"
    assert clip_path(table, "C:\\Users\\me\\b.mp4") == tmp_path / "b.mp4"
    assert clip_path(table, "/home/me/b.mp4") == tmp_path / "b.mp4"
    (tmp_path / "a.mp4").touch()
    assert clip_path(table, "clips/a.mp4") == tmp_path / "clips/a.mp4"  # as written comes first
    assert clip_path(table, "clips/gone.mp4") == tmp_path / "clips/gone.mp4"


def test_folders_of_classes(tmp_path):
    for name in (
        "run/b.mp4",
        "run/a.MP4",
        "sit/day1/c.avi",
        "sit/notes.txt",
        ".git/x.mp4",
        "read.me",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = read_class_folders(tmp_path, (".mp4", ".avi"))
    assert [(one.clip, one.label, one.group) for one in found] == [
        ("run/a.MP4", "run", None),
        ("run/b.mp4", "run", None),
        ("sit/day1/c.avi", "sit", "day1"),
    ]
    (tmp_path / "loose.mp4").touch()
    with pytest.raises(ValueError, match=r"1 videos outside .* loose\.mp4"):
        read_class_folders(tmp_path, (".mp4", ".avi"))
    with pytest.raises(ValueError, match="no videos"):
        read_class_folders(tmp_path / "sit", (".webm",))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ('{"_via_img_metadata": {}}', {}, "images of VIA 2"),
        ('{"some": 1}', {}, "unknown kind"),
        ('{"behaviors_conf": {}, "observations": {"x": 3}}', {}, "damaged project"),
        ('{"behaviors_conf": {}, "observations": ', {}, "damaged JSON"),
        ("<html></html>", {}, "not an ELAN file"),
        ("clip,label\na,b\n", {"tier": "x"}, "tier='x' says nothing about a table"),
        ("<x/>", {"where": "a=b"}, "where='a=b' says nothing about an ELAN file"),
        ('{"behaviors_conf": {}, "observations": {}}', {"column": "x"}, "BORIS project"),
        ('{"behaviors_conf": {}, "observations": {}}', {}, "no annotation that can be used"),
        ("[1, 2]", {}, "no column 'clip'"),
        ("", {}, "the file is empty"),
    ],
)
def test_what_is_no_annotation_file_is_refused_in_words(tmp_path, content, options, message):
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_annotations(path, **options)
    assert str(path) in str(caught.value)


def test_damaged_archives_and_missing_files(tmp_path):
    packed = gzip.compress(json.dumps({"behaviors_conf": {}, "observations": {}}).encode())
    path = tmp_path / "cut.boris.gz"
    for length in (2, 8, len(packed) - 9):
        path.write_bytes(packed[:length])
        with pytest.raises(ValueError, match="damaged"):
            read_annotations(path)
    with pytest.raises(FileNotFoundError):
        read_annotations(tmp_path / "none.csv")
