"""Beside kraken: what it is given, and that our network of its spec is its network."""

import argparse
import json
import sys
import types
from pathlib import Path

import pytest

from benchmarks.lines import kraken_comparison as lines_kraken
from benchmarks.lines.kept_results import HEAD, Result, kept, table
from benchmarks.lines.kraken_comparison import (
    ENCODER,
    RECURRENT,
    SAME,
    parse,
    run_kraken,
    run_ours,
    score_texts,
    task_of,
)
from benchmarks.lines.kraken_data import Lines, describe_part, write_pairs
from models import CTCHead, LineCNN, RecurrentStack
from pipeline.scoring.metrics import Score
from tests.support.small import noise_line, write_image


def line_set(folder: Path, texts: list[str]) -> Lines:
    paths = [str(write_image(folder / f"a.b{i}__1.png", noise_line(i))) for i in range(len(texts))]
    files = [Path(path).read_bytes() for path in paths]
    return Lines(paths, texts, [f"p{i}" for i in range(len(texts))], files)


def test_pairs_are_named_by_place_and_hold_the_text(tmp_path):
    lines = line_set(tmp_path / "in", ["one", "zwei ü"])
    written = write_pairs(tmp_path / "out", lines, lines.texts)
    assert [Path(path).name for path in written] == ["00000.png", "00001.png"]
    for path, given, text in zip(written, lines.paths, lines.texts, strict=True):
        assert Path(path).read_bytes() == Path(given).read_bytes()
        assert Path(path).with_suffix(".gt.txt").read_text(encoding="utf-8") == text


def test_lines_that_are_no_files_are_written_from_their_bytes(tmp_path):
    names = ["p.xml#l1", "x.lmdb#image-000000001", "a.jpg"]
    lines = Lines(names, ["a"] * 3, ["p"] * 3, [b"1", b"2", b"3"])
    written = [Path(path) for path in write_pairs(tmp_path / "out", lines, lines.texts)]
    assert [path.name for path in written] == ["00000.png", "00001.png", "00002.jpg"]
    assert [path.read_bytes() for path in written] == lines.files
    assert describe_part("test", lines) == "test: 3 lines, 3 of p"
    many = lines._replace(groups=[str(i) for i in range(40)])
    assert describe_part("test", many) == "test: 3 lines, of 40 groups"


def test_our_network_of_its_spec_has_its_numbers():
    """Counted by hand from the VGSL spec; torch's LSTM has two biases a gate."""
    encoder = LineCNN(120, **ENCODER)
    shapes = [(1, 32, 13), (32, 32, 13), (32, 64, 9), (64, 64, 9)]
    assert sum(p.numel() for p in encoder.parameters()) == sum(
        (inputs * 3 * columns + 1) * outputs for inputs, outputs, columns in shapes
    )
    assert encoder.output_size == 15 * 64
    assert [block.stride for block in encoder.blocks] == [(2, 2)] * 3 + [(1, 1)]
    recurrent = RecurrentStack(encoder.output_size, **RECURRENT)
    weights = sum(p.numel() for p in recurrent.parameters() if p.ndim > 1)
    assert weights == sum(2 * 4 * 200 * (size + 200) for size in (960, 400, 400))
    assert CTCHead(recurrent.output_size, 90).linear.weight.shape == (91, 400)
    keys = [change.partition("=")[0] for change in SAME]
    assert len(keys) == len({*keys})
    assert json.loads(SAME[0].partition("=")[2])["init_args"] == ENCODER


FAKE = """
import json, pathlib, sys
job = json.loads(pathlib.Path(sys.argv[2]).read_text())
text = lambda path: pathlib.Path(path).with_suffix(".gt.txt").read_text()
texts = {"0": "abcd", "1": "xyz"}
assert [text(p) for p in job["train"]] == ["tt"] and [text(p) for p in job["validation"]] == ["v"]
answer = {"texts": [texts[text(path)] for path in job["test"]], "reading_seconds": 0.5}
answer |= {"lines_per_second": job["seconds"] / 10, "lines": 3, "parameters": 4000}
answer |= {"accuracies": [0.5], "validated": 3}
pathlib.Path(sys.argv[3]).write_text(json.dumps(answer))
"""


def test_kraken_is_given_the_lines_and_judged_by_the_test_texts(tmp_path, monkeypatch):
    """A stand-in for its Python: it answers with what it was asked."""
    python = tmp_path / "python"
    (tmp_path / "fake.py").write_text(FAKE, encoding="utf-8")
    python.write_text(f'#!/bin/sh\nexec python3 {tmp_path / "fake.py"} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    parts = {
        "train": line_set(tmp_path / "t", ["tt"]),
        "validation": line_set(tmp_path / "v", ["v"]),
        "test": line_set(tmp_path / "x", ["abcd", "xyzw"]),
    }
    result = run_kraken(parse(["--kraken", str(python), "--minutes", "2"]), parts)
    assert (result.parameters, result.training, result.reading) == (4000, 12.0, 4.0)
    assert result.cer.value == pytest.approx(100 / 8)
    python.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="kraken ended with exit status 3; see above"):
        run_kraken(parse(["--kraken", str(python)]), parts)


def test_a_row_that_was_measured_is_taken_again_if_asked(tmp_path):
    file, measured = tmp_path / "runs/kraken.json", []
    rows = [
        Result("kraken", 4, 4.7, 10.0, Score(8.5, 7.0, 10.0, 200, 12)),
        Result("same", 4, 14.1),
        Result("other", 5, 1.0),
    ]

    def measure() -> Result:
        measured.append(rows[len(measured)])
        return measured[-1]

    assert kept(file, {"minutes": 12}, measure, resume=True) == rows[0]  # nothing is there
    assert kept(file, {"minutes": 12}, measure, resume=True) == rows[0]
    assert kept(file, {"minutes": 2}, measure, resume=True) == rows[1]  # another task
    assert kept(file, {"minutes": 2}, measure, resume=True) == rows[1]
    assert kept(file, {"minutes": 2}, measure, resume=False) == rows[2]
    assert measured == rows


def test_a_row_hangs_on_its_own_options(tmp_path):
    (tmp_path / "a.yaml").write_text("data: 1\n", encoding="utf-8")
    parts = {"train": Lines(["a"], ["a"], ["a"], [b""])}
    given = ["--kraken", "python", "--config", str(tmp_path / "a.yaml")]

    def task(name: str, *more: str) -> dict:
        return json.loads(json.dumps(task_of(name, parse([*given, *more]), parts)))

    batch = ("--kraken_batch", "4")
    assert task("own") == task("own", *batch) and task("kraken") != task("kraken", *batch)
    assert task("same") == task("same", "--minutes", "1") != task("same", "--threads", "1")
    before = task("own")
    (tmp_path / "a.yaml").write_text("data: 2\n", encoding="utf-8")
    assert task("own") != before


def test_ours_is_validated_at_its_end_whatever_the_config_says(tmp_path, monkeypatch):
    commands = []

    def run(command, **options):
        commands.append(command)
        folder = tmp_path / "runs/lines_kraken/own"
        folder.mkdir(parents=True)
        (folder / "result.json").write_text('{"parameters": 7}', encoding="utf-8")
        return types.SimpleNamespace(returncode=0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lines_kraken.subprocess, "run", run)
    changes = ["trainer.check_val_every_n_epoch=4"]
    result, bundle = run_ours(parse(["--rows", "own"]), "own", 1.5, changes)
    assert result == {"parameters": 7}
    assert bundle == Path("runs/lines_kraken/own/best.safetensors")
    (command,) = commands
    every = [word for word in command if "check_val" in word]  # the last one counts
    assert command[0] == sys.executable and every[-1] == "--trainer.check_val_every_n_epoch=1"
    assert "--trainer.max_time=00:00:01:30" in command


def test_the_ratio_is_to_the_first_row():
    cer = Score(8.5, 7.0, 10.0, 200, 12)
    rows = [Result("kraken", 4_000_000, 4.7, 10.0, cer), Result("same", 4_020_000, 14.1)]
    lines = table(rows, markdown=True).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == HEAD
    assert cells[2] == ["kraken", "4.00 M", "4.7", "x 1.0", "8.50 (7.00-10.00)", "10.0"]
    assert cells[3] == ["same", "4.02 M", "14.1", "x 3.0", "", ""]


def test_typographic_quotes_are_no_errors(tmp_path):
    lines = line_set(tmp_path, ["“so”", "abcd"])
    assert score_texts(lines, ['"so"', "abcx"]).value == pytest.approx(100 / 8)


def test_kraken_is_asked_for_only_where_it_runs(capsys):
    with pytest.raises(SystemExit):
        parse([])
    assert "--kraken: give a Python that has kraken 7" in capsys.readouterr().err
    assert isinstance(parse(["--rows", "own"]), argparse.Namespace)
