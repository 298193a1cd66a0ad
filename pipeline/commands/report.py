"""report: one page about what a bundle reads in videos or lines, beside what is true."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets import ClipReader, LineReader
from datasets.paths import resolve
from datasets.progress import track
from models.heads.labels import Label, StepLabels, Text

from ..evaluation.evaluate import Labelled, labelled_data
from ..parsing import StrictParser
from ..reading.bundle import find_bundle, load_bundle
from ..reading.inputs import KINDS
from ..reading.prediction import Recognizer
from ..reports import html as page
from ..reports.video_html import comparison
from ..reports.video_sections import Seen, label_sections, step_sections, text_sections
from ..scoring.metrics import Normalization, Score, scores
from ..scoring.readings import tally_readings

# beside a video, these hold what is true of it
ANNOTATIONS = (".csv", ".tsv", ".json", ".boris", ".eaf")


class Found(NamedTuple):
    """All videos as read; data: None if nothing is known to be true of them."""

    seen: list[Seen]
    data: Labelled | None
    scores: dict[str, Score]


def build_parser() -> StrictParser:
    from ..evaluation.labelled_clips import FILE_NAME_GROUP, add_video_options

    parser = StrictParser(
        prog="run.py report", usage="python run.py report ... (--help lists the options)"
    )
    parser.add_argument(
        "--model", required=True, type=str, help="a bundle's path or its name in models/zoo"
    )
    parser.add_argument(
        "--data",
        required=True,
        type=str,
        help="labelled lines or annotated videos, as evaluate takes them; or videos, of which the "
        "reading is shown",
    )
    parser.add_argument(
        "--group_pattern",
        default=FILE_NAME_GROUP,
        help="its first bracket in a line's name, or in a clip's path, is the group",
    )
    parser.add_argument("--output", type=str, default="report.html")
    parser.add_argument(
        "--videos", "--lines", dest="shown", type=int, default=20, help="at most so many are shown"
    )
    parser.add_argument("--ignore_case", action="store_true")
    parser.add_argument(
        "--beside",
        nargs="+",
        type=str,
        default=[],
        help="what to set beside it: bundles, which read the same lines, or .json files of "
        "evaluate --json, or of names with such scores",
    )
    add_video_options(parser)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if a line or a video could not be read (the page names it), 2 for misuse."""
    options = build_parser().parse_args(arguments[1:])
    try:
        return report(options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


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
    if isinstance(recognizer.bundle.reader, LineReader):
        return report_on_lines(recognizer, bundles, beside, options)
    if bundles:
        raise ValueError(
            f"--beside {bundles[0]}: bundles are compared on lines only; for videos give the "
            ".json files that evaluate --json writes"
        )
    check(recognizer, options.model)
    found = read(recognizer, options)
    sections = headline(found)
    if beside and found.scores:
        own = {name: score.value for name, score in found.scores.items()}
        others = {n: {k: v for k, v in told.items() if k in own} for n, told in beside.items()}
        sections += [page.heading("Beside other ways"), page.paragraph("In percent.")]
        sections.append(comparison({find_bundle(options.model).stem: own} | others))
    sections += of_readings(found, recognizer.bundle.labels, options.shown)
    sections += problems(found) + about(recognizer, options.model)
    lead = f"{len(found.seen)} videos of {options.data}, read by {options.model}"
    output.write_text(page.document("What was read in the videos", lead, sections), "utf-8")
    print(output)
    return 1 if any(isinstance(one.answer.reading, str) for one in found.seen) else 0


def report_on_lines(
    recognizer: Recognizer, bundles: list[str], tables: dict[str, dict[str, float]], options
) -> int:
    from ..reports.lines import report_lines

    lead, sections, told, code = report_lines(recognizer, bundles, tables, options)
    sections += about(recognizer, options.model)
    Path(options.output).write_text(
        page.document("What was read in the lines", lead, sections), "utf-8"
    )
    print(*told, options.output, sep="\n")
    return code


def check(recognizer: Recognizer, model: str) -> None:
    """Raises ValueError for a bundle whose readings have no page yet."""
    kind = type(recognizer.bundle.reader).__name__
    if not isinstance(recognizer.bundle.reader, ClipReader):
        raise ValueError(
            f"{model} reads {KINDS[kind][0]}; report takes bundles that read lines or videos. "
            "evaluate scores this one"
        )
    if getattr(recognizer.model.head, "multi_label", False):
        raise ValueError(f"{model}: several labels a step; report shows bundles with one a step")


def read(recognizer: Recognizer, options) -> Found:
    """Every video read and, where the truth is known, scored."""
    bare = unlabelled(options.data)
    data = None if bare else labelled_data(recognizer, options)
    items = bare or data.items
    answers = list(track(recognizer.answers(items), "reading", len(items)))
    for answer in answers:
        if isinstance(answer.reading, str):
            print(f"error: {answer.reading}", file=sys.stderr)
    if data is None:
        return Found([Seen(answer, None) for answer in answers], None, {})
    # what could not be read stays in the scores, as a reading that is wrong
    scored = [
        answer._replace(reading=data.nothing) if isinstance(answer.reading, str) else answer
        for answer in answers
    ]
    data, notes = data.settled(scored)
    data = data._replace(unscored=[*data.unscored, *notes])
    tally = tally_readings(
        [answer.reading for answer in scored],
        data.targets,
        data.groups,
        data.labels,
        Normalization(options.ignore_case),
        data.background,
    )
    seen = [Seen(answer, target) for answer, target in zip(answers, data.targets, strict=True)]
    return Found(seen, data, scores(tally))


def unlabelled(data: str) -> list[str]:
    """The videos of a folder that holds no annotations and no folders, or one video; else none."""
    path = resolve(data)
    if path.is_file():
        return [str(path)] if path.suffix.lower() in ClipReader.suffixes else []
    inside = sorted(path.iterdir())
    if any(one.is_dir() or one.suffix.lower() in ANNOTATIONS for one in inside):
        return []
    return [str(one) for one in inside if one.suffix.lower() in ClipReader.suffixes]


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


def headline(found: Found) -> list[str]:
    """Scores with their intervals, and how much was read."""
    failed = sum(isinstance(one.answer.reading, str) for one in found.seen)
    told = {"videos": str(len(found.seen)), "not readable": str(failed)}
    for name, score in found.scores.items():
        told[name.replace("_", " ")] = in_words(score)
    sections = [page.facts(told)]
    if found.scores:
        groups = len(set(found.data.groups))
        sections.append(
            page.paragraph(
                f"In brackets the 95 % interval over {groups} groups, drawn again with "
                "replacement. A video that could not be read counts as wrong."
            )
        )
    else:
        sections.append(page.paragraph("Nothing is known to be true: the readings alone."))
    return sections


def in_words(score: Score) -> str:
    if np.isnan(score.value):
        return "undefined"
    span = "" if np.isnan(score.low) else f" ({score.low:.1f}-{score.high:.1f})"
    return f"{score.value:.1f} %{span}"


def of_readings(found: Found, labels: Sequence[str], most: int) -> list[str]:
    """The sections that fit what the bundle's head reads."""
    seen = [one for one in found.seen if not isinstance(one.answer.reading, str)]
    if not seen:
        return [page.paragraph("No video could be read.")]
    labels = found.data.labels if found.data else labels
    kinds = {StepLabels: step_sections, Label: label_sections, Text: text_sections}
    sections = kinds[type(seen[0].answer.reading)](seen, labels, most)
    lost = len(found.seen) - len(seen)
    told = f"{lost} of {len(found.seen)} videos could not be read and are in nothing below."
    return [page.paragraph(told)] * bool(lost) + sections


def problems(found: Found) -> list[str]:
    """What could not be read or scored, with the reasons."""
    unread = [one.answer.reading for one in found.seen if isinstance(one.answer.reading, str)]
    named = unread + (found.data.unscored if found.data else [])
    return [page.folded(f"{len(named)} not read or not scored", "\n".join(named))] if named else []


def about(recognizer: Recognizer, model: str) -> list[str]:
    bundle = recognizer.bundle
    told = {"model": model, "scores": bundle.scores, "card": bundle.card, "labels": bundle.labels}
    return [page.folded("the model", json.dumps(told, indent=1, ensure_ascii=False))]
