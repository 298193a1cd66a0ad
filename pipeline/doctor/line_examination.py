"""All checks of text lines: of images, transcripts and labels, these with a model or without."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from pathlib import Path
from typing import NamedTuple

import torch

from datasets.environment import raise_if_machine
from datasets.lines.containers import split_part
from datasets.lines.reader import LineReader
from datasets.pages.crops.modes import Crop
from datasets.progress import track
from models import LineCNN

from ..reading.bundle import load_bundle
from ..reading.prediction import Recognizer
from .diagnosis import group_by
from .line_checks import (
    KINDS,
    Finding,
    character_findings,
    cut_findings,
    has_visible_text,
    shape_findings,
    spelling_findings,
    text_findings,
)
from .line_duplicates import duplicate_findings
from .line_files import ListedLine, Listing
from .line_ink import LineInk, measure
from .line_orientation import MARGIN, turning_gains
from .line_suspects import LabelScorer, ScoredReading, suspect_findings, turned_findings

SPOILED = ("blank", "on its side", "upside down", "several lines", "too long")  # no use to a model


class Examined(NamedTuple):
    """All lines, all findings by kind in the order of KINDS, and the model's readings by path.

    crop: the shape by which lines of pages were cut out.
    """

    listing: Listing
    findings: list[Finding]
    readings: dict[str, ScoredReading]
    crop: Crop


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
        if split_part(line.path) is None and not Path(line.path).is_file():
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
