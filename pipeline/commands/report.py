"""report: one page about what a bundle reads in videos or lines, beside what is true."""

import json
from collections.abc import Sequence
from pathlib import Path

from datasets import LineReader

from ..parsing import StrictParser
from ..reading.bundle import find_bundle, load_bundle
from ..reading.prediction import Recognizer
from ..reports import html as page
from ..reports.lines import report_lines
from ..reports.videos import report_videos
from .options import (
    add_annotation_options,
    add_case_option,
    add_group_option,
    add_model_option,
    add_scored_label_options,
    run,
)


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py report", usage="python run.py report ... (--help lists the options)"
    )
    add_model_option(parser)
    parser.add_argument(
        "--data",
        required=True,
        type=str,
        help="labelled lines or annotated videos, as evaluate takes them; or videos, of which the "
        "reading is shown",
    )
    add_group_option(parser)
    parser.add_argument("--output", type=str, default="report.html")
    parser.add_argument(
        "--videos", "--lines", dest="shown", type=int, default=20, help="at most so many are shown"
    )
    add_case_option(parser)
    parser.add_argument(
        "--beside",
        nargs="+",
        type=str,
        default=[],
        help="what to set beside it: bundles, which read the same lines, or .json files of "
        "evaluate --json, or of names with such scores",
    )
    add_annotation_options(parser)
    add_scored_label_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if a line or a video could not be read (the page names it), 2 for misuse."""
    return run(report, build_parser().parse_args(arguments[1:]))


def report(options) -> int:
    output = Path(options.output)
    if not output.parent.is_dir():
        raise ValueError(f"--output {output}: no such folder to write into")
    if options.shown < 1:
        raise ValueError(f"--lines or --videos {options.shown}: show at least 1")
    tables = [one for one in options.beside if one.lower().endswith(".json")]
    bundles = [one for one in options.beside if one not in tables]
    beside = read_beside(tables)
    for name in bundles:
        find_bundle(name)
    recognizer = Recognizer(load_bundle(options.model))
    lines = isinstance(recognizer.bundle.reader, LineReader)
    if bundles and not lines:
        raise ValueError(
            f"--beside {bundles[0]}: bundles are compared on lines only; for videos give the "
            ".json files that evaluate --json writes"
        )
    if lines:
        lead, sections, told, code = report_lines(recognizer, bundles, beside, options)
    else:
        lead, sections, told, code = report_videos(recognizer, beside, options)
    title = f"What was read in the {'lines' if lines else 'videos'}"
    sections += about(recognizer, options.model)
    output.write_text(page.document(title, lead, sections), "utf-8")
    print(*told, output, sep="\n")
    return code


def read_beside(files: Sequence[str]) -> dict[str, dict[str, float]]:
    """Files of scores -> a name for each system and its scores in percent."""
    found: dict[str, dict[str, float]] = {}
    for file in files:
        try:
            content = json.loads(Path(file).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"--beside {file}: not JSON ({error})") from error
        if not isinstance(content, dict):
            raise ValueError(f'--beside {file}: give {{"metric": value}} as evaluate --json does')
        nested = {k: v for k, v in content.items() if isinstance(v, dict)}
        for name, values in (nested or {Path(file).stem: content}).items():
            found[name] = {k: float(v) for k, v in values.items() if isinstance(v, int | float)}
    return found


def about(recognizer: Recognizer, model: str) -> list[str]:
    bundle = recognizer.bundle
    told = {"model": model, "scores": bundle.scores, "card": bundle.card, "labels": bundle.labels}
    return [page.folded("the model", json.dumps(told, indent=1, ensure_ascii=False))]
