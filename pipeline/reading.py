"""predict and evaluate: what a bundle says of files, and how often it is right."""

import csv
import glob
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal

from datasets.progress import track

from .bundle import load_bundle
from .parsing import StrictParser
from .prediction import Recognizer

DEFAULT_MODEL = "lines-en"


def build_parser(command: str) -> StrictParser:
    parser = StrictParser(
        prog=f"run.py {command}",
        usage=f"python run.py {command} ... (--help lists the options)",
    )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="a bundle's path or its name in models/zoo"
    )
    if command == "predict":
        parser.add_argument(
            "inputs",
            nargs="+",
            help="files, folders, globs; - takes one a line from standard input",
        )
        parser.add_argument("--format", type=Literal["text", "jsonl", "csv"], default="text")
        parser.add_argument("--output", type=str | None, help="a file instead of standard output")
    else:
        parser.add_argument(
            "--data", type=str, required=True, help="a folder of labelled lines, or its labels.tsv"
        )
        parser.add_argument(
            "--group_pattern",
            default="(.+?)__",
            help="its first bracket in a file's name is the group",
        )
        parser.add_argument("--ignore_case", action="store_true")
        parser.add_argument(
            "--fold_punctuation",
            action="store_true",
            help="curly and straight quotes, all dashes, and runs of spaces count as equal",
        )
        parser.add_argument("--json", type=str | None, help="write the scores to this file")
    return parser


def main(arguments: list[str]) -> int:
    command = arguments[0]
    options = build_parser(command).parse_args(arguments[1:])
    try:
        recognizer = Recognizer(load_bundle(options.model))
        return (predict if command == "predict" else evaluate)(recognizer, options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def predict(recognizer: Recognizer, options) -> int:
    """One record per input, in order. 0, or 1 if an input failed."""
    items = list(expand(options.inputs, recognizer.bundle.reader.suffixes))
    failed = 0
    with ExitStack() as stack:
        file = sys.stdout
        form = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
        if options.output:
            file = stack.enter_context(open(options.output, "w", **form))
        elif hasattr(file, "reconfigure"):
            file.reconfigure(**form)  # a name or a reading must never stop the others
        write = WRITERS[options.format](file)
        records = recognizer.predict(items)
        for record in track(records, "reading", len(items)) if len(items) > 1 else records:
            failed += "error" in record
            write(record)
    if failed:
        print(f"{failed} of {len(items)} inputs failed; the others were answered", file=sys.stderr)
    return 1 if failed else 0


def expand(inputs: Iterable[str], suffixes: tuple[str, ...]) -> Iterator[str]:
    """Files, folders (all below that the bundle can read, by name), globs and `-` -> items."""
    for item in inputs:
        # os.path, for a text can be longer than pathlib lets a name be
        if item == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        elif os.path.isdir(item):
            found = sorted(str(p) for p in Path(item).rglob("*") if p.suffix.lower() in suffixes)
            if not found:
                raise ValueError(f"{item}: no {' '.join(suffixes)} file in this folder")
            yield from found
        elif not os.path.exists(item) and glob.has_magic(item):
            found = sorted(glob.glob(item, recursive=True))
            if not found:
                raise ValueError(f"{item}: no file matches")
            yield from found
        else:
            yield item


def text_writer(file: IO[str]):
    """input TAB reading, as labels.tsv has it; what failed goes to standard error, its line stays
    empty.
    """

    def write(record: dict) -> None:
        if "error" in record:
            print(f"error: {record['error']}", file=sys.stderr)
        said = record.get("text", record.get("label", ""))
        if "segments" in record:
            said = " ".join(f"{s['label']}[{s['start']}-{s['end']}]" for s in record["segments"])
        print(record["input"], said, sep="\t", file=file)

    return write


def jsonl_writer(file: IO[str]):
    return lambda record: print(json.dumps(record, ensure_ascii=False), file=file)


def csv_writer(file: IO[str]):
    """Columns input, reading, confidence, error."""
    rows = csv.writer(file)
    rows.writerow(["input", "reading", "confidence", "error"])

    def write(record: dict) -> None:
        said = record.get("text", record.get("label", ""))
        if "segments" in record:
            said = json.dumps(record["segments"], ensure_ascii=False)
        rows.writerow(
            [record["input"], said, record.get("confidence", ""), record.get("error", "")]
        )

    return write


WRITERS = {"text": text_writer, "jsonl": jsonl_writer, "csv": csv_writer}


def evaluate(recognizer: Recognizer, options) -> int:
    """Corpus scores on labelled lines.

    0, or 1 if an image could not be read (it counts as read empty).
    """
    from datasets import LineFolder, LineReader
    from datasets.lines import transcripts, unlabelled

    from .metrics import Normalization, line, scores, tally_texts

    reader = recognizer.bundle.reader
    if not isinstance(reader, LineReader):
        raise ValueError(
            f"{options.model} reads with {type(reader).__name__}; evaluate takes lines only"
        )
    if options.json and not Path(options.json).parent.is_dir():
        raise ValueError(f"--json {options.json}: no such folder to write into")
    folder = LineFolder(options.data, options.group_pattern)
    rows = list(transcripts(folder))
    for path in unlabelled(folder):
        print(f"{path}: no transcript, so not scored", file=sys.stderr)
    items = [str(path) for path, _, _ in rows]
    for _ in recognizer.predict(items[:4]):  # the first batches are slow: not counted
        pass
    started = time.perf_counter()
    records = list(track(recognizer.predict(items), "reading", len(items)))
    spent = time.perf_counter() - started
    for record in records:
        if "error" in record:
            print(f"error: {record['error']} (counted as read empty)", file=sys.stderr)
    compared = Normalization(options.ignore_case, options.fold_punctuation)
    said = [record.get("text", "") for record in records]
    groups = [group for *_, group in rows]
    found = scores(tally_texts(said, [text for _, text, _ in rows], groups, compared))
    for name, score in found.items():
        print(line(name, score))
    print(
        f"{len(rows)} lines, {len(rows) / spent:.0f} a second; compared after {compared.describe()}"
    )
    if options.json:
        content = {name: score.value for name, score in found.items()}
        content |= {"n": len(rows), "per_second": len(rows) / spent}
        Path(options.json).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 1 if any("error" in record for record in records) else 0
