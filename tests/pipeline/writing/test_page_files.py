"""predict and evaluate on page files: record order, texts written back, errors by page."""

import csv
import io
import json
import tracemalloc
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets.pages.files import read_page
from pipeline.reports.pages import PageReport
from pipeline.writing.page_files import page_writer
from tests.support.pages import TEXTS, escriptorium, tesseract, transkribus
from tests.support.small import ALPHABET, noise_line, write_image


@pytest.fixture
def predict(command, bundle_file):
    return lambda *inputs: command("predict", *inputs, "--model", bundle_file)


def records(outcome) -> list[dict]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_a_page_file_is_one_record_of_its_lines_in_reading_order(predict, tmp_path, expected):
    path = transkribus(tmp_path / "p.xml")
    (record,) = records(outcome := predict(path, "--format", "jsonl"))
    assert (outcome.code, outcome.err) == (0, "")
    texts = [r["text"] for r in expected.predict([f"{path}#l{i}" for i in range(4)])]
    assert [line["text"] for line in record["lines"]] == texts and len(set(texts)) > 2
    assert [line["id"] for line in record["lines"]] == [f"l{i}" for i in range(4)]
    assert [line["region"] for line in record["lines"]] == ["above"] * 2 + ["below"] * 2
    assert record["layout"] == "page" and record["image"] == str(tmp_path / "p.png")
    assert record["text"] == "\n".join(texts[:2]) + "\n\n" + "\n".join(texts[2:])
    high, wide = cv2.imread(str(tmp_path / "p.png"), 0).shape
    assert (record["width"], record["height"]) == (wide, high)
    left, top, right, bottom = record["lines"][0]["box"]
    assert 0 < left < right < wide and 0 < top < bottom < high


def test_text_of_a_page_is_its_text_and_csv_has_a_row_a_line(predict, tmp_path):
    path, second = transkribus(tmp_path / "p.xml"), transkribus(tmp_path / "q.xml")
    (record,) = records(predict(path, "--format", "jsonl"))
    assert predict(path).out == record["text"] + "\n"
    assert predict(path, second).out == record["text"] + "\n\f" + record["text"] + "\n"
    header, *rows = csv.reader(io.StringIO(predict(path, "--format", "csv").out))
    assert header == ["input", "reading", "confidence", "error", "notes"]
    assert [row[:2] for row in rows] == [
        [f"{path}#{line['id']}", line["text"]] for line in record["lines"]
    ]
    assert predict(path, second, "--output", f"{tmp_path}/out/").code == 0
    for name in ("p", "q"):
        assert (tmp_path / f"out/{name}.txt").read_text("utf-8") == record["text"] + "\n"


@pytest.mark.parametrize(
    ("write", "kind"), [(transkribus, "page"), (escriptorium, "alto"), (tesseract, "alto")]
)
def test_readings_are_written_into_their_lines(predict, tmp_path, write, kind):
    path, target = write(tmp_path / "p.xml"), tmp_path / "read.xml"
    (record,) = records(predict(path, "--format", "jsonl"))
    texts = [line["text"].strip() for line in record["lines"]]
    outcome = predict(path, "--format", kind, "--output", target)
    assert tuple(outcome) == (0, "", "")
    before, after = read_page(path), read_page(target)
    assert [line.text for line in after.lines] == texts != [line.text for line in before.lines]
    for old, new in zip(before.lines, after.lines, strict=True):
        assert (old.id, old.region, old.box) == (new.id, new.region, new.box)
    again = predict(target, "--format", kind)  # the image is beside it; printed, for one page
    assert again.out == target.read_text(encoding="utf-8")
    name = "conf" if kind == "page" else "WC"
    assert f'{name}="{record["lines"][0]["confidence"]:.4f}"' in again.out


@pytest.mark.parametrize(("write", "kind"), [(transkribus, "alto"), (tesseract, "page")])
def test_the_other_kind_is_a_new_file_with_the_same_lines(predict, tmp_path, write, kind):
    path, target = write(tmp_path / "p.xml"), tmp_path / "read.xml"
    (record,) = records(predict(path, "--format", "jsonl"))
    assert tuple(predict(path, "--format", kind, "--output", target)) == (0, "", "")
    page = read_page(target)
    assert page.kind == kind
    assert [line.text for line in page.lines] == [line["text"].strip() for line in record["lines"]]
    (again,) = records(predict(target, "--format", "jsonl"))
    assert [line["box"] for line in again["lines"]] == [line["box"] for line in record["lines"]]


def test_the_image_of_a_line_is_a_page_of_one_line(predict, tmp_path):
    image = write_image(tmp_path / "a.png", noise_line(1))
    (record,) = records(predict(image, "--format", "jsonl"))
    assert record["layout"] == "line"
    for kind in ("page", "alto"):
        target = tmp_path / f"{kind}.xml"
        assert predict(image, "--format", kind, "--output", target).code == 0
        (line,) = read_page(target).lines
        assert line.text == record["text"].strip()


def test_a_folder_is_read_by_page_and_broken_ones_are_one_error(predict, tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    for name in "ac":
        transkribus(pages / f"{name}.xml")
    (pages / "b.xml").write_text("<PcGts>", encoding="utf-8")
    (pages / "mets.xml").write_text("<mets/>", encoding="utf-8")
    outcome = predict(pages, "--format", "jsonl")
    assert outcome.code == 1
    assert [record["input"] for record in records(outcome)] == [
        f"{pages}/{name}.xml" for name in "abc"
    ]
    assert records(outcome)[1]["error"].startswith(f"{pages}/b.xml: damaged XML")
    over, last = outcome.err.splitlines()
    assert over == f"{pages}: passed over 1 .xml file (mets.xml)"
    assert last == "1 of 3 inputs failed; the others were answered"
    outcome = predict(pages, "--format", "page", "--output", tmp_path / "out")
    assert outcome.code == 1 and len(outcome.err.splitlines()) == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.xml", "c.xml"]
    texts = [line.text for line in read_page(tmp_path / "out/c.xml").lines]
    assert all(set(text) <= set(ALPHABET) for text in texts) and any(texts)


def test_what_a_folder_gives_is_a_folder_even_of_one_page(predict, tmp_path):
    (tmp_path / "pages").mkdir()
    transkribus(tmp_path / "pages/a.xml")
    given = (tmp_path / "pages", "--format", "page", "--output", tmp_path / "out")
    assert predict(*given).code == 0 and (tmp_path / "out/a.xml").is_file()


def test_a_missing_image_is_one_error(predict, tmp_path):
    path = transkribus(tmp_path / "p.xml")
    (tmp_path / "p.png").unlink()
    code, out, err = predict(path)
    assert (code, out) == (1, f"{path}\t\n"), err
    assert err.splitlines()[0].startswith(f"error: {path}: 'p.png' is neither beside it nor")
    assert "no such file" in predict(tmp_path / "none.xml").err


def test_misuse_is_reported_before_anything_is_read(predict, tmp_path):
    first, second = transkribus(tmp_path / "p.xml"), transkribus(tmp_path / "q.xml")
    for kind in ("page", "pdf"):
        code, out, err = predict(first, second, "--format", kind)
        assert (code, out) == (2, "") and "here are 2; say where with --output" in err
    code, _, err = predict(first, "--format", "page", "--output", first)
    assert code == 2 and "is the input itself" in err


def page_of(path, **lines: dict) -> dict:
    """The record of a page with these lines."""
    lines = [
        {"id": name, "region": "r", "box": [0, 0, 9, 9]} | line for name, line in lines.items()
    ]
    return {"input": str(path), "layout": "page", "width": 9, "height": 9, "lines": lines}


def test_a_line_that_failed_keeps_its_text(tmp_path, capsys):
    path = transkribus(tmp_path / "p.xml")
    write = page_writer("page", [str(path)], {str(path): tmp_path / "out.xml"}, None, ExitStack())
    good = {"text": "new", "confidence": 0.5}
    lines = {"l0": good, "l1": {"error": "too wide"}, "l2": good | {"text": "\x01"}, "l3": good}
    with pytest.raises(ValueError, match=r"#l2: U\+0001 cannot stand"):
        write(page_of(path, **lines))
    assert capsys.readouterr().err == ""
    texts = [line.text for line in read_page(tmp_path / "out.xml").lines]
    assert texts == ["new", *TEXTS[1:3], "new"]


def test_html_goes_into_one_file_or_a_folder(predict, tmp_path):
    first, second = transkribus(tmp_path / "in/p.xml"), transkribus(tmp_path / "in/q.xml")
    (tmp_path / "in/q.png").write_bytes(b"broken")
    given = (first, second, "--format", "html", "--output")
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "there", f"{tmp_path}/new/"):
        assert predict(*given, folder).code == 1
        assert [path.name for path in Path(folder).iterdir()] == ["p.html"]
    (tmp_path / "in/q.png").write_bytes((tmp_path / "in/p.png").read_bytes())
    assert predict(*given, tmp_path / "all.html").code == 0
    made = (tmp_path / "all.html").read_text("utf-8")
    assert made.count("<image href") == 2 and made.endswith("</html>\n")
    assert "2 pages, 8 lines" in made


def test_a_page_of_a_document_is_a_file_not_a_folder(predict, tmp_path):
    transkribus(tmp_path / "p.xml")
    scan = Image.open(tmp_path / "p.png").convert("L")
    scan.save(tmp_path / "book.pdf", save_all=True, append_images=[scan])
    out = tmp_path / "p2.xml"
    given = (f"{tmp_path}/book.pdf#page=2", "--format", "page", "--output", out)
    assert predict(*given).code == 0
    assert read_page(out).image == "book.pdf#page=2"
    assert records(predict(out, "--format", "jsonl"))[0]["image"] == given[0]


def new_report(image: np.ndarray) -> partial:
    return partial(PageReport, lambda _: image)


@pytest.mark.parametrize(
    ("kind", "words", "megabytes"), [("html", "word ", 20), ("hocr", 2000 * "word ", 2)]
)
def test_no_more_than_a_page_is_in_memory(tmp_path, kind, words, megabytes):
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000), np.uint8)
    names = [f"book.pdf#page={n}" for n in range(1, 31)]
    out = tmp_path / "out"
    tracemalloc.start()
    with ExitStack() as stack:
        write = page_writer(kind, names, {"book.pdf": out}, None, stack, False, new_report(noise))
        for name in names:
            write(page_of(name, l0={"text": words + name, "confidence": 0.5}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out.stat().st_size > 1e6 * megabytes and peak < 0.8 * out.stat().st_size


def test_a_file_appears_whole_and_with_the_pages_that_failed(tmp_path):
    records = [{"input": "a", "error": "gone"}, page_of("b", l0={"text": "t", "confidence": 1}),
               {"input": "c", "error": "gone"}]  # fmt: skip

    def write_all(*records: dict, error: Exception | None = None) -> None:
        with ExitStack() as stack:
            given = ("html", ["a", "b", "c"], {}, str(tmp_path / "o"), stack, False)
            write = page_writer(*given, new_report(noise_line(1)))
            for record in records:
                write(record)
            if error:
                raise error

    with pytest.raises(RuntimeError):
        write_all(*records[:2], error=RuntimeError())
    assert list(tmp_path.iterdir()) == []
    write_all(*records)
    made = (tmp_path / "o").read_text("utf-8")
    places = [made.index(f"<h2>{name}</h2>") for name in "abc"]
    assert places == sorted(places) and made.endswith("</html>\n")


def test_evaluate_takes_pages(command, bundle_file, tmp_path):
    transkribus(tmp_path / "p.xml", ["a b", None, "c", "d"])
    (tmp_path / "q.xml").write_text("<alto>", encoding="utf-8")
    target = tmp_path / "scores.json"
    arguments = ("--model", bundle_file, "--data", tmp_path, "--json", target)
    code, out, err = command("evaluate", *arguments)
    assert (code, json.loads(target.read_text(encoding="utf-8"))["n"]) == (0, 3)
    assert "3 lines" in out
    assert f"{tmp_path}/p.xml#l1: no text" in err and f"{tmp_path}/q.xml: damaged XML" in err


def test_images_of_lines_have_a_text_file_each_too(predict, command, tmp_path):
    for name in "ab":
        write_image(tmp_path / f"in/{name}.png", noise_line(1))
    (first, _) = records(predict(tmp_path / "in", "--format", "jsonl"))
    assert predict(tmp_path / "in", "--output", f"{tmp_path}/out/").code == 0
    texts = [(tmp_path / f"out/{name}.txt").read_text("utf-8") for name in "ab"]
    assert texts == [first["text"] + "\n"] * 2
    given = ("predict", "a film", "--model", "reviews-en", "--output", f"{tmp_path}/texts/")
    code, _, err = command(*given)
    assert code == 2 and "a folder; --format text writes one file" in err
