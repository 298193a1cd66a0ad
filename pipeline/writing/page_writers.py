"""predict --format page|alto: write readings back into the PAGE or ALTO files of their lines."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from datasets.output.files import write_whole
from datasets.pages.files import read_page, write_page
from datasets.pages.layout import Reading, split_page_line_name
from datasets.pages.xml import check_writable


def page_writer(
    kind: Literal["page", "alto"], names: Sequence[str], targets: dict[str, Path] | None
) -> Callable[[dict], None]:
    """Return a writer of records that writes each page once the last of its lines has arrived.

    names: of the inputs, PAGE.xml#LINE, or PAGE.xml for a page that could not be read. targets: an
    output file for each page; None prints the only page. A line that failed keeps its old text.
    Raises ValueError for inputs that are not lines of pages of this kind.
    """
    remaining = count_lines(kind, names)
    if targets is None and len(remaining) != 1:
        raise ValueError(
            f"--format {kind} makes one file a page, and here are {len(remaining)} pages; name a "
            "folder with --output"
        )
    readings: dict[str, dict[str, Reading]] = {page: {} for page in remaining}

    def write(record: dict) -> None:
        parts = split_page_line_name(record["input"])
        if parts is None:
            return
        page, line = parts
        try:
            if "error" not in record:
                text = check_writable(record["text"], record["input"]).strip()
                readings[page][line] = Reading(text, record["confidence"])
        finally:
            remaining[page] -= 1
            if not remaining[page]:
                write_whole_file(write_page(page, readings.pop(page)), targets and targets[page])

    return write


def count_lines(kind: str, names: Sequence[str]) -> dict[str, int]:
    """Number of lines to be read of each page file among the inputs; 0 for a page that failed.

    Raises ValueError for inputs that are not pages, or pages of another kind.
    """
    counts: dict[str, int] = Counter()
    for name in names:
        page, _ = split_page_line_name(name) or (name, "")
        if not page.lower().endswith(".xml"):
            raise ValueError(
                f"--format {kind} writes readings back into PAGE or ALTO files, but {name} is "
                "none; give the page's file, or take --format text, jsonl or csv"
            )
        counts[page] += page != name
    for page in filter(counts.get, counts):
        own = read_page(page).kind
        if own != kind:
            raise ValueError(
                f"--format {kind}: {page} is {own.upper()}; read it with --format {own}"
            )
    return counts


def write_whole_file(text: str, target: Path | None) -> None:
    """Write to a UTF-8 file, or to standard output if `target` is None, with line ends as given."""
    if target is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        sys.stdout.write(text)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, text)
