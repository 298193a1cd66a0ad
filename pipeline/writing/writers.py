"""Writers of records in all output formats: text, JSON lines, CSV, subtitles, annotation files."""

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal

from datasets import ClipReader
from datasets.output.files import ENCODED, open_whole, write_whole
from datasets.output.text import clean, table_cell, to_json
from models import CTCHead, SequenceClassificationHead

from ..reading.bundle import Bundle
from .outputs import SEGMENT_SUFFIXES, STREAMED, Format, output_targets
from .text import join_notes, marks, page_lines_text, short_reading

# what the records of a run contain; `spans` are a video's segments, with times
Form = Literal["text", "label", "segments", "spans"]
Writer = Callable[[dict], None]
Rows = Callable[[Sequence[object]], object]
SPAN_COLUMNS = ["clip", "start", "end", "start_frame", "end_frame", "label", "confidence", "error"]


def record_form(bundle: Bundle) -> Form:
    """What the records of this bundle contain: all the same, since a bundle has one head."""
    if isinstance(bundle.model.head, CTCHead):
        return "text"
    if isinstance(bundle.model.head, SequenceClassificationHead):
        return "label"
    return "spans" if isinstance(bundle.reader, ClipReader) else "segments"


def open_writer(
    kind: Format,
    form: Form,
    names: Sequence[str],
    output: str | None,
    stack: ExitStack,
    marked: bool = False,
    raw: bool = False,
    noted: bool = False,
    several: bool = False,
    to_html: Callable[[Sequence[dict]], str] | None = None,
) -> Writer:
    """Return the writer for a format; its output file appears when the stack closes.

    names: of the inputs. output: path, or None for standard output. marked: records contain
    `accepted`. raw: cells of CSV are not changed (see `table_cell`). noted: text has a column of
    notes. several: the inputs are those of a folder, see `output_paths`. to_html: makes the page of
    --format html. Raises ValueError for a format that does not suit these records or this number of
    inputs, OSError if the output cannot be opened.
    """
    targets = output_targets(kind, names, output, several)
    if kind in SEGMENT_SUFFIXES:
        return segment_file_writer(kind, form, names, output, targets, stack)
    if kind not in STREAMED or targets:
        from .page_files import page_writer  # imported here for start-up time

        if form != "text":
            raise ValueError(
                f"--format {kind} needs a bundle that reads lines; take --format jsonl"
            )
        return page_writer(kind, names, targets, output, noted, to_html)
    if output:
        file = stack.enter_context(open_whole(output))
    else:
        file = sys.stdout
        if hasattr(file, "reconfigure"):
            file.reconfigure(**ENCODED)  # no name or text may raise an encoding error
    if kind == "csv":
        write_row = row_writer(file, raw)
        if form == "spans":
            return segment_row_writer(write_row, output)
        return csv_writer(write_row, marked, form == "text")
    return jsonl_writer(file) if kind == "jsonl" else text_writer(file, noted)


def text_writer(file: IO[str], noted: bool = False) -> Writer:
    """Writes input TAB reading, as in labels.tsv, each cleaned; an error leaves the reading empty.

    If records contain `accepted`, another column says "accepted" or "look". noted: the last column
    has the notes on the reading, or nothing. Of a page its lines, without its name; a form feed
    stands between pages.
    """
    is_first = True

    def write(record: dict) -> None:
        nonlocal is_first
        if "lines" in record:
            file.write("" if is_first else "\f")
            file.write(page_lines_text(record, noted))
        else:
            cells = [clean(record["input"]), clean(short_reading(record)), *marks(record, noted)]
            print(*cells, sep="\t", file=file)
        is_first = False

    return write


def jsonl_writer(file: IO[str]) -> Writer:
    """Writes one JSON object per record and line."""
    return lambda record: print(to_json(record), file=file)


def row_writer(file: IO[str], raw: bool = False) -> Rows:
    """A function that writes a row of CSV. raw: do not clean or quote the cells."""
    rows = csv.writer(file)
    return rows.writerow if raw else lambda row: rows.writerow(map(table_cell, row))


def csv_writer(write_row: Rows, marked: bool = False, noted: bool = False) -> Writer:
    """Writes a row per input: input, reading (segments as JSON), confidence, error[, accepted][,
    notes].

    Of a page a row per line, named INPUT#LINE; one for all of it if no line was found.
    """
    write_row(
        ["input", "reading", "confidence", "error"] + ["accepted"] * marked + ["notes"] * noted
    )

    def write(record: dict) -> None:
        for line in record.get("lines") or [record]:
            name = record["input"] if line is record else f"{record['input']}#{line['id']}"
            reading = line.get("text", line.get("label", ""))
            if "segments" in line:
                reading = json.dumps(line["segments"], ensure_ascii=False)
            more = [str(line.get("accepted", False)).lower()] * marked + [join_notes(line)] * noted
            write_row([name, reading, line.get("confidence", ""), line.get("error", ""), *more])

    return write


def segment_row_writer(write_row: Rows, output: str | None = None) -> Writer:
    """Writes a row per segment of a video; a failed input has one row with `error`.

    Columns clip, start, end (seconds), start_frame, end_frame (exclusive), label, confidence,
    error. In a file `output`, clips are named relative to its folder, as in annotation files, so
    that it can be read back as one.
    """
    write_row(SPAN_COLUMNS)

    def write(record: dict) -> None:
        clip = record["input"]
        if output:
            clip = Path(os.path.relpath(clip, Path(output).parent)).as_posix()
        failed = [{"error": record["error"]}] if "error" in record else []
        for row in [*failed, *record.get("segments", ())]:
            row = {"clip": clip} | row
            write_row([row.get(column, "") for column in SPAN_COLUMNS])

    return write


def segment_file_writer(
    kind: Format,
    form: Form,
    names: Sequence[str],
    output: str | None,
    targets: dict[str, Path],
    stack: ExitStack,
) -> Writer:
    """Writes a file per video: `output` itself for one input, a folder of files for several.

    BORIS has one project for all of them, written when the stack closes without error. Without
    `output`, srt of one input goes to standard output. Raises ValueError for records without times,
    and for an `output` that is missing or has no folder.
    """
    if form != "spans":
        holds = {"text": "a text", "label": "one label", "segments": "segments without times"}
        raise ValueError(
            f"--format {kind} needs segments with times, but this bundle gives {holds[form]} an "
            "input; take a bundle that labels every frame of a video, or --format jsonl"
        )
    if output is None and (kind != "srt" or len(names) != 1):
        count = f", and here are {len(names)} inputs" if len(names) != 1 else ""
        raise ValueError(f"--format {kind} makes files{count}; say where with --output")
    project: dict[str, list] = {}
    if kind == "boris":
        from datasets.video.annotations.boris import write_boris  # imported here for start-up time

        if not Path(output).parent.is_dir():
            raise ValueError(f"--output {output}: no such folder to write into")
        stack.push(lambda kind, *_: kind is None and write_boris(Path(output), None, project))

    def write(record: dict) -> None:
        if "error" in record:
            return
        if kind == "boris":
            project[record["input"]] = record["segments"]
        elif output is None:
            print(to_srt(record["segments"]), end="")
        else:
            write_segments(kind, targets[record["input"]], record)

    return write


def write_segments(kind: Format, target: Path, record: dict) -> None:
    """Write the segments of one video as subtitles, or as an annotation file of ELAN or VIA."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "srt":
        write_whole(target, to_srt(record["segments"]))
        return
    # imported here for start-up time
    if kind == "eaf":
        from datasets.video.annotations.elan import write_elan as write_annotations
    else:
        from datasets.video.annotations.via import write_via as write_annotations
    write_annotations(target, record["input"], record["segments"])


def to_srt(segments: Sequence[dict]) -> str:
    """Segments in seconds -> SubRip cues: a number, from --> to, the label, an empty line."""
    cues = []
    for number, segment in enumerate(segments, 1):
        span = f"{format_time(segment['start'])} --> {format_time(segment['end'])}"
        cues.append(f"{number}\n{span}\n{' '.join(clean(segment['label']).split())}\n\n")
    return "".join(cues)


def format_time(seconds: float) -> str:
    """Seconds as HH:MM:SS,mmm: 12.3456 -> 00:00:12,346."""
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{milliseconds:03}"
