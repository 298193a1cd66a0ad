"""Files of whole pages: one for each page (text, PAGE, ALTO), for each document, or for all."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from datasets.output.files import open_whole, write_whole
from datasets.output.text import print_error
from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading
from datasets.pages.writers.record import RecordedPage, read_record

from .outputs import Format, document_of
from .text import errors_of, page_lines_text

ToHtml = Callable[[Sequence[dict]], str]
ALL = ""  # the document of formats that make one file of all inputs


def page_writer(
    kind: Format,
    names: Sequence[str],
    targets: dict[str, Path],
    output: str | None,
    noted: bool = False,
    to_html: ToHtml | None = None,
) -> Callable[[dict], None]:
    """Return a writer of records that writes each file once the last of its pages has arrived.

    names: of the inputs. targets: the file of each page or document; empty if `output` is for all,
    or if the only one is printed. noted: text has a column of notes. to_html:
    makes the HTML page of all records. A file is not written if all its pages failed. Raises
    ValueError if several files would be printed.
    """
    own_file = targets or (output and {ALL: Path(output)}) or {}
    key = {"hocr": document_of, "pdf": document_of, "html": lambda _: ALL}.get(kind, str)
    left = Counter(map(key, names))
    if not own_file and (len(left) > 1 or kind in ("pdf", "html")):
        count = f", and here are {len(left)}" if len(left) > 1 else ""
        raise ValueError(
            f"--format {kind} makes a file of each input{count}; say where with --output"
        )
    waiting: dict[str, list[dict]] = {document: [] for document in left}

    def write(record: dict) -> None:
        document = key(record["input"])
        waiting[document].append(record)
        left[document] -= 1
        if left[document]:
            return
        records = waiting.pop(document)
        if any("error" not in record for record in records):
            target = own_file.get(document)
            if target is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
            if kind == "html":
                write_whole(target, to_html(records))
            elif kind == "text":
                write_whole(target, "\f".join(page_lines_text(r, noted) for r in records))
            else:
                write_pages(kind, document, records, target)

    return write


def write_pages(kind: Format, document: str, records: list[dict], target: Path | None) -> None:
    """Write the pages of a document to a file, or print them if `target` is None.

    Raises ValueError, after that, for what could not be written of them; of several such problems
    all but the last are printed.
    """
    pages = [read_record(record) for record in records]
    known = {error for record in records for error in errors_of(record)}
    problems = [p for page in pages for p in page.problems if p not in known]
    if kind == "pdf":
        from datasets.pages.writers.pdf import write_pdf  # imported here for start-up time

        problems += write_pdf(target, pages)
    else:
        with opened(target) as file:
            for part in parts_of(kind, document, records, pages):
                file.write(part)
    if problems:
        for problem in problems[:-1]:
            print_error(problem)
        raise ValueError(problems[-1])


@contextmanager
def opened(target: Path | None) -> Iterator[IO[str]]:
    """A text file that appears whole, or standard output if `target` is None."""
    if target is not None:
        with open_whole(target) as file:
            yield file
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    yield sys.stdout


def parts_of(
    kind: Format, document: str, records: list[dict], pages: list[RecordedPage]
) -> Iterator[str]:
    """The content of a file of these pages, of one for PAGE and ALTO, in parts."""
    # imported here for start-up time: each format its own
    if kind == "hocr":
        from datasets.pages.writers.hocr import hocr_document

        yield from hocr_document(document, pages)
    elif document.lower().endswith(".xml") and read_page(document).kind == kind:
        yield write_page(document, readings_of(records[0], pages[0]))
    elif kind == "alto":
        from datasets.pages.writers.alto import alto_document

        yield alto_document(pages[0])
    else:
        from datasets.pages.writers.page_xml import page_document

        yield page_document(pages[0])


def readings_of(record: dict, page: RecordedPage) -> dict[str, Reading]:
    """What a page file gets of its record, by line; a line without a text keeps its old one."""
    ids = [line["id"] for line in record["lines"]]  # those of the record are names of XML
    return {
        name: Reading(line.text, line.confidence, line.accepted)
        for name, line in zip(ids, page.lines, strict=True)
        if line.text is not None
    }
