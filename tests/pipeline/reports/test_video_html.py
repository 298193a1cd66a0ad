"""The report on videos: drawings, tables and cards agree with the data; omissions are noted."""

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.heads.labels import Label, StepLabels, Text
from pipeline.reading.bundle import save_bundle
from pipeline.reading.items import Answer
from pipeline.reports import video_sections
from pipeline.reports.confusion import class_table, confusion_table
from pipeline.reports.scores import comparison
from pipeline.reports.video_html import (
    LEFT,
    RIGHT,
    Card,
    Run,
    Timeline,
    card,
    runs,
    timeline,
    wrong_runs,
)
from pipeline.reports.video_sections import (
    VideoReading,
    evenly_spaced,
    label_sections,
    step_sections,
    text_sections,
)
from pipeline.writing.palette import palette
from pipeline.writing.thumbnails import thumbnails, video_format
from tests.pipeline.reports.test_html import Page
from tests.support.screen import clip_bundle, even, plain, write_film

LABELS = ["walk", "sit", "<b>"]


def tree(html: str) -> Page:
    """The parsed page; every tag must be closed, in order."""
    page = Page(html)
    assert not page.open
    return page


def video(reading, target, confidences=None, step=0.5) -> Timeline:
    reading = np.array(reading)
    confidences = np.full(len(reading), 0.5) if confidences is None else np.array(confidences)
    edges = np.arange(len(reading) + 1) * step
    target = None if target is None else np.array(target)
    return Timeline("a.mp4", edges, reading, confidences, target, [])


def test_runs_end_where_reading_or_target_changes():
    found = runs(
        np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1]), np.array([1, 0, 0.2, 0.4, 1])
    )
    assert [run[:4] for run in found] == [(0, 2, 0, 0), (2, 4, 1, 0), (4, 5, 1, 1)]
    assert [run.confidence for run in found] == pytest.approx([0.5, 0.3, 1.0])
    assert runs(np.array([], int), None, np.array([])) == []


def test_unlabelled_steps_are_not_wrong():
    found = wrong_runs(video([0, 1, 1, 0, 2], [0, 0, -100, -100, 1]))
    assert found == [Run(1, 2, 1, 0, 0.5), Run(4, 5, 2, 1, 0.5)]
    assert wrong_runs(video([0, 1], None)) == []


def test_the_runs_of_a_timeline_are_at_their_times():
    svg = timeline(video([0, 0, 0, 1], [0, -100, -100, -100]), LABELS, palette(LABELS))
    rects = re.findall(r'<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"[^>]*fill="([^"]+)"', svg)
    whole = RIGHT - LEFT
    colours = palette(LABELS)
    expected = [  # truth above, reading below
        (LEFT, whole / 4, colours["walk"]),
        (LEFT + whole / 4, whole * 3 / 4, "var(--rule)"),
        (LEFT, whole * 3 / 4, colours["walk"]),
        (LEFT + whole * 3 / 4, whole / 4, colours["sit"]),
    ]
    assert len({y for _, y, *_ in rects}) == 2
    for (x, _, width, fill), (left, columns, colour) in zip(rects, expected, strict=True):
        assert (float(x), float(width), fill) == (left, columns, colour)
    assert "sit, 1.50 to 2.00 s, 50 % sure" in svg and "not labelled, 0.50 to 2.00 s" in svg
    assert "a.mp4: 2.0 s, 100.0 % of 1 labelled steps right" in svg
    tree(svg)


def test_the_confidence_curve_keeps_a_single_dip_of_a_long_video():
    confidences = np.ones(5000)
    confidences[1234] = 0.0
    svg = timeline(video(np.zeros(5000, int), None, confidences, 0.04), LABELS, palette(LABELS))
    points = re.search(r'points="([^"]+)"', svg)[1].split()
    positions = [tuple(map(float, point.split(","))) for point in points]
    lowest = max(positions, key=lambda position: position[1])
    assert len(points) <= 400
    assert lowest[0] == pytest.approx(LEFT + (RIGHT - LEFT) * 1234 / 5000, abs=3)
    assert lowest[1] - min(y for _, y in positions) == 30  # the whole height of the curve


def test_the_heat_table_counts_and_gives_percent_of_the_row():
    counts = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 2]])
    table = confusion_table(counts, LABELS, "steps")
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table)
    assert [name for name, _ in rows] == ["walk", "sit", "&lt;b&gt;"]
    cells = re.findall(r'<td class="(\w+)" style="--v:([\d.]+)">(.*?)</td>', rows[0][1])
    assert [cell[:2] for cell in cells] == [("hit", "0.750"), ("miss", "0.250"), ("miss", "0.000")]
    assert cells[1][2] == "1<br><small>25 %</small>"
    tree(table)


def test_a_table_of_many_labels_shows_those_with_most_errors():
    counts = np.diag(np.full(40, 5))
    counts[37, 3] = 1
    table = confusion_table(counts, [f"w{i}" for i in range(40)], "steps")
    assert ">w37<" in table and ">w3<" in table and "The 24 of 40 labels" in table
    assert table.count('scope="row"') == 24


def test_precision_and_recall_are_those_counted_by_hand():
    table = class_table(np.array([[3, 1, 0], [2, 0, 0], [0, 0, 0]]), LABELS, "steps")
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table)
    found = {name: re.findall("<td>(.*?)</td>", cells) for name, cells in rows}
    assert found == {
        "walk": ["4", "5", "60.0 %", "75.0 %", "66.7 %"],
        "sit": ["2", "1", "0.0 %", "0.0 %", "0.0 %"],
    }


def test_cards_mark_what_is_wrong():
    wrong = card(Card("a", "sit", "<b>", 0.876, [b"x"]), False)
    assert '<mark class="wrong">sit</mark> <small>88 %' in wrong and "truth: &lt;b&gt;" in wrong
    assert "truth" not in card(Card("a", "sit", "sit", 0.9, []), False)
    assert "truth" not in card(Card("a", "sit", None, 0.9, []), False)
    text = card(Card("a", "two", "too", 0.9, []), True)
    assert '<mark class="right">o</mark>' in text
    tree(wrong + text)


def test_systems_are_compared_in_one_table():
    table = comparison({"this": {"edit": 50.0}, "majority": {"frame_accuracy": 12.5}})
    assert re.findall("<td>(.*?)</td>", table) == ["50.00", "-", "-", "12.50"]


def test_thumbnails_are_the_frames_shown_at_the_times(tmp_path):
    times = [0.0, 0.1, 0.2, 1.0]
    path = write_film(tmp_path / "a.mp4", [plain(g) for g in (40, 90, 140, 240)], times)
    files = thumbnails(path, [0.0, 0.15, 0.25, 0.99, 1.0, 9.0])
    images = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in files]
    assert [image.mean() for image in images] == pytest.approx([40, 90, 140, 140, 240, 240], abs=4)
    assert images[0].shape == (120, 160, 3)
    assert thumbnails(path, []) == [] and video_format(path)[:2] == (48, 64)
    with pytest.raises(FileNotFoundError, match=r"no\.mp4: no such file"):
        thumbnails(str(tmp_path / "no.mp4"), [0.0])


def seen_steps(path: str, reading: list[int], target: list[int] | None) -> VideoReading:
    labels = StepLabels([[i] for i in reading], [0.5 + 0.01 * i for i in range(len(reading))])
    numbers = np.arange(len(reading))
    answer = Answer(path, labels, numbers * 0.1, numbers)
    return VideoReading(answer, None if target is None else np.array(target))


@pytest.fixture
def path(tmp_path) -> str:
    return write_film(tmp_path / "a.mp4", [plain(20 * i) for i in range(10)], even(10, 0.1))


def test_wrong_runs_have_the_frame_at_their_centre(path):
    seen = [seen_steps(path, [0, 1, 1, 1, 1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]
    html = "".join(step_sections(seen, LABELS, 20))
    tree(html)
    longest, surest = (part.split("<h2>")[0] for part in html.split("wrong stretches</h2>")[1:])
    cards = re.findall(r'base64,([^"]+)".*?class="name">(.*?)</p>', longest)
    assert [name for _, name in cards] == ["a.mp4, 0.1 to 0.5 s", "a.mp4, 0.8 to 0.9 s"]
    assert re.findall(r'class="name">(.*?)</p>', surest)[0] == "a.mp4, 0.8 to 0.9 s"
    middle = cv2.imdecode(np.frombuffer(base64.b64decode(cards[0][0]), np.uint8), 0)
    assert middle.mean() == pytest.approx(60, abs=4)  # the frame at 0.3 s
    assert "2 of 2" in longest and html.count("<image ") == 12


def test_each_video_is_decoded_once(path, monkeypatch):
    decoded = []
    real = video_sections.thumbnails
    monkeypatch.setattr(video_sections, "thumbnails", lambda *a: decoded.append(a[0]) or real(*a))
    step_sections([seen_steps(path, [1] * 10, [0] * 10)], LABELS, 20)
    assert decoded == [path]


def test_videos_left_out_are_counted_and_the_others_evenly_spaced(path):
    seen = [seen_steps(path, [0] * 10, [0] * 10) for _ in range(5)]
    html = "".join(step_sections(seen, LABELS, 2))
    assert html.count("<svg") == 2 and "2 of 5 are shown; --videos shows more" in html
    assert "No labelled step is wrong" in html
    assert evenly_spaced(5, 2) == [1, 3] and evenly_spaced(3, 9) == [0, 1, 2]


def test_without_truth_only_the_reading_is_shown(path):
    html = "".join(step_sections([seen_steps(path, [0] * 10, None)], LABELS, 20))
    assert "truth" not in html and "wrong" not in html and html.count("<svg") == 1


def test_wrong_clips_come_in_order_of_confidence(path):
    numbers = np.arange(10)
    seen = [
        VideoReading(
            Answer(path, Label(label, confidence), numbers * 0.1, numbers), np.array(target)
        )
        for label, confidence, target in ((0, 0.9, 0), (1, 0.6, 0), (0, 0.8, 2))
    ]
    html = "".join(label_sections(seen, LABELS, 20))
    tree(html)
    assert re.findall(r"</mark> <small>(\d+) %", html) == ["80", "60"]
    assert "1<br><small>50 %" in html  # of two that are walk, one is


def test_texts_with_the_most_edits_come_first(path):
    numbers = np.arange(10)
    symbols = ["a", "b", " "]

    def text(ids):
        return Text(ids, [0.9] * len(ids), [(i, i) for i in range(len(ids))], 0.5)

    seen = [
        VideoReading(Answer(path, text([0, 1]), numbers * 0.1, numbers), np.array([0, 1])),
        VideoReading(Answer(path, text([0, 0]), numbers * 0.1, numbers), np.array([1, 1])),
    ]
    html = "".join(text_sections(seen, symbols, 20))
    first, second = html.split("<article")[1:]
    assert "truth" in first and "truth" not in second and "<small>81 %" in second
    tree(html)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    for head in "steps", "clip":
        save_bundle(clip_bundle(head), folder / f"{head}.safetensors")
    return folder


@pytest.fixture
def videos(tmp_path) -> Path:
    """Three videos, dark and then bright, with frame labels; one is broken."""
    rows = ["clip,start_frame,end_frame,label,group"]
    for name in "a", "b":
        frames = [plain(10)] * 6 + [plain(250)] * 6
        write_film(tmp_path / "videos" / f"{name}.mp4", frames, even(12))
        rows += [f"{name}.mp4,0,6,dark,{name}", f"{name}.mp4,6,12,bright,{name}"]
    (tmp_path / "videos" / "c.mp4").write_bytes(b"no video")
    rows.append("c.mp4,0,6,dark,c")
    (tmp_path / "videos" / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path / "videos"


def test_report_has_the_scores_of_evaluate(command, videos, bundles, tmp_path):
    options = ("--model", bundles / "steps.safetensors", "--data", videos / "labels.csv")
    beside = tmp_path / "majority class.json"
    beside.write_text(json.dumps({"frame_accuracy": 43.21, "n": 3}), encoding="utf-8")
    code, out, err = command(
        "report", *options, "--output", tmp_path / "r.html", "--beside", beside
    )
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = tree(html)
    assert code == 1 and "c.mp4" in err and str(tmp_path / "r.html") in out
    command("evaluate", *options, "--json", tmp_path / "s.json")
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    for name in "frame_accuracy", "edit", "f1@50":
        assert f"<td>{scores[name]:.2f}</td>" in html
        assert f"<dd>{scores[name]:.1f} %" in html
    assert 50 < scores["frame_accuracy"] < 100  # right and wrong steps both are there
    assert "<td>43.21</td>" in html and "majority class" in html
    assert html.count("<svg") == 2 and "1 not read or not scored" in html
    assert not {"script", "link", "iframe"} & set(page.tags) and "http:" not in html
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert sources and all(value.startswith("data:image/jpeg;base64,") for value in sources)


def test_videos_without_annotations_are_shown_as_read(command, videos, bundles, tmp_path):
    (videos / "labels.csv").unlink()
    for head in "steps", "clip":
        options = ("--model", bundles / f"{head}.safetensors", "--data", videos)
        code, _, _ = command("report", *options, "--output", tmp_path / "r.html")
        html = (tmp_path / "r.html").read_text(encoding="utf-8")
        tree(html)
        assert code == 1 and "the readings alone" in html and "c.mp4" in html
        assert ("<svg" in html) == (head == "steps") and "accuracy" not in html


def test_clips_in_folders_of_their_class_are_scored(command, videos, bundles, tmp_path):
    for name, label in ("a", "dark"), ("b", "bright"):
        (tmp_path / "classes" / label).mkdir(parents=True)
        (videos / f"{name}.mp4").rename(tmp_path / "classes" / label / f"{name}.mp4")
    options = ("--model", bundles / "clip.safetensors", "--data", tmp_path / "classes")
    code, _, _ = command("report", *options, "--output", tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert code == 0 and "<dt>accuracy</dt><dd>50.0 %" in html
    assert html.count("<article") == 1 and '<mark class="wrong">bright</mark>' in html


MISUSE = [
    (["--videos", "0"], "--videos 0: show at least 1"),
    (["--beside", "nobody.safetensors"], "no such bundle: nobody.safetensors"),
    (["--output", "none/r.html"], "--output none/r.html: no such folder"),
    (["--beside", "none.json"], "none.json"),
]


@pytest.mark.parametrize(("options", "says"), MISUSE)
def test_misuse_is_one_line_and_exit_status_2(command, videos, bundles, options, says):
    code, out, err = command(
        "report", "--model", bundles / "steps.safetensors", "--data", videos, *options
    )
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1


def test_bundles_are_not_compared_on_videos(command, videos, bundles):
    own, other = bundles / "steps.safetensors", bundles / "clip.safetensors"
    code, _, err = command("report", "--model", own, "--data", videos, "--beside", other)
    assert code == 2 and "clip.safetensors: bundles are compared on lines only" in err
