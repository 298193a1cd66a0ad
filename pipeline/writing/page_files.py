"""Files of whole pages: one for each page (text, PAGE, ALTO), for each document, or for all."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from datasets.output.files import open_whole, write_whole
from datasets.output.text import print_error
from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading
from datasets.pages.writers.record import RecordedPage, read_record

from .outputs import BY_DOCUMENT, Format, Report, document_of
from .text import page_lines_text

ALL = ""  # the document of formats that make one file of all inputs
PAGE_BY_PAGE = ("hocr", "html")  # formats whose files are written as the pages come


class Document(Protocol):
    """A file of pages that come one by one."""

    def add(self, record: dict) -> None: ...

    def close(self) -> None: ...


def page_writer(
    kind: Format,
    names: Sequence[str],
    targets: dict[str, Path],
    output: str | None,
    stack: ExitStack,
    noted: bool = False,
    new_report: Callable[[], Report] | None = None,
) -> Callable[[dict], None]:
    """Return a writer of records whose files appear once the last of their pages has arrived.

    names: of the inputs. targets: the file of each page or document; empty if `output` is for all,
    or if the only one is printed. stack: removes files that are not complete when it closes with an
    error. noted: text has a column of notes. new_report: makes an empty HTML report. A file is not
    written if all its pages failed. Raises ValueError if several files would be printed.
    """
    own_file = targets or (output and {ALL: Path(output)}) or {}
    by_document = document_of if kind in BY_DOCUMENT else str
    key = (lambda _: ALL) if kind == "html" and not targets else by_document
    left = Counter(map(key, names))
    if not own_file and (len(left) > 1 or kind in ("pdf", "html")):
        count = f", and here are {len(left)}" if len(left) > 1 else ""
        raise ValueError(
            f"--format {kind} makes a file of each input{count}; say where with --output"
        )
    documents: dict[str, Document] = {}

    def open_document(name: str) -> Document:
        target = own_file.get(name)
        if kind in PAGE_BY_PAGE:
            report = new_report() if kind == "html" else HocrReport(name)
            return StreamedFile(target, report, stack)
        if kind == "pdf":
            return PdfFile(target)
        one = partial(write_text, noted) if kind == "text" else partial(write_page_file, kind)
        return PageFile(one, target)

    def write(record: dict) -> None:
        name = key(record["input"])
        if name not in documents:
            documents[name] = open_document(name)
        left[name] -= 1
        try:
            documents[name].add(record)
        finally:
            if not left[name]:
                documents.pop(name).close()

    return write


class PageFile:
    """A file of its own for each page that was read.

    write: writes a record to a target.
    """

    def __init__(self, write: Callable[[dict, Path | None], None], target: Path | None):
        self.write, self.target = write, target

    def add(self, record: dict) -> None:
        """Write a page, unless it failed."""
        if "error" not in record:
            make_folder(self.target)
            self.write(record, self.target)

    def close(self) -> None:
        """Nothing is left to be written."""


class PdfFile:
    """A searchable PDF, which is written once all its pages are known."""

    def __init__(self, target: Path):
        self.target = target
        self.pages: list[RecordedPage] = []

    def add(self, record: dict) -> None:
        """Keep what is written of a page. Raises ValueError for one without a size."""
        self.pages.append(read_record(record))

    def close(self) -> None:
        """Write the file. Raises ValueError, after that, for what could not be written of it."""
        from datasets.pages.writers.pdf import write_pdf  # imported here for start-up time

        if any(page.error is None for page in self.pages):
            make_folder(self.target)
            problems = [problem for page in self.pages for problem in page.problems]
            raise_problems(problems + write_pdf(self.target, self.pages))


class StreamedFile:
    """A file that is written page by page; it appears when it is closed.

    report: its content. stack: closes it, or removes it after an error.
    """

    def __init__(self, target: Path | None, report: Report, stack: ExitStack):
        self.target, self.report = target, report
        self._stack = stack.enter_context(ExitStack())
        self._file: IO[str] | None = None
        self._failed: list[dict] = []  # before the first page that did not fail

    def add(self, record: dict) -> None:
        """Write a page."""
        if self._file is None:
            if "error" in record:
                self._failed.append(record)
                return
            make_folder(self.target)
            self._file = self._stack.enter_context(opened(self.target))
            self._file.write(self.report.head())
        waiting, self._failed = [*self._failed, record], []
        for one in waiting:
            self._file.writelines(self.report.add(one))

    def close(self) -> None:
        """Write the end."""
        if self._file is not None:
            self._file.write(self.report.tail())
        self._stack.close()


class HocrReport:
    """The pages of an hOCR document."""

    def __init__(self, name: str):
        self.name, self.count = name, 0

    def head(self) -> str:
        """Return what stands before the pages."""
        from datasets.pages.writers.hocr import hocr_head  # imported here for start-up time

        return hocr_head(self.name)

    def add(self, record: dict) -> Iterator[str]:
        """Yield the next page. Raises ValueError, after that, for what cannot be written of it."""
        from datasets.pages.writers.hocr import hocr_page

        page = read_record(record)
        self.count += 1
        yield hocr_page(page, self.count)
        raise_problems(page.problems)

    def tail(self) -> str:
        """Return what stands behind the pages."""
        from datasets.pages.writers.hocr import TAIL

        return TAIL


def make_folder(target: Path | None) -> None:
    """Make the folder of a file; None is standard output."""
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)


def raise_problems(problems: Sequence[str]) -> None:
    """Raise ValueError for the last of the problems, and print the others."""
    for problem in problems[:-1]:
        print_error(problem)
    if problems:
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


def write_text(noted: bool, record: dict, target: Path) -> None:
    """Write the text of a page."""
    write_whole(target, page_lines_text(record, noted))


def write_page_file(kind: Format, record: dict, target: Path | None) -> None:
    """Write a PAGE or ALTO file, or print it.

    Raises ValueError, after that, for what could not be written of it.
    """
    page = read_record(record)
    with opened(target) as file:
        file.write(page_file(kind, record, page))
    raise_problems(page.problems)


def page_file(kind: Format, record: dict, page: RecordedPage) -> str:
    """The content of a PAGE or ALTO file; of the same kind as that which was read, its own."""
    # imported here for start-up time: each format its own
    name = record["input"]
    if name.lower().endswith(".xml") and read_page(name).kind == kind:
        return write_page(name, readings_of(record, page))
    if kind == "alto":
        from datasets.pages.writers.alto import alto_document

        return alto_document(page)
    from datasets.pages.writers.page_xml import page_document

    return page_document(page)


def readings_of(record: dict, page: RecordedPage) -> dict[str, Reading]:
    """What a page file gets of its record, by line; a line without a text keeps its old one."""
    ids = [line["id"] for line in record["lines"]]  # those of the record are names of XML
    return {
        name: Reading(
            line.text, line.confidence, line.accepted, tuple(w.confidence for w in line.words)
        )
        for name, line in zip(ids, page.lines, strict=True)
        if line.text is not None
    }
