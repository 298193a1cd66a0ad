"""doctor: check the files of a data set before training and say what to fix."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datasets.files import resolve_data_path
from datasets.output.files import write_whole
from datasets.output.text import clean, make_console, print_error

from ..doctor.diagnosis import Diagnosis, Examiner, TableOptions
from ..doctor.lines import LineExaminer, LineOptions
from ..doctor.splits.examination import examine_split
from ..doctor.texts.examiner import TextExaminer
from ..doctor.videos import VideoExaminer
from ..evaluation.config_folders import names_lines
from ..evaluation.outputs import check_outputs
from ..parsing import StrictParser
from .options import add_annotation_options, add_crop_option, run_command

FILE_WIDTH = 120  # columns if the output is no terminal
NO_LINE_OPTIONS = LineOptions()


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py doctor",
        description=f"{__doc__} Exit 0, 1 if something is broken, 2 for misuse.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="videos: a folder with its subfolders, a file, or an annotation file (CSV, BORIS, "
        "ELAN, VIA); text lines: a folder (labels.tsv, .gt.txt, PAGE, ALTO or LMDB), or a PAGE or "
        "ALTO file; texts with one label each: a table with the columns text and label, a folder "
        "of such tables, or for each label a folder with .txt files; as given or under "
        "$STRAND_DATA",
    )
    parser.add_argument(
        "--table",
        metavar="NAME",
        help="annotation file in each folder; default: labels.csv or labels.tsv, else the only "
        "one, else the names of the folders are the labels",
    )
    add_annotation_options(parser)
    text = "pattern whose first bracket in a clip's path is the group"
    parser.add_argument("--group_pattern", help=text)
    text = "videos: several labels at once; segments may overlap"
    parser.add_argument("--multi_label", action="store_true", help=text)
    text = "images a second of videos that are folders of images"
    parser.add_argument("--rate_hz", type=float | None, help=text)
    text = "lines, texts: bundle that finds labels which are probably wrong"
    parser.add_argument("--model", help=text)
    add_crop_option(parser)
    for name, text in {
        "--json": "also write all findings to this file",
        "--config": "check the split of a config, and the lines of one that has lines",
        "--html": "lines: write a page of the findings",
        "--fix": "lines: write a list of those to leave out, for a config",
    }.items():
        parser.add_argument(name, metavar="F", help=text)
    return parser


def main(arguments: Sequence[str]) -> int:
    """0, 1 if something is broken, 2 for misuse."""
    return run_command(check_data, build_parser().parse_args(arguments[1:]))


def check_data(options) -> int:
    """Diagnose, write and show."""
    tables = TableOptions(*(getattr(options, name) for name in TableOptions._fields))
    lines = LineOptions(*(getattr(options, name) for name in LineOptions._fields))
    given = {f"--{name}": getattr(options, name) for name in ("json", "html", "fix")}
    tables_read = [Path(path, options.table) for path in options.paths if options.table]
    check_outputs(given, options.paths, options.config, [options.model], tables_read)
    diagnoses = diagnose([resolve_data_path(path) for path in options.paths], tables, lines)
    code = 0 if all(diagnosis.healthy for diagnosis in diagnoses) else 1
    if options.json:
        document = {diagnosis.kind: diagnosis.document() for diagnosis in diagnoses}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        try:
            write_whole(options.json, text)
        except OSError as error:
            print_error(f"--json: not written: {error}")
            code = 1  # the findings are shown all the same
    console = make_console()
    if not console.is_terminal:
        console.width = max(console.width, FILE_WIDTH)
    for diagnosis in diagnoses:
        show(diagnosis, console)
    return code


def diagnose(
    paths: Sequence[Path], options: TableOptions, lines: LineOptions = NO_LINE_OPTIONS
) -> list[Diagnosis]:
    """One diagnosis for each kind of files in the paths, and for the split of a config.

    Raises ValueError for a path without videos, lines and texts, and for line options without
    lines.
    """
    config = resolve_data_path(lines.config) if lines.config else None
    if config and not names_lines(config):
        lines = lines._replace(config=None)
    line_examiner, text_examiner = LineExaminer(lines), TextExaminer(lines.model)
    examiners: tuple[Examiner, ...] = (VideoExaminer(), text_examiner, line_examiner)
    chosen: dict[Examiner, list[Path]] = {line_examiner: []} if lines.config else {}
    for path in paths:
        suitable = [examiner for examiner in examiners if examiner.takes(path)]
        if not suitable:
            raise ValueError(
                f"{path}: no videos in it, and no labelled lines or texts; give a folder of them, "
                "or a table"
            )
        for examiner in suitable:
            chosen.setdefault(examiner, []).append(path)
    if not chosen and not config:
        raise ValueError("nothing to examine; give a PATH, or --config F for the split of a config")
    if line_examiner not in chosen:
        unused = [name for name, value in lines._asdict().items() if value]
        if unused and not (unused == ["model"] and text_examiner in chosen):
            raise ValueError(
                f"--{unused[0]} goes with text lines; there are none in what was given"
            )
    found = [examiner.examine(its_paths, options) for examiner, its_paths in chosen.items()]
    return found + ([examine_split(config)] if config and not lines.config else [])


def show(diagnosis: Diagnosis, console: Console) -> None:
    """Print what is doubtful, a table of the files, what is broken, the totals and what to do."""
    for suspect in diagnosis.suspects:
        console.print(Text.assemble(("suspect ", "bold red"), clean(suspect)))
    good = [row for row in diagnosis.rows if not row.error]
    if good:
        folder = os.path.commonpath([os.path.dirname(row.file) for row in good])
        console.print(Text(clean(f"in {folder or '.'}"), style="dim"))
        files = plain_table("file", *good[0].cells)
        for row in good:
            name = Text(clean(os.path.relpath(row.file, folder or ".")))
            name.stylize("yellow" if row.notes else "cyan")
            files.add_row(name, *(Text(clean(value)) for value in row.cells.values()))
        console.print(files)
    for row in good:
        for note in row.notes:
            console.print(Text.assemble(("look    ", "yellow"), clean(note)))
    for problem in [*diagnosis.problems, *(row.error for row in diagnosis.broken)]:
        console.print(Text.assemble(("broken  ", "red"), clean(problem)))
    for name, entries in diagnosis.counts.items():
        if entries:
            console.print(count_table(name, entries))
    figures = plain_table(diagnosis.kind, "")
    for name, value in diagnosis.totals.items():
        figures.add_row(name, cell(value))
    console.print(figures)
    for line in diagnosis.passed_over:
        console.print(Text.assemble(("over    ", "dim"), clean(line)))
    for warning in diagnosis.warnings:
        console.print(Text.assemble(("mend    ", "bold yellow"), clean(warning)))
    for item in diagnosis.news:
        console.print(Text.assemble(("news    ", "cyan"), clean(item)))


def plain_table(*names: str) -> Table:
    """A table without a frame; all columns but the first are aligned right."""
    table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1), pad_edge=False)
    for i, name in enumerate(names):
        table.add_column(name, justify="right" if i else "left", no_wrap=bool(i))
    return table


def count_table(name: str, entries: Mapping[str, Mapping[str, float]]) -> Table:
    """A table of figures by label and unit."""
    units = list(dict.fromkeys(unit for entry in entries.values() for unit in entry))
    table = plain_table(name, *units)
    for label, entry in entries.items():
        table.add_row(Text(clean(label)), *(cell(entry.get(unit)) for unit in units))
    return table


def cell(value: object) -> Text:
    """A value as a table cell: "-" for None, yes or no, two decimals for a float."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(f"{value:,.2f}" if isinstance(value, float) else clean(str(value)))
