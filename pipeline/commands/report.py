"""report: write an HTML page of a bundle's readings of lines, videos or texts beside the truth."""

import json
from collections.abc import Sequence
from pathlib import Path

from datasets import LineReader, TextReader
from datasets.output.files import write_whole
from datasets.output.text import print_lines

from ..evaluation.outputs import check_outputs
from ..parsing import StrictParser
from ..reading.bundle import load_bundle
from ..reading.prediction import Recognizer
from ..reports import html as page
from ..reports.lines import report_lines
from ..reports.texts import report_texts
from ..reports.videos import report_videos
from .options import (
    add_annotation_options,
    add_case_option,
    add_crop_option,
    add_group_option,
    add_labelled_data_options,
    add_model_option,
    add_scored_label_options,
    check_labelled_data,
    run_command,
)


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py report", usage="python run.py report ... (--help lists the options)"
    )
    add_model_option(parser)
    text = "labelled lines, annotated videos or labelled texts as `evaluate` takes them, or "
    text += "unlabelled videos"
    add_labelled_data_options(parser, text)
    add_group_option(parser)
    parser.add_argument("--output", type=str, default="report.html", help="file of the page")
    text = "maximum number of items shown in each list"
    names = ("--videos", "--lines", "--texts")
    parser.add_argument(*names, dest="shown", type=int, default=20, help=text)
    add_case_option(parser)
    parser.add_argument(
        "--beside",
        nargs="+",
        type=str,
        default=[],
        help="compare with: bundles, which read the same lines, or .json files of evaluate "
        "--json, or of such scores by name",
    )
    add_crop_option(parser)
    add_annotation_options(parser)
    add_scored_label_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if an item could not be read (the page names it), 2 for misuse."""
    return run_command(report, build_parser().parse_args(arguments[1:]))


def report(options) -> int:
    """Write the page and print its path, for lines and texts also the scores."""
    check_labelled_data(options)
    output = {"--output": options.output}
    bundles = [options.model, *(name for name in options.beside if not is_json(name))]
    check_outputs(output, [options.data], options.config, bundles, filter(is_json, options.beside))
    if options.shown < 1:
        raise ValueError(f"--lines, --texts or --videos {options.shown}: show at least 1")
    bundles = bundles[1:]
    tables = read_score_tables(list(filter(is_json, options.beside)))
    recognizer = Recognizer(load_bundle(options.model, options.crop))
    reader = recognizer.bundle.reader
    if bundles and not isinstance(reader, LineReader):
        raise ValueError(
            f"--beside {bundles[0]}: bundles are compared on lines only; for videos and texts give "
            "the .json files that evaluate --json writes"
        )
    if isinstance(reader, LineReader):
        made = report_lines(recognizer, bundles, tables, options)
    elif isinstance(reader, TextReader):
        made = report_texts(recognizer, tables, options)
    else:
        made = report_videos(recognizer, tables, options)
    sections = made.sections + model_section(recognizer, options.model)
    write_whole(options.output, page.document(made.title, made.lead, sections, made.style))
    print_lines(*made.summary, options.output)
    return made.code


def is_json(name: str) -> bool:
    """Whether a file beside the reading holds scores, and is no bundle."""
    return name.lower().endswith(".json")


def read_score_tables(files: Sequence[str]) -> dict[str, dict[str, float]]:
    """JSON files of scores as {system: {metric: percent}}; a lone table is named after its file.

    Raises OSError or ValueError for a file that is none.
    """
    tables: dict[str, dict[str, float]] = {}
    for file in files:
        try:
            content = json.loads(Path(file).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"--beside {file}: not JSON ({error})") from error
        if not isinstance(content, dict):
            raise ValueError(f'--beside {file}: give {{"metric": value}} as evaluate --json does')
        nested = {k: v for k, v in content.items() if isinstance(v, dict)}
        for name, values in (nested or {Path(file).stem: content}).items():
            tables[name] = {k: float(v) for k, v in values.items() if isinstance(v, int | float)}
    return tables


def model_section(recognizer: Recognizer, model: str) -> list[str]:
    """Scores, card and labels of the bundle as folded JSON."""
    bundle = recognizer.bundle
    meta = {"model": model, "scores": bundle.scores, "card": bundle.card, "labels": bundle.labels}
    return [page.details("the model", json.dumps(meta, indent=1, ensure_ascii=False))]
