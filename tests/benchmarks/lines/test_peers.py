"""The comparison with peers, without any: its sets of lines, its table, its rules."""

import shutil
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from benchmarks.lines import contenders
from benchmarks.lines.contenders import WARM_UP_LINES
from benchmarks.lines.images import encoded_image, in_memory
from benchmarks.lines.peers import (
    LineSet,
    format_table,
    held_out_sets,
    is_without_lower_case,
    measure,
    numbers_right,
    share_of_numbers,
    strand_reader,
    without_seen,
)
from datasets import LineReader
from datasets.lines.cache import line_digests
from pipeline.scoring.seen_samples import SeenSamples
from tests.support.readers import reader
from tests.support.small import noise_line

SAMPLE = Path(contenders.__file__).parents[2] / "datasets/samples/page.png"
NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"


def test_case_counts_only_where_labels_have_it():
    assert is_without_lower_case(["TOTAL 3.50", "", "ÉTÉ"])
    assert not is_without_lower_case(["TOTAL 3.50", "été"])


@pytest.fixture
def receipts():
    paths = [f"{i}.png" for i in range(4)]
    texts = ["AB CD", "EFGH", "I\u2019J", "KL"]
    return LineSet("receipts", paths, texts, ["a", "a", "b", "b"], True, [b""] * 4)


def test_table_by_hand(receipts):
    readers = [
        reader("ours", ["ab cd", "efgh", "i'j", "kl"], 9.0, 2.0, 1.0),
        reader("peer", ["ab cd", "efgX", "i'j", ""], 8.0, 7.0, 80.0),
    ]
    rows = measure(receipts, readers, repeat=3)
    # medians of 2 and 8 seconds; 3 edits in 14 characters, 2 in 5 words; by group 1 / 9 and 2 / 5
    expected = (
        "| receipts (no case) | 4 | 2 | peer | 21.43 (11.11-40.00) | 40.00 | 50.0 |  | 0.5 | x 4.0 "
        "| few groups |"
    )
    table = format_table(rows, markdown=True).splitlines()
    assert table[3] == expected
    assert table[2].endswith("| ours | 0.00 (0.00-0.00) | 0.00 | 100.0 |  | 2.0 | x 1.0 |  |")
    assert {line.count("|") for line in table} == {12}
    text = format_table(rows, markdown=False).splitlines()
    assert len(text) == 3 and len({line.index("  4  ") for line in text[1:]}) == 1


@pytest.mark.parametrize(
    ("read", "true", "expected"),
    [
        ("TOTAL 3.50", "TOTAL 3.50", (1, 1)),
        ("TOTAL 350", "TOTAL 3.50", (0, 1)),
        ("TOTAL 13.50", "TOTAL 3.50", (0, 1)),
        ("T0TAL 3.50.", "TOTAL 3.50", (1, 1)),
        ("12/03/2018 1x 9.00", "12/03/2018 1 x 9.00", (3, 3)),
        ("12/03/2018 1x 9.00", "12/03/2019 1 x 9.00 RM 9.00", (2, 4)),
        ("", "7", (0, 1)),
        ("7", "", (0, 0)),
    ],
)
def test_numbers_are_right_as_a_whole_and_at_their_place(read, true, expected):
    assert numbers_right(read, true) == expected
    assert share_of_numbers([read], [true]) == (
        f"{100 * expected[0] / expected[1]:.1f}" if expected[1] else ""
    )


def test_the_chance_is_of_the_pair_and_told_of_enough_groups():
    texts, groups = ["abcd"] * 20, [str(i) for i in range(20)]
    lines = LineSet("books", groups, texts, groups, False, [b""] * 20)
    close = ["abcX"] * 3 + ["abcd"] * 17
    rows = measure(
        lines,
        [reader("a", close, 1.0), reader("b", close[::-1], 1.0), reader("c", ["aXXX"] * 20, 1.0)],
        repeat=1,
    )
    assert rows[0].p is None and rows[1].p > 0.5 and rows[2].p < 0.001
    cells = [line.split("|")[-2].strip() for line in format_table(rows, True).splitlines()[2:]]
    assert cells == ["", f"{rows[1].p:.2g}", f"{rows[2].p:.2g}"]


def test_case_is_kept_where_labels_have_it(receipts):
    ours = reader("ours", ["ab cd", "EFGH", "I'J", "KL"], 1.0)
    kept = measure(receipts._replace(ignore_case=False), [ours], 1)[0]
    assert kept.scores["cer"].value == pytest.approx(100 * 4 / 14)


def test_our_reader_decodes_and_warms_up_before_the_clock_and_keeps_failed_lines(monkeypatch):
    calls, png = [], cv2.imencode(".png", np.full((4, 6), 7, np.uint8))[1].tobytes()

    class Recognizer:
        bundle = types.SimpleNamespace(
            reader=types.SimpleNamespace(read_image=lambda image, name: image.T)
        )

        def predict(self, items):
            calls.append([item.load().shape for item in items])
            for item in items:
                ok = {"input": item.name, "text": "read", "confidence": 0.9}
                yield {"input": item.name, "error": "truncated"} if item.name == "p3" else ok

    monkeypatch.setattr("pipeline.reading.prediction.load_recognizer", lambda name: Recognizer())
    names = [f"p{i}" for i in range(20)]
    found = strand_reader("a/b.safetensors", LineSet("x", names, names, names, False, [png] * 20))
    assert found.name == "b" and calls == [[(6, 4)] * WARM_UP_LINES]
    reading = found.read()
    assert calls[1:] == [[(6, 4)] * 20]
    assert reading.texts == ["read"] * 3 + [""] + ["read"] * 16
    assert reading.problems == ["p3: truncated"]


def test_a_line_with_a_character_of_its_own_is_kept(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"p{i}__1.png"), noise_line(i, 200, 40))
    (tmp_path / "labels.tsv").write_text("p0__1.png\tab\np1__1.png\tba\np2__1.png\ta£\n")
    folder = {"root": str(tmp_path), "validation": ["p1"], "test": ["p2"]}
    config = tmp_path / "lines.yaml"
    source = {"class_path": "datasets.RealLines", "init_args": {"folders": [folder]}}
    config.write_text(yaml.safe_dump({"data": {"source": source}}))
    (found,) = held_out_sets(config, "test", limit=None)
    assert (found.texts, found.groups) == (["a£"], ["p2"])
    assert found.files == [(tmp_path / "p2__1.png").read_bytes()]


def test_groups_that_a_bundle_has_seen_are_left_out(tmp_path, monkeypatch, capsys):
    names = [str(tmp_path / f"{page}__{i}.png") for page in "ab" for i in range(2)]
    for i, path in enumerate(names):
        cv2.imwrite(path, noise_line(i, 200, 40))
    own = LineReader()
    seen = SeenSamples().add("train", line_digests(names[1:2], own))
    bundles = {"new": None, "old": seen}
    monkeypatch.setattr(
        "pipeline.reading.bundle.load_bundle",
        lambda name: types.SimpleNamespace(reader=own, seen=bundles[name]),
    )
    lines = LineSet("x", names, list("pqrs"), list("aabb"), False, [b"1", b"2", b"3", b"4"])
    assert without_seen(lines, ["new"]) == lines and not capsys.readouterr().err
    kept = without_seen(lines, ["new", "old"])
    assert kept == LineSet("x", names[2:], ["r", "s"], ["b", "b"], False, [b"3", b"4"])
    assert "x: 2 lines of 1 groups are left out" in capsys.readouterr().err


def test_records_of_a_database_are_taken_out_of_it(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    images = [cv2.imencode(".png", noise_line(i, 200, 40))[1].tobytes() for i in range(3)]
    with lmdb.open(str(tmp_path / "x.lmdb"), map_size=1 << 20) as base, base.begin(write=True) as t:
        t.put(b"num-samples", b"3")
        for place, image in enumerate(images, 1):
            t.put(b"image-%09d" % place, image)
            t.put(b"label-%09d" % place, b"ab")
    test = ["image-000000002"]
    folder = {"root": str(tmp_path / "x.lmdb"), "validation": ["image-000000003"], "test": test}
    config = tmp_path / "lines.yaml"
    source = {"class_path": "datasets.RealLines", "init_args": {"folders": [folder]}}
    config.write_text(yaml.safe_dump({"data": {"source": source}}))
    (found,) = held_out_sets(config, "test", limit=None)
    assert found.paths == [f"{tmp_path}/x.lmdb#image-000000002"] and found.files == [images[1]]


def test_lines_of_a_page_are_cut_in_their_full_size(tmp_path):
    """Peers scale a line by themselves, so ours must not have done it for them."""
    shutil.copy(SAMPLE, tmp_path / "page.png")
    boxes = [f"{x},{y} {x + 400},{y} {x + 400},{y + 90} {x},{y + 90}" for x, y in ((5, 5), (5, 99))]
    lines = "".join(
        f'<TextLine id="l{place}"><Coords points="{points}"/>'
        f"<TextEquiv><Unicode>ab</Unicode></TextEquiv></TextLine>"
        for place, points in enumerate(boxes)
    )
    height, width = cv2.imread(str(SAMPLE), 0).shape
    image = f'imageFilename="page.png" imageWidth="{width}" imageHeight="{height}"'
    (tmp_path / "page.xml").write_text(
        f'<PcGts xmlns="{NAMESPACE}"><Page {image}><TextRegion id="r">'
        f'<Coords points="0,0 600,0 600,300 0,300"/>{lines}</TextRegion></Page></PcGts>'
    )
    found = [encoded_image(f"{tmp_path}/page.xml#l{place}") for place in range(2)]
    sizes = [cv2.imdecode(np.frombuffer(data, np.uint8), 0).shape for data in found]
    assert all(rows >= 90 and columns >= 400 for rows, columns in sizes)


def test_sets_are_the_folders_of_the_config_cut_to_the_limit(tmp_path, monkeypatch):
    texts = {"books": ["CAPITALS", "lower"], "receipts": ["TOTAL", "A"], "extra": []}

    class RealLines:
        problems = ()

        def __init__(self, folders, alphabet):
            lines = [
                types.SimpleNamespace(path=f"test/{i}.png", text=text, group="g", folder=place)
                for place, folder in enumerate(folders)
                for i, text in enumerate(texts[folder.root])
            ]
            self.lines = {"test": lines}

    monkeypatch.setattr("benchmarks.lines.peers.encoded_image", str.encode)
    monkeypatch.setattr("datasets.lines.source.RealLines", RealLines)
    monkeypatch.setattr("datasets.lines.listing.transcripts", lambda folder: [])
    config = tmp_path / "lines.yaml"
    config.write_text(
        "data: {source: {class_path: datasets.RealLines, init_args: "
        "{folders: [{root: books}, {root: receipts}, {root: extra}]}}}"
    )
    books, receipts = held_out_sets(config, "test", limit=1)
    # One group: each page is one. The case rule looks at all labels, not at the first few.
    assert books == LineSet("books", ["test/0.png"], ["CAPITALS"], ["0"], False, [b"test/0.png"])
    assert receipts == LineSet("receipts", ["test/0.png"], ["TOTAL"], ["0"], True, [b"test/0.png"])


def test_images_lie_in_files_in_order_while_they_are_read():
    with in_memory(["a/x.png", "b/x.jpg"], [b"1", b"2"]) as paths:
        assert [Path(path).read_bytes() for path in paths] == [b"1", b"2"]
        assert [path[-4:] for path in paths] == [".png", ".jpg"]
    with pytest.raises(FileNotFoundError):
        Path(paths[0]).read_bytes()


def test_lines_without_a_file_lie_in_files_with_an_ending():
    names = ["pages/a.xml#l1", "x.lmdb#image-000000001"]
    with in_memory(names, [b"1", b"2"]) as paths:
        assert [Path(path).name for path in paths] == ["00000.png", "00001.png"]
        assert [Path(path).read_bytes() for path in paths] == [b"1", b"2"]
