"""The doctor on drawn lines, each spoiled in one way: what it says, writes and leaves out."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import LineFolder, RealLines
from pipeline.commands import doctor
from pipeline.doctor import lines as line_doctor
from tests.support.drawn_lines import draw, sentence, write_page, write_table
from tests.support.small import write_image


def run(*arguments: object) -> tuple[int, dict]:
    """Exit code and what --json wrote about the lines."""
    code = doctor.main(["doctor", *map(str, arguments), "--json", "found.json"])
    return code, json.loads(Path("found.json").read_text(encoding="utf-8"))["lines"]


def kinds(found: dict) -> set[tuple[str, str]]:
    return {(one["kind"], Path(one["file"]).name) for one in found.get("findings", [])}


@pytest.fixture
def page(tmp_path, monkeypatch) -> tuple[Path, dict[str, str]]:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "page", write_page(tmp_path / "page")


def names(texts: dict[str, str]) -> list[str]:
    return list(texts)


def test_lines_that_are_right_are_left_in_peace(page, capsys):
    code, found = run(page[0])
    assert code == 0 and kinds(found) == set()
    assert found["totals"]["lines"] == 60 and found["totals"]["lines to leave out"] == 0
    assert "videos" not in capsys.readouterr().out  # labels.tsv of images is no table of videos


def spoil(root: Path, texts: dict[str, str]) -> set[tuple[str, str]]:
    """-> the kind that each spoiled line must be given."""
    order = list(texts)
    image = {name: cv2.imread(str(root / name), cv2.IMREAD_GRAYSCALE) for name in order}
    write_image(root / order[0], np.full((40, 400), 210, np.uint8))
    write_image(root / order[1], np.ascontiguousarray(np.rot90(image[order[1]])))
    write_image(root / order[2], np.ascontiguousarray(np.rot90(image[order[2]], 2)))
    wide = max(image[order[3]].shape[1], image[order[4]].shape[1])
    both = [
        np.pad(image[n], ((0, 0), (0, wide - image[n].shape[1])), mode="edge") for n in order[3:5]
    ]
    write_image(root / order[3], np.vstack(both))
    (root / order[5]).write_bytes((root / order[5]).read_bytes()[:-200])
    (root / order[6]).unlink()
    texts[order[7]] = " ".join([texts[order[7]]] * 5)
    texts[order[8]] = texts[order[8]][:4]
    texts[order[9]] = " "
    texts[order[10]] += "  "
    texts[order[11]] += "\x07"
    texts[order[12]] += "e\u0301"
    texts[order[13]] += "Ж"
    del texts[order[14]]
    write_table(root, texts)
    expected = (
        "blank",
        "on its side",
        "upside down",
        "several lines",
        None,
        "unreadable",
        "no image",
        "too long",
        "too short",
        "empty transcript",
        "odd spaces",
        "control characters",
        "not composed",
        "rare character",
        "no transcript",
    )
    found = {(kind, name) for kind, name in zip(expected, order, strict=False) if kind}
    return found | {("rare character", order[12])}  # its e with an accent


def test_each_fault_is_named_with_its_line_and_nothing_else(page):
    root, texts = page
    expected = spoil(root, texts)
    code, found = run(root)
    assert code == 1 and kinds(found) == expected
    assert found["totals"]["lines with a finding"] == 14


def test_a_list_to_leave_out_is_what_line_folder_takes(page):
    root, texts = page
    texts[names(texts)[3]] = texts[names(texts)[3]][:3]
    write_image(root / names(texts)[4], np.full((40, 300), 200, np.uint8))
    write_table(root, texts)
    run(root, "--fix", "fix.tsv", "--html", "page.html")
    rows = [row.split("\t") for row in Path("fix.tsv").read_text().splitlines()]
    assert [row[0] for row in rows] == names(texts)[3:5]
    assert rows[0][1].startswith("too short: ") and rows[1][1].startswith("blank: ")
    source = RealLines([LineFolder(str(root), leave_out="fix.tsv", validation=0.2)])
    used = {name for split in ("train", "validation") for name in source.split(split).names}
    assert len(used) == 58 and not used & {str(root / row[0]) for row in rows}
    assert len(source.problems) == 2 and "left out by fix.tsv: too short" in source.problems[0][1]
    html = Path("page.html").read_text(encoding="utf-8")
    assert html.count("<article") == 2 and html.count("data:image/png;base64,") == 2
    code, found = run("--config", config(root, "fix.tsv"))
    assert code == 0 and kinds(found) == set() and found["totals"]["left out already"] == 2


def config(root: Path, leave_out: str) -> Path:
    path = Path("lines.yaml")
    path.write_text(
        "data:\n  source:\n    class_path: datasets.Mixture\n    init_args:\n      sources:\n"
        "      - class_path: datasets.RealLines\n        init_args:\n          folders:\n"
        f"          - {{root: {root}, validation: [p1], test: [p2], leave_out: {leave_out}}}\n"
    )
    return path


def test_twins_are_told_with_the_splits_of_a_config(page):
    root, texts = page
    order = names(texts)
    write_image(root / order[25], cv2.imread(str(root / order[5]), cv2.IMREAD_GRAYSCALE))
    texts[order[25]] = texts[order[5]]
    write_table(root, texts)
    Path("none.tsv").write_text("")
    _, found = run("--config", config(root, "none.tsv"))
    (one,) = found["findings"]
    assert one["kind"] == "duplicate" and "in test and train" in one["reason"]
    # the test line stays, the training line goes
    assert Path(one["file"]).name == order[5] and one["leave_out"] and one["split"] == "train"


def test_options_for_lines_are_refused_where_there_are_none(page, capsys):
    Path("empty").mkdir()
    assert doctor.main(["doctor", "empty"]) == 2
    assert "no videos in it, and no labelled lines" in capsys.readouterr().err
    assert doctor.main(["doctor"]) == 2
    assert "give a PATH, or --config" in capsys.readouterr().err


def test_a_model_that_reads_no_lines_is_refused(page, capsys):
    assert doctor.main(["doctor", str(page[0]), "--model", "motions"]) == 2
    assert "this bundle reads no lines" in capsys.readouterr().err


def test_with_a_model_the_readings_stand_beside_the_labels(page, bundle_file):
    """An untrained model doubts all labels: each has its reading, the worst comes first."""
    code, found = run(page[0], "--model", bundle_file, "--html", "page.html")
    refused = [one for one in found["findings"] if one["kind"] == "not in the alphabet"]
    assert code == 1 and len(refused) == 60
    suspects = [one for one in found["findings"] if one["kind"] in ("suspect", "too long")]
    assert suspects and all("reading" in one for one in suspects if one["kind"] == "suspect")
    scores = [one["score"] for one in suspects if one["kind"] == "suspect"]
    assert scores == sorted(scores, reverse=True)


def test_gt_txt_files_are_examined_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in range(3):
        write_image(tmp_path / "a" / f"{place}.png", draw(sentence(place)))
        (tmp_path / "a" / f"{place}.gt.txt").write_text(sentence(place) + "\n")
    write_image(tmp_path / "a" / "alone.png", draw("nobody read me"))
    (tmp_path / "a" / "1.gt.txt").write_text("two\nlines\n")
    code, found = run("a")
    told = {one for one in kinds(found) if one[0] != "rare character"}
    assert code == 1
    assert told == {("no transcript", "alone.png"), ("control characters", "1.png")}


@pytest.mark.parametrize("name", ["json", "html", "fix"])
def test_outputs_are_checked_before_the_work(page, capsys, monkeypatch, name):
    monkeypatch.setattr(line_doctor, "examine_lines", None)  # it is not come to
    for given, says in (("none/f", "there is no folder none; make it first"), (".", "a folder")):
        assert doctor.main(["doctor", str(page[0]), f"--{name}", given]) == 2
        assert f"--{name} {given}: " in (told := capsys.readouterr().err) and says in told


def test_a_file_that_cannot_be_written_takes_nothing_with_it(page, capsys, monkeypatch):
    def full(*_, encoding=""):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(line_doctor, "write_fix", full)
    code, found = run(page[0], "--fix", "fix.tsv", "--html", "page.html")
    assert code == 1 and Path("page.html").exists()
    assert found["problems"] == ["--fix fix.tsv: not written: [Errno 28] No space left on device"]
    monkeypatch.setattr(Path, "write_text", full)
    code = doctor.main(["doctor", str(page[0]), "--json", "other.json", "--html", "page.html"])
    said = capsys.readouterr()
    assert code == 1 and "--json other.json: not written" in said.err
    assert "--html page.html: not written" in said.out


def test_misuse_is_told_without_a_traceback(page, capsys):
    (page[0] / "bad.yaml").write_text("a: [")
    wrong = ["--config", str(page[0] / "bad.yaml")], [str(page[0]), "--group_pattern", "("]
    for arguments, says in zip(wrong, ("bad.yaml: no config", "group_pattern '('"), strict=True):
        assert doctor.main(["doctor", *arguments]) == 2
        assert says in capsys.readouterr().err
