"""doctor: read data whole before training, file by file, and say what to mend."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datasets.paths import resolve

from ..doctor.diagnosis import Diagnosis, Examiner, TableOptions
from ..doctor.lines import LineExaminer, LineOptions
from ..doctor.videos import VideoExaminer
from ..parsing import StrictParser
from .options import add_annotation_options

FILE_WIDTH = 120  # columns where the output is no terminal
NO_LINE_OPTIONS = LineOptions()


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py doctor",
        description=f"{__doc__} Exit 0, 1 if something is broken, 2 for misuse.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a folder (with all below it), a video, an annotation file (CSV, BORIS, ELAN, VIA), "
        "or a folder of text lines (labels.tsv, .gt.txt, PAGE, ALTO or LMDB), or one PAGE or ALTO "
        "file; as given or under $STRAND_DATA",
    )
    parser.add_argument(
        "--table",
        metavar="NAME",
        help="the annotation file in each folder; without it labels.csv or labels.tsv, else the "
        "only one there is, else the names of the folders that the videos lie in",
    )
    add_annotation_options(parser)
    parser.add_argument(
        "--group_pattern", help="its first bracket, found in a clip's path, is the group"
    )
    parser.add_argument("--json", metavar="F", help="also write all that was found to this file")
    parser.add_argument("--config", metavar="F", help="lines: those of a config, in its splits")
    parser.add_argument("--model", help="lines: a bundle that reads them and doubts their labels")
    parser.add_argument("--html", metavar="F", help="lines: write a page that shows what was found")
    parser.add_argument(
        "--fix", metavar="F", help="lines: write a list of those to leave out, for a config"
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """arguments: "doctor" and what follows. 0; 1 if something is broken; 2 for misuse."""
    options = build_parser().parse_args(arguments[1:])
    tables = TableOptions(*(getattr(options, name) for name in TableOptions._fields))
    lines = LineOptions(*(getattr(options, name) for name in LineOptions._fields))
    try:
        for name in ("json", "html", "fix"):
            check_output(name, getattr(options, name))
        found = diagnose([resolve(path) for path in options.paths], tables, lines)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    code = 0 if all(one.healthy for one in found) else 1
    if options.json:
        document = {one.kind: one.document() for one in found}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        try:
            Path(options.json).write_text(text, encoding="utf-8")
        except OSError as error:
            print(f"error: --json {options.json}: not written: {error}", file=sys.stderr)
            code = 1  # what was found is shown all the same
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, FILE_WIDTH)
    for one in found:
        show(one, console)
    return code


def check_output(name: str, given: str | None) -> None:
    """Before the long work. Raises ValueError for a file that could not be written after it."""
    if given is None:
        return
    path = Path(given)
    if path.is_dir():
        raise ValueError(f"--{name} {path}: this is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ValueError(f"--{name} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"--{name} {path}: may not be written; name another place")


def diagnose(
    paths: Sequence[Path], options: TableOptions, lines: LineOptions = NO_LINE_OPTIONS
) -> list[Diagnosis]:
    """One diagnosis for each kind of files in the paths. Raises ValueError for a path of none, and
    for options that nothing here uses.
    """
    reader = LineExaminer(lines)
    examiners: tuple[Examiner, ...] = (VideoExaminer(), reader)
    chosen: dict[Examiner, list[Path]] = {reader: []} if lines.config else {}
    for path in paths:
        takers = [examiner for examiner in examiners if examiner.takes(path)]
        if not takers:
            raise ValueError(
                f"{path}: no videos in it, and no labelled lines; give a folder of them, or a table"
            )
        for examiner in takers:
            chosen.setdefault(examiner, []).append(path)
    if not chosen:
        raise ValueError("nothing to examine; give a PATH, or --config F for the lines of a config")
    unused = [name for name, value in lines._asdict().items() if value and reader not in chosen]
    if unused:
        raise ValueError(f"--{unused[0]} goes with text lines; there are none in what was given")
    return [examiner.examine(its_paths, options) for examiner, its_paths in chosen.items()]


def show(found: Diagnosis, console: Console) -> None:
    """A table of the files, then what is broken, the totals and what to do."""
    good = [row for row in found.rows if not row.error]
    if good:
        above = os.path.commonpath([os.path.dirname(row.file) for row in good])
        console.print(Text(f"in {above or '.'}", style="dim"))
        files = plain_table("file", *good[0].cells)
        for row in good:
            name = Text(os.path.relpath(row.file, above or "."))
            name.stylize("yellow" if row.notes else "cyan")
            files.add_row(name, *map(Text, row.cells.values()))
        console.print(files)
    said = [(note, "yellow") for row in good for note in row.notes]
    said += [(problem, "red") for problem in found.problems]
    said += [(row.error, "red") for row in found.broken]
    for text, style in said:
        console.print(Text.assemble(("broken  " if style == "red" else "look    ", style), text))
    for name, entries in found.counts.items():
        if entries:
            console.print(count_table(name, entries))
    figures = plain_table(found.kind, "")
    for name, value in found.totals.items():
        figures.add_row(name, cell(value))
    console.print(figures)
    for warning in found.warnings:
        console.print(Text.assemble(("mend    ", "bold yellow"), warning))


def plain_table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place else "left", no_wrap=bool(place))
    return table


def count_table(name: str, entries: Mapping[str, Mapping[str, float]]) -> Table:
    units = list(dict.fromkeys(unit for entry in entries.values() for unit in entry))
    table = plain_table(name, *units)
    for label, entry in entries.items():
        table.add_row(Text(label), *(cell(entry.get(unit)) for unit in units))
    return table


def cell(value: object) -> Text:
    """As a table shows it: "-" for nothing, two decimals."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(f"{value:,.2f}" if isinstance(value, float) else str(value))
