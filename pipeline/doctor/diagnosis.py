"""Result types of the doctor, and the interface of its examiners, for any kind of files."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


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
    """Result for all files of one kind ("lines" or "videos").

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
