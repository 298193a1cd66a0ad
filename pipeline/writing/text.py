"""Readings as text: on one line, or a page with its line ends, with the marks asked for."""

from datasets.output.text import clean, print_error, print_notes

from ..reading.notes import DOUBTS
from ..reading.pages.records import page_text


def short_reading(record: dict) -> str:
    """The reading of a record on one line."""
    if "segments" not in record:
        return record.get("text", record.get("label", ""))
    return " ".join(
        f"{s['label']}[{format_position(s['start'])}-{format_position(s['end'])}]"
        for s in record["segments"]
    )


def marks(record: dict, noted: bool = False) -> list[str]:
    """The columns of --accept and --mark of a record, those that were asked for."""
    accepted = ["accepted" if record["accepted"] else "look"] if "accepted" in record else []
    return accepted + [join_notes(record)] * noted


def join_notes(record: dict) -> str:
    """The notes on a reading in one cell."""
    return "; ".join(record.get("notes", ()))


def page_lines_text(record: dict, noted: bool = False) -> str:
    """A page's text with its line ends, an empty line between regions, and the marks of lines.

    noted: with the notes on lines, and a line without text before them for those on the page.
    """
    head = "\t".join(["", *marks(record, noted)]) + "\n" if noted and "notes" in record else ""

    def show(line: dict) -> str:
        return "\t".join([clean(line.get("text", "")), *marks(line, noted)])

    return head + (page_text(record["lines"], show) + "\n" if record["lines"] else "")


def format_position(value: float) -> str:
    """An integer (a token's index) as it is, seconds with two decimals."""
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def errors_of(record: dict) -> list[str]:
    """The errors of a record and of its lines."""
    return [part["error"] for part in (record, *record.get("lines", ())) if "error" in part]


def print_problems(record: dict) -> None:
    """Print the errors of a record, and what makes the whole of a page doubtful."""
    for error in errors_of(record):
        print_error(error)
    notes = record.get("notes", ()) if "lines" in record else ()
    print_notes(*(f"{record['input']}: {note}" for note in notes if note in DOUBTS))
