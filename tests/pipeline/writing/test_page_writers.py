"""predict and evaluate on page files: record order, texts written back, errors by page."""

import json

import pytest

from datasets.pages.files import read_page
from pipeline.writing.page_writers import page_writer
from tests.support.pages import TEXTS, escriptorium, tesseract, transkribus
from tests.support.small import ALPHABET, noise_line, write_image


@pytest.fixture
def predict(command, bundle_file):
    return lambda *inputs: command("predict", *inputs, "--model", bundle_file)


def rows(outcome) -> list[list[str]]:
    """The tab-separated fields of each line of output."""
    return [line.split("\t") for line in outcome.out.splitlines()]


def test_a_page_gives_its_lines_in_reading_order(predict, tmp_path, expected):
    path = transkribus(tmp_path / "p.xml")
    names = [f"{path}#l{i}" for i in range(4)]
    outcome = predict(path)
    texts = [record["text"] for record in expected.predict(names)]
    assert (outcome.code, outcome.err) == (0, "")
    assert rows(outcome) == [list(pair) for pair in zip(names, texts, strict=True)]
    assert len(set(texts)) > 2


@pytest.mark.parametrize(
    ("write", "kind"), [(transkribus, "page"), (escriptorium, "alto"), (tesseract, "alto")]
)
def test_readings_are_written_into_their_lines(predict, tmp_path, write, kind):
    path, target = write(tmp_path / "p.xml"), tmp_path / "read.xml"
    texts = [text.strip() for _, text in rows(predict(path))]
    outcome = predict(path, "--format", kind, "--output", target)
    assert tuple(outcome) == (0, "", "")
    before, after = read_page(path), read_page(target)
    assert [line.text for line in after.lines] == texts != [line.text for line in before.lines]
    for old, new in zip(before.lines, after.lines, strict=True):
        assert (old.id, old.region, old.box) == (new.id, new.region, new.box)
    again = predict(target, "--format", kind)  # the image is beside it; printed, for one page
    assert again.out == target.read_text(encoding="utf-8")
    record = json.loads(predict(path, "--format", "jsonl").out.splitlines()[0])
    name = "conf" if kind == "page" else "WC"
    assert f'{name}="{record["confidence"]:.4f}"' in again.out


def test_a_folder_is_read_by_page_and_broken_ones_are_one_error(predict, tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    for name in "ac":
        transkribus(pages / f"{name}.xml")
    (pages / "b.xml").write_text("<PcGts>", encoding="utf-8")
    (pages / "mets.xml").write_text("<mets/>", encoding="utf-8")
    write_image(pages / "line.png", noise_line(3))
    outcome = predict(pages)
    lines = [f"{pages}/{name}.xml#l{i}" for name in "ac" for i in range(4)]
    assert outcome.code == 1
    assert [name for name, _ in rows(outcome)] == [
        *lines[:4],
        f"{pages}/b.xml",
        *lines[4:],
        f"{pages}/line.png",
    ]
    over, first, last = outcome.err.splitlines()
    assert over == f"{pages}: passed over 1 .xml file (mets.xml)"
    assert first.startswith(f"error: {pages}/b.xml: damaged XML")
    assert last == "1 of 10 inputs failed; the others were answered"
    (pages / "line.png").unlink()
    outcome = predict(pages, "--format", "page", "--output", tmp_path / "out")
    assert outcome.code == 1 and outcome.err.splitlines() == [over, first, last.replace("10", "9")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.xml", "c.xml"]
    texts = [line.text for line in read_page(tmp_path / "out/c.xml").lines]
    assert all(set(text) <= set(ALPHABET) for text in texts) and any(texts)


def test_a_missing_image_is_one_error(predict, tmp_path):
    path = transkribus(tmp_path / "p.xml")
    (tmp_path / "p.png").unlink()
    code, out, err = predict(path)
    assert (code, out) == (1, f"{path}\t\n"), err
    assert err.splitlines()[0].startswith(f"error: {path}: 'p.png' is neither beside it nor")
    assert "no such file" in predict(tmp_path / "none.xml").err


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("alto", "p.xml is PAGE; read it with --format page"),
        ("page", "2 pages; name a folder with --output"),
    ],
)
def test_misuse_is_reported_before_anything_is_read(predict, tmp_path, kind, message):
    first, second = transkribus(tmp_path / "p.xml"), transkribus(tmp_path / "q.xml")
    given = (first, second) if kind == "page" else (first,)
    code, out, err = predict(*given, "--format", kind)
    assert (code, out) == (2, "") and message in err


def test_line_images_have_no_page(predict, tmp_path):
    image = write_image(tmp_path / "a.png", noise_line(1))
    code, _, err = predict(image, "--format", "page")
    assert code == 2 and f"but {image} is none; give the page's file" in err
    path = transkribus(tmp_path / "p.xml")
    code, _, err = predict(path, "--format", "page", "--output", path)
    assert code == 2 and "is the input itself" in err


def test_a_line_that_failed_keeps_its_text(tmp_path):
    path = transkribus(tmp_path / "p.xml")
    names = [f"{path}#l{i}" for i in range(4)]
    write = page_writer("page", names, {str(path): tmp_path / "out.xml"})
    write({"input": names[0], "text": "new", "confidence": 0.5})
    write({"input": names[1], "error": "too wide"})
    with pytest.raises(ValueError, match=r"l2: U\+0001 cannot stand"):
        write({"input": names[2], "text": "\x01", "confidence": 0.5})
    assert not (tmp_path / "out.xml").exists()
    write({"input": names[3], "text": "end", "confidence": 0.5})
    texts = [line.text for line in read_page(tmp_path / "out.xml").lines]
    assert texts == ["new", *TEXTS[1:3], "end"]


def test_evaluate_takes_pages(command, bundle_file, tmp_path):
    transkribus(tmp_path / "p.xml", ["a b", None, "c", "d"])
    (tmp_path / "q.xml").write_text("<alto>", encoding="utf-8")
    target = tmp_path / "scores.json"
    arguments = ("--model", bundle_file, "--data", tmp_path, "--json", target)
    code, out, err = command("evaluate", *arguments)
    assert (code, json.loads(target.read_text(encoding="utf-8"))["n"]) == (0, 3)
    assert "3 lines" in out
    assert f"{tmp_path}/p.xml#l1: no text" in err and f"{tmp_path}/q.xml: damaged XML" in err
