"""BORIS projects and exports of several versions, and predictions written back."""

import copy
import gzip
import json

import pytest

from datasets.video.annotations.boris import write_boris
from datasets.video.annotations.files import TimeSegment, read_annotations


def behaviour(code, kind="State event"):
    return {
        "type": kind, "key": code[0], "code": code, "description": "", "category": "",
        "modifiers": {}, "excluded": "", "coding map": "",
    }  # fmt: skip


def observation(events, files=("a.mp4",), lengths=None, **others):
    """An observation of BORIS 7; `others` replaces or adds fields."""
    lengths = dict.fromkeys(files, 10.0) if lengths is None else lengths
    return {
        "date": "2016-11-27T01:57:26",
        "file": {"1": list(files), "2": []},
        "type": "MEDIA",
        "visualize_spectrogram": False,
        "time offset": 0.0,
        "independent_variables": {"day": "monday", "empty": ""},
        "close_behaviors_between_videos": False,
        "events": events,
        "description": "",
        "media_info": {
            "length": lengths,
            "fps": dict.fromkeys(files, 25.0),
            "hasVideo": dict.fromkeys(files, True),
            "offset": {"1": 0.0, "2": 0.0},
        },
    } | others  # fmt: skip


def project(**observations):
    return {
        "time_format": "hh:mm:ss",
        "project_name": "test",
        "project_date": "2016-11-27T01:55:22",
        "subjects_conf": {"0": {"key": "1", "name": "cat", "description": ""}},
        "behavioral_categories": [],
        "coding_map": {},
        "observations": observations,
        "independent_variables": {},
        "behaviors_conf": {
            "0": behaviour("point", "Point event"),
            "1": behaviour("run"),
            "2": behaviour("sit", "State event with coding map"),
        },
        "project_format_version": "7.0",
        "project_description": "",
        "converters": {},
    }


def read(tmp_path, content, name="p.boris", **options):
    path = tmp_path / name
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return read_annotations(path, **options)


def segments_of(annotations):
    return {one.clip: list(one.segments) for one in annotations}


STATES = [
    [1.0, "", "run", "", ""],
    [2.5, "", "run", "", ""],
    [2.5, "", "sit", "m1", "a comment", 62],  # BORIS 8 adds the frame's index
    [4.0, "", "sit", "m1", "", "NA"],
]


def test_pairs_of_events_are_segments(tmp_path):
    content = project(one=observation(STATES))
    found, problems = read(tmp_path, content)
    assert problems == []
    (clip,) = found
    assert clip.segments == (TimeSegment(1.0, 2.5, "run"), TimeSegment(2.5, 4.0, "sit"))
    assert (clip.clip, clip.group) == ("a.mp4", "one")
    assert clip.segments[0].where == "p.boris, observation 'one'"
    assert read(tmp_path, content, group="day")[0][0].group == "monday"
    packed = tmp_path / "p.boris.gz"
    packed.write_bytes(gzip.compress(json.dumps(content).encode()))
    assert segments_of(read_annotations(packed)[0]) == segments_of(found)


def test_events_pair_by_subject_behaviour_and_modifier_whatever_their_order(tmp_path):
    events = [
        [5.0, "cat", "run", "fast", ""],
        [3.0, "cat", "run", "fast", ""],
        [1.0, "cat", "run", "slow", ""],
        [2.0, "cat", "run", "slow", ""],
        [4.0, "dog", "run", "", ""],
        [9.0, "dog", "run", "", ""],
        [6.0, "", "sit", "", ""],
        [7.0, "", "sit", "", ""],
    ]
    content = project(one=observation(events))
    found, problems = read(tmp_path, content, subject="cat")
    assert problems == []
    assert [s.bounds for s in found[0].segments] == [(1.0, 2.0), (3.0, 5.0)]
    found, problems = read(tmp_path, content, subject="No focal subject")
    assert [s.bounds for s in found[0].segments] == [(6.0, 7.0)]
    found, problems = read(tmp_path, content)  # the dog runs while others do something
    assert [s.bounds for s in found[0].segments] == [(1.0, 2.0), (3.0, 5.0), (6.0, 7.0)]
    assert len(problems) == 1 and "from 4.0 to 9.0 s overlaps" in problems[0].reason


def test_what_has_no_partner_is_named_not_guessed(tmp_path):
    events = [*STATES, [6.0, "cat", "run", "", ""], [7.0, "", "sit", "m2", ""]]
    found, problems = read(tmp_path, project(one=observation(events)))
    assert [s.bounds for s in found[0].segments] == [(1.0, 2.5), (2.5, 4.0)]
    assert "'run' of cat at 6.0 s has no partner" in problems[0].reason
    assert "'sit' of No focal subject at 7.0 s" in problems[1].reason


def test_points_unknown_codes_and_bad_events_are_named_once(tmp_path):
    events = [
        *STATES, [3.0, "", "point", "", ""], [3.5, "", "point", "", ""], [1, "", "gone", "", ""],
        ["x", "", "run", "", ""], [1.0, ""], [5.0, "", "run", "", ""], [5.0, "", "run", "", ""],
    ]  # fmt: skip
    found, problems = read(tmp_path, project(one=observation(events)))
    assert len(found[0].segments) == 2
    reasons = " | ".join(p.reason for p in problems)
    assert len(problems) == 5
    assert "2 of 'point', first at 3.0 s: point events, which last no time" in reasons
    assert "1 of 'gone', first at 1.0 s: not in the ethogram" in reasons
    assert "observation 'one', event 8" in reasons and "observation 'one', event 9" in reasons
    assert "'run' from 5.0 to 5.0 s holds nothing" in reasons


def test_files_in_a_row_share_one_clock(tmp_path):
    events = [
        [1.8, "", "run", "", ""], [8.125, "", "run", "", ""],
        [179.0, "", "sit", "", ""], [181.0, "", "sit", "", ""],
        [227.765, "", "run", "", ""], [253.49, "", "run", "", ""],
    ]  # fmt: skip
    lengths = {"a.mp4": 179.96, "b.mp4": 359.96}
    files = ("a.mp4", "b.mp4")
    found, problems = read(tmp_path, project(one=observation(events, files, lengths)))
    assert problems == []
    assert segments_of(found) == {
        "a.mp4": [TimeSegment(1.8, 8.125, "run"), TimeSegment(179.0, 179.96, "sit")],
        "b.mp4": [TimeSegment(0.0, 1.04, "sit"), TimeSegment(47.805, 73.53, "run")],
    }
    content = project(one=observation(events, files, {}), two=observation(STATES, ("c.mp4",), {}))
    found, problems = read(tmp_path, content)  # the length of the last file is not needed
    assert list(segments_of(found)) == ["c.mp4"]
    assert "a.mp4 is not the last file but has no length" in problems[0].reason


def test_offsets(tmp_path):
    late = [[time + 100, *rest] for time, *rest in STATES]
    content = project(one=observation(late, **{"time offset": 100.0}))
    assert [s.bounds for s in read(tmp_path, content)[0][0].segments] == [(1.0, 2.5), (2.5, 4.0)]
    content = project(one=observation([*STATES, *late], **{"time offset": 100.0}))
    found, problems = read(tmp_path, content)
    assert len(found[0].segments) == 2
    assert all("begins before 0" in p.reason for p in problems) and len(problems) == 2


def test_files_with_dates(tmp_path):
    dates = {"a.mp4": 1000.0, "b.mp4": 2000.0}
    one = observation(
        [[1001.0, "", "run", "", ""], [1003.0, "", "run", "", ""],
         [2001.0, "", "run", "", ""], [2004.0, "", "run", "", ""],
         [1500.0, "", "sit", "", ""], [1501.0, "", "sit", "", ""]],
        tuple(dates), media_creation_date_as_offset=True,
    )  # fmt: skip
    one["media_info"]["media_creation_time"] = dates
    found, problems = read(tmp_path, project(one=one))
    assert segments_of(found) == {
        "a.mp4": [TimeSegment(1.0, 3.0, "run")],
        "b.mp4": [TimeSegment(1.0, 4.0, "run")],
    }
    assert "'sit' from 1500.0 to 1501.0 s holds nothing" in problems[0].reason
    del one["media_info"]["media_creation_time"]
    found, problems = read(tmp_path, project(one=one, two=observation(STATES)))
    assert "does not hold them" in problems[0].reason and len(found) == 1


def test_observations_without_a_video_are_named(tmp_path):
    live = observation(STATES, file=[], type="LIVE", media_info={"offset": {}})
    images = observation(STATES, file={}, type="IMAGES", directories_list=["x"])
    views = observation(STATES, ("v.mp4",), file={"1": ["v.mp4"], "2": ["w.mp4"], "3": []})
    content = project(live=live, images=images, views=views, none=observation([], ("n.mp4",)))
    found, problems = read(tmp_path, content)
    assert list(segments_of(found)) == ["v.mp4"]
    reasons = [p.reason for p in problems]
    assert "observation 'live': of type LIVE, no video" in reasons[0]
    assert "observation 'images': of type IMAGES" in reasons[1]
    assert "w.mp4 in player 2 gets no labels" in reasons[2]
    assert "observation 'none': no events" in reasons[3]
    with pytest.raises(ValueError, match="no variable 'empty' for the group"):
        read(tmp_path, project(one=observation(STATES)), group="empty")


def test_a_clip_coded_twice_keeps_what_does_not_collide(tmp_path):
    more = [[3.0, "", "run", "", ""], [3.5, "", "run", "", ""],
            [8.0, "", "run", "", ""], [9.0, "", "run", "", ""]]  # fmt: skip
    found, problems = read(tmp_path, project(one=observation(STATES), two=observation(more)))
    assert [s.bounds for s in found[0].segments] == [(1.0, 2.5), (2.5, 4.0), (8.0, 9.0)]
    assert found[0].group == "one"
    assert "observation 'two': a.mp4: 'run' from 3.0 to 3.5 s overlaps" in problems[0].reason


AGGREGATED_7 = (  # BORIS 7: one column of media, no offset
    "Observation id,Observation date,Description,Media file,Total length,FPS,Subject,Behavior,"
    "Behavioral category,Modifiers,Behavior type,Start (s),Stop (s),Duration (s),Comment start,"
    "Comment stop\n"
    "o1,2021-12-06 13:26:24,,T:/My Videos/6008.mp4,1381.010,29.97,No focal subject,run,Hold,,"
    "STATE,689.000,989.023,300.023,,\n"
    "o1,2021-12-06 13:26:24,,T:/My Videos/6008.mp4,1381.010,29.97,cat,sit,,,STATE,1000.000,"
    "1001.500,1.500,,\n"
    "o1,2021-12-06 13:26:24,,T:/My Videos/6008.mp4,1381.010,29.97,cat,point,,,POINT,1.000,1.000,"
    "NA,,\n"
)
AGGREGATED_8 = [  # BORIS 8: players, files in a row, offset
    "Observation id", "Observation date", "Description", "Observation type", "Source",
    "Time offset (s)", "Coding duration", "Media duration (s)", "FPS (frame/s)", "room", "Subject",
    "Observation duration by subject by observation", "Behavior", "Behavioral category",
    "Modifier #1", "Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Media file name",
    "Image index start", "Image index stop", "Image file path start", "Image file path stop",
    "Comment start", "Comment stop",
]  # fmt: skip


def row_8(start, stop, behaviour="run", source="player #1:a.mp4;b.mp4|player #2:c.mp4"):
    return "\t".join(
        ["o1", "2024-01-01 10:00:00", "", "Media file", source, "10.0", "20.000",
         "180.000;360.000|180.000", "25.000;25.000|25.000", "r7", "cat", "3", behaviour,
         "Not defined", "m", "STATE", start, stop, "1", "a.mp4", "", "", "", "", "", ""]
    )  # fmt: skip


def table(tmp_path, content, name="e.csv", **options):
    (tmp_path / name).write_text(content, encoding="utf-8")
    return read_annotations(tmp_path / name, **options)


def test_aggregated_events(tmp_path):
    found, problems = table(tmp_path, AGGREGATED_7)
    assert segments_of(found) == {
        "T:/My Videos/6008.mp4": [
            TimeSegment(689.0, 989.023, "run"),
            TimeSegment(1000, 1001.5, "sit"),
        ]
    }
    assert found[0].group == "o1"
    assert problems[0].name == "e.csv, line 4" and "1 point events 'point'" in problems[0].reason
    found, problems = table(tmp_path, AGGREGATED_7, subject="cat", where="Behavior=sit")
    assert [s.label for s in found[0].segments] == ["sit"] and problems == []
    found, _ = table(
        tmp_path,
        AGGREGATED_7,
        column="Behavioral category",
        group="FPS",
        subject="No focal subject",
    )
    assert (found[0].segments[0].label, found[0].group) == ("Hold", "29.97")
    with pytest.raises(ValueError, match="no column 'day'"):
        table(tmp_path, AGGREGATED_7, group="day")


def test_aggregated_events_of_files_in_a_row(tmp_path):
    lines = ["\t".join(AGGREGATED_8), row_8("11.000", "12.000"), row_8("189.000", "191.500"),
             row_8("200.000", "NA"), row_8("200,5", "201", "sit")]  # fmt: skip
    found, problems = table(tmp_path, "\n".join(lines), "e.tsv", group="room")
    assert segments_of(found) == {
        "a.mp4": [TimeSegment(1.0, 2.0, "run"), TimeSegment(179.0, 180.0, "run")],
        "b.mp4": [TimeSegment(0.0, 1.5, "run")],
    }
    assert {one.group for one in found} == {"r7"}
    assert "line 4: Stop 'NA' is no number" in problems[0].reason
    assert "decimal comma" in problems[1].reason
    lines = [lines[0], row_8("11", "12", source="a.mp4"), row_8("13", "14", source="b.mp4")]
    with pytest.raises(ValueError, match=r"several files \(a.mp4, b.mp4\) but not where each"):
        table(tmp_path, "\n".join(lines), "e.tsv")


TABULAR_7 = """Observation id,o1,,,,,,,
,,,,,,,,
Media file(s),,,,,,,,
Player #1,a.mp4,,,,,,,
Observation date,2016-11-27 01:57:26,,,,,,,
Time offset (s),2.0,,,,,,,
variable,value,,,,,,,
Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status
3.300,a.mp4,359.960,25.0,cat,run,,,START
7.750,a.mp4,359.960,25.0,cat,run,,,STOP
8.000,a.mp4,359.960,25.0,cat,point,,,POINT
9.900,a.mp4,359.960,25.0,cat,run,,,STOP
10.000,a.mp4,359.960,25.0,cat,run,,,START
12.000,a.mp4,359.960,25.0,cat,run,,,STOP
13.000,a.mp4,359.960,25.0,cat,sit,,,START
"""


def test_tabular_events(tmp_path):
    found, problems = table(tmp_path, TABULAR_7)
    assert segments_of(found) == {
        "a.mp4": [TimeSegment(1.3, 5.75, "run"), TimeSegment(8.0, 10.0, "run")]
    }
    assert found[0].group == "o1"
    assert [p.name for p in problems] == [
        "e.csv, line 11", "e.csv, line 12", "e.csv, observation 'o1' from line 9 on",
    ]  # fmt: skip
    assert "'run' at 9.9 s is a STOP, but a START is due" in problems[1].reason
    assert "'sit' of cat at 13.0 s has no partner" in problems[2].reason
    header = (
        "Observation id,Observation date,Description,Observation duration,Observation type,Source,"
        "Time offset (s),Media duration (s),FPS,Subject,Behavior,Behavioral category,Modifier #1,"
        "Behavior type,Time,Media file name,Image index,Image file path,Comment\n"
    )
    row = "{},2024-01-01,,9,Media file(s),player #1:{},0.0,9.000,25.000,cat,run,,m,{},{},x,1,NA,\n"
    content = header + "".join(
        row.format(*one)
        for one in [("o1", "a.mp4", "START", 1), ("o2", "b.mp4", "START", 2),
                    ("o1", "a.mp4", "STOP", 3), ("o2", "b.mp4", "STOP", 4.5)]
    )  # fmt: skip
    found, problems = table(tmp_path, content)
    assert problems == []
    assert segments_of(found) == {
        "a.mp4": [TimeSegment(1.0, 3.0, "run")],
        "b.mp4": [TimeSegment(2.0, 4.5, "run")],
    }
    with pytest.raises(ValueError, match="no line names Behavior"):
        table(tmp_path, "Observation id,x\nMedia,y\n")


def span(start, end, label, **others):
    return {
        "start": start, "end": end, "start_frame": round(start * 30), "end_frame": round(end * 30),
        "label": label, "confidence": 0.875,
    } | others  # fmt: skip


SPANS = [span(0.0, 0.4, "run"), span(0.4, 0.8, "sit"), span(0.8, 2.0, "run"), span(2.0, 3.0, "run")]


def test_a_reading_is_read_back(tmp_path):
    path = tmp_path / "new.boris"
    write_boris(path, None, {"x/a.mp4": SPANS, "b.mp4": [span(1 / 3, 2 / 3, "sit")], "c.mp4": []})
    found, problems = read_annotations(path)
    assert segments_of(found) == {
        "x/a.mp4": [TimeSegment(s["start"], s["end"], s["label"]) for s in SPANS],
        "b.mp4": [TimeSegment(0.333, 0.666, "sit")],  # milliseconds, cut
    }
    assert [p.name for p in problems] == ["new.boris, observation 'strand c.mp4'"]
    content = json.loads(path.read_text(encoding="utf-8"))
    one = content["observations"]["strand a.mp4"]
    assert one["events"][0] == [0.0, "", "run", "", "confidence 0.875", 0]
    assert [event[0] for event in one["events"]] == sorted(event[0] for event in one["events"])
    assert one["media_info"]["length"] == {"x/a.mp4": 3.0}
    assert one["media_info"]["fps"] == {"x/a.mp4": 30.0}
    assert [code["code"] for code in content["behaviors_conf"].values()] == ["run", "sit"]
    with pytest.raises(ValueError, match="lasts less than the millisecond"):
        write_boris(path, None, {"a.mp4": [span(1.0, 1.0004, "run")]})


def test_a_reading_is_added_to_a_copy_of_a_project(tmp_path):
    before = project(one=observation(STATES))
    before["observations"]["strand n.mp4"] = observation(STATES, ("other.mp4",))
    old, new = tmp_path / "old.boris", tmp_path / "new.boris"
    old.write_text(json.dumps(before), encoding="utf-8")
    write_boris(new, old, {"n.mp4": [*SPANS, span(3.0, 4.0, "new")]})
    assert json.loads(old.read_text(encoding="utf-8")) == before
    after = json.loads(new.read_text(encoding="utf-8"))
    added = after["observations"].pop("strand n.mp4 (2)")
    assert added["file"]["1"] == ["n.mp4"]
    assert after["behaviors_conf"].pop("3")["code"] == "new"
    assert after == before
    found = segments_of(read_annotations(new)[0])
    assert found["n.mp4"][-1] == TimeSegment(3.0, 4.0, "new") and len(found["n.mp4"]) == 5
    with pytest.raises(ValueError, match="would overwrite"):
        write_boris(tmp_path / "x" / ".." / "old.boris", old, {})
    with pytest.raises(ValueError, match="'point' is a point event"):
        write_boris(new, old, {"n.mp4": [span(0.0, 1.0, "point")]})
    assert json.loads(old.read_text(encoding="utf-8")) == copy.deepcopy(before)
