"""The peers of our reader: their output's form, their languages, and their fastest way."""

import sys
import types
from contextlib import ExitStack

import pytest

from benchmarks.lines import contenders
from benchmarks.lines.contenders import (
    Worker,
    fastest,
    languages_here,
    peers_of,
    reading_of,
    split_pages,
)
from tests.support.readers import reader


@pytest.mark.parametrize(
    ("output", "texts"),
    [
        ("one\n\ftwo\n", ["one", "two"]),  # Tesseract 5: between the pages
        ("one\n\ftwo\n\f", ["one", "two"]),  # Tesseract 4: behind each
        ("one\n\f\f\ftwo\n", ["one", "", "", "two"]),
        ("one\n\f", ["one", ""]),
        ("\f", ["", ""]),
        ("", [""]),
        ("upper\nlower part\n\n\fnext\n", ["upper lower part", "next"]),
    ],
)
def test_each_image_has_its_text(output, texts):
    assert split_pages(output, len(texts)) == texts


@pytest.mark.parametrize("output", ["one\n\ftwo\n\fthree\n", "one\n"])
def test_a_wrong_number_of_pages_is_an_error(output):
    with pytest.raises(ValueError, match=r"answered \d pages for 2 images"):
        split_pages(output, 2)


def test_a_machine_without_tesseract_is_told_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(contenders.shutil, "which", lambda _: None)
    assert languages_here("en_books", []) == []
    assert "apt install tesseract-ocr" in capsys.readouterr().err


def test_languages_are_the_chosen_or_by_name_and_installed(monkeypatch, capsys):
    said = types.SimpleNamespace(stdout='List in "/x/" (3):\neng\nfra\nfrk\n')
    monkeypatch.setattr(contenders.shutil, "which", lambda _: "tesseract")
    monkeypatch.setattr(contenders.subprocess, "run", lambda *a, **k: said)
    assert languages_here("fr_print", []) == ["fra"]
    assert languages_here("de_books", []) == ["frk"]
    assert "Tesseract lacks Fraktur" in capsys.readouterr().err
    assert languages_here("de_books", ["de_books=eng,fra"]) == ["eng", "fra"]
    assert languages_here("other", ["de_books=fra"]) == ["eng"]


@pytest.mark.parametrize("library", [None, "py"])
def test_tesseracts_command_line_has_a_row_beside_its_library(monkeypatch, capsys, library):
    monkeypatch.setattr(contenders.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(contenders, "languages_here", lambda name, chosen: ["eng", "fra"])
    monkeypatch.setattr(
        contenders, "tesserocr", lambda *given: [reader(f"tesserocr {given[2]}", [])]
    )
    monkeypatch.setattr(
        contenders, "command_line", lambda *given: reader(f"command_line {given[1]}", [])
    )
    chosen = types.SimpleNamespace(
        rapidocr=None, tesserocr=library, threads=2, tesseract_language=[], every_way=False
    )
    found = [one.name for one in peers_of("en_x", ["a.png"], chosen, None)]
    every = [f"{kind} {x}" for x in ("eng", "fra") for kind in ("tesserocr", "command_line")]
    assert found == (every if library else every[1::2])
    told = capsys.readouterr().err
    assert ("library is missing" in told) == (library is None)


def test_the_fastest_way_is_taken():
    ways = [reader("slow", [], 2.0), reader("fast", [], 1.0)]
    assert fastest(ways).name == "fast"


ECHO = """
import sys
sys.path.insert(0, sys.argv[1])
import os, time
from peer_worker import serve
os.dup2(os.dup(1), 9); os.dup2(2, 1)
print("noise of a library", flush=True)
def read(images, batch):
    time.sleep(0.05 * int(sys.argv[2]))
    return [f"{image}{batch}" for image in images]
serve("echo", str.upper, read, 9)
"""


def test_workers_share_the_lines_and_the_slowest_is_timed(tmp_path, monkeypatch):
    script = tmp_path / "echo.py"
    script.write_text(ECHO)
    folder = str(contenders.WORKER.parent)
    monkeypatch.setattr(contenders, "WORKER", script)
    workers = [Worker(sys.executable, [folder, str(n)], 1) for n in (1, 4)]
    try:
        for place, worker in enumerate(workers):
            assert worker.name == "echo"
            assert worker.ask(open=list("abcde"[place::2])) == {"opened": 3 - place}
        found = reading_of(workers, None, 6)
        assert found.texts == ["A6", "B6", "C6", "D6", "E6"] and found.seconds > 0.19
        assert reading_of(workers[:1], 2, None).texts == ["ANone", "CNone"]
    finally:
        for worker in workers:
            worker.close()


@pytest.mark.parametrize("every", [False, True])
def test_tesseracts_library_runs_in_its_faster_way_or_in_both(tmp_path, monkeypatch, every):
    script = tmp_path / "echo.py"
    echo = ECHO.replace("sys.argv[1]", repr(str(contenders.WORKER.parent)))
    script.write_text(echo.replace("0.05 * int(sys.argv[2])", "0.05 * len(images)"))
    monkeypatch.setattr(contenders, "WORKER", script)
    monkeypatch.setattr(contenders, "tessdata", lambda: "")
    with ExitStack() as stack:
        found = contenders.tesserocr(sys.executable, 2, "1", list("abcd"), stack, every)
        names = [one.name for one in found]
        # each line takes as long, so that two processes need half the time
        both = ["echo, 1 x 2 threads", "echo, 2 x 1 threads"]
        assert names == (both if every else both[1:])
        assert all(one.read().texts == ["ANone", "BNone", "CNone", "DNone"] for one in found)


def test_a_worker_that_ends_is_an_error(tmp_path, monkeypatch):
    script = tmp_path / "bad.py"
    script.write_text("raise SystemExit(3)")
    monkeypatch.setattr(contenders, "WORKER", script)
    with pytest.raises(RuntimeError, match=r"bad\.py x: ended with exit 3 and no answer"):
        Worker(sys.executable, ["x"], 1)
