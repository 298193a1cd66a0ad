"""predict --format page|alto: readings written back into the page files of their lines."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading, split_name
from datasets.pages.xml import check_writable


def page_files(
    kind: Literal["page", "alto"], names: Sequence[str], targets: dict[str, Path] | None
) -> Callable[[dict], None]:
    """A writer of records, which writes a page when the last of its lines has been answered.

    names: of the inputs, PAGE.xml#LINE, or PAGE.xml for a page that could not be read. targets: a
    file for each page; None prints the only one. A line that failed keeps the text that it had.
    Raises ValueError for inputs that are no lines of such pages.
    """
    waiting = lines_of(kind, names)
    if targets is None and len(waiting) != 1:
        raise ValueError(
            f"--format {kind} makes one file a page, and here are {len(waiting)} pages; name a "
            "folder with --output"
        )
    readings: dict[str, dict[str, Reading]] = {page: {} for page in waiting}

    def write(record: dict) -> None:
        if "error" in record:
            print(f"error: {record['error']}", file=sys.stderr)
        parts = split_name(record["input"])
        if parts is None:
            return
        page, line = parts
        try:
            if "error" not in record:
                text = check_writable(record["text"], record["input"]).strip()
                readings[page][line] = Reading(text, record["confidence"])
        finally:
            waiting[page] -= 1
            if not waiting[page]:
                write_whole_file(write_page(page, readings.pop(page)), targets and targets[page])

    return write


def lines_of(kind: str, names: Sequence[str]) -> dict[str, int]:
    """The page files among the inputs -> how many lines of each are read, 0 for one that failed."""
    counts: dict[str, int] = {}
    for name in names:
        page, _ = split_name(name) or (name, "")
        if not page.lower().endswith(".xml"):
            raise ValueError(
                f"--format {kind} writes readings back into PAGE or ALTO files, but {name} is "
                "none; give the page's file, or take --format text, jsonl or csv"
            )
        counts[page] = counts.get(page, 0) + (page != name)
    for page in (page for page, count in counts.items() if count):
        own = read_page(page).kind
        if own != kind:
            raise ValueError(
                f"--format {kind}: {page} is {own.upper()}; read it with --format {own}"
            )
    return counts


def write_whole_file(text: str, target: Path | None) -> None:
    if target is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        sys.stdout.write(text)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="")
