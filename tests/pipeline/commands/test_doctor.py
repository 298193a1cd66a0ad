"""The doctor on generated videos: facts, faults, totals, warnings, exit codes."""

import io
import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rich.console import Console

from datasets.video.annotations.files import ClipAnnotation, FrameSegment, TimeSegment
from datasets.video.decoder import VideoFacts
from datasets.video.sample_film import write_sample_video
from pipeline.commands import doctor
from pipeline.doctor.video_checks import VIDEO_CHECKS, Video, count_groups, count_labels, warnings
from tests.support.films import with_sound


def make(path: Path, frames: int = 10, seed: int = 0) -> Path:
    """Write a video of noise at 25 Hz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sample_video(
        np.random.default_rng(seed).integers(0, 256, (frames, 1, 16, 16), dtype=np.uint8), path
    )
    return path


def make_uneven(path: Path, seconds: list[float]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, shown in enumerate(seconds):
            image = np.full((16, 32, 3), 20 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(1000 * shown), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> tuple[int, dict]:
    """Exit code and what --json wrote about the videos."""
    code = doctor.main(["doctor", *map(str, arguments), "--json", "found.json"])
    return code, json.loads(Path("found.json").read_text(encoding="utf-8"))["videos"]


def test_a_healthy_folder_with_its_table(folder, capsys):
    for index, frames in enumerate((10, 12, 14, 10, 10, 10)):
        make(folder / "clips" / f"{index}.mp4", frames, seed=index)
    rows = [f"{i}.mp4,{'jump' if i % 2 else 'run'},{'ab'[i // 3]}" for i in range(6)]
    Path("clips/labels.csv").write_text("\n".join(["clip,label,group", *rows]) + "\n")
    code, result = run("clips")
    assert code == 0 and not result["problems"]
    assert [item["frames"] for item in result["files"]] == [10, 12, 14, 10, 10, 10]
    first = result["files"][0]
    assert (first["width"], first["height"], first["codec"]) == (32, 32, "h264")
    assert first["rate_hz"] == pytest.approx(25) and first["constant_rate"] is True
    assert first["seconds"] == pytest.approx(0.4) and first["groups"] == ["a"]
    assert result["totals"]["read"] == 6 and result["totals"]["broken"] == 0
    assert result["totals"]["hours"] == pytest.approx(66 / 25 / 3600)
    assert result["labels"]["jump"]["clips"] == 3
    assert result["labels"]["run"]["seconds"] == pytest.approx(34 / 25)
    assert {name: item["clips"] for name, item in result["groups"].items()} == {"a": 3, "b": 3}
    output = capsys.readouterr().out
    assert all(text in output for text in ("0.mp4", "h264 yuv420p", "jump"))
    assert "\nbroken  " not in output
    assert "2 labels in fewer than 3 groups: jump, run" in " ".join(output.split())


def test_broken_files_are_reported_and_the_others_read(folder, capsys):
    make(folder / "clips" / "good.mp4")
    (folder / "clips" / "empty.mp4").write_bytes(b"")
    (folder / "clips" / "text.avi").write_text("no video at all\n")
    Path("clips/labels.csv").write_text("clip,label\ngood.mp4,a\ngone.mp4,b\nempty.mp4,a\n")
    code, result = run("clips")
    assert code == 1
    errors = {Path(item["file"]).name: item.get("error", "") for item in result["files"]}
    assert set(errors) == {"good.mp4", "empty.mp4", "text.avi", "gone.mp4"}
    assert not errors["good.mp4"] and "empty" in errors["empty.mp4"]
    assert "text file" in errors["text.avi"]
    assert "no such file (labels.csv, line 3)" in errors["gone.mp4"]
    assert all("\n" not in error for error in errors.values())
    assert (result["totals"]["read"], result["totals"]["broken"]) == (1, 3)
    output = capsys.readouterr().out
    assert output.count("\nbroken  ") == 3 and "\n good.mp4" in output


def test_a_video_truncated_between_two_frames_is_reported(folder):
    whole = make(folder / "whole.mkv", 60)
    content = whole.read_bytes()
    (folder / "cut.mkv").write_bytes(content[: len(content) * 2 // 3])
    _, result = run("cut.mkv", "whole.mkv")
    cut, good = result["files"]
    assert good["frames"] == 60 and not good["notes"] and cut["frames"] < 45
    messages = cut.get("error") or " ".join(cut["notes"])
    assert "cut.mkv: breaks off" in messages or "its header says 2.4" in messages


def test_a_variable_frame_rate_is_reported(folder):
    make_uneven(folder / "uneven.mkv", [0, 0.04, 0.08, 0.3, 0.34, 0.9])
    make(folder / "even.mkv")
    code, result = run("uneven.mkv", "even.mkv")
    assert code == 0
    even, uneven = result["files"]
    assert (even["constant_rate"], uneven["constant_rate"]) == (True, False)
    assert uneven["rate_hz"] == pytest.approx(5 / 0.9, rel=0.01)
    messages = " ".join(result["warnings"])
    assert "1 video without a constant rate: " in messages and "uneven.mkv" in messages
    assert "from 5.56 to 25.00 Hz" in messages and "rate_hz=5.556" in messages


def test_copies_of_a_video_with_different_labels_and_groups_are_reported(folder):
    make(folder / "clips" / "a.mp4", seed=1)
    shutil.copy("clips/a.mp4", "clips/b.mp4")
    make(folder / "clips" / "c.mp4", seed=2)
    Path("clips/labels.csv").write_text("clip,label,group\na.mp4,x,g\nb.mp4,y,h\nc.mp4,x,g\n")
    _, result = run("clips")
    messages = [text for text in result["warnings"] if "the same file" in text]
    assert len(messages) == 1 and "a.mp4 and " in messages[0] and "c.mp4" not in messages[0]
    assert "with different annotations in different groups" in messages[0]
    Path("clips/labels.csv").write_text("clip,label,group\na.mp4,x,g\nb.mp4,x,g\nc.mp4,x,g\n")
    _, result = run("clips")
    (message,) = [text for text in result["warnings"] if "the same file" in text]
    assert "different" not in message


def test_segments_are_checked_against_their_video(folder):
    make(folder / "clips" / "a.mp4", 25)  # one second
    rows = ["a.mp4,0.0,0.3,x", "a.mp4,0.3,0.31,y", "a.mp4,0.9,1.5,x", "a.mp4,0.2,0.4,z"]
    Path("clips/marks.csv").write_text("\n".join(["clip,start,end,label", *rows]) + "\n")
    code, result = run("clips")
    assert code == 1 and len(result["problems"]) == 1 and "overlaps" in result["problems"][0]
    notes = result["files"][0]["notes"]
    assert any("'x' from 0.9 to 1.5 s" in note and "past its end" in note for note in notes)
    assert any("1 segment shorter than one frame" in note and "'y'" in note for note in notes)


def test_units_starts_streams_and_inclusive_frames_are_reported(folder):
    make(folder / "clips" / "a.mp4", 25)
    Path("clips/ms.csv").write_text("clip,start,end,label\na.mp4,0,400,x\na.mp4,400,1000,y\n")
    _, result = run("clips/ms.csv")
    assert any("seem to be milliseconds" in note for note in result["files"][0]["notes"])
    rows = ["a.mp4,1,5,x", "a.mp4,6,10,y", "a.mp4,11,15,x", "a.mp4,16,25,y"]
    Path("clips/ms.csv").write_text("\n".join(["clip,start_frame,end_frame,label", *rows]) + "\n")
    _, result = run("clips/ms.csv")
    assert any("subtract 1 from start_frame" in text for text in result["warnings"])
    with_sound(folder / "late.mkv", 500, 0)
    _, result = run("late.mkv")
    assert any("begin 0.500 s after the sound" in note for note in result["files"][0]["notes"])
    assert notes(Video("a", (), facts(streams=2)))[0].startswith("a: holds 2 videos; the default")


def test_overlaps_are_several_labels_at_once_if_asked_for(folder):
    make(folder / "clips" / "a.mp4", 25)
    Path("clips/labels.csv").write_text(
        "clip,start,end,label\na.mp4,0,0.6,x\na.mp4,0.4,1,y\na.mp4,0.7,1,z\n"
    )
    code, result = run("clips")
    assert code == 1 and len(result["problems"]) == 1
    code, result = run("clips", "--multi_label")
    assert code == 0 and result["labels"]["y"]["segments"] == 1


def test_folders_of_splits_and_of_frames(folder, capsys):
    for split in ("train", "val"):
        for label in ("run", "jump"):
            make(folder / "all" / split / label / "1.mp4", seed=len(split + label))
    frames = folder / "all" / "train" / "jump" / "frames"
    frames.mkdir()
    for number in range(1, 5):
        cv2.imwrite(str(frames / f"{number:04}.png"), np.full((12, 16), 9 * number, np.uint8))
    code, result = run("all", "--rate_hz", "4")
    assert code == 0 and set(result["labels"]) == {"run", "jump"}
    assert {split: entry["clips"] for split, entry in result["splits"].items()} == {
        "train": 3, "validation": 2
    }  # fmt: skip
    (images,) = [item for item in result["files"] if item["file"].endswith("frames")]
    assert (images["frames"], images["seconds"], images["width"]) == (4, 1.0, 16)
    code, result = run("all")
    assert code == 1 and "--rate_hz" in capsys.readouterr().out


def test_folder_names_give_labels_and_several_tables_require_a_choice(folder):
    for label in ("run", "jump"):
        make(folder / "classes" / label / "1.mp4", seed=len(label))
    _, result = run("classes")
    assert set(result["labels"]) == {"run", "jump"}
    for name in ("one", "two"):
        Path(f"classes/{name}.csv").write_text(f"clip,label\nrun/1.mp4,{name}\njump/1.mp4,b\n")
    _, result = run("classes")
    assert any("--table: one.csv, two.csv" in text for text in result["warnings"])
    _, result = run("classes", "--table", "two.csv")
    assert set(result["labels"]) == {"two", "b"}
    _, result = run("classes/one.csv")
    assert set(result["labels"]) == {"one", "b"} and len(result["files"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no such data: nowhere"),
        (["clips", "--table", "gone.csv"], "gone.csv: no such file"),
        (["clips", "--column", "wrong"], "no column 'wrong'"),
        (["bare"], "bare: no videos in it"),
        (["clips/notes.txt"], "no videos in it"),
    ],
)
def test_misuse_ends_with_2_before_anything_is_decoded(
    folder, capsys, monkeypatch, arguments, message
):
    (folder / "clips").mkdir()
    (folder / "bare").mkdir()
    Path("clips/notes.txt").write_text("nothing")
    Path("clips/labels.csv").write_text("clip,label\na.mp4,x\n")
    monkeypatch.setattr(
        "pipeline.doctor.videos.describe_video", lambda path: pytest.fail("decoded")
    )
    assert doctor.main(["doctor", *arguments]) == 2
    output = capsys.readouterr()
    assert message in output.err and not output.out


def facts(**changed) -> VideoFacts:
    plain = VideoFacts("h264", "gray", 8, 8, 0, None, None, 50, 2.0, True, 25.0, "")
    return plain._replace(**changed)


def notes(video: Video) -> list[str]:
    return [note for check in VIDEO_CHECKS for note in check(video)]


def test_video_checks():
    assert notes(Video("a", (), facts())) == []
    assert notes(Video("a", (), facts(header_frames=50))) == []
    assert notes(Video("a", (), facts(header_frames=49))) == []
    assert (
        "50 frames are shown, its header says 60"
        in notes(Video("a", (), facts(header_frames=60)))[0]
    )
    assert "one frame only" in notes(Video("a", (), facts(frames=1, seconds=0.04)))[0]
    half = ClipAnnotation("a", segments=(FrameSegment(0, 25, "x"),))
    assert notes(Video("a", (half,), facts())) == []
    less = ClipAnnotation("a", segments=(FrameSegment(0, 10, "x"), FrameSegment(20, 30, "y")))
    assert "60 % of it have no label" in notes(Video("a", (less,), facts()))[0]
    late = ClipAnnotation("a", segments=(FrameSegment(0, 51, "x"),))
    assert "past its end, 50 frames" in notes(Video("a", (late,), facts()))[0]


def test_counts_and_warnings():
    def annotated(name, group, *bounds):
        segments = tuple(TimeSegment(a, b, label) for a, b, label in bounds)
        annotation = ClipAnnotation(name, segments=segments, group=group)
        return Video(name, (annotation,), facts(), content=name)

    videos = [
        annotated("a", "g", (0, 1.5, "walk"), (1.5, 1.6, "fall")),
        annotated("b", "g", (0, 1.0, "walk"), (1.0, 2.0, "walk")),
        annotated("c", "h", (0, 2.0, "walk")),
        annotated("d", "i", (0, 2.0, "walk")),
    ]
    labels, groups = count_labels(videos), count_groups(videos)
    assert list(labels) == ["walk", "fall"]
    assert labels["walk"]["clips"] == 4 and labels["walk"]["segments"] == 5
    assert labels["walk"]["seconds"] == pytest.approx(7.5)
    assert labels["fall"] == {"clips": 1, "segments": 1, "seconds": pytest.approx(0.1)}
    assert groups["g"] == {"clips": 2, "seconds": 4.0} and groups["h"]["clips"] == 1
    messages = list(warnings(videos, labels, groups))
    assert len(messages) == 2
    assert "'walk' has 7.5 seconds, 'fall' 0.1" in messages[0]
    assert "1 label in fewer than 3 groups: fall;" in messages[1]
    bare = [*videos, Video("e", (), facts(), content="e")]
    assert any("1 video without an annotation" in text for text in warnings(bare, labels, groups))


def test_labels_with_brackets_are_printed_unchanged(folder):
    make(folder / "clips" / "a.mp4")
    Path("clips/labels.csv").write_text("clip,label\na.mp4,[red]stop\n")
    console = Console(width=100, file=io.StringIO())
    for result in doctor.diagnose([Path("clips")], doctor.TableOptions()):
        doctor.show(result, console)
    assert console.file.getvalue().count("[red]stop") >= 2
