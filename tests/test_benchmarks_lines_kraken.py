"""Beside kraken: what it is given, and that our network of its spec is its network."""

import argparse
import json
from pathlib import Path

import pytest
from conftest import noise_line, write_image

from benchmarks.lines_kraken import (
    ENCODER,
    HEAD,
    RECURRENT,
    SAME,
    Lines,
    Result,
    parse,
    run_kraken,
    score_texts,
    table,
    write_pairs,
)
from models import CTCHead, LineCNN, RecurrentStack
from pipeline.metrics import Score


def line_set(folder: Path, texts: list[str]) -> Lines:
    paths = [str(write_image(folder / f"a.b{i}__1.png", noise_line(i))) for i in range(len(texts))]
    return Lines(paths, texts, [f"p{i}" for i in range(len(texts))])


def test_pairs_are_named_by_place_and_hold_the_text(tmp_path):
    lines = line_set(tmp_path / "in", ["one", "zwei ü"])
    linked = write_pairs(tmp_path / "out", lines.paths, lines.texts)
    assert [Path(path).name for path in linked] == ["00000.png", "00001.png"]
    for path, given, text in zip(linked, lines.paths, lines.texts, strict=True):
        assert Path(path).read_bytes() == Path(given).read_bytes()
        assert Path(path).with_suffix(".gt.txt").read_text(encoding="utf-8") == text


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
answer |= {"accuracies": [0.5]}
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
