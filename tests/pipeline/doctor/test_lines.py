"""The doctor on drawn lines, each spoiled in one way: messages, output files, exit codes."""

import errno
import json
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import LineFolder, RealLines
from pipeline.commands import doctor
from pipeline.doctor import lines as line_doctor
from tests.support.drawn_lines import draw, sentence, write_page, write_table
from tests.support.pages import bent_page
from tests.support.small import write_image


def run(*arguments: object) -> tuple[int, dict]:
    """Exit code and what --json wrote about the lines."""
    code = doctor.main(["doctor", *map(str, arguments), "--json", "found.json"])
    return code, json.loads(Path("found.json").read_text(encoding="utf-8"))["lines"]


def kinds(result: dict) -> set[tuple[str, str]]:
    return {(finding["kind"], Path(finding["file"]).name) for finding in result.get("findings", [])}


@pytest.fixture
def page(tmp_path, monkeypatch) -> tuple[Path, dict[str, str]]:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "page", write_page(tmp_path / "page")


def test_correct_lines_have_no_findings(page, capsys):
    code, result = run(page[0])
    assert code == 0 and kinds(result) == set()
    assert result["totals"]["lines"] == 60 and result["totals"]["lines to leave out"] == 0
    assert "videos" not in capsys.readouterr().out  # labels.tsv names images


def spoil(root: Path, texts: dict[str, str]) -> set[tuple[str, str]]:
    """Spoil lines; return the kind of finding expected for each, with its file name."""
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
        "breaks or controls",
        "not composed",
        "rare character",
        "no transcript",
    )
    result = {(kind, name) for kind, name in zip(expected, order, strict=False) if kind}
    return result | {("rare character", order[12])}  # its e with an accent


def test_each_fault_is_reported_with_its_line_and_nothing_else(page):
    root, texts = page
    expected = spoil(root, texts)
    code, result = run(root)
    assert code == 1 and kinds(result) == expected
    assert result["totals"]["lines with a finding"] == 14


def test_the_list_of_fix_is_accepted_by_line_folder(page):
    root, texts = page
    order = list(texts)
    texts[order[3]] = texts[order[3]][:3]
    write_image(root / order[4], np.full((40, 300), 200, np.uint8))
    write_table(root, texts)
    run(root, "--fix", "fix.tsv", "--html", "page.html")
    rows = [row.split("\t") for row in Path("fix.tsv").read_text().splitlines()]
    assert [row[0] for row in rows] == order[3:5]
    assert rows[0][1].startswith("too short: ") and rows[1][1].startswith("blank: ")
    source = RealLines([LineFolder(str(root), leave_out="fix.tsv", validation=0.2)])
    used = {name for split in ("train", "validation") for name in source.split(split).names}
    assert len(used) == 58 and not used & {str(root / row[0]) for row in rows}
    assert len(source.problems) == 2 and "left out by fix.tsv: too short" in source.problems[0][1]
    html = Path("page.html").read_text(encoding="utf-8")
    assert html.count("<article") == 2 and html.count("data:image/png;base64,") == 2
    code, result = run("--config", config(root, "fix.tsv"))
    assert code == 0 and kinds(result) == set() and result["totals"]["left out already"] == 2


def config(root: Path, leave_out: str) -> Path:
    path = Path("lines.yaml")
    path.write_text(
        "data:\n  source:\n    class_path: datasets.Mixture\n    init_args:\n      sources:\n"
        "      - class_path: datasets.RealLines\n        init_args:\n          folders:\n"
        f"          - {{root: {root}, validation: [p1], test: [p2], leave_out: {leave_out}}}\n"
    )
    return path


def test_duplicates_are_reported_with_the_splits_of_a_config(page):
    root, texts = page
    order = list(texts)
    write_image(root / order[25], cv2.imread(str(root / order[5]), cv2.IMREAD_GRAYSCALE))
    texts[order[25]] = texts[order[5]]
    write_table(root, texts)
    Path("none.tsv").write_text("")
    _, result = run("--config", config(root, "none.tsv"))
    (finding,) = result["findings"]
    assert finding["kind"] == "duplicate" and "in test and train" in finding["reason"]
    # the training line is left out, not the test line
    assert Path(finding["file"]).name == order[5]
    assert finding["leave_out"] and finding["split"] == "train"


def test_options_for_lines_are_refused_where_there_are_none(page, capsys):
    Path("empty").mkdir()
    assert doctor.main(["doctor", "empty"]) == 2
    assert "no videos in it, and no labelled lines" in capsys.readouterr().err
    assert doctor.main(["doctor"]) == 2
    assert "give a PATH, or --config" in capsys.readouterr().err


def test_a_model_that_reads_no_lines_is_refused(page, capsys):
    assert doctor.main(["doctor", str(page[0]), "--model", "motions"]) == 2
    assert "this bundle reads no lines" in capsys.readouterr().err


def test_a_model_adds_its_readings_of_suspect_labels(page, bundle_file):
    """An untrained model doubts all labels: each finding has its reading, sorted by score."""
    code, result = run(page[0], "--model", bundle_file, "--html", "page.html")
    refused = [f for f in result["findings"] if f["kind"] == "not in the alphabet"]
    assert code == 0 and len(refused) == 60  # news, no faults
    suspects = [f for f in result["findings"] if f["kind"] in ("suspect", "too long")]
    assert suspects and all("reading" in f for f in suspects if f["kind"] == "suspect")
    scores = [finding["score"] for finding in suspects if finding["kind"] == "suspect"]
    assert scores == sorted(scores, reverse=True)


def test_suspect_labels_come_first_and_unknown_characters_are_news(page, bundle_file, capsys):
    """The tiny bundle knows nine characters: every line has others, and `fit` may learn them."""
    root, texts = page
    first, second = list(texts)[:2]
    texts[first], texts[second] = "a bad cab", "she had a fad — see"
    write_image(root / second, np.full((40, 300), 200, np.uint8))
    write_table(root, texts)
    _, result = run(root, "--model", bundle_file, "--fix", "fix.tsv", "--html", "page.html")
    kinds_found = list(dict.fromkeys(finding["kind"] for finding in result["findings"]))
    assert kinds_found[0] == "suspect" and kinds_found[-1] == "not in the alphabet"
    assert "blank" in kinds_found[1:-1]
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("suspect label, ")
    assert any(line.startswith("news    not in the alphabet, ") for line in shown)
    assert next(iter(result)) == "suspects" and "not in the alphabet" in result["news"][0]
    assert not any("alphabet" in row for row in [*result["problems"], *result["warnings"]])
    html = Path("page.html").read_text(encoding="utf-8")
    assert html.index("suspect: ") < html.index("blank: ") < html.index("not in the alphabet: ")
    fixed = Path("fix.tsv").read_text(encoding="utf-8")
    assert "alphabet" not in fixed and f"{second}\tblank" in fixed


def test_gt_txt_files_are_examined_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        write_image(tmp_path / "a" / f"{index}.png", draw(sentence(index)))
        (tmp_path / "a" / f"{index}.gt.txt").write_text(sentence(index) + "\n")
    write_image(tmp_path / "a" / "alone.png", draw("nobody read me"))
    (tmp_path / "a" / "1.gt.txt").write_text("two\nlines\n")
    code, result = run("a")
    reported = {finding for finding in kinds(result) if finding[0] != "rare character"}
    assert code == 1
    assert reported == {("no transcript", "alone.png"), ("breaks or controls", "1.png")}


@pytest.mark.parametrize("name", ["json", "html", "fix"])
def test_outputs_are_checked_before_the_work(page, capsys, monkeypatch, name):
    monkeypatch.setattr(line_doctor, "examine_lines", None)  # must not be called
    for given, message in (("none/f", "no such folder to write into"), (".", "a folder")):
        assert doctor.main(["doctor", str(page[0]), f"--{name}", given]) == 2
        error = capsys.readouterr().err
        assert f"--{name} {given}: " in error and message in error


def test_a_file_that_cannot_be_written_does_not_prevent_other_output(page, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(line_doctor, "write_fix", full)
    code, result = run(page[0], "--fix", "fix.tsv", "--html", "page.html")
    assert code == 1 and Path("page.html").exists()
    assert result["problems"] == ["--fix fix.tsv: not written: [Errno 28] No space left on device"]
    monkeypatch.setattr(Path, "write_bytes", full)
    code = doctor.main(["doctor", str(page[0]), "--json", "other.json", "--html", "page.html"])
    output = capsys.readouterr()
    assert code == 1 and "--json: not written: other.json" in output.err
    assert "--html page.html: not written" in output.out


def test_misuse_is_reported_without_a_traceback(page, capsys):
    (page[0] / "bad.yaml").write_text("a: [")
    wrong = ["--config", str(page[0] / "bad.yaml")], [str(page[0]), "--group_pattern", "("]
    messages = "bad.yaml: no data.source", "group_pattern '('"
    for arguments, message in zip(wrong, messages, strict=True):
        assert doctor.main(["doctor", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_an_error_of_the_machine_is_no_finding(page, monkeypatch, capsys):
    def too_many(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("pipeline.doctor.line_examination.measure", too_many)
    assert doctor.main(["doctor", str(page[0])]) == 2
    assert "Too many open files; raise the limit" in capsys.readouterr().err


def test_polygons_that_cut_letters_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, cut in (("cut", True), ("whole", False)):
        bent_page(tmp_path / f"{name}/p.xml", lambda x: 0.05 * x, cut)
    code, result = run(tmp_path / "cut", "--html", "page.html")
    found = [f for f in result["findings"] if f["kind"] == "cut letters"]
    names = [f"p.xml#l{place}" for place in range(3)]
    assert code == 0 and sorted(Path(f["file"]).name for f in found) == names
    assert all(re.search(r"leaves out [1-4]\d % of the ink", f["reason"]) for f in found)
    told = " ".join(capsys.readouterr().out.split())  # the terminal breaks lines
    assert "draw the polygon around whole letters" in told
    by_polygon = run(tmp_path / "cut", "--crop", "polygon", "--html", "polygon.html")[1]
    assert kinds(by_polygon) >= {("cut letters", "p.xml#l1")}
    images = [Path(f).read_text(encoding="utf-8") for f in ("page.html", "polygon.html")]
    heights = [re.search(r'alt="p.xml#l0" width="\d+" height="(\d+)"', i)[1] for i in images]
    assert int(heights[0]) > 1.5 * int(heights[1])  # it shows what is read
    assert "cut letters" not in {kind for kind, _ in kinds(run(tmp_path / "whole")[1])}
