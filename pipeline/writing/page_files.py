"""Files of whole pages: one for each page (text, PAGE, ALTO), for each document, or for all."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets.output.files import write_whole
from datasets.output.text import print_error
from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading, page_line_name
from datasets.pages.writers.record import read_record
from datasets.pages.xml import check_writable

from .outputs import Format, document_of
from .text import page_lines_text

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
    """Write the pages of a document to a file, or print them if `target` is None."""
    if kind == "pdf":
        from datasets.pages.writers.pdf import write_pdf  # imported here for start-up time

        for problem in write_pdf(target, map(read_record, records)):
            print_error(problem)
        return
    content = content_of(kind, document, records)
    if target is not None:
        write_whole(target, content)
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(content)


def content_of(kind: Format, document: str, records: list[dict]) -> str:
    """The content of a file of these pages, of one for PAGE and ALTO."""
    # imported here for start-up time: each format its own
    if kind == "hocr":
        from datasets.pages.writers.hocr import hocr_document

        return "".join(hocr_document(document, map(read_record, records)))
    (record,) = records
    if document.lower().endswith(".xml") and read_page(document).kind == kind:
        return write_page(document, readings_of(record))
    if kind == "alto":
        from datasets.pages.writers.alto import alto_document

        return alto_document(read_record(record))
    from datasets.pages.writers.page_xml import page_document

    return page_document(read_record(record))


def readings_of(record: dict) -> dict[str, Reading]:
    """What a page file gets of its record, by line: of a line that failed nothing, so it keeps its
    old text. A text that XML cannot hold is printed as an error.
    """
    readings = {}
    for line in record["lines"]:
        if "error" in line:
            continue
        name = page_line_name(record["input"], line["id"])
        try:
            text = check_writable(line["text"], name).strip()
        except ValueError as error:
            print_error(error)
            continue
        readings[line["id"]] = Reading(text, line["confidence"], line.get("accepted"))
    return readings
