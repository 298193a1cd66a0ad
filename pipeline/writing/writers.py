"""The forms in which records are written: lines, JSON, tables, subtitles, annotation files."""

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal

from datasets import ClipReader
from models import CTCHead, SequenceClassificationHead

from ..reading.bundle import Bundle

Format = Literal["text", "jsonl", "csv", "srt", "boris", "eaf", "via", "page", "alto"]
# what the records of one run hold; `spans` are segments with times, of a video
Form = Literal["text", "label", "segments", "spans"]
Writer = Callable[[dict], None]
ENCODED = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
ENDINGS = {"srt": ".srt", "boris": ".boris", "eaf": ".eaf", "via": ".json"}  # files of segments
MARKING = ("text", "jsonl", "csv")  # formats with a place for the marks
ACCEPTED, LOOK = "accepted", "look"  # a reading's mark: no human need look at it, or one should
SPANS = ["clip", "start", "end", "start_frame", "end_frame", "label", "confidence", "error"]


def record_form(bundle: Bundle) -> Form:
    """What the records of this bundle hold: a bundle has one head, so every record is alike."""
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
) -> Writer:
    """The writer of a run; its file is closed with the stack.

    names: what the inputs are called. marked: records say whether they are `accepted`. Raises
    ValueError for a format that these records or this many inputs cannot have, OSError where the
    output cannot be written.
    """
    if kind in ENDINGS:
        return span_files(kind, form, names, output, stack)
    if kind in ("page", "alto"):
        return text_files(kind, form, names, output)
    if output:
        file = stack.enter_context(open(output, "w", **ENCODED))  # noqa: SIM115, the stack closes
    else:
        file = sys.stdout
        if hasattr(file, "reconfigure"):
            file.reconfigure(**ENCODED)  # a name or a reading must never stop the others
    if kind == "csv":
        return span_rows(file, output) if form == "spans" else csv_writer(file, marked)
    return jsonl_writer(file) if kind == "jsonl" else text_writer(file)


def text_writer(file: IO[str]) -> Writer:
    """input TAB reading, as labels.tsv has it; a line break or tab in a text becomes a space.

    What failed goes to standard error, its line stays empty. Behind another tab stands, if it was
    asked for, whether the reading can go unread.
    """
    one_line = str.maketrans("\t\r\n", "   ")

    def write(record: dict) -> None:
        if "error" in record:
            print(f"error: {record['error']}", file=sys.stderr)
        said = record.get("text", record.get("label", ""))
        if "segments" in record:
            said = " ".join(
                f"{s['label']}[{round_place(s['start'])}-{round_place(s['end'])}]"
                for s in record["segments"]
            )
        mark = [ACCEPTED if record["accepted"] else LOOK] if "accepted" in record else []
        print(record["input"].translate(one_line), said, *mark, sep="\t", file=file)

    return write


def round_place(value: float) -> str:
    """A number of a token as it is, seconds to the hundredth."""
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def jsonl_writer(file: IO[str]) -> Writer:
    return lambda record: print(json.dumps(record, ensure_ascii=False), file=file)


def csv_writer(file: IO[str], marked: bool = False) -> Writer:
    """One row an input: input, reading (segments as JSON), confidence, error[, accepted]."""
    rows = csv.writer(file)
    rows.writerow(["input", "reading", "confidence", "error"] + ["accepted"] * marked)

    def write(record: dict) -> None:
        said = record.get("text", record.get("label", ""))
        if "segments" in record:
            said = json.dumps(record["segments"], ensure_ascii=False)
        mark = [str(record.get("accepted", False)).lower()] * marked
        rows.writerow(
            [record["input"], said, record.get("confidence", ""), record.get("error", ""), *mark]
        )

    return write


def span_rows(file: IO[str], output: str | None = None) -> Writer:
    """One row a segment of a video; a failed input has one with `error`.

    Columns clip, start, end (seconds), start_frame, end_frame (exclusive), label, confidence,
    error. In a file, clips are named from its folder on, as annotation files do, so that it is
    read back as one.
    """
    rows = csv.DictWriter(file, SPANS, restval="")
    rows.writeheader()

    def write(record: dict) -> None:
        name = record["input"]
        clip = {
            "clip": Path(os.path.relpath(name, Path(output).parent)).as_posix() if output else name
        }
        if "error" in record:
            rows.writerow(clip | {"error": record["error"]})
        for segment in record.get("segments", ()):
            rows.writerow(clip | segment)

    return write


def span_files(
    kind: Format, form: Form, names: Sequence[str], output: str | None, stack: ExitStack
) -> Writer:
    """One file a video: `output` itself for one input, a folder of files for several.

    BORIS has one project for all of them, written when the stack ends. Without `output`, srt of
    one input goes to standard output. Raises ValueError.
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
        check_folder(Path(output).parent, output)
        stack.callback(write_project, Path(output), project)
    targets = targets_of(names, output, ENDINGS[kind]) if output and kind != "boris" else {}

    def write(record: dict) -> None:
        if "error" in record:
            print(f"error: {record['error']}", file=sys.stderr)
        elif kind == "boris":
            project[record["input"]] = record["segments"]
        elif output is None:
            print(srt(record["segments"]), end="")
        else:
            target = targets[record["input"]]
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(kind, target, record)

    return write


def text_files(
    kind: Literal["page", "alto"], form: Form, names: Sequence[str], output: str | None
) -> Writer:
    """One file a page: `output` itself for one page, a folder of files for several."""
    from datasets.pages.layout import split_name

    from .page_writers import page_files

    if form != "text":
        raise ValueError(f"--format {kind} needs a bundle that reads lines; take --format jsonl")
    pages = list(dict.fromkeys((split_name(name) or (name,))[0] for name in names))
    return page_files(kind, names, targets_of(pages, output, ".xml") if output else None)


def check_folder(folder: Path, output: str) -> None:
    if not folder.is_dir():
        raise ValueError(f"--output {output}: no such folder to write into")


def write_file(kind: Format, target: Path, record: dict) -> None:
    """The segments of one video as subtitles, or for ELAN or VIA."""
    if kind == "srt":
        target.write_text(srt(record["segments"]), **ENCODED)
        return
    if kind == "eaf":
        from datasets.video.annotations.elan import write_elan as write_annotations
    else:
        from datasets.video.annotations.via import write_via as write_annotations
    write_annotations(target, record["input"], record["segments"])


def write_project(target: Path, readings: dict[str, list]) -> None:
    from datasets.video.annotations.boris import write_boris

    write_boris(target, None, readings)


def targets_of(names: Sequence[str], output: str, ending: str) -> dict[str, Path]:
    """Inputs -> where what is made of each goes.

    One input: `output`, or a file in it if it is a folder. Several: files below the folder
    `output`, as the inputs lie below the folder that all have in common. Raises ValueError if two
    would be one file, or one would be an input.
    """
    folder = Path(output)
    if len(names) == 1 and not (folder.is_dir() or output.endswith(("/", os.sep))):
        targets = {names[0]: folder}
    else:
        if folder.is_file():
            raise ValueError(f"{output}: a file, but {len(names)} inputs need a folder")
        paths = {name: os.path.abspath(name) for name in names}
        common = os.path.commonpath([os.path.dirname(path) for path in paths.values()])
        below = {name: Path(os.path.relpath(path, common)) for name, path in paths.items()}
        targets = {name: folder / path.with_suffix(ending) for name, path in below.items()}
    taken: dict[Path, str] = {Path(os.path.abspath(name)): name for name in names}
    for name, target in targets.items():
        other = taken.setdefault(Path(os.path.abspath(target)), name)
        if other != name or target.resolve() == Path(name).resolve():
            raise ValueError(
                f"{target}: would be written for {name}, but is "
                f"{'the input itself' if other == name else f'that of {other}'}; "
                "read them one by one, or choose another --output"
            )
    return targets


def srt(segments: Sequence[dict]) -> str:
    """Segments in seconds -> SubRip: a number, from --> to, the label, an empty line."""
    cues = []
    for number, segment in enumerate(segments, 1):
        span = f"{clock(segment['start'])} --> {clock(segment['end'])}"
        cues.append(f"{number}\n{span}\n{' '.join(segment['label'].split())}\n\n")
    return "".join(cues)


def clock(seconds: float) -> str:
    """12.3456 -> 00:00:12,346."""
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{milliseconds:03}"
