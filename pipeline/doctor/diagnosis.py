"""What the doctor finds, whatever the files are: a row for each, what is broken, what to do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class TableOptions(NamedTuple):
    """How annotation files are read: `table` is a file in each folder, the others as in `Clips`."""

    table: str | None = None
    column: str | None = None
    where: str | None = None
    group: str | None = None
    group_pattern: str | None = None
    tier: str | None = None
    subject: str | None = None


class Row(NamedTuple):
    """One file. facts: all that was found, for --json. cells: what the terminal shows, by column.

    notes: what to look at, a line each. error: why it cannot be used, or "".
    """

    file: str
    facts: Mapping[str, object]
    cells: Mapping[str, str]
    notes: Sequence[str]
    error: str


class Diagnosis(NamedTuple):
    """All files of one kind.

    totals: figures by name. counts: tables by name, such as
    {"labels": {"walk": {"segments": 3, "seconds": 2.5}}}. problems: annotations that cannot be
    used. warnings: what stands out over all files, and what to do. findings: where files are many
    and small, what was found in them, each with all that --json tells.
    """

    kind: str
    rows: Sequence[Row]
    totals: Mapping[str, object]
    counts: Mapping[str, Mapping[str, Mapping[str, float]]]
    problems: Sequence[str]
    warnings: Sequence[str]
    findings: Sequence[Mapping[str, object]] = ()

    @property
    def broken(self) -> list[Row]:
        return [row for row in self.rows if row.error]

    @property
    def healthy(self) -> bool:
        return not (self.broken or self.problems)

    def document(self) -> dict:
        """For --json: everything, the facts of a file beside its name."""
        rows = [
            {"file": row.file, **row.facts, "notes": list(row.notes)}
            | ({"error": row.error} if row.error else {})
            for row in self.rows
        ]
        return {
            "totals": dict(self.totals),
            "files": rows,
            "problems": list(self.problems),
            "warnings": list(self.warnings),
            **{name: dict(found) for name, found in self.counts.items()},
        } | ({"findings": list(self.findings)} if self.findings else {})


class Examiner(ABC):
    """Knows one kind of files. The doctor asks each whether a path holds some of its own."""

    @abstractmethod
    def takes(self, path: Path) -> bool:
        """Whether this file is of its kind, or this folder holds such files."""

    @abstractmethod
    def examine(self, paths: Sequence[Path], options: TableOptions) -> Diagnosis:
        """The paths it took. Raises OSError or ValueError for annotation files it cannot read."""
