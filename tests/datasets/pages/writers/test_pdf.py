"""Searchable PDF: PDFium finds every word at its place, and draws what it drew before."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from PIL import Image

from datasets.pages.writers.pdf import write_pdf
from datasets.pages.writers.record import read_record
from tests.support.pdfs import picture_of, places_of, scan_pdf, text_of
from tests.support.records import HOSTILE, SCRIPTS, line_record, page_record

SIZE = (1000, 1500)  # pixels of the pages' records: 360 dpi of 200 x 300 points


def record_of(texts: list[str], source: Path, number: int = 1, **others) -> dict:
    return page_record(texts, f"{source}#page={number}", **{"height": 1500} | others)


@pytest.fixture
def write(tmp_path):
    """Writes a searchable PDF -> its path."""

    def write(*records: dict, problems: tuple = ()) -> Path:
        target = tmp_path / "searchable.pdf"
        found = write_pdf(target, map(read_record, records))
        assert found == list(problems)
        return target

    return write


def test_every_line_is_found_in_order_and_the_picture_stays(tmp_path, write):
    source = scan_pdf(tmp_path / "scan.pdf")
    target = write(record_of(SCRIPTS, source))
    assert text_of(target) == SCRIPTS
    assert np.array_equal(picture_of(source, scale=2), picture_of(target, scale=2))
    for line in SCRIPTS:
        assert len(places_of(target, line, SIZE)) == 1
        assert all(len(places_of(target, word, SIZE)) == 1 for word in line.split())


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
def test_poppler_finds_the_same(tmp_path, write):
    source = scan_pdf(tmp_path / "scan.pdf")
    target = write(record_of(SCRIPTS, source))
    found = subprocess.run(["pdftotext", target, "-"], capture_output=True, check=True).stdout
    text = found.decode("utf-8").translate(dict.fromkeys([0x202A, 0x202B, 0x202C]))
    assert [line for line in text.replace("\f", "").split("\n") if line] == SCRIPTS


@pytest.mark.parametrize("text", HOSTILE)
def test_hard_texts_are_found(tmp_path, write, text):
    source = scan_pdf(tmp_path / "scan.pdf")
    target = write(record_of(["before", text, "after"], source))
    first, *between, last = text_of(target)
    assert (first, last) == ("before", "after")
    found = "".join(between).split()
    # letters of a thousandth of an inch are too small for PDFium; the lines around them are not
    assert found == text.split() or len(text.split()) > 1_000


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90])
@pytest.mark.parametrize("box", [(0, 0, 200, 300), (-30, 50, 170, 350)])
def test_words_are_where_they_are_seen(tmp_path, write, rotation, box):
    """Also on pages that are shown turned, and whose corner is not the origin, or cropped."""
    source = scan_pdf(tmp_path / "scan.pdf", box=box, Rotate=rotation)
    height, width = picture_of(source, scale=5).shape[:2]
    lines = [line_record(0, "one two"), line_record(1, "three", box=[600, 700, 725, 760])]
    record = page_record([], f"{source}#page=1", width=width, height=height, lines=lines)
    target = write(record)
    assert np.array_equal(picture_of(source), picture_of(target))
    for word, expected in [("one", (50, 100, 125, 160)), ("two", (150, 100, 225, 160)),
                           ("three", (600, 700, 725, 760))]:  # fmt: skip
        (found,) = places_of(target, word, (width, height))
        assert found == pytest.approx(expected, abs=2), word


def test_what_is_cut_away_has_no_pixels(tmp_path, write):
    source = scan_pdf(tmp_path / "scan.pdf", CropBox=[50, 100, 150, 400], UserUnit=2)
    record = record_of(["word"], source, width=1000, height=2000)
    (found,) = places_of(write(record), "word", (1000, 2000))
    assert found == pytest.approx((50, 100, 150, 160), abs=3)


@pytest.mark.parametrize(
    ("baseline", "box", "ends"),
    [
        ([[100, 400], [900, 600]], [100, 350, 900, 650], [(100, 400), (900, 600)]),
        ([[900, 600], [100, 400]], [100, 350, 900, 650], [(100, 400), (900, 600)]),
        ([[500, 100], [500, 900]], [480, 100, 540, 900], [(500, 100), (500, 900)]),
        ([[500, 900], [500, 100]], [460, 100, 520, 900], [(500, 900), (500, 100)]),
    ],
)
def test_words_follow_the_baseline(tmp_path, write, baseline, box, ends):
    source = scan_pdf(tmp_path / "scan.pdf")
    line = line_record(0, "aaaa bbbb", baseline=baseline, box=box)
    target = write(record_of([], source, lines=[line]))
    assert text_of(target) == ["aaaa bbbb"]
    (first,), (last,) = (places_of(target, word, SIZE) for word in ("aaaa", "bbbb"))
    for place, (x, y) in zip((first, last), ends, strict=True):
        middle = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
        assert np.hypot(middle[0] - x, middle[1] - y) < 260  # half a word from its end
    far = np.subtract(last, first).reshape(2, 2).mean(0)
    along = np.subtract(*ends[::-1])
    assert along @ far / np.hypot(*along) / np.hypot(*far) > 0.98


def test_pages_that_were_not_read_are_kept(tmp_path, write):
    source = scan_pdf(tmp_path / "scan.pdf", pages=3)
    failed = {"input": f"{source}#page=3", "error": "damaged"}
    target = write(record_of(["word"], source, 2), failed)
    assert [text_of(target, page) for page in range(3)] == [[], ["word"], []]
    assert all(np.array_equal(picture_of(source, i), picture_of(target, i)) for i in range(3))


def test_a_page_that_is_not_there_or_another_is_a_problem_of_its_own(tmp_path, write):
    source = scan_pdf(tmp_path / "scan.pdf", pages=2)
    records = [record_of(["a"], source, 1, width=1500, height=1000), record_of(["b"], source, 2),
               record_of(["c"], source, 3)]  # fmt: skip
    problems = (f"{source}#page=1: read as 1500 x 1000 pixels, but the page is 200 x 300 points; "
                "was it turned or changed since?; the page has no text",
                f"{source}#page=3: the PDF has 2 pages; the page has no text")  # fmt: skip
    target = write(*records, problems=problems)
    assert [text_of(target, page) for page in range(2)] == [[], ["b"]]


def test_a_second_reading_replaces_the_first(tmp_path, write):
    source = scan_pdf(tmp_path / "scan.pdf", pages=2)
    first = write(*(record_of(["old text", "here"], source, i) for i in (1, 2)))
    again = first.rename(tmp_path / "again.pdf")
    target = write(record_of(["new"], again, 1), record_of([], again, 2))
    assert text_of(target) == ["new"]
    assert text_of(target, 1) == ["old text", "here"]  # nothing was read, so nothing is lost
    assert np.array_equal(picture_of(source), picture_of(target))


def test_lines_that_are_text_already_get_no_second_one(tmp_path, write, capsys):
    source = scan_pdf(tmp_path / "scan.pdf", pages=2)
    with pikepdf.open(source, allow_overwriting_input=True) as pdf:
        leaf = pdf.pages[0]
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
        leaf.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        # the first line of the record: 60 pixels high at 360 dpi, from 100 pixels below the top
        text = b"BT /F1 12 Tf 10 270 Td (born digital) Tj ET\n"
        leaf.contents_add(pdf.make_stream(text), prepend=True)
        pdf.save(source)
    lines = [line_record(0, "born digital"), line_record(1, "written by hand")]
    record = record_of([], source) | {"lines": lines}
    target = write(record, record_of(["a scan"], source, 2))
    assert sorted(text_of(target)) == ["born digital", "written by hand"]
    assert text_of(target, 1) == ["a scan"]
    said = f"{source}: no invisible text for 1 line on 1 page, which it shows as text already"
    assert capsys.readouterr().err.startswith(said)


def test_the_same_records_give_the_same_file(tmp_path, write):
    source = scan_pdf(tmp_path / "scan.pdf")
    first = write(record_of(SCRIPTS, source)).read_bytes()
    assert write(record_of(SCRIPTS, source)).read_bytes() == first


def test_pages_that_share_resources_and_odd_content(tmp_path, write):
    """The layer stands in front: a page that ends in a scaled or clipped state moves no word."""
    source = scan_pdf(tmp_path / "scan.pdf", pages=2)
    with pikepdf.open(source, allow_overwriting_input=True) as pdf:
        shared = pdf.make_indirect(pikepdf.Dictionary(Font=pikepdf.Dictionary()))
        for leaf in pdf.pages:
            leaf.obj.Resources = shared
            leaf.contents_add(b"q q 9 0 0 9 5 5 cm 0 0 1 1 re W n", prepend=True)
        pdf.save()
    target = write(record_of(["one"], source, 1), record_of(["two"], source, 2))
    assert [text_of(target, page) for page in range(2)] == [["one"], ["two"]]
    (found,) = places_of(target, "one", SIZE)
    assert found == pytest.approx((50, 100, 125, 160), abs=2)
    assert np.array_equal(picture_of(source), picture_of(target))


def test_a_pdf_that_opens_without_a_password_is_copied_without_its_locks(tmp_path, write, capsys):
    source = tmp_path / "scan.pdf"
    with pikepdf.open(scan_pdf(tmp_path / "open.pdf")) as pdf:
        pdf.save(source, encryption=pikepdf.Encryption(owner="o", user=""))
    target = write(record_of(["word"], source))
    assert text_of(target) == ["word"]
    with pikepdf.open(target) as pdf:
        assert not pdf.is_encrypted
    assert (
        capsys.readouterr().err == f"{source}: forbids some uses; its copy with text forbids none\n"
    )
    write(record_of(["word"], tmp_path / "open.pdf"))
    assert capsys.readouterr().err == ""


def test_damaged_and_locked_files_are_refused_and_the_target_stays(tmp_path):
    target = tmp_path / "out.pdf"
    target.write_bytes(b"before")
    damaged, locked = tmp_path / "damaged.pdf", tmp_path / "locked.pdf"
    damaged.write_bytes(b"%PDF-1.5 and then nothing")
    with pikepdf.open(scan_pdf(tmp_path / "scan.pdf")) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(owner="o", user="u"))
    for source, message in [(damaged, "damaged PDF"), (locked, "needs a password"),
                            (tmp_path / "none.png", "No such file")]:  # fmt: skip
        with pytest.raises(ValueError, match=f"{source.name}.*{message}"):
            write_pdf(target, [read_record(record_of(["a"], source))])
    with pytest.raises(FileNotFoundError, match=r"none\.pdf"):
        write_pdf(target, [read_record(record_of(["a"], tmp_path / "none.pdf"))])
    os.mkfifo(tmp_path / "pipe.pdf")
    with pytest.raises(ValueError, match="a pipe"):
        write_pdf(target, [read_record(record_of(["a"], tmp_path / "pipe.pdf"))])
    with pytest.raises(ValueError, match="no page was read"):
        write_pdf(target, [read_record({"input": "a.pdf#page=1", "error": "x"})])
    assert target.read_bytes() == b"before" and len(list(tmp_path.glob(".*"))) == 0


def test_frames_of_an_image_file_become_pages(tmp_path, write):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (150, 100), np.uint8)) for _ in range(3)]
    source = tmp_path / "book.tif"
    frames[0].save(source, save_all=True, append_images=frames[1:], dpi=(72, 72))
    records = [record_of([f"page {i}"], source, i) for i in (1, 3)]
    target = write(*records, {"input": f"{source}#page=2", "error": "x"})
    assert [text_of(target, page) for page in range(2)] == [["page 1"], ["page 3"]]
    for page, frame in enumerate((frames[0], frames[2])):
        assert np.array_equal(picture_of(target, page)[..., 0], np.asarray(frame))


def test_a_frame_that_is_missing_is_left_out(tmp_path, write):
    source = tmp_path / "scan.png"
    Image.new("L", (100, 150)).save(source)
    problem = f"{source}: has no page 2; page 2 is left out"
    target = write(record_of(["a"], source, 2), record_of(["b"], source, 1), problems=(problem,))
    assert text_of(target) == ["b"]


def test_the_image_of_a_page_file_and_several_images(tmp_path, write):
    records = []
    for i in range(2):
        Image.new("L", (100, 150), 100 + i).save(tmp_path / f"{i}.png", dpi=(72, 72))
        record = page_record([f"text {i}"], tmp_path / f"{i}.xml", height=1500)
        records.append(record | {"image": str(tmp_path / f"{i}.png")})
    target = write(*records)
    assert [text_of(target, i) for i in range(2)] == [["text 0"], ["text 1"]]
    assert [int(picture_of(target, i).mean()) for i in range(2)] == [100, 101]
