"""The parts of the comparison that need no peer: its output's form, its table, its rules."""

import sys
import types

import cv2
import numpy as np
import pytest
import yaml

from benchmarks import lines_peers
from benchmarks.lines_peers import (
    LineSet,
    Reading,
    folders_of,
    format_table,
    held_out_sets,
    is_without_lower_case,
    measure,
    split_pages,
    strand_reader,
)


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


def test_case_counts_only_where_labels_have_it():
    assert is_without_lower_case(["TOTAL 3.50", "", "ÉTÉ"])
    assert not is_without_lower_case(["TOTAL 3.50", "été"])


@pytest.fixture
def receipts(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path in paths:
        path.touch()
    texts = ["AB CD", "EFGH", "I\u2019J", "KL"]
    return LineSet("receipts", [str(p) for p in paths], texts, ["a", "a", "b", "b"], True)


def test_table_by_hand(receipts):
    readers = {
        "ours": lambda _: Reading(["ab cd", "efgh", "i'j", "kl"], 2.0, []),
        "peer": lambda _: Reading(["ab cd", "efgX", "i'j", ""], 8.0, []),
    }
    rows = measure([receipts], readers)
    # 3 edits in 14 characters, 2 in 5 words; by group 1 / 9 and 2 / 5.
    expected = (
        "| receipts (no case) | 4 | 2 | peer | 21.43 (11.11-40.00) | 40.00 | 50.0 | 0.5 | x 4.0 |"
    )
    table = format_table(rows, markdown=True).splitlines()
    assert table[3] == expected
    assert table[2].endswith("| ours | 0.00 (0.00-0.00) | 0.00 | 100.0 | 2.0 | x 1.0 |")
    assert {line.count("|") for line in table} == {10}
    text = format_table(rows, markdown=False).splitlines()
    assert len(text) == 3 and len({line.index("  4  ") for line in text[1:]}) == 1


def test_case_is_kept_where_labels_have_it(receipts):
    readers = {"ours": lambda _: Reading(["ab cd", "EFGH", "I'J", "KL"], 1.0, [])}
    kept = measure([receipts._replace(ignore_case=False)], readers)[0]
    assert kept.scores["cer"].value == pytest.approx(100 * 4 / 14)


def test_our_reader_warms_up_before_the_clock_and_keeps_failed_lines(monkeypatch):
    calls = []

    class Recognizer:
        def predict(self, paths):
            calls.append(len(paths))
            for path in paths:
                ok = {"input": path, "text": "read", "confidence": 0.9}
                yield {"input": path, "error": "truncated"} if path == "p3" else ok

    module = types.ModuleType("pipeline.prediction")
    module.load_recognizer = lambda name: Recognizer()
    monkeypatch.setitem(sys.modules, "pipeline.prediction", module)
    reading = strand_reader("lines-en")([f"p{i}" for i in range(20)])
    assert calls == [lines_peers.WARM_UP_LINES, 20]
    assert reading.texts == ["read"] * 3 + [""] + ["read"] * 16
    assert reading.problems == ["p3: truncated"]


def test_folders_come_from_the_source_or_from_those_it_mixes(tmp_path):
    config = tmp_path / "clips.yaml"
    config.write_text("data: {source: {init_args: {folders: [{root: a}, {root: b}]}}}")
    assert folders_of(config) == [{"root": "a"}, {"root": "b"}]
    real, rendered = "{init_args: {folders: [{root: a}]}}", "{init_args: {number: 9}}"
    config.write_text(f"data: {{source: {{init_args: {{sources: [{real}, {rendered}]}}}}}}")
    assert folders_of(config) == [{"root": "a"}]
    config.write_text("data: {source: {class_path: datasets.clips.Clips}}")
    with pytest.raises(ValueError, match=r"clips\.yaml: no folders under data\.source"):
        folders_of(config)


def test_a_line_with_a_character_of_its_own_is_kept(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"p{i}__1.png"), np.full((40, 200), 255, np.uint8))
    (tmp_path / "labels.tsv").write_text("p0__1.png\tab\np1__1.png\tba\np2__1.png\ta£\n")
    folder = {"root": str(tmp_path), "validation": ["p1"], "test": ["p2"]}
    config = tmp_path / "lines.yaml"
    config.write_text(yaml.safe_dump({"data": {"source": {"init_args": {"folders": [folder]}}}}))
    (found,) = held_out_sets(config, "test", limit=None)
    assert (found.texts, found.groups) == (["a£"], ["p2"])


def test_sets_are_the_folders_of_the_config_cut_to_the_limit(tmp_path, monkeypatch):
    class RealLines:
        problems = ()

        def __init__(self, folders, alphabet):
            self.root = folders[0]["root"]

        def split(self, name):
            texts = {"books": ["CAPITALS", "lower"], "receipts": ["TOTAL", "A"]}.get(self.root, [])
            return types.SimpleNamespace(
                names=[f"{name}/{i}.png" for i in range(len(texts))], texts=texts, groups=["g"] * 2
            )

    lines = types.ModuleType("datasets.lines")
    lines.LineFolder, lines.RealLines = dict, RealLines
    lines.transcripts = lambda folder: []
    monkeypatch.setitem(sys.modules, "datasets.lines", lines)
    config = tmp_path / "lines.yaml"
    config.write_text(
        "data: {source: {init_args: {folders: [{root: books}, {root: receipts}, {root: extra}]}}}"
    )
    books, receipts = held_out_sets(config, "test", limit=1)
    # One group: each page is one. The case rule looks at all labels, not at the first few.
    assert books == LineSet("books", ["test/0.png"], ["CAPITALS"], ["0"], ignore_case=False)
    assert receipts == LineSet("receipts", ["test/0.png"], ["TOTAL"], ["0"], ignore_case=True)


def test_a_machine_without_tesseract_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(lines_peers.shutil, "which", lambda _: None)
    peers, remarks = lines_peers.peers_here()
    assert peers == {} and "apt install tesseract-ocr" in remarks[0]
