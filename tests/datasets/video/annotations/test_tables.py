"""Tables of clips: every form, and every error named by its line."""

import os
from pathlib import Path

import pytest

from datasets.video.annotations.files import (
    FrameSegment,
    TimeSegment,
    clip_labels,
    read_annotations,
)
from datasets.video.annotations.tables import parse_conditions


def read(tmp_path, content, name="labels.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_annotations(path, **options)


def segments_of(annotations):
    return {one.clip: list(one.segments) for one in annotations}


def test_one_label_a_clip(tmp_path):
    found, problems = read(
        tmp_path, b'\xef\xbb\xbfclip,label,group,set\r\na.mp4, run ,g1,x\r\n"b, c.mp4",sit,,x\r\n'
    )
    assert problems == []
    assert [(one.clip, one.label, one.group, one.where) for one in found] == [
        ("a.mp4", "run", "g1", "labels.csv, line 2"),
        ("b, c.mp4", "sit", None, "labels.csv, line 3"),
    ]
    found, _ = read(tmp_path, "clip,label,set\na,x,s1\n", group="set", column="set")
    assert (found[0].label, found[0].group) == ("s1", "s1")


def test_frames_and_seconds_are_told_apart(tmp_path):
    found, problems = read(
        tmp_path, "clip,start_frame,end_frame,label\na,5,8,x\na,0,5,y\nb,24.0,30,x\n"
    )
    assert problems == []
    assert segments_of(found) == {
        "a": [FrameSegment(0, 5, "y"), FrameSegment(5, 8, "x")],
        "b": [FrameSegment(24, 30, "x")],
    }
    assert found[0].segments[0].where == "labels.csv, line 3"
    assert all(type(v) is int for s in found[0].segments for v in s.bounds)
    found, _ = read(tmp_path, "clip\tstart\tend\tlabel\na\t0\t1.5\tx\n", "labels.tsv")
    assert segments_of(found) == {"a": [TimeSegment(0.0, 1.5, "x")]}
    found, _ = read(tmp_path, "label;clip;end;start\nx;a;1.5;0.25\n")
    assert segments_of(found) == {"a": [TimeSegment(0.25, 1.5, "x")]}


def test_columns_are_found_in_any_case(tmp_path):
    found, problems = read(tmp_path, "Clip,Start,END,Label,Group,Set\na,0,1.5,x,g,s\n")
    assert segments_of(found) == {"a": [TimeSegment(0.0, 1.5, "x")]} and problems == []
    assert found[0].group == "g"
    for column, label in (("Label", "x"), ("label", "x"), ("set", "s"), ("SET", "s")):
        found, _ = read(tmp_path, "Clip,Label,Set\na,x,s\n", column=column, where="SET=s")
        assert found[0].label == label
    found, _ = read(tmp_path, "clip,LABEL,label\na,no,x\n")
    assert found[0].label == "x"


def test_transcripts(tmp_path):
    found, problems = read(tmp_path, 'clip,text\na,"bin blue, now"\nb,\na,again\n')
    assert [(one.clip, one.text, one.label) for one in found] == [("a", "bin blue, now", None)]
    assert [p.name for p in problems] == ["labels.csv, line 3", "labels.csv, line 4"]
    assert "empty text" in problems[0].reason and "labels.csv, line 2" in problems[1].reason
    found, _ = read(tmp_path, "clip,label,text\na,x,say\n", column="text")
    assert (found[0].text, found[0].label) == ("say", None)
    found, _ = read(tmp_path, "clip,label,text\na,x,say\n")
    assert (found[0].text, found[0].label) == (None, "x")


GRID = """clip,start_frame,end_frame,label,word
a,0,24,silence,sil
a,24,30,digit,two
a,30,40,color,blue
b,0,9,digit,five
b,9,12,digit,six
"""


def test_chosen_rows_give_a_clips_label(tmp_path):
    found, problems = read(tmp_path, GRID, column="word", where="label=digit")
    assert problems == []
    assert segments_of(found)["a"] == [FrameSegment(24, 30, "two")]
    labelled, problems = clip_labels(found)
    assert [(one.clip, one.label) for one in labelled] == [("a", "two")]
    assert "'five' (labels.csv, line 5), 'six' (labels.csv, line 6)" in problems[0].reason
    found, _ = read(tmp_path, GRID, where="label = 'digit' and word=\"six\"")
    assert segments_of(found) == {"b": [FrameSegment(9, 12, "digit")]}


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("a=b", {"a": "b"}),
        ("a='x and y' and b=two words", {"a": "x and y", "b": "two words"}),
        ('a="it\'s" and b=', {"a": "it's", "b": ""}),
        ("Start (s)=3", {"Start (s)": "3"}),
        ("a=sand and b=1", {"a": "sand", "b": "1"}),
    ],
)
def test_conditions(where, wanted):
    assert parse_conditions(where) == wanted


@pytest.mark.parametrize("where", ["", "a", "=b", "a='b", "a=b and ", "a=1 and a=2", "a=1 and b"])
def test_conditions_that_say_nothing_clear(where):
    with pytest.raises(ValueError, match="write column=value"):
        parse_conditions(where)


FAULTS = [
    ("clip,start,end,label", 'a,"0,5",1,x', "start '0,5' has a decimal comma; write 0.5"),
    ("clip,start,end,label", "a,0,5,1,x", "5 cells under 4 columns"),
    ("clip,start,end,label", "a,0,1", "3 cells under 4 columns"),
    ("clip,start,end,label", "a,,1,x", "start '' is no number"),
    ("clip,start,end,label", "a,nan,1,x", "start 'nan' is no number"),
    ("clip,start,end,label", "a,0,inf,x", "end 'inf' is no number"),
    ("clip,start,end,label", "a,00:01,1,x", "start '00:01' is no number"),
    ("clip,start,end,label", "a,-1,1,x", "begins before 0"),
    ("clip,start,end,label", "a,2,1,x", "'x' from 2.0 to 1.0 s ends before"),
    ("clip,start,end,label", "a,1,1,x", "holds nothing"),
    ("clip,start,end,label", "a,0,1,", "empty label"),
    ("clip,start,end,label", ",0,1,x", "no clip"),
    ("clip,start,end,label", "good,0.5,9,x", "overlaps 'x' from 0.0 to 1.0 s (labels.csv, line 2)"),
    ("clip,start,end,label", 'a,0,1,"x', "correct its quotes"),
    ("clip,start_frame,end_frame,label", "a,0,1.5,x", "end_frame '1.5' is no whole number"),
    ("clip,start_frame,end_frame,label", "a,1e3,2000,x", "start_frame '1e3' is no whole"),
    ("clip,start_frame,end_frame,label", "a,-1,1,x", "begins before 0"),
    ("clip,start_frame,end_frame,label", "good,0,1,x", "overlaps"),
    ("clip,start,end,label,group", "good,1,2,x,h", "group 'h' here but '' in labels.csv, line 2"),
    ("clip,label", "./good,y", "also in labels.csv, line 2"),
    ("clip,label", "a,", "empty label"),
]


@pytest.mark.parametrize(("header", "row", "message"), FAULTS)
def test_a_bad_row_is_named_and_stops_no_other(tmp_path, header, row, message):
    good = {"clip": "good", "label": "x", "group": ""}
    good |= {"start": "0", "end": "1", "start_frame": "0", "end_frame": "1"}
    first = ",".join(good[name] for name in header.split(","))
    last = first.replace("good", "last") + "\n"
    # an open quote takes all that follows it
    content = f"{header}\n{first}\n{last if 'quotes' in message else ''}{row}\n"
    content += "" if "quotes" in message else last
    found, problems = read(tmp_path, content)
    assert [one.clip for one in found] == ["good", "last"]
    (problem,) = problems
    line = 4 if "quotes" in message else 3
    assert problem.name == f"labels.csv, line {line}"
    assert problem.reason.startswith(f"{tmp_path / 'labels.csv'}, line {line}: ")
    assert message in problem.reason


def test_neighbours_do_not_overlap_whatever_their_order(tmp_path):
    rows = "a,2,3,z\na,0,1,x\na,1,2,y\na,2.5,2.6,no\na,0.5,2.5,no\n"
    found, problems = read(tmp_path, f"clip,start,end,label\n{rows}")
    assert [s.label for s in found[0].segments] == ["x", "y", "z"]
    summary, *each = problems
    assert [p.name for p in each] == ["labels.csv, line 5", "labels.csv, line 6"]
    assert "2 segments that overlap others are left out: 'z' and 'no' (1 times), " in summary.reason


def test_all_behaviours_that_overlap_are_named_and_one_label_left_is_refused(tmp_path):
    content = "clip,start,end,label\na,0,9,walk\na,1,2,eat\na,3,4,eat\na,5,6,drink\n"
    with pytest.raises(ValueError, match="one label is left, 'walk'") as caught:
        read(tmp_path, content)
    assert "'walk' and 'eat' (2 times), 'walk' and 'drink' (1 times)" in str(caught.value)
    (found,), problems = read(tmp_path, content, multi_label=True)
    assert [s.label for s in found.segments] == ["walk", "eat", "eat", "drink"] and problems == []


def test_line_numbers_count_rows_over_several_lines(tmp_path):
    _, problems = read(tmp_path, 'clip,label\na,"two\nlines"\n\nb,\nc,d\n')
    assert [p.name for p in problems] == ["labels.csv, line 5"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a.mp4,run\nb.mp4,sit\n", {}, "no column 'clip'.*its first line must be clip,label"),
        ("clip,word\na,b\n", {}, "no column 'label'; it has 'clip', 'word'"),
        ("clip,label\na,b\n", {"column": "word"}, "no column 'word'"),
        ("clip,label\na,b\n", {"group": "day"}, "no column 'day' for the group"),
        ("clip,label,label\na,b,c\n", {}, "two columns of one name"),
        ("clip,start,label\na,1,c\n", {}, "one of start and end is missing"),
        ("clip,label\na,b\n", {"where": "x=1"}, "no column 'x'"),
        ("clip,label\na,b\n", {"where": "label=c"}, "no row with label=c; there are 'b'"),
        ("clip,label\n", {}, "no annotation that can be used"),
        ("clip,label\na,\n", {}, r"(?s)no annotation that can be used.*line 2.*empty label"),
        (
            "clip,label\na,\xe9\n".encode("latin-1"),
            {},
            "not UTF-8 at its byte 2",
        ),
        ("clip,label\na,b\n".encode("utf-16"), {}, "not UTF-8"),
        (
            "clip,label,Gr\xf6\xdfe\na,b,1\n".encode("latin-1"),
            {},
            "line 1: not UTF-8 at its byte 13",
        ),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, content, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, content, **options)
    assert str(tmp_path / "labels.csv") in str(caught.value)


def test_rows_without_frames_are_read_in_seconds(tmp_path):
    header = "clip,start,end,start_frame,end_frame,label\n"
    found, problems = read(tmp_path, header + "a,0.5,1.5,,,x\nb,0,1,0,25,y\na,2,3,50,75,z\n")
    assert segments_of(found) == {
        "a": [TimeSegment(0.5, 1.5, "x")],
        "b": [FrameSegment(0, 25, "y")],
    }
    assert "frames here but seconds in labels.csv, line 2" in problems[0].reason


DATA = Path(os.environ.get("STRAND_DATA", "")) / "video"


@pytest.mark.skipif(
    not (os.environ.get("STRAND_DATA") and DATA.exists()), reason="STRAND_DATA has no video"
)
def test_the_real_tables():
    found, problems = read_annotations(DATA / "grid_s1/labels.csv", None, None)
    assert len(found) == 800
    assert all("holds nothing" in p.reason for p in problems)  # silences of no length
    digits, problems = read_annotations(
        DATA / "grid_s1/labels.csv", column="word", where="label=digit"
    )
    labelled, more = clip_labels(digits)
    assert (len(labelled), problems, more) == (800, [], [])
    assert len({one.label for one in labelled}) == 10
    found, problems = read_annotations(DATA / "ut_interaction/labels.csv")
    assert (len(found), len({one.group for one in found}), problems) == (60, 10, [])


def test_one_file_is_one_clip_however_rows_write_its_name(tmp_path):
    film_file = tmp_path / "v" / "Take 0.mp4"
    film_file.parent.mkdir()
    film_file.write_bytes(b"")
    names = ["v/Take 0.mp4", ".\\v\\Take 0.mp4", "v/take 0.MP4", "./v/Take 0.mp4"]
    rows = [f"{name},{place},{place + 1},x" for place, name in enumerate(names)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["clip,start,end,label", *rows]) + "\n")
    (clip,), problems = read_annotations(table)
    assert (clip.clip, len(clip.segments), problems) == ("v/Take 0.mp4", 4, [])
