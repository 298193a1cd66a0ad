"""Result types of the doctor, and the interface of its examiners, for any kind of files."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from datasets.output.text import counted

Item = TypeVar("Item")
MAX_NAMED = 3  # findings of a kind that the terminal names
IMBALANCE = 5.0  # ratio of the commonest to the rarest label, from which a warning is given


class TableOptions(NamedTuple):
    """How annotation files are read: `table` is a file in each folder, the others as in `Clips`.

    rate_hz: images a second of clips that are folders of images.
    """

    table: str | None = None
    column: str | None = None
    where: str | None = None
    group: str | None = None
    group_pattern: str | None = None
    tier: str | None = None
    subject: str | None = None
    multi_label: bool = False
    rate_hz: float | None = None


class Kind(NamedTuple):
    """A kind of finding. advice: what to do.

    level: "suspect", the label is probably wrong; "broken", training cannot use the item; "mend";
    or "news", which is no fault.
    """

    level: Literal["suspect", "broken", "mend", "news"]
    advice: str


class Row(NamedTuple):
    """Result for one file.

    facts: everything measured, for --json. cells: what the terminal shows, by column name.
    notes: warnings about this file, one line each. error: why the file is unusable, or "".
    """

    file: str
    facts: Mapping[str, object]
    cells: Mapping[str, str]
    notes: Sequence[str]
    error: str


class Diagnosis(NamedTuple):
    """Result for all files of one kind ("lines", "texts" or "videos").

    totals: figures by name. counts: tables by name, such as
    {"labels": {"walk": {"segments": 3, "seconds": 2.5}}}. problems: annotations that cannot be
    used. warnings: remarks on the files as a whole, with advice. findings: for kinds with many
    small files, one entry per finding, as written to --json. suspects: labels that are probably
    wrong, reported first. news: what is no fault. passed_over: what in the folders is not looked
    at, counted by kind.
    """

    kind: str
    rows: Sequence[Row]
    totals: Mapping[str, object]
    counts: Mapping[str, Mapping[str, Mapping[str, float]]]
    problems: Sequence[str]
    warnings: Sequence[str]
    findings: Sequence[Mapping[str, object]] = ()
    suspects: Sequence[str] = ()
    news: Sequence[str] = ()
    passed_over: Sequence[str] = ()

    @property
    def broken(self) -> list[Row]:
        """Rows of the files that cannot be used."""
        return [row for row in self.rows if row.error]

    @property
    def healthy(self) -> bool:
        """Whether no file is broken and no annotation has a problem."""
        return not (self.broken or self.problems)

    def document(self) -> dict:
        """Return the diagnosis as a JSON-serializable dict, for --json."""
        rows = [
            {"file": row.file, **row.facts, "notes": row.notes}
            | ({"error": row.error} if row.error else {})
            for row in self.rows
        ]
        document = {"suspects": self.suspects} if self.suspects else {}
        document |= {
            "totals": self.totals,
            "files": rows,
            "problems": self.problems,
            "warnings": self.warnings,
            "passed_over": self.passed_over,
        }
        document |= {"news": self.news} if self.news else {}
        return document | self.counts | ({"findings": self.findings} if self.findings else {})


class Examiner(ABC):
    """Base class of examiners of one kind of files."""

    @abstractmethod
    def takes(self, path: Path) -> bool:
        """Return whether a file is of this kind, or a folder contains such files."""

    @abstractmethod
    def examine(self, paths: Sequence[Path], options: TableOptions) -> Diagnosis:
        """Examine paths for which `takes` is true.

        Raises OSError or ValueError for annotation files that cannot be read.
        """


def group_by(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    """Group items with equal keys; groups and their items keep the order of first occurrence."""
    groups: defaultdict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())


def describe_findings(
    name: str, kind: Kind, findings: Sequence[tuple[str, str]], noun: str
) -> list[str]:
    """Describe the findings of one kind: one message each if it is broken, else one for all.

    name: of the kind. findings: (item, reason). noun: what an item is.
    """
    shown, more = findings[:MAX_NAMED], len(findings) - MAX_NAMED
    if kind.level == "broken":
        problems = [f"{name}: {item}: {reason}" for item, reason in shown]
        return [*problems, f"{name}: {more} more; {kind.advice}"] if more > 0 else problems
    listed = ", ".join(f"{item} ({reason})" for item, reason in shown)
    dots = ", ..." if more > 0 else ""
    title = "label" if name == kind.level else name  # after "suspect"
    return [f"{title}, {counted(len(findings), noun)}: {listed}{dots}; {kind.advice}"]


def imbalance_warning(
    labels: Mapping[str, Mapping[str, float]], unit: str, advice: str
) -> Iterator[str]:
    """Warn if the commonest label, counted in a unit, is far above the rarest."""
    if len(labels) < 2:
        return
    order = sorted(labels, key=lambda label: labels[label][unit])
    rarest, commonest = labels[order[0]][unit], labels[order[-1]][unit]
    if commonest > IMBALANCE * rarest:
        yield (
            f"'{order[-1]}' has {commonest:.4g} {unit}, '{order[0]}' {rarest:.4g}: accuracy alone "
            f"hides the rare ones; {advice}"
        )
