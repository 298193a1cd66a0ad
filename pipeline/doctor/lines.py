"""The doctor for text lines: measures every image, compares it with its text, asks a model."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from pathlib import Path
from typing import NamedTuple

import torch

from datasets.lines.folders import LineFolder
from datasets.lines.reader import LineReader
from datasets.paths import resolve
from datasets.progress import track
from models import LineCNN

from ..reading.bundle import load_bundle
from ..reading.prediction import Recognizer
from .diagnosis import Diagnosis, Examiner, TableOptions
from .line_checks import (
    KINDS,
    Finding,
    character_findings,
    character_name,
    count_spellings,
    shape_findings,
    spelling_findings,
    text_findings,
)
from .line_duplicates import duplicate_findings
from .line_files import ListedLine, Listing, holds_lines, join, list_config, list_folder
from .line_ink import LineInk, measure
from .line_orientation import MARGIN, upside_down
from .line_page import write_page
from .line_suspects import LabelScorer, Reading, suspect_findings, turned_findings

NAMED = 3  # findings of a kind that the terminal names
SPOILED = ("blank", "on its side", "upside down", "several lines", "too long")


class LineOptions(NamedTuple):
    """model: bundle that judges the labels. html, fix: files to write. config: whose lines, too."""

    model: str | None = None
    html: str | None = None
    fix: str | None = None
    config: str | None = None


class Examined(NamedTuple):
    """All lines, all findings by kind in KINDS' order, and the readings by path if there are."""

    listing: Listing
    findings: list[Finding]
    readings: dict[str, Reading]


class LineExaminer(Examiner):
    """Folders of line images with `labels.tsv` or `.gt.txt`, or the lines of a config."""

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
            listings.append(list_folder(folder, len(paths) == 1 and not self.options.config))
        if self.options.config:
            listings.append(list_config(resolve(self.options.config)))
        examined = examine_lines(join(listings), self.options.model)
        found = diagnosis(examined, self.options)
        return found._replace(problems=[*found.problems, *write_files(examined, self.options)])


def examine_lines(listing: Listing, model: str | None = None) -> Examined:
    """All checks of all lines. model: a bundle's path or name. Raises ValueError for one of none
    that reads lines, OSError for a missing one."""
    judge = LabelScorer(Recognizer(load_bundle(model))) if model else None
    lines = listing.lines
    findings = [finding for line in lines for finding in text_findings(line)]
    findings += twice_listed(lines)
    unspoken = {id(line) for line in lines if not any(map(character_name, line.text or ""))}
    texts = [line for line in lines if id(line) not in unspoken]
    alphabet = frozenset(judge.labels) if judge else None
    findings += character_findings(texts, alphabet)
    for folder in by_folder(texts):
        findings += spelling_findings([texts[place] for place in folder])
    good, pictures = measure_all(lines, findings, judge.reader if judge else LineReader())
    findings += duplicate_findings(good, pictures)
    kept = [place for place, line in enumerate(good) if id(line) not in unspoken]
    good, pictures = [good[i] for i in kept], [pictures[i] for i in kept]
    turned: set[int] = set()
    for places in by_folder(good):
        chosen = [good[i] for i in places], [pictures[i] for i in places]
        findings += shape_findings(*chosen, steps_counter(judge))
        gains = upside_down(chosen[1], [line.text or "" for line in chosen[0]])
        for place, gain in zip(places, gains, strict=True):
            if gain > MARGIN:
                turned.add(place)
                if judge is None:
                    told = "its ink fits the text better turned"
                    findings.append(
                        Finding("upside down", good[place], told, True, score=float(gain))
                    )
    readings = score_labels(judge, good, pictures, turned, findings) if judge else {}
    order = {kind: place for place, kind in enumerate(KINDS)}
    findings.sort(key=lambda finding: (order[finding.kind], -finding.score))
    return Examined(listing, findings, readings)


def score_labels(
    judge: LabelScorer,
    lines: list[ListedLine],
    pictures: list[LineInk],
    turned: set[int],
    findings: list[Finding],
) -> dict[str, Reading]:
    """Add what the model finds; what spoils an image already, spoils its reading too."""
    readings = judge.read(lines)
    more = dict(turned_findings(judge, lines, readings, pictures, turned))
    told = {(finding.kind, finding.line) for finding in findings}
    findings += [one for one in more.values() if (one.kind, one.line) not in told]
    spoiled = {finding.line for finding in findings if finding.kind in SPOILED}
    whole = [place for place, line in enumerate(lines) if line not in spoiled]
    findings += suspect_findings([lines[i] for i in whole], [readings[i] for i in whole])
    return {line.path: reading for line, reading in zip(lines, readings, strict=True)}


def measure_all(
    lines: Sequence[ListedLine], findings: list[Finding], reader: LineReader
) -> tuple[list[ListedLine], list[LineInk]]:
    """Those whose image can be read, with it; why others cannot is added to the findings."""

    def check(line: ListedLine) -> LineInk | Finding:
        if "#" not in line.path and not Path(line.path).is_file():  # or a line of a page
            return Finding("no image", line, f"no such image ({line.where})", True)
        try:
            picture = measure(line.path, reader)
        except (OSError, ValueError) as error:
            reason = str(error).removeprefix(f"{line.path}: ")
            return Finding("unreadable", line, reason, True)
        return picture

    good, pictures = [], []
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        checked = track(pool.map(check, lines), "measuring", len(lines))
        for line, found in zip(lines, checked, strict=True):
            if isinstance(found, Finding):
                findings.append(found)
            else:
                good.append(line)
                pictures.append(found)
    return good, pictures


def steps_counter(judge: LabelScorer | None) -> Callable[[LineInk], int]:
    """Steps that CTC has for an image: of the model, or of an encoder with the usual options."""
    height = judge.reader.height if judge else LineReader().height
    reduction = signature(LineCNN).parameters["width_reduction"].default

    def steps(picture: LineInk) -> int:
        columns = round(picture.width * height / picture.height)
        return judge.steps(columns) if judge else columns // reduction

    return steps


def twice_listed(lines: Sequence[ListedLine]) -> list[Finding]:
    places: defaultdict[str, list[ListedLine]] = defaultdict(list)
    for line in lines:
        places[line.path].append(line)
    found = []
    for same in places.values():
        for line in same[1:]:
            differs = line.text != same[0].text
            told = f"{same[0].where} names it too" + ", with another text" * differs
            found.append(Finding("listed twice", line, told, False, same[0]))
    return found


def by_folder(lines: Sequence[ListedLine]) -> list[list[int]]:
    """Places of the lines of each folder."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, line in enumerate(lines):
        places[line.folder].append(place)
    return list(places.values())


def write_files(examined: Examined, options: LineOptions) -> list[str]:
    """What could not be written, and why: it takes nothing else with it."""
    problems, findings = [], examined.findings
    try:
        if options.fix:
            write_fix(Path(options.fix), findings)
    except OSError as error:
        problems.append(f"--fix {options.fix}: not written: {error}")
    try:
        if options.html:
            write_page(Path(options.html), findings, len(examined.listing.lines))
    except (OSError, ValueError) as error:  # it reads the images again
        problems.append(f"--html {options.html}: not written: {error}")
    return problems


def write_fix(path: Path, findings: Sequence[Finding]) -> None:
    """What `LineFolder(leave_out=...)` takes: file TAB reasons, a line each."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for finding in findings:
        if finding.leave_out:
            told = f"{finding.kind}: {finding.reason}"
            reasons[finding.line.name].append(" ".join(told.split()))
    rows = [f"{name}\t{'; '.join(told)}\n" for name, told in sorted(reasons.items())]
    path.write_text("".join(rows), encoding="utf-8")


def diagnosis(examined: Examined, options: LineOptions) -> Diagnosis:
    listing, findings, readings = examined
    lines = listing.lines
    counted = Counter(finding.kind for finding in findings)
    left = Counter(finding.kind for finding in findings if finding.leave_out)
    totals: dict[str, object] = {"lines": len(lines)}
    splits = Counter(line.split for line in lines)
    totals |= splits if len(splits) > 1 else {}
    totals |= {
        "left out already": len(listing.left_out),
        "lines with a finding": len({finding.line for finding in findings}),
        "lines to leave out": len({one.line.path for one in findings if one.leave_out}),
    }
    if readings:
        totals["labels that the model reads as they are"] = sum(
            line.path in readings and readings[line.path].text == line.text for line in lines
        )
    problems, warnings = list(listing.problems), []
    for kind, (broken, advice) in KINDS.items():
        these = [finding for finding in findings if finding.kind == kind]
        if these and broken:
            problems += [f"{kind}: {finding.line.path}: {finding.reason}" for finding in these[:3]]
            more = len(these) - NAMED
            problems += [f"{kind}: {more} more; {advice}"] if more > 0 else []
        elif these:
            few = ", ".join(f"{one.line.name} ({one.reason})" for one in these[:NAMED])
            more = ", ..." if len(these) > NAMED else ""
            warnings.append(f"{kind}, {len(these)} lines: {few}{more}; {advice}")
    if findings and not (options.html or options.fix):
        warnings.append("--html F shows each line, --fix F lists those to leave out of training")
    kinds = {kind: {"lines": n, "to leave out": left[kind]} for kind, n in counted.items()}
    forms: dict[str, dict[str, float]] = {}
    for places in by_folder(lines):
        for name, counts in count_spellings([lines[place] for place in places]).items():
            kept = forms.setdefault(name, dict.fromkeys(counts, 0.0))
            forms[name] = {side: int(kept[side] + counts[side]) for side in counts}
    told = [as_document(finding) for finding in findings]
    counts = {"findings by kind": kinds, "two forms of one sign": forms}
    return Diagnosis("lines", (), totals, counts, problems, warnings, told)


def as_document(finding: Finding) -> dict[str, object]:
    """For --json."""
    line, other = finding.line, finding.other
    found = {
        "kind": finding.kind,
        "file": line.path,
        "text": line.text,
        "split": line.split,
        "group": line.group,
        "reason": finding.reason,
        "leave_out": finding.leave_out,
        "score": round(float(finding.score), 4),
    }
    found |= {"other": other.path} if other else {}
    return found | ({"reading": finding.reading} if finding.reading is not None else {})
