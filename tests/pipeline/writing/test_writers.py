"""Output formats of a video's segments: rows, subtitles, annotation files."""

import csv
import io
import json
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from datasets.limits.roots import add_root
from datasets.video.annotations.files import FrameSegment, read_annotations
from pipeline.reading.bundle import save_bundle
from pipeline.writing.text import print_problems
from pipeline.writing.writers import format_time, open_writer, record_form, to_srt
from tests.support.records import page_record
from tests.support.screen import clip_bundle, even, plain, write_film

WALK = {"start": 0.0, "end": 1.2, "start_frame": 0, "end_frame": 30, "label": "walk"}
SIT = {"start": 1.2, "end": 3723.0456, "start_frame": 30, "end_frame": 93076, "label": "sit\n down"}
SEGMENTS = [WALK | {"confidence": 0.9}, SIT | {"confidence": 0.5}]
RECORD = {"input": "a.mp4", "segments": SEGMENTS, "confidence": 0.7}


@pytest.fixture(scope="module")
def steps_bundle(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "steps.safetensors"
    save_bundle(clip_bundle("steps"), path)
    return path


@pytest.fixture
def videos(tmp_path) -> Path:
    """Two videos from dark to bright, one of them in a subfolder; and a broken one."""
    frames = [plain(10)] * 6 + [plain(250)] * 6
    write_film(tmp_path / "films" / "a.mp4", frames, even(12))
    write_film(tmp_path / "films" / "sub" / "a.mp4", frames[3:], even(9))
    (tmp_path / "films" / "c.mp4").write_bytes(b"no film")
    return tmp_path / "films"


def write_all(kind: str, form: str, records: list[dict], path: Path) -> str:
    with ExitStack() as stack:
        write = open_writer(kind, form, [r["input"] for r in records], str(path), stack)
        for record in records:
            write(record)
    return path.read_text(encoding="utf-8")


def test_subtitles_are_numbered_with_times_to_the_millisecond():
    assert to_srt(SEGMENTS) == (
        "1\n00:00:00,000 --> 00:00:01,200\nwalk\n\n2\n00:00:01,200 --> 01:02:03,046\nsit down\n\n"
    )
    assert format_time(59.9996) == "00:01:00,000" and format_time(360_000) == "100:00:00,000"


def test_a_run_has_one_csv_header_by_the_bundles_kind(tmp_path):
    failed = {"input": str(tmp_path / "b.mp4"), "error": "b.mp4: gone"}
    good = RECORD | {"input": str(tmp_path / "a.mp4")}
    rows = list(csv.reader(io.StringIO(write_all("csv", "spans", [failed, good], tmp_path / "s"))))
    assert rows == [
        ["clip", "start", "end", "start_frame", "end_frame", "label", "confidence", "error"],
        ["b.mp4", "", "", "", "", "", "", "b.mp4: gone"],
        ["a.mp4", "0.0", "1.2", "0", "30", "walk", "0.9", ""],
        ["a.mp4", "1.2", "3723.0456", "30", "93076", "sit  down", "0.5", ""],
    ]
    tokens = {"input": "t", "segments": [{"start": 0, "end": 2, "label": "B"}], "confidence": 1.0}
    header, row = csv.reader(io.StringIO(write_all("csv", "segments", [tokens], tmp_path / "t")))
    assert header == ["input", "reading", "confidence", "error"]
    assert json.loads(row[1]) == tokens["segments"]
    record = {"input": "x", "label": "hug", "confidence": 0.5}
    assert write_all("csv", "label", [record], tmp_path / "l").splitlines()[1] == "x,hug,0.5,"


def test_labels_that_begin_as_formulas_are_read_back_as_they_were(tmp_path):
    labels = ["@home", "=1", "-", "+ 1", "'@home", "''=1", "'tis", "-0.5", "- x"]
    spans = [
        WALK | {"label": label, "start_frame": 30 * place, "end_frame": 30 * place + 30}
        for place, label in enumerate(labels)
    ]
    film = tmp_path / "@films" / "-a.mp4"
    film.parent.mkdir()
    film.write_bytes(b"")
    table = tmp_path / "t.csv"
    assert ",'@home," in write_all("csv", "spans", [{"input": str(film), "segments": spans}], table)
    (clip,), problems = read_annotations(table)
    assert [segment.label for segment in clip.segments] == labels and problems == []
    assert clip.clip == "@films/-a.mp4"
    (clip,), _ = read_annotations(table, where="label='@home'")
    assert [segment.label for segment in clip.segments] == ["@home"]


def test_a_page_without_lines_is_one_row(tmp_path):
    empty = page_record([], "a.png", confidence=0.0, notes=["on its side"])
    text = write_all("csv", "text", [empty, page_record(["one", "two"], "b.png")], tmp_path / "t")
    assert text.splitlines() == [
        "input,reading,confidence,error,notes",
        "a.png,,0.0,,on its side",
        "b.png#l0,one,0.875,,",
        "b.png#l1,two,0.875,,",
    ]


def test_what_makes_a_page_doubtful_is_printed(capsys):
    other = "the PDF carries text of its own here, 3 characters"
    print_problems(page_record([None], "a.png", notes=["on its side", other]))
    print_problems({"input": "line.png", "text": "a", "notes": ["on its side"]})
    assert capsys.readouterr().err == "error: too wide\na.png: on its side\n"


def test_text_shows_tokens_as_numbers_and_videos_as_seconds(tmp_path):
    tokens = {"input": "t", "segments": [{"start": 0, "end": 2, "label": "B"}], "confidence": 1.0}
    assert write_all("text", "segments", [tokens], tmp_path / "t") == "t\tB[0-2]\n"
    record = RECORD | {"segments": SEGMENTS[:1]}
    assert write_all("text", "spans", [record], tmp_path / "v") == "a.mp4\twalk[0.00-1.20]\n"


def page(name: str, *texts: str, **others) -> dict:
    lines = [{"id": f"l{i}", "region": "r", "text": t, "confidence": 0.5}
             for i, t in enumerate(texts)]  # fmt: skip
    return {"input": name, "layout": "page", "text": "", "confidence": 1.0, "lines": lines} | others


def test_from_the_first_page_on_a_form_feed_stands_before_each_record(tmp_path):
    line = {"input": "a.png", "text": "a", "confidence": 1.0}
    failed = {"input": "b.pdf#page=2", "error": "gone"}
    records = [line, line, page("p", "one", "two"), failed, line, page("q", "three")]
    assert write_all("text", "text", records, tmp_path / "t") == (
        "a.png\ta\na.png\ta\n\fone\ntwo\n\fb.pdf#page=2\t\n\fa.png\ta\n\fthree\n"
    )
    expected = "b.pdf#page=2\t\n\fone\n"
    assert write_all("text", "text", [failed, page("p", "one")], tmp_path / "t") == expected


def test_a_page_without_lines_or_with_notes_has_a_row(tmp_path):
    records = [page("p"), page("q", "one", notes=["the PDF", "carries text"]), page("r", "two")]
    rows = list(csv.reader(io.StringIO(write_all("csv", "text", records, tmp_path / "t"))))
    assert rows[1:] == [
        ["p", "", "1.0", "", ""],
        ["q", "", "1.0", "", "the PDF; carries text"],
        ["q#l0", "one", "0.5", "", ""],
        ["r#l0", "two", "0.5", "", ""],
    ]
    with ExitStack() as stack:
        names = [record["input"] for record in records]
        write = open_writer("text", "text", names, str(tmp_path / "m"), stack, noted=True)
        for record in records:
            write(record)
    text = (tmp_path / "m").read_text("utf-8")
    assert text == "\f\tthe PDF; carries text\none\t\n\ftwo\t\n"


@pytest.mark.parametrize(
    ("head", "form"), [("steps", "spans"), ("clip", "label"), ("text", "text")]
)
def test_the_head_determines_the_form(head, form):
    assert record_form(clip_bundle(head)) == form


@pytest.mark.parametrize("form", ["text", "label", "segments"])
@pytest.mark.parametrize("kind", ["srt", "eaf", "via", "boris"])
def test_what_has_no_times_cannot_be_subtitles(kind, form, tmp_path):
    with ExitStack() as stack, pytest.raises(ValueError, match=f"--format {kind} needs segments"):
        open_writer(kind, form, ["a"], str(tmp_path / "x"), stack)


def test_predict_writes_rows_that_are_read_back_as_annotations(
    command, videos, steps_bundle, tmp_path, monkeypatch
):
    monkeypatch.chdir(videos)  # so that clips are named from another folder than the table's
    table = tmp_path / "read" / "segments.csv"
    table.parent.mkdir()
    given = ("a.mp4", "c.mp4", "sub/a.mp4")
    options = ("--model", steps_bundle, "--format")
    code, _, _ = command("predict", *given, *options, "csv", "--output", table)
    _, out, _ = command("predict", *given, *options, "jsonl")
    first, broken, second = map(json.loads, out.splitlines())
    add_root(tmp_path)
    annotations, problems = read_annotations(table)
    assert code == 1 and len(problems) == 1 and "c.mp4" in problems[0].reason
    assert "cannot be" in broken["error"] or "Invalid" in broken["error"]
    for annotation, record in zip(annotations, (first, second), strict=True):
        assert (table.parent / annotation.clip).samefile(record["input"])
        assert annotation.segments == tuple(
            FrameSegment(s["start_frame"], s["end_frame"], s["label"]) for s in record["segments"]
        )
    labels = [s["label"] for s in first["segments"]]
    assert labels == ["dark", "bright"] and first["segments"][-1]["end_frame"] == 12
    assert all(a["end"] == b["start"] for a, b in pairwise(first["segments"]))


def test_predict_writes_subtitles_and_annotation_files(command, videos, steps_bundle, tmp_path):
    options = ("--model", steps_bundle, "--format")
    single = command("predict", videos / "a.mp4", *options, "srt")
    assert single.code == 0 and single.out.startswith("1\n00:00:00,000 --> 00:00:00,")
    assert single.out.endswith("--> 00:00:00,480\nbright\n\n")
    both = (videos / "a.mp4", videos / "sub" / "a.mp4")
    refused = command("predict", *both, *options, "srt")
    assert refused.code == 2 and "2 inputs; say where with --output" in refused.err
    assert command("predict", *both, *options, "srt", "--output", tmp_path / "o").code == 0
    assert (tmp_path / "o" / "a.srt").read_text(encoding="utf-8") == single.out
    assert (tmp_path / "o" / "sub" / "a.srt").exists()
    for kind, name in ("eaf", "e/a.eaf"), ("via", "e/a.json"), ("boris", "p.boris"):
        target = tmp_path / (name if kind == "boris" else "e")
        assert command("predict", *both, *options, kind, "--output", target).code == 0
        add_root(tmp_path)
        annotations, problems = read_annotations(tmp_path / name)
        assert [s.label for s in annotations[0].segments] == ["dark", "bright"] and not problems
        assert len(annotations) == (2 if kind == "boris" else 1)
        assert command("predict", videos / "a.mp4", *options, kind).code == 2
    code, _, err = command("predict", *both, *options, "boris", "--output", tmp_path / "e")
    assert code == 2 and "e: a folder; --format boris writes one file" in err


def test_a_failed_input_leaves_no_subtitles(command, videos, steps_bundle, tmp_path):
    options = ("--model", steps_bundle, "--format", "srt", "--output", tmp_path / "o")
    code, _, err = command("predict", videos / "a.mp4", videos / "c.mp4", *options)
    assert code == 1 and "c.mp4" in err
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["a.srt"]


def test_a_video_is_labelled_while_it_plays(command, videos, steps_bundle):
    code, out, _ = command("predict", "--live", videos / "a.mp4", "--model", steps_bundle)
    assert code == 0 and [row.split("\t")[1] for row in out.splitlines()] == ["dark", "bright"]
