"""Examiner of text lines: which lines it takes, and the report on what was found in them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from datasets.files import resolve_data_path
from datasets.lines.folders import LineFolder
from datasets.output.files import write_whole
from datasets.output.text import clean
from datasets.pages.crops.modes import Crop
from datasets.source import SPLITS
from datasets.splits import FOLDER
from datasets.splits.parts import Part, describe_part

from ..evaluation.config_folders import crop_of_config
from .diagnosis import Diagnosis, Examiner, TableOptions, describe_findings, group_by
from .line_checks import KINDS, Finding, count_spellings
from .line_examination import Examined, examine_lines
from .line_files import holds_lines, join_listings, list_config, list_folder
from .line_page import write_page
from .splits.tables import part_table


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
    if splits.keys() <= set(SPLITS):
        groups = {name: Counter(line.group for line in lines if line.split == name)
                  for name in SPLITS}  # fmt: skip
        parts = [Part(name, own, None) for name, own in groups.items()]
        counts["parts"] = part_table(parts)
        told["news"] += map(describe_part, parts)
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
    broken = KINDS[kind].level == "broken"
    pairs = [(f.line.path if broken else f.line.name, f.reason) for f in findings]
    return describe_findings(kind, KINDS[kind], pairs, "line")


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
