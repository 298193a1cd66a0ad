"""Examiner of text lines: runs all checks of images, transcripts and labels, and reports them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import torch

from datasets.environment import raise_if_machine
from datasets.files import resolve_data_path
from datasets.lines.folders import LineFolder
from datasets.lines.reader import LineReader
from datasets.output.files import write_whole
from datasets.output.text import clean
from datasets.pages.crops.modes import Crop
from datasets.progress import track
from datasets.splits import FOLDER
from models import LineCNN

from ..evaluation.config_folders import crop_of_config
from ..reading.bundle import load_bundle
from ..reading.prediction import Recognizer
from .diagnosis import Diagnosis, Examiner, TableOptions, group_by
from .line_checks import (
    KINDS,
    Finding,
    character_findings,
    count_spellings,
    cut_findings,
    has_visible_text,
    shape_findings,
    spelling_findings,
    text_findings,
)
from .line_duplicates import duplicate_findings
from .line_files import ListedLine, Listing, holds_lines, join_listings, list_config, list_folder
from .line_ink import LineInk, measure
from .line_orientation import MARGIN, turning_gains
from .line_page import write_page
from .line_suspects import LabelScorer, ScoredReading, suspect_findings, turned_findings

MAX_NAMED = 3  # findings of a kind that the terminal names
SPOILED = ("blank", "on its side", "upside down", "several lines", "too long")  # no use to a model


class LineOptions(NamedTuple):
    """Options of the examination of lines.

    model: bundle that scores the labels. html, fix: files to write. config: further lines. crop:
    the shape by which lines of pages are cut out; None: by that of the config, or of the model.
    """

    model: str | None = None
    html: str | None = None
    fix: str | None = None
    config: str | None = None
    crop: Crop | None = None


class Examined(NamedTuple):
    """All lines, all findings by kind in the order of KINDS, and the model's readings by path.

    crop: the shape by which lines of pages were cut out.
    """

    listing: Listing
    findings: list[Finding]
    readings: dict[str, ScoredReading]
    crop: Crop


class LineExaminer(Examiner):
    """Examines folders of line images with `labels.tsv` or `.gt.txt`, or the lines of a config."""

    def __init__(self, options: LineOptions = LineOptions()):  # noqa: B008, a tuple
        self.options = options

    def takes(self, path: Path) -> bool:
        return holds_lines(path)

    def examine(self, paths: Sequence[Path], options: TableOptions) -> Diagnosis:
        listings = []
        for path in paths:
            folder = LineFolder(str(path))
            if options.group_pattern:
                folder.group_pattern = options.group_pattern
            if options.group == FOLDER:  # other groups are columns, which lines do not have
                folder.group = FOLDER
            listings.append(list_folder(folder, len(paths) == 1 and not self.options.config))
        crop = self.options.crop
        if self.options.config:
            config = resolve_data_path(self.options.config)
            listings.append(list_config(config))
            crop = crop or crop_of_config(config)
        examined = examine_lines(join_listings(listings), self.options.model, crop)
        diagnosis = summarize(examined, self.options)
        return diagnosis._replace(
            problems=[*diagnosis.problems, *write_files(examined, self.options)]
        )


def examine_lines(listing: Listing, model: str | None = None, crop: Crop | None = None) -> Examined:
    """Run all checks on all lines.

    model: path or name of a bundle that scores the labels. crop: the shape by which lines of pages
    are cut out; None: that of the model. Raises ValueError for a bundle that does not read lines,
    OSError for a missing one.
    """
    scorer = LabelScorer(Recognizer(load_bundle(model, crop))) if model else None
    reader = scorer.reader if scorer else LineReader()
    reader.crop = crop or reader.crop
    lines = listing.lines
    findings = [finding for line in lines for finding in text_findings(line)]
    findings += repeated_rows(lines)
    with_text = [line for line in lines if has_visible_text(line)]
    findings += character_findings(with_text, frozenset(scorer.labels) if scorer else None)
    for folder in group_by(with_text, lambda line: line.folder):
        findings += spelling_findings(folder)
    measured = measure_all(lines, findings, reader)
    findings += duplicate_findings(*unzip(measured), reader.crop)
    findings += cut_findings(*unzip(measured))
    measured = [pair for pair in measured if has_visible_text(pair[0])]
    steps_of = steps_counter(scorer, reader)
    gains: dict[int, float] = {}
    for indices in group_by(range(len(measured)), lambda index: measured[index][0].folder):
        folder, inks = unzip([measured[index] for index in indices])
        findings += shape_findings(folder, inks, steps_of)
        gains |= zip(indices, turning_gains(inks, [line.text for line in folder]), strict=True)
    turned = {index: gain for index, gain in gains.items() if gain > MARGIN}
    if scorer:
        readings = score_labels(scorer, *unzip(measured), set(turned), findings)
    else:
        readings, reason = {}, "its ink fits the text better turned"
        findings += [
            Finding("upside down", measured[index][0], reason, True, score=gain)
            for index, gain in turned.items()
        ]
    order = {kind: index for index, kind in enumerate(KINDS)}
    findings.sort(key=lambda finding: (order[finding.kind], -finding.score))
    return Examined(listing, findings, readings, reader.crop)


def unzip(
    measured: Sequence[tuple[ListedLine, LineInk]],
) -> tuple[list[ListedLine], list[LineInk]]:
    """Split pairs into lines and their measurements."""
    return [line for line, _ in measured], [ink for _, ink in measured]


def score_labels(
    scorer: LabelScorer,
    lines: list[ListedLine],
    inks: list[LineInk],
    turned: set[int],
    findings: list[Finding],
) -> dict[str, ScoredReading]:
    """Add the model's findings and return its readings by path.

    turned: indices of lines whose ink looks upside down. Labels of images that are already found
    SPOILED are not doubted, for their readings are wrong anyway.
    """
    readings = scorer.read(lines)
    known = {(finding.kind, finding.line) for finding in findings}
    findings += [
        finding
        for finding in turned_findings(scorer, lines, readings, inks, turned)
        if (finding.kind, finding.line) not in known
    ]
    spoiled = {finding.line for finding in findings if finding.kind in SPOILED}
    whole = [index for index, line in enumerate(lines) if line not in spoiled]
    doubted = [lines[i] for i in whole], [readings[i] for i in whole]
    findings += suspect_findings(*doubted, frozenset(scorer.labels))
    return {line.path: reading for line, reading in zip(lines, readings, strict=True)}


def measure_all(
    lines: Sequence[ListedLine], findings: list[Finding], reader: LineReader
) -> list[tuple[ListedLine, LineInk]]:
    """Return the lines whose image can be read, with its measurements; add findings for others."""

    def check(line: ListedLine) -> LineInk | Finding:
        if "#" not in line.path and not Path(line.path).is_file():  # "#": a line of a page
            return Finding("no image", line, f"no such image ({line.where})", True)
        try:
            return measure(line.path, reader)
        except (OSError, ValueError) as error:
            raise_if_machine(error, line.path)
            return Finding("unreadable", line, str(error).removeprefix(f"{line.path}: "), True)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        results = list(track(pool.map(check, lines), "measuring", len(lines)))
    findings += [result for result in results if isinstance(result, Finding)]
    pairs = zip(lines, results, strict=True)
    return [(line, result) for line, result in pairs if isinstance(result, LineInk)]


def steps_counter(scorer: LabelScorer | None, reader: LineReader) -> Callable[[LineInk], int]:
    """Return a function: image -> CTC steps that the model, or else LineCNN by default, makes."""
    reduction = signature(LineCNN).parameters["width_reduction"].default

    def steps(ink: LineInk) -> int:
        columns = round(ink.width * reader.height / ink.height)
        return scorer.steps(columns) if scorer else columns // reduction

    return steps


def repeated_rows(lines: Sequence[ListedLine]) -> Iterator[Finding]:
    """Yield the lines whose image an earlier row names too."""
    for first, *others in group_by(lines, lambda line: line.path):
        for line in others:
            suffix = ", with another text" * (line.text != first.text)
            reason = f"{first.where} names it too{suffix}"
            yield Finding("listed twice", line, reason, False, first)


def write_files(examined: Examined, options: LineOptions) -> list[str]:
    """Write the files of --fix and --html; return what could not be written, and why."""
    problems, findings = [], examined.findings
    try:
        if options.fix:
            write_fix(Path(options.fix), findings)
    except OSError as error:
        problems.append(f"--fix {options.fix}: not written: {error}")
    try:
        if options.html:
            write_page(Path(options.html), findings, len(examined.listing.lines), examined.crop)
    except (OSError, ValueError) as error:  # it reads the images again
        problems.append(f"--html {options.html}: not written: {error}")
    return problems


def write_fix(path: Path, findings: Sequence[Finding]) -> None:
    """Write the list that `LineFolder(leave_out=...)` reads: file TAB reasons, one line each."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for finding in findings:
        if finding.leave_out:
            reason = f"{finding.kind}: {finding.reason}"
            reasons[finding.line.name].append(clean(" ".join(reason.split())))
    rows = [f"{name}\t{'; '.join(listed)}\n" for name, listed in sorted(reasons.items())]
    write_whole(path, "".join(rows))


def summarize(examined: Examined, options: LineOptions) -> Diagnosis:
    """Return the totals, tables and messages for the terminal and --json."""
    listing, findings, readings, _ = examined
    lines = listing.lines
    splits = Counter(line.split for line in lines)
    totals: dict[str, object] = {"lines": len(lines)}
    totals |= splits if len(splits) > 1 else {}
    totals |= {
        "left out already": len(listing.left_out),
        "lines with a finding": len({finding.line for finding in findings}),
        "lines to leave out": len({f.line.path for f in findings if f.leave_out}),
    }
    if readings:
        totals["labels that the model reads as they are"] = sum(
            line.path in readings and readings[line.path].text == line.text for line in lines
        )
    kinds = {}
    told = {
        "suspect": [],
        "broken": list(listing.problems),
        "mend": list(listing.notes),
        "news": [],
    }
    for kind, group in groupby(findings, lambda finding: finding.kind):
        kind_findings = list(group)
        to_leave_out = sum(finding.leave_out for finding in kind_findings)
        kinds[kind] = {"lines": len(kind_findings), "to leave out": to_leave_out}
        told[KINDS[kind].level] += messages(kind, kind_findings)
    if findings and not (options.html or options.fix):
        told["mend"].append(
            "--html F shows each line, --fix F lists those to leave out of training"
        )
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for folder in group_by(lines, lambda line: line.folder):
        for names, counts in count_spellings(folder).items():
            spellings[names].update(counts)
    counts = {"findings by kind": kinds, "two forms of one sign": spellings}
    documents = list(map(as_document, findings))
    problems, warnings = told["broken"], told["mend"]
    return Diagnosis(
        "lines",
        (),
        totals,
        counts,
        problems,
        warnings,
        documents,
        told["suspect"],
        told["news"],
        listing.passed_over,
    )


def messages(kind: str, findings: Sequence[Finding]) -> list[str]:
    """Describe the findings of one kind: one message each if it is broken, else one for all."""
    level, advice = KINDS[kind]
    named, more = findings[:MAX_NAMED], len(findings) - MAX_NAMED
    if level == "broken":
        problems = [f"{kind}: {finding.line.path}: {finding.reason}" for finding in named]
        return [*problems, f"{kind}: {more} more; {advice}"] if more > 0 else problems
    listed = ", ".join(f"{finding.line.name} ({finding.reason})" for finding in named)
    dots = ", ..." if more > 0 else ""
    title = "label" if kind == level else kind  # after "suspect"
    return [f"{title}, {len(findings)} lines: {listed}{dots}; {advice}"]


def as_document(finding: Finding) -> dict[str, object]:
    """Return a finding as a JSON-serializable dict, for --json."""
    line, other = finding.line, finding.other
    document = {
        "kind": finding.kind,
        "file": line.path,
        "text": line.text,
        "split": line.split,
        "group": line.group,
        "reason": finding.reason,
        "leave_out": finding.leave_out,
        "score": round(float(finding.score), 4),
    }
    document |= {"other": other.path} if other else {}
    return document | ({"reading": finding.reading} if finding.reading is not None else {})
