"""Examiner of labelled texts: finds tables, folders and archives of them, and runs the checks."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from datasets.digests import as_digests
from datasets.environment import raise_if_machine
from datasets.files import has_suffix
from datasets.labels import near_twins
from datasets.output.text import counted
from datasets.progress import track
from datasets.source import Problem
from datasets.tables import find_column
from datasets.text.files import ARCHIVES, ReviewFiles, ReviewFolder, ReviewTables, find_reviews
from datasets.text.tables import TABLES, column_names
from datasets.text.tokens import text_digest

from ..diagnosis import (
    Diagnosis,
    Examiner,
    TableOptions,
    describe_findings,
    group_by,
    imbalance_warning,
)
from ..line_files import holds_lines
from .checks import KINDS, ListedText, TextFinding, text_findings
from .suspects import describe_trained, load_text_recognizer, suspect_findings

FILES = ("file", "clip", "image")  # columns of tables whose rows are no texts alone


def holds_reviews(path: Path) -> bool:
    """Whether a path holds texts with one label each: an archive, a table with the columns text and
    label, a folder of such tables, or a folder for each of two or more labels with .txt files.
    """
    if path.is_file():
        return has_suffix(path, ARCHIVES) or (has_suffix(path, TABLES) and is_review_table(path))
    try:
        files = find_reviews(str(path))
    except (OSError, ValueError) as error:
        raise_if_machine(error, path)
        return False
    if isinstance(files, ReviewTables):
        return all(map(is_review_table, files.tables.values()))
    if isinstance(files, ReviewFolder):
        return not holds_lines(path) and len(files.labels()) > 1
    return True


def is_review_table(path: Path) -> bool:
    """Whether a table has texts and labels, and no names of images or clips."""
    try:
        columns = column_names(path)
    except (OSError, ValueError) as error:
        raise_if_machine(error, path)
        return False
    wanted = all(find_column(columns, name) for name in ("text", "label"))
    return wanted and not any(find_column(columns, name) for name in FILES)


class TextExaminer(Examiner):
    """Examines reviews and other texts with one label each, as `Reviews` reads them.

    model: bundle that finds labels which are probably wrong.
    """

    def __init__(self, model: str | None = None):
        self.model = model

    def takes(self, path: Path) -> bool:
        return holds_reviews(path)

    def examine(self, paths: Sequence[Path], options: TableOptions) -> Diagnosis:
        recognizer = load_text_recognizer(self.model) if self.model else None
        texts, problems, over = [], [], []
        for path in paths:
            files = find_reviews(str(path), options.group)
            for row in list_texts(files, path):
                if isinstance(row, Problem):
                    problems.append(row.reason)
                else:
                    texts.append(row)
            over += files.passed_over()
        if not texts:
            raise ValueError(f"{paths[0]}: no labelled text in it; {'; '.join(problems[:3])}")
        findings, news = list(text_findings(texts)), []
        if recognizer is not None:
            findings += suspect_findings(recognizer, texts, str(paths[0]))
            digests = as_digests(text_digest(one.text) for one in texts)
            news = describe_trained(recognizer.bundle, digests)
        order = list(KINDS)
        findings.sort(key=lambda finding: (order.index(finding.kind), -finding.score))
        return summarize(texts, findings, problems)._replace(passed_over=over, news=news)


def list_texts(files: ReviewFiles, path: Path) -> Iterator[ListedText | Problem]:
    """Yield all texts; of files for the splits with their splits."""
    for part in files.parts if files.divided else ["train"]:
        for row in track(files.rows(part), f"reading {path} ({part})", None):
            split = part if files.divided else ""
            yield (
                row
                if isinstance(row, Problem)
                else ListedText(row.name, row.text, row.label, row.group, split)
            )


def summarize(
    texts: Sequence[ListedText], findings: Sequence[TextFinding], problems: Sequence[str]
) -> Diagnosis:
    """Return the totals, tables and messages for the terminal and --json."""
    splits = Counter(one.split for one in texts)
    words = np.array([len(one.text.split()) for one in texts])
    totals: dict[str, object] = {"texts": len(texts)}
    totals |= splits if len(splits) > 1 else {}
    totals |= {
        "labels": len({one.label for one in texts}),
        "groups": len({one.group for one in texts}),
        "words, median": int(np.median(words)),
        "words, at most": int(words.max()),
        "texts with a finding": len({finding.text for finding in findings}),
        "rows that cannot be used": len(problems),
    }
    kinds, told = {}, {"suspect": [], "broken": list(problems), "mend": []}
    for group in group_by(findings, lambda finding: finding.kind):
        kind = KINDS[group[0].kind]
        kinds[group[0].kind] = {"texts": len(group)}
        pairs = [(finding.text.name, finding.reason) for finding in group]
        told[kind.level] += describe_findings(group[0].kind, kind, pairs, "text")
    labels = count_labels(texts)
    told["mend"] += warnings(texts, labels)
    counts = {"labels": labels, "findings by kind": kinds}
    documents = list(map(as_document, findings))
    return Diagnosis(
        "texts", (), totals, counts, told["broken"], told["mend"], documents, told["suspect"]
    )


def count_labels(texts: Sequence[ListedText]) -> dict[str, dict[str, float]]:
    """Return label -> number of texts, in all and by split; the most frequent label first."""
    counts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    divided = len({one.split for one in texts}) > 1
    for one in texts:
        for column in ("texts", *([one.split] if divided else [])):
            counts[one.label][column] = counts[one.label].get(column, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]["texts"]))


def warnings(texts: Sequence[ListedText], labels: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield remarks on the texts as a whole, with advice."""
    yield from imbalance_warning(labels, "texts", "judge by mean class accuracy")
    if len(labels) < 2:
        yield "all texts have one label: there is nothing to tell apart"
    for twins in near_twins(labels):
        yield f"labels {' and '.join(map(repr, twins))}: did you mean one? write them alike"
    splits = {one.split for one in texts}
    for label in labels:
        lacking = splits - {one.split for one in texts if one.label == label}
        if lacking:
            yield f"no text of {' and '.join(sorted(lacking))} has the label {label!r}"
    members: defaultdict[str, set[str]] = defaultdict(set)
    for one in texts:
        if one.group != one.name:  # a group of its own
            members[one.group].add(one.split)
    shared = sorted(group for group, own in members.items() if len(own) > 1)
    if shared:
        yield (
            f"{counted(len(shared), 'group')} in more than one split, such as {shared[0]!r}: what "
            "is known of a group helps in the test; keep each in one"
        )


def as_document(finding: TextFinding) -> dict[str, object]:
    """Return a finding as a JSON-serializable dict, for --json."""
    one = finding.text
    document = {
        "kind": finding.kind,
        "name": one.name,
        "text": one.text,
        "label": one.label,
        "split": one.split,
        "group": one.group,
        "reason": finding.reason,
        "score": round(float(finding.score), 4),
    }
    document |= {"other": finding.other.name} if finding.other else {}
    return document | ({"reading": finding.reading} if finding.reading is not None else {})
