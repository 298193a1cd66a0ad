"""predict and evaluate: the commands, and the forms in which records are written."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Literal

from datasets.progress import track

from .bundle import load_bundle
from .inputs import TextTable, expand
from .parsing import StrictParser
from .prediction import Item, Recognizer

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
            help="files, folders, globs; for a bundle that reads texts also a text, or a CSV, TSV "
            "or Parquet file with a column text; - takes one a line from standard input",
        )
        parser.add_argument("--format", type=Literal["text", "jsonl", "csv"], default="text")
        parser.add_argument("--output", type=str | None, help="a file instead of standard output")
    else:
        parser.add_argument(
            "--data",
            type=str,
            required=True,
            help="a folder of labelled lines or its labels.tsv; reviews: a folder or a table",
        )
        parser.add_argument(
            "--split",
            type=Literal["train", "test"],
            default="test",
            help="which one of a folder of reviews that has both",
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
        if command == "predict":
            return predict(recognizer, options)
        from .evaluation import evaluate  # and its metrics: predict starts without them

        return evaluate(recognizer, options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def predict(recognizer: Recognizer, options) -> int:
    """One record per input, in order. 0, or 1 if an input failed."""
    given = list(expand(options.inputs, recognizer.bundle.reader, options.model))
    total = None if any(isinstance(one, TextTable) for one in given) else len(given)
    failed = done = 0
    with ExitStack() as stack:
        file = sys.stdout
        form = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
        if options.output:
            file = stack.enter_context(open(options.output, "w", **form))
        elif hasattr(file, "reconfigure"):
            file.reconfigure(**form)  # a name or a reading must never stop the others
        write = WRITERS[options.format](file)
        records = recognizer.predict(each(given))
        for record in records if total == 1 else track(records, "reading", total):
            done += 1
            failed += "error" in record
            write(record)
    if failed:
        print(f"{failed} of {done} inputs failed; the others were answered", file=sys.stderr)
    return 1 if failed else 0


def each(given: Iterable[str | Item | TextTable]) -> Iterator[str | Item]:
    """The rows of a table in its place; they are read when they are needed."""
    for one in given:
        if isinstance(one, TextTable):
            yield from one.items()
        else:
            yield one


def text_writer(file: IO[str]):
    """input TAB reading, as labels.tsv has it; a line break or tab in a text becomes a space.

    What failed goes to standard error, its line stays empty.
    """
    one_line = str.maketrans("\t\r\n", "   ")

    def write(record: dict) -> None:
        if "error" in record:
            print(f"error: {record['error']}", file=sys.stderr)
        said = record.get("text", record.get("label", ""))
        if "segments" in record:
            said = " ".join(f"{s['label']}[{s['start']}-{s['end']}]" for s in record["segments"])
        print(record["input"].translate(one_line), said, sep="\t", file=file)

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
