"""VIA 3 projects: temporal segments, labels of files, problems, and predictions written back."""

import copy
import json

import pytest

from datasets.video.annotations.files import TimeSegment, clip_path, read_annotations
from datasets.video.annotations.via import write_via

PROJECT = {
    "project": {
        "pid": "__VIA_PROJECT_ID__", "rev": "__VIA_PROJECT_REV_ID__",
        "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__", "pname": "VIA3 Sample Project",
        "creator": "VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
        "created": 1588343615019, "vid_list": ["1", "2"],
    },
    "config": {
        "file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}},
        "ui": {"file_content_align": "center"},
    },
    "attribute": {
        "1": {"aname": "Activity", "anchor_id": "FILE1_Z2_XY0", "type": 4, "desc": "Activity",
              "options": {"1": "Break Egg", "2": "Pour Liquid", "3": " "}, "default_option_id": ""},
        "2": {"aname": "Object", "anchor_id": "FILE1_Z1_XY1", "type": 1, "desc": "Name",
              "options": {}, "default_option_id": ""},
        "3": {"aname": "Kitchen", "anchor_id": "FILE1_Z0_XY0", "type": 3, "desc": "",
              "options": {"0": "north", "1": "south"}, "default_option_id": ""},
    },
    "file": {
        "1": {"fid": 1, "fname": "Alioli.ogv", "type": 4, "loc": 2,
              "src": "https://upload.wikimedia.org/wikipedia/commons/4/47/Alioli.ogv"},
        "2": {"fid": 2, "fname": "mouse.mp4", "type": 4, "loc": 3, "src": "/home/svt/mouse.mp4"},
    },
    "view": {"1": {"fid_list": [1]}, "2": {"fid_list": ["2"]}},
    "metadata": {
        "+mHHT-tg": {"vid": "1", "flg": 0, "z": [9, 20], "xy": [], "av": {"1": "2"}},
        "-glfwaaX": {"vid": "1", "flg": 0, "z": [2, 6.5], "xy": [], "av": {"1": "1"}},
        "2_abc": {"vid": "2", "flg": 0, "z": [0.25, 1], "xy": [], "av": {"1": "1"}},
        "fH-oMre1": {"vid": "1", "flg": 0, "z": [0.917], "xy": [4, 263, 184, 17, 13],
                     "av": {"2": "Egg"}},
        "1_file": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"3": "1"}},
        "2_file": {"vid": "2", "flg": 0, "z": [], "xy": [], "av": {"3": "0"}},
    },
}  # fmt: skip


@pytest.fixture
def project():
    return copy.deepcopy(PROJECT)


def read(tmp_path, content, **options):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_annotations(path, **options)


def segments_of(annotations):
    return {one.clip: list(one.segments) for one in annotations}


def test_temporal_segments(tmp_path, project):
    found, problems = read(tmp_path, project)
    assert segments_of(found) == {
        "Alioli.ogv": [TimeSegment(2, 6.5, "Break Egg"), TimeSegment(9, 20, "Pour Liquid")],
        "/home/svt/mouse.mp4": [TimeSegment(0.25, 1, "Break Egg")],
    }
    assert [p.reason.split(": ")[1] for p in problems] == [
        "1 regions or single frames are no segments; left out"
    ]
    assert found[0].segments[0].where == "p.json, metadata '-glfwaaX'"
    (tmp_path / "mouse.mp4").touch()  # the project was carried elsewhere with its video
    found, _ = read(tmp_path, project)
    assert clip_path(tmp_path / "p.json", found[1].clip) == tmp_path / "mouse.mp4"


def test_labels_and_groups_of_files(tmp_path, project):
    found, _ = read(tmp_path, project, group="Kitchen")
    assert [(one.clip, one.group) for one in found] == [
        ("Alioli.ogv", "south"), ("/home/svt/mouse.mp4", "north"),
    ]  # fmt: skip
    found, problems = read(tmp_path, project, column="Kitchen")
    assert [(one.label, one.segments) for one in found] == [("south", ()), ("north", ())]
    assert problems == []


def test_an_attribute_is_chosen_by_name_or_id(tmp_path, project):
    project["attribute"]["4"] = project["attribute"]["1"] | {"type": 1, "options": {}}
    for one in list(project["metadata"].values())[:3]:
        one["av"]["4"] = " free text "
    with pytest.raises(ValueError, match=r"segments have 'Activity' \(id 1\), 'Activity' \(id 4\)"):
        read(tmp_path, project)
    with pytest.raises(ValueError, match="several attributes 'Activity'"):
        read(tmp_path, project, column="Activity")
    assert read(tmp_path, project, column="4")[0][0].segments[0].label == "free text"
    assert read(tmp_path, project, column="1")[0][0].segments[0].label == "Break Egg"
    with pytest.raises(ValueError, match="no attribute 'x'; there are"):
        read(tmp_path, project, column="x")
    with pytest.raises(ValueError, match="attribute 'Object' is of FILE1_Z1_XY1"):
        read(tmp_path, project, column="Object")


def test_bad_segments_are_named_and_stop_no_other(tmp_path, project):
    bad = {
        "b1": ([30, 40], {"1": "9"}, "'Activity' has no option '9'"),
        "b2": ([30, 40], {"2": "x"}, "no 'Activity'"),
        "b3": ([30, 40], {"1": ""}, "empty label"),
        "b4": ([30, 40], {"1": "3"}, "empty label"),
        "b5": ([8, 10], {"1": "1"}, "overlaps 'Pour Liquid' from 9.0 to 20.0 s"),
        "b6": ([40, 30], {"1": "1"}, "ends before it begins"),
        "b7": ([-1, 1], {"1": "1"}, "begins before 0"),
    }
    for name, (z, values, _) in bad.items():
        project["metadata"][name] = {"vid": "1", "flg": 0, "z": z, "xy": [], "av": values}
    found, problems = read(tmp_path, project, column="Activity")
    assert len(segments_of(found)["Alioli.ogv"]) == 2
    named = {p.name: p.reason for p in problems}
    for name, (_, _, words) in bad.items():
        assert words in named[f"p.json, metadata '{name}'"]


def test_boxes_to_tick_hold_one_label(tmp_path, project):
    project["attribute"]["1"]["type"] = 2
    values = iter(["1,", "1,2", "2"])
    for one in list(project["metadata"].values())[:3]:
        one["av"]["1"] = next(values)
    found, problems = read(tmp_path, project)
    assert [s.label for one in found for s in one.segments] == ["Break Egg", "Pour Liquid"]
    assert "several 'Activity' at once (1,2)" in problems[0].reason


def test_views_of_anything_but_one_video_are_named(tmp_path, project):
    project["view"]["1"]["fid_list"] = [1, 2]
    project["file"]["3"] = {"fid": 3, "fname": "a.wav", "type": 8, "loc": 1, "src": ""}
    project["view"]["3"] = {"fid_list": [3]}
    project["view"]["4"] = {"fid_list": [9]}
    project["file"]["2"]["src"], project["config"]["file"]["loc_prefix"]["3"] = "m.mp4", "films/"
    found, problems = read(tmp_path, project)
    assert list(segments_of(found)) == ["films/m.mp4"]
    assert [p.name for p in problems] == [
        "p.json, view '1'",
        "p.json, view '3'",
        "p.json, view '4'",
    ]
    assert "shows Alioli.ogv, mouse.mp4; expected one video" in problems[0].reason
    project["metadata"] = {}
    with pytest.raises(ValueError, match="segments have no attribute"):
        read(tmp_path, project)


def test_a_reading_is_read_back_exactly(tmp_path):
    video, path = tmp_path / "a é.mp4", tmp_path / "read.json"
    spans = [
        {"start": 0.0, "end": 1 / 3, "label": "run"},
        {"start": 1 / 3, "end": 2 / 3, "label": 'sit, "b"'},
        {"start": 2.0, "end": 2.0001, "label": "run"},
    ]
    write_via(path, video, spans)
    (clip,), problems = read_annotations(path)
    assert problems == []
    assert clip.segments == tuple(TimeSegment(s["start"], s["end"], s["label"]) for s in spans)
    assert clip_path(path, clip.clip) == video
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["attribute"]["1"]["options"] == {"1": "run", "2": 'sit, "b"'}
