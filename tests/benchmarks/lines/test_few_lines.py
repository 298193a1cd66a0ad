"""Few lines: the made typeface, the few of many, and points that are measured once."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import ImageFont

from benchmarks.lines import few_lines
from benchmarks.lines.few_lines import Point, Task, draw, measure, row, score, write_config
from benchmarks.lines.few_lines_data import make_blackletter, make_lines, take_lines, write_few
from datasets import SyntheticLines
from datasets.lines.tables import read_table
from models.decoding.beam import BeamSearch
from pipeline.reading.bundle import save_bundle
from pipeline.reading.prediction import load_recognizer
from tests.support.small import ALPHABET, LINES, noise_line, tiny_bundle, write_image

pytestmark = pytest.mark.usefixtures("folder")
TASK = Task("made", 3, "fine-tuned", "lines-en", 9, 60)


def test_the_blackletter_is_a_text_font_of_other_letters():
    made = make_blackletter(Path("fonts/b.ttf"))
    (face,) = SyntheticLines(1, alphabet="abcxyzABCXYZ0123456789", fonts=[str(made)]).faces
    assert face.characters >= set("abcxyzABCXYZ0123456789")
    shapes = {}
    for name, path in ("black", made), ("plain", few_lines_font()):
        font = ImageFont.truetype(str(path), 40)
        shapes[name] = {c: bytes(font.getmask(c)) for c in "aCIzZ7\u212d\U0001d51e"}
    black, plain = shapes["black"], shapes["plain"]
    assert black["a"] == black["\U0001d51e"] and black["C"] == black["\u212d"]
    assert plain["a"] != plain["\U0001d51e"] and all(black[c] != plain[c] for c in "aCIzZ")


def few_lines_font() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts/ttf/STIXGeneral.ttf"


def test_made_lines_are_laid_into_three_tables_and_few_are_the_first():
    Path("made").mkdir()
    make_lines(Path("made"), [str(few_lines_font())], 3, 2, 1)
    train, kept = (read_table(Path(f"made/{s}.tsv"), 3) for s in ("train", "validation"))
    assert [len(train), len(kept)] == [3, 2]
    assert cv2.imread(f"made/{train[2][0]}", 0).shape[0] >= 16
    few = read_table(write_few(Path("made"), 2), 3)
    assert few == [
        *([path, text, "train"] for path, text, _ in train[:2]),
        *([path, text, "validation"] for path, text, _ in kept),
    ]


def test_real_lines_keep_the_splits_of_their_config():
    for place in range(6):
        write_image(Path(f"lines/p{place}__.png"), noise_line(place, width=40))
        Path(f"lines/p{place}__.gt.txt").write_text("ab"[place % 2] + "\n", encoding="utf-8")
    text = LINES.replace("[p0, p1]", "[p0, p1], test: [p4]")
    Path("real.yaml").write_text(text, encoding="utf-8")
    Path("real").mkdir()
    take_lines(Path("real"), "real.yaml")
    groups = {s: [r[2] for r in read_table(Path(f"real/{s}.tsv"), 3)] for s in ("train", "test")}
    assert sorted(groups["train"]) == ["p2", "p3", "p5"] and groups["test"] == ["p4"]


def test_the_shipped_configs_lines_are_found_and_each_counts_once(tmp_path, monkeypatch, capsys):
    """Its source is a mixture, and its folders are repeated; here they hold a few lines."""
    config = Path(few_lines.__file__).parents[2] / "configs/lines_fraktur.yaml"
    for name, pattern in ("de_archiscribe_fraktur", "w{}__1"), ("de_ocrd_linegt", "w{}-1__1"):
        for place in range(10):
            image = tmp_path / "data/lines" / name / (pattern.format(place) + ".png")
            write_image(image, noise_line(place, width=40))
            image.with_name(image.stem + ".gt.txt").write_text(f"a{place}\n", encoding="utf-8")
    (tmp_path / "data/lines/de_ocrd_linegt/w3-1__1.png").write_bytes(b"")
    monkeypatch.setenv("STRAND_DATA", str(tmp_path / "data"))
    Path("real").mkdir()
    take_lines(Path("real"), str(config))
    tables = [read_table(Path(f"real/{s}.tsv"), 3) for s in ("train", "validation", "test")]
    paths = [path for rows in tables for path, _, _ in rows]
    assert len(paths) == len({*paths}) == 19 and all(tables)
    assert {Path(path).parent.name for path, _, _ in tables[0]} == {
        "de_archiscribe_fraktur",
        "de_ocrd_linegt",
    }
    assert "1 lines cannot be used; the first" in capsys.readouterr().err


def test_both_starts_train_alike_but_for_the_rate():
    made = {}
    for start in ("fine-tuned", "from scratch"):
        task = Task("made", 50, start, "lines-en", 300, 170)
        write_config(task, Path("lines.yaml"), Path("few.tsv"), Path("out.yaml"))
        made[start] = yaml.safe_load(Path("out.yaml").read_text(encoding="utf-8"))
    tuned, scratch = made["fine-tuned"], made["from scratch"]
    assert (tuned.pop("init_from"), scratch.pop("init_from")) == ("lines-en", None)
    assert scratch["model"].pop("learning_rate") == few_lines.SCRATCH_RATE
    assert tuned == scratch
    (folder,) = tuned["data"]["source"]["init_args"]["folders"]
    assert (folder["weight"], tuned["trainer"]["max_epochs"]) == (12, 8)  # 300 steps of 16 lines
    assert tuned["trainer"]["max_time"] == "00:00:02:50"


def test_a_point_is_measured_once(monkeypatch):
    trained = []
    monkeypatch.setattr(few_lines, "train", lambda task, *_: trained.append(task) or ("b", 7))
    monkeypatch.setattr(few_lines, "score", lambda *_: (1.5, 1.0, 2.0))
    first = measure(TASK, Path(), Path("lines.yaml"), None)
    assert measure(TASK, Path(), Path("lines.yaml"), None) == first
    assert trained == [TASK] and (first.cer, first.steps) == (1.5, 7)
    other = Task(**vars(TASK) | {"steps": 8})
    measure(other, Path(), Path("lines.yaml"), None)
    assert trained == [TASK, other]  # the file is of another task: measured again
    assert row(first)[:5] == ["made", "3", "fine-tuned", "1.50 (1.00-2.00)", "7"]


def test_a_training_that_fails_is_told_with_its_log(monkeypatch):
    monkeypatch.setattr(few_lines, "write_few", lambda *_: Path("few.tsv"))
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(RuntimeError, match=r"made-3-fine-tuned: training failed with status 1"):
        few_lines.train(TASK, Path(), Path("lines.yaml"), None)


def test_the_score_is_of_the_readings():
    save_bundle(tiny_bundle(), Path("tiny.safetensors"))
    images = [write_image(Path(f"{i}.png"), noise_line(i)) for i in range(2)]
    read = [r["text"] for r in load_recognizer("tiny.safetensors").predict(map(str, images))]
    rows = f"0.png\t{read[0]}\tg\n1.png\t{'#' * len(read[1])}\th\n"
    Path("test.tsv").write_text(rows, encoding="utf-8")
    cer = 100 * len(read[1]) / len("".join(read))
    np.testing.assert_allclose(score("tiny.safetensors", Path("test.tsv"))[0], cer)
    bundle = tiny_bundle()
    bundle.decoder = BeamSearch(list(ALPHABET), beta=5.0, certain=2.0)
    save_bundle(bundle, Path("search.safetensors"))
    searched = [r["text"] for r in load_recognizer("search.safetensors").predict(map(str, images))]
    assert searched != read  # but a search does not count
    np.testing.assert_allclose(score("search.safetensors", Path("test.tsv"))[0], cer)


def test_the_picture_shows_each_typeface_with_its_starts():
    points = [
        Point(Task(name, lines, start, "lines-en", 9, 60), cer, cer / 2, 2 * cer, 9, 1.0)
        for name in ("made", "real")
        for lines, start, cer in [
            (0, "as it is", 30.0),
            (50, "fine-tuned", 9.0),
            (50, "from scratch", 80.0),
            (200, "fine-tuned", 4.0),
            (200, "from scratch", 60.0),
        ]
    ]
    left, right = draw(points, "lines-en").axes
    told = [text.get_text() for text in left.get_legend().get_texts()]
    assert told == ["lines-en as it is", "fine-tuned", "from scratch"]
    assert list(right.get_xticks()) == [50, 200]
    assert json.dumps([list(c.lines[0].get_ydata()) for c in left.containers]) == (
        "[[9.0, 4.0], [80.0, 60.0]]"
    )
