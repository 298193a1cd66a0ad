"""Outputs of odd texts: every file that is written can be read again, with what it may hold.

The file that is fuzzed holds texts, one a line; they become readings, labels and names.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pikepdf
from lxml import etree

from datasets.labels import fold_label
from datasets.output.text import cell_text, clean, table_cell
from datasets.pages.files import read_page
from datasets.pages.writers.record import read_record
from datasets.video.annotations.files import read_annotations
from pipeline.writing.page_files import page_writer
from pipeline.writing.writers import Writer, open_writer
from tests.support.images import write_image
from tests.support.records import HOSTILE, SCRIPTS, page_record

from . import Kind
from .annotations import WRITERS, span

MAX_TEXTS, MAX_LENGTH = 12, 400  # of a page
IMAGE = "page.png"
NO_NETWORK = etree.XMLParser(no_network=True, resolve_entities=False, huge_tree=True)


def texts(folder: Path) -> list[bytes]:
    """Texts of all kinds; and the picture of a page, a tenth as large as records say."""
    write_image(folder / IMAGE, np.full((20 + 10 * MAX_TEXTS, 100), 255, np.uint8))
    hostile = [text[:MAX_LENGTH] for text in HOSTILE]
    return [
        "\n".join(some).encode("utf-8")
        for some in (SCRIPTS, hostile, ["walk", "sit", "walk, sit", "=1+1"])
    ]


def texts_of(path: Path) -> list[str]:
    """The lines of a file; bytes that are no UTF-8 become lone surrogates, as in file names."""
    lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    return [line[:MAX_LENGTH] for line in lines[:MAX_TEXTS]]


def escaped(text: str) -> str:
    """A text as files of UTF-8 hold it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def write_pages(path: Path) -> None:
    lines = texts_of(path) + [""] * MAX_TEXTS
    record = page_record(lines[:MAX_TEXTS], path.with_name(IMAGE))
    expected = [line.text for line in read_record(record).lines]
    problem = None
    for kind, check in PAGE_CHECKS.items():
        target = path.with_name(f"written.{kind}")
        targets = {record["input"]: target}
        try:
            with ExitStack() as stack:
                page_writer(kind, [record["input"]], targets, str(target), stack)(record)
        except ValueError as error:  # names the lines whose text cannot be written
            problem = error
        check(target, expected)
    assert (problem is None) == (None not in expected), problem
    if problem:
        raise problem


def check_page(target: Path, expected: list[str | None]) -> None:
    etree.parse(target, NO_NETWORK)
    found = [line.text for line in read_page(target).lines]
    assert found == expected, (found, expected)


def check_alto(target: Path, expected: list[str | None]) -> None:
    """ALTO holds words; a line of none is one without a text."""
    etree.parse(target, NO_NETWORK)
    found = [(line.text or "").split() for line in read_page(target).lines]
    assert found == [(text or "").split() for text in expected], (found, expected)


def check_hocr(target: Path, expected: list[str | None]) -> None:
    root = etree.parse(target, NO_NETWORK).getroot()
    lines = (element for element in root.iter() if element.get("class") == "ocr_line")
    found = ["".join(line.itertext()).split() for line in lines]
    assert found == [(text or "").split() for text in expected], (found, expected)


def check_pdf(target: Path, _: list[str | None]) -> None:
    with pikepdf.open(target) as pdf:
        assert len(pdf.pages) == 1 and not pdf.check_pdf_syntax()
        pikepdf.parse_content_stream(pdf.pages[0])


PAGE_CHECKS = {"page": check_page, "alto": check_alto, "hocr": check_hocr, "pdf": check_pdf}


def write_tables(path: Path) -> None:
    lines = texts_of(path)
    for kind, raw, check in (
        ("csv", False, check_csv),
        ("csv", True, check_raw_csv),
        ("jsonl", False, check_jsonl),
        ("text", False, check_text),
    ):
        records = [{"input": f"{line}.png", "text": line, "confidence": 0.5} for line in lines]
        target = path.with_name(f"written.{kind}")
        write_all(kind, "text", records, target, raw)
        check(target.read_bytes().decode("utf-8"), records)


def write_all(kind: str, form: str, records: Sequence[dict], target: Path, raw: bool) -> None:
    with ExitStack() as stack:
        names = [record["input"] for record in records]
        write: Writer = open_writer(kind, form, names, str(target), stack, raw=raw)
        for record in records:
            write(record)


def check_csv(content: str, records: Sequence[dict]) -> None:
    """One line a record, whatever breaks lines anywhere."""
    assert len(content.splitlines()) == 1 + len(records)
    rows = list(csv.reader(content.split("\r\n")))[1:-1]
    expected = [[escaped(table_cell(r[name])) for name in ("input", "text")] for r in records]
    assert [row[:2] for row in rows] == expected, (rows, expected)


def check_raw_csv(content: str, records: Sequence[dict]) -> None:
    rows = list(csv.reader(io.StringIO(content, newline="")))[1:]
    expected = [[escaped(record[name]) for name in ("input", "text")] for record in records]
    assert [row[:2] for row in rows] == expected, (rows, expected)


def check_jsonl(content: str, records: Sequence[dict]) -> None:
    found = [json.loads(line) for line in content.splitlines()]
    assert found == json.loads(escaped(json.dumps(records))), found


def check_text(content: str, records: Sequence[dict]) -> None:
    rows = [line.split("\t") for line in content.splitlines()]
    expected = [[escaped(clean(r[name])) for name in ("input", "text")] for r in records]
    assert rows == expected, (rows, expected)


def write_annotations(path: Path) -> None:
    labels = [label for label in texts_of(path) if fold_label(label)]
    spans = [span(float(start), start + 1.0, label) for start, label in enumerate(labels)]
    problem = None
    for suffix, write in WRITERS.items():
        target = path.with_name(f"written{suffix}")
        try:
            write(target, spans)
        except ValueError as error:  # a label that XML cannot hold
            problem = error
            continue
        check_labels(target, labels)
    record = {"input": str(path.with_name("c.mp4")), "segments": spans}
    target = path.with_name("written.csv")
    write_all("csv", "spans", [record], target, raw=False)
    check_labels(target, [cell_text(escaped(table_cell(label))) for label in labels])
    target = path.with_name("written.srt")
    write_all("srt", "spans", [record], target, raw=False)
    cues = re.findall(r"\d+\n[\d:,]+ --> [\d:,]+\n[^\n]*\n\n", target.read_text("utf-8"))
    assert len(cues) == len(labels) and "".join(cues) == target.read_text("utf-8")
    if problem:
        raise problem


def check_labels(target: Path, labels: Sequence[str]) -> None:
    if not labels:
        return
    annotations, problems = read_annotations(target)
    found = [segment.label for annotation in annotations for segment in annotation.segments]
    assert found == [fold_label(label) for label in labels] and not problems, found


Check = Callable[[Path, list[str | None]], None]

KINDS = {
    "written pages": Kind(".txt", texts, (write_pages,)),
    "written tables": Kind(".txt", texts, (write_tables,)),
    "written annotations": Kind(".txt", texts, (write_annotations,)),
}
