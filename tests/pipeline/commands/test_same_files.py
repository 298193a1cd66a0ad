"""fit, predict, evaluate and doctor find and pass over the same files of a folder."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from datasets import LineReader, TextReader
from pipeline.reading.inputs import expand_inputs
from tests.support.small import LINES, noise_line, write_image

GOOD = ("p0__1.png", "p1__1.PNG", "p2__1.nrm.png", "sub/p3__1.jp2", "sub/p4__1.gif")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Five lines in all manner of endings, and what other systems and other work left there."""
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(GOOD):
        image = noise_line(index, width=64).repeat(4, 0).repeat(4, 1)  # JPEG 2000 needs some size
        image = np.dstack([image] * 3) if "gif" in name else image  # and GIF colours, to write
        write_image(Path("lines", name), image)
        stem = name.partition(".")[0]
        Path("lines", f"{stem}.gt.txt").write_text("ab", encoding="utf-8")
        Path("lines", name).with_name("._" + Path(name).name).write_bytes(b"\0\5\x16\7")
    Path("lines/._p0__1.gt.txt").write_bytes(b"\0\5\x16\7\xff")
    Path("lines/__MACOSX").mkdir()
    Path("lines/__MACOSX/._p0__1.png").write_bytes(b"\0")
    Path("lines/scan.pdf").write_bytes(b"%PDF")
    return tmp_path / "lines"


OVER = (
    "lines: passed over 6 hidden files (._p0__1.gt.txt, ._p0__1.png, ...), "
    "1 system folder (__MACOSX), 1 .pdf file (scan.pdf)"
)


def test_all_commands_agree_on_what_is_there(folder, command, bundle_file):
    Path("c.yaml").write_text(LINES, encoding="utf-8")
    predicted = command("predict", "lines", "--model", bundle_file, "--format", "jsonl")
    names = [json.loads(line)["input"] for line in predicted.out.splitlines()]
    # a PDF has pages to read, and is no line to train or score on
    expected = [f"lines/{name}" for name in (*GOOD[:3], "scan.pdf", *GOOD[3:])]
    assert (predicted.code, names) == (1, expected)
    assert predicted.err.splitlines()[0] == OVER.removesuffix(", 1 .pdf file (scan.pdf)")
    scored = command("evaluate", "--model", bundle_file, "--data", "lines")
    assert scored.code == 0 and "\n5 lines, " in scored.out and scored.err == OVER + "\n"
    checked = command("doctor", "lines", "--json", "d.json")
    found = json.loads(Path("d.json").read_text(encoding="utf-8"))
    assert list(found) == ["lines"] and found["lines"]["totals"]["lines"] == 5
    assert found["lines"]["passed_over"] == [OVER] and OVER in " ".join(checked.out.split())
    fitted = command("fit", "-c", "c.yaml")
    assert fitted.code == 0 and "samples: 3 train, 2 validation" in fitted.out
    assert OVER in fitted.out.splitlines()


def test_an_image_that_the_table_does_not_name_is_told_by_all(folder, command, bundle_file):
    rows = [f"{name}\tab" for name in GOOD if "p2" not in name]
    Path("lines/labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    Path("c.yaml").write_text(LINES, encoding="utf-8")
    told = re.compile(r"p2__1\.nrm\.png: (no transcript \()?not in labels\.tsv")
    assert told.search(command("evaluate", "--model", bundle_file, "--data", "lines").err)
    assert told.search(command("doctor", "lines").out)
    assert told.search(command("fit", "-c", "c.yaml").out)


def test_a_glob_reads_folders_and_no_system_files(folder, capsys):
    Path("lines/Thumbs.db").write_bytes(b"x")
    found = list(expand_inputs(["lines/*"], LineReader()))
    kept = [item for item in found if isinstance(item, str)]
    assert kept == [f"lines/{name}" for name in GOOD]
    assert [item.name for item in found if not isinstance(item, str)] == [
        *(f"lines/p{i}__1.gt.txt" for i in range(3)),
        "lines/scan.pdf",
    ]  # a glob asks for them: each gets an answer
    told = capsys.readouterr().err
    assert "lines/Thumbs.db: passed over, a system file\n" in told
    assert "lines/__MACOSX: passed over, a system folder\n" in told
    assert "lines/sub: passed over 2 hidden files" in told
    deep = list(expand_inputs(["lines/**/*.png"], LineReader()))
    assert deep == ["lines/p0__1.png", "lines/p2__1.nrm.png"]


def test_a_folder_of_texts_says_that_tables_are_passed_over(tmp_path, capsys):
    for name in ("a.TXT", "._a.txt", "t.csv"):
        (tmp_path / name).write_text("text\ngood\n", encoding="utf-8")
    assert list(expand_inputs([str(tmp_path)], TextReader(["good"]))) == [str(tmp_path / "a.TXT")]
    assert capsys.readouterr().err == (
        f"{tmp_path}: passed over 1 hidden file (._a.txt), 1 .csv file (t.csv)\n"
    )
