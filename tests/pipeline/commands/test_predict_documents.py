"""predict on pages without a page file, PDF and files of several frames: found, read, resumed."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pypdfium2
import pytest
from PIL import Image

from datasets import LineReader
from datasets.pages.files import read_page
from pipeline.reading.inputs import expand_inputs
from tests.support.pages import TEXTS, set_page, transkribus
from tests.support.small import noise_line, write_image

ROOT = Path(__file__).parents[3]
SIGNAL_S = 60
FOUND_S = 20  # on a busy machine


def typeset(path: Path, texts: list[str]) -> Path:
    """The image of a page of these lines, as large as a scan at 150 dpi."""
    set_page(path, texts)
    page = cv2.imread(str(path), 0)
    sheet = np.full((1600, 1200), 255, np.uint8)
    sheet[100 : 100 + page.shape[0], 100 : 100 + page.shape[1]] = page
    cv2.imwrite(str(path), sheet)
    return path


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """A page as PNG, and two as PDF (called book.pdf) and as frames (frames.tif)."""
    folder = tmp_path_factory.mktemp("scans")
    typeset(folder / "one.png", TEXTS)
    pages = [cv2.imread(str(typeset(folder / f".{n}.png", TEXTS[n:])), 0) for n in range(2)]
    first, second = map(Image.fromarray, pages)
    first.save(folder / "book.pdf", save_all=True, append_images=[second], resolution=150)
    cv2.imwritemulti(str(folder / "frames.tif"), pages)
    return folder


@pytest.fixture
def predict(command):
    return lambda *inputs: command("predict", *inputs, "--model", "lines-en")


def records(outcome) -> list[dict]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_a_scan_is_a_page_in_reading_order(predict, scans):
    outcome = predict(scans / "one.png")
    assert (outcome.code, outcome.out) == (0, "\n".join(TEXTS) + "\n")
    (record,) = records(predict(scans / "one.png", "--format", "jsonl"))
    assert record["layout"] == "page" and (record["width"], record["height"]) == (1200, 1600)
    tops = [line["box"][1] for line in record["lines"]]
    assert tops == sorted(tops) and all(line["confidence"] > 0.5 for line in record["lines"])
    words = [word["text"] for line in record["lines"] for word in line["words"]]
    assert words == " ".join(TEXTS).split()


def test_layout_says_what_an_image_is(predict, command, scans, tmp_path):
    line = write_image(tmp_path / "line.png", noise_line(1))
    page, alone = records(predict(scans / "one.png", line, "--format", "jsonl"))
    assert (page["layout"], alone["layout"]) == ("page", "line")
    (record,) = records(predict(scans / "one.png", "--layout", "line", "--format", "jsonl"))
    assert "lines" not in record
    (record,) = records(predict(line, "--layout", "page", "--format", "jsonl"))
    assert record["layout"] == "page"
    code, _, err = command("predict", "a film", "--model", "reviews-en", "--layout", "page")
    assert code == 2 and "--layout and --pages go with images" in err


@pytest.mark.parametrize("name", ["book.pdf", "frames.tif"])
def test_each_page_of_a_document_has_its_record(predict, scans, name):
    path = scans / name
    first, second = records(predict(path, "--format", "jsonl"))
    assert [first["input"], second["input"]] == [f"{path}#page=1", f"{path}#page=2"]
    assert first["text"].split() == " ".join(TEXTS).split()
    assert second["text"].split() == " ".join(TEXTS[1:]).split()
    (record,) = records(predict(path, "--format", "jsonl", "--pages", "2"))
    assert record == second
    (record,) = records(predict(f"{path}#page=2", "--format", "jsonl"))
    assert record == second
    outcome = predict(path, "--format", "jsonl", "--pages", "3-")
    assert outcome.code == 1 and "has 2 pages, none of them in --pages" in outcome.out


def test_pages_chooses_none_of_images_of_one_frame(predict, tmp_path):
    for name in ("a.png", "b.tif", "c.gif"):
        cv2.imwrite(str(tmp_path / name), cv2.merge([noise_line(1)] * 3))
    outcome = predict(tmp_path, "--format", "jsonl", "--pages", "3-7")
    names = [Path(record["input"]).name for record in records(outcome)]
    assert (outcome.code, names) == (0, ["a.png", "b.tif", "c.gif"])


@pytest.mark.slow
def test_thousands_of_images_of_one_frame_are_found_in_seconds(tmp_path):
    line = tmp_path / "0.tif"
    cv2.imwrite(str(line), noise_line(1))
    for number in range(1, 5000):
        (tmp_path / f"{number}.tif").write_bytes(line.read_bytes())
    start = time.monotonic()
    assert len(list(expand_inputs([str(tmp_path)], LineReader()))) == 5000
    assert time.monotonic() - start < FOUND_S


def test_inputs_are_found_below_a_bar_if_they_may_be_many(
    command, bundle_file, tmp_path, monkeypatch
):
    found = {}

    def count(items, description, total, completed=0):
        found[description] = items = list(items)
        return items

    monkeypatch.setattr("pipeline.commands.predict.track", count)
    cv2.imwritemulti(str(tmp_path / "a.tif"), [noise_line(n) for n in range(3)])
    assert command("predict", tmp_path, "--model", bundle_file, "--layout", "line").code == 0
    names = [f"{tmp_path}/a.tif#page={n}" for n in (1, 2, 3)]
    assert found["finding inputs"] == names == [answer.name for answer in found["reading"]]


@pytest.mark.slow
def test_a_folder_holds_documents_too(predict, scans):
    outcome = predict(scans, "--format", "jsonl")
    names = [Path(record["input"]).name for record in records(outcome)]
    assert names == ["book.pdf#page=1", "book.pdf#page=2", "frames.tif#page=1",
                     "frames.tif#page=2", "one.png"]  # fmt: skip


def test_an_image_beside_page_files_is_a_page(predict, tmp_path):
    transkribus(tmp_path / "a.xml")
    write_image(tmp_path / "b.png", noise_line(1))
    first, second = records(predict(tmp_path, "--format", "jsonl"))
    assert (first["input"], second["input"]) == (f"{tmp_path}/a.xml", f"{tmp_path}/b.png")
    assert second["layout"] == "page"


def test_what_cannot_be_opened_is_one_line_and_the_rest_goes_on(predict, scans, tmp_path):
    with pikepdf.open(scans / "book.pdf") as pdf:
        secret = pikepdf.Encryption(owner="o", user="u")
        pdf.save(tmp_path / "secret.pdf", encryption=secret)
    pikepdf.new().save(tmp_path / "empty.pdf")
    (tmp_path / "cut.pdf").write_bytes((scans / "book.pdf").read_bytes()[:300])
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(7200, 7200))
        pdf.save(tmp_path / "wide.pdf")
    names = [tmp_path / f"{name}.pdf" for name in ("secret", "empty", "cut", "wide")]
    outcome = predict(*names, scans / "one.png")
    assert outcome.code == 1 and outcome.out.endswith("\n".join(TEXTS) + "\n")
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert [error.split(": ", 2)[2].split(" ")[0:3] for error in errors[:2]] == [
        ["it", "has", "a"], ["a", "PDF", "of"]
    ]  # fmt: skip
    assert len(errors) == 4 and "damaged" in errors[2] and "30,000 x 30,000" in errors[3]


@pytest.mark.slow
def test_outputs_of_a_document(predict, scans, tmp_path):
    path = scans / "book.pdf"
    for kind, ending in {"page": "xml", "alto": "xml", "text": "txt"}.items():
        out = tmp_path / kind
        assert predict(path, "--format", kind, "--output", f"{out}/").code == 0
        assert sorted(p.name for p in out.iterdir()) == [f"book-p00{n}.{ending}" for n in (1, 2)]
    lines = read_page(tmp_path / "alto/book-p002.xml").lines
    assert [line.text for line in lines] == TEXTS[1:]
    target = tmp_path / "searchable.pdf"
    assert predict(path, "--format", "pdf", "--output", target, "--accept", "0.8").code == 0
    with pypdfium2.PdfDocument(target) as pdf:
        texts = [page.get_textpage().get_text_range().split() for page in pdf]
    assert texts == [" ".join(TEXTS[n:]).split() for n in range(2)]
    code, out, _ = predict(path, "--format", "hocr")
    assert code == 0 and out.count('class="ocr_page"') == 2 and out.count('class="ocr_line"') == 7
    target = tmp_path / "look.html"
    assert predict(scans / "one.png", path, "--format", "html", "--output", target).code == 0
    assert target.read_text("utf-8").count("<image href") == 3


@pytest.mark.parametrize("kind", ["page", "alto"])
def test_written_pages_read_again_keep_what_is_known_of_words(predict, scans, tmp_path, kind):
    first, second = tmp_path / "first", tmp_path / "second"
    assert predict(scans / "one.png", "--format", kind, "--output", f"{first}/").code == 0
    (written,) = first.iterdir()
    shutil.copy(scans / "one.png", first)
    assert predict(first, "--format", kind, "--output", f"{second}/").code == 0
    sure = [
        list(map(float, re.findall(r'(?:conf|WC)="(.*?)"', path.read_text("utf-8"))))
        for path in (written, second / written.name)
    ]
    assert len(set(sure[1])) > 8  # more than there are lines
    np.testing.assert_allclose(*sure, atol=0.02)  # outlines are written in whole pixels


def test_pages_count_in_the_marks_of_accept(predict, scans):
    outcome = predict(scans / "one.png", "--format", "jsonl", "--accept", "0.8")
    (record,) = records(outcome)
    accepted = sum(line["accepted"] for line in record["lines"])
    assert f"{accepted} of {len(TEXTS)} lines" in outcome.err
    assert record["accepted"] == (accepted == len(TEXTS))
    (row, *_) = predict(scans / "one.png", "--accept", "0.8").out.splitlines()
    assert row.split("\t")[1] in ("accepted", "look")


@pytest.mark.slow
def test_two_hundred_pages_in_little_memory_stopped_once_and_resumed(scans, tmp_path):
    with pikepdf.open(scans / "book.pdf") as pdf:
        for _ in range(99):
            pdf.pages.extend(pdf.pages[:2])
        pdf.save(tmp_path / "long.pdf")
    out = tmp_path / "read.jsonl"
    command = [sys.executable, str(ROOT / "run.py"), "predict", str(tmp_path / "long.pdf")]
    command += ["--format", "jsonl", "--output", str(out), "--resume"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    partial, end = tmp_path / "read.jsonl.partial", time.monotonic() + SIGNAL_S
    while not (partial.exists() and partial.read_bytes().count(b"\n") > 20):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SIGNAL_S)
    kept = partial.read_bytes().count(b"\n") - 1
    assert process.returncode == 130 and f"{kept} of 200 read; go on with --resume" in err
    subprocess.run(command, check=True, cwd=ROOT)
    names = [json.loads(line)["input"] for line in out.read_text("utf-8").splitlines()]
    assert names == [f"{tmp_path}/long.pdf#page={n}" for n in range(1, 201)]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_600_000  # kB
