"""Files of whole pages: one for each page (text, PAGE, ALTO), for each document, or for all."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets.output.files import write_whole

from .outputs import document_of
from .writers import Format, page_lines_text

ALL = ""  # the document of formats that make one file of all inputs


def page_writer(
    kind: Format, names: Sequence[str], targets: dict[str, Path], output: str | None
) -> Callable[[dict], None]:
    """Return a writer of records that writes each file once the last of its pages has arrived.

    names: of the inputs. targets: the file of each page or document; empty if `output` is for all,
    or if the only one is printed. A page that failed has no file; in a document its place is left
    out, and a line that failed keeps its place without text. Raises ValueError if several files
    would be printed.
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
        if "error" not in record:
            waiting[document].append(record)
        left[document] -= 1
        if not left[document] and (records := waiting.pop(document)):
            write_pages(kind, document, records, own_file.get(document))

    return write


def write_pages(kind: Format, document: str, records: list[dict], target: Path | None) -> None:
    """Write the pages of a document to a file, or print them if `target` is None."""
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pdf":
        from .searchable_pdf import write_pdf  # imported here for start-up time

        write_pdf(target, document, records)
        return
    content = WRITERS[kind](records)
    if target is not None:
        write_whole(target, content)
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(content)


def to_text(records: Sequence[dict]) -> str:
    return "\f".join(map(page_lines_text, records))
