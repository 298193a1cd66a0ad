"""The table of whole pages, on pages made here; readers that say what they are told to."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.lines.contenders import Reader, Reading
from benchmarks.pages.peers import main, measure, page_sets, row_cells
from benchmarks.pages.readers import strand_reader
from datasets.images import load_grey
from datasets.pages.files import read_page
from pipeline.reading.bundle import save_bundle
from pipeline.reading.prediction import load_recognizer
from tests.support.pages import escriptorium, set_page, tesseract
from tests.support.small import tiny_bundle

TEXTS = ["The morning was cold and clear,", "and nobody was in the street", "but an old man."]


def write_page(folder: Path, name: str, texts: list[str]) -> None:
    image = folder / f"{name}.png"
    boxes = np.array(set_page(image, texts)) + 80
    page = cv2.copyMakeBorder(load_grey(str(image)), *[80] * 4, cv2.BORDER_REPLICATE)
    cv2.imwrite(str(image.with_suffix(".jpg")), page)
    lines = [
        {"polygon": [[a, b], [c, b], [c, d], [a, d]], "baseline": None, "text": text, "order": i,
         "region": None}
        for i, (text, (a, b, c, d)) in enumerate(zip(texts, boxes.tolist(), strict=True))
    ]  # fmt: skip
    content = {"width": page.shape[1], "height": page.shape[0], "lines": lines, "ignore": []}
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    for name in ("enbook__a__01", "enbook__a__02", "enbook__b__01", "receipt__c__01"):
        write_page(tmp_path, name, TEXTS)
    return tmp_path


def said(page_set, texts) -> list:
    """What a reader says who finds every line, and reads these texts on each page."""
    pages = [json.loads(path.read_text("utf-8"))["lines"] for path in page_set.truths]
    return [
        [(line["polygon"], text) for line, text in zip(lines, texts, strict=True)]
        for lines in pages
    ]


def test_halves_keep_works_whole(folder):
    books, receipts = page_sets(folder, None, "all")
    assert (books.works, receipts.works) == (["enbook__a"] * 2 + ["enbook__b"], ["receipt__c"])
    assert (books.model, receipts.language) == ("lines-en", "eng")
    assert [pages.works for pages in page_sets(folder, ["enbook"], "tuned")] == [["enbook__a"] * 2]
    assert [pages.works for pages in page_sets(folder, None, "kept")] == [["enbook__b"]]


def test_table_by_hand(folder):
    books = page_sets(folder, ["enbook"], "all")[0]
    times = iter([9.0, 2.0, 1.0])
    ours = Reader("ours", lambda: Reading(said(books, TEXTS), next(times), []))
    wrong = [TEXTS[0], TEXTS[1].replace("nobody", "nobudy"), TEXTS[2]]
    peer = Reader("peer", lambda: Reading(said(books, wrong), 8.0, []))
    rows = [row_cells(row) for row in measure(books, [ours, peer], 3)]
    whole = "100.0 / 100.0"
    assert rows[0] == ["English books", "ours", "3", whole, whole, "100.0", "0.00 (0.00-0.00)",
                       "0.00", "90.0", "x 1.0"]  # fmt: skip
    page = f"{100 / len(' '.join(TEXTS)):.2f}"
    line = f"{100 / sum(map(len, TEXTS)):.2f}"
    assert rows[1][1:] == ["peer", "3", whole, whole, "100.0", f"{page} ({page}-{page})", line,
                           "22.5", "x 4.0"]  # fmt: skip


def test_receipts_are_compared_without_case(folder):
    receipts = page_sets(folder, ["receipt"], "all")[0]
    loud = Reader("loud", lambda: Reading(said(receipts, [t.upper() for t in TEXTS]), 1.0, []))
    assert row_cells(measure(receipts, [loud], 1)[0])[7] == "0.00"


def test_our_reader_is_what_predict_runs(folder):
    save_bundle(tiny_bundle(), folder / "tiny.safetensors")
    books = page_sets(folder, ["enbook"], "all")[0]
    Path(books.images[1]).write_bytes(b"no image")
    reading = strand_reader(str(folder / "tiny.safetensors"), books.images).read()
    recognizer = load_recognizer(str(folder / "tiny.safetensors"))
    recognizer.layout = "page"
    expected = [
        [(line["polygon"], line["text"]) for line in record.get("lines", ())]
        for record in recognizer.predict(books.images)
    ]
    assert reading.texts == expected and list(map(len, expected)) == [3, 0, 3]
    (problem,) = reading.problems
    assert books.images[1] in problem


@pytest.mark.parametrize("tool", [escriptorium, tesseract])
def test_lines_that_others_found(folder, tool):
    save_bundle(tiny_bundle(), folder / "tiny.safetensors")
    found = tool(folder / "other" / "enbook__b__01.xml", TEXTS[:2])
    reader = strand_reader(str(folder / "tiny.safetensors"), [str(found)], ", lines by X")
    (lines,) = reader.read().texts
    assert reader.name == "tiny, lines by X"
    for (polygon, _), line in zip(lines, read_page(found).lines, strict=True):
        given = line.polygon if line.polygon is not None else np.reshape(line.box, (2, 2))
        assert np.min(polygon, 0).tolist() == given.min(0).tolist()
        assert np.max(polygon, 0).tolist() == given.max(0).tolist()


@pytest.mark.slow  # reads a page with a bundle that ships, its lines found by it and by others
def test_table_with_lines_that_others_found(folder, capsys):
    escriptorium(folder / "other" / "enbook__b__01.xml", TEXTS)
    main(["--data", str(folder), "--half", "kept", "--lines", f"X={folder / 'other'}"])
    rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    named = [[cell.strip() for cell in row if cell] for row in rows]
    readers = [row[1] for row in named if row and row[0] == "English books"]
    assert readers == ["lines-en", "lines-en, lines by X"]


@pytest.mark.slow  # reads a page with a bundle that ships
def test_our_reader_finds_and_reads_a_page(folder):
    books = page_sets(folder, ["enbook"], "kept")[0]
    row = measure(books, [strand_reader(books.model, books.images)], 1)[0]
    assert row.reading.problems == [] and row.tallies[0].text[0].startswith("The morning was")
    assert [row_cells(row)[i] for i in (3, 4, 5)] == ["100.0 / 100.0"] * 2 + ["100.0"]
