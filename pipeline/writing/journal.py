"""The records of a run until all are there: X.partial, from which `predict --resume` goes on."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from datasets.output.files import open_locked, output_errors
from datasets.output.text import counted, to_json

T = TypeVar("T")
HEADER = b'{"partial": '


class Journal(AbstractContextManager):
    """JSON lines in OUTPUT.partial: how the inputs are read, then a record for each in order.

    Whatever the format of the output, it is written from these records once all are there. A line
    that a killed process wrote in part is cut off. Without records, the file is removed at the end.

    output: file or folder of the run. how: what must be the same when a run goes on, by option.
    resume: go on after the records of an earlier run. Raises ValueError if there are some and
    `resume` is false or `how` differs, or if another process is writing it; MachineError that names
    the file if it cannot be written.
    """

    def __init__(self, output: str, how: dict[str, str], resume: bool):
        self.output, self.path = output, journal_path(output)
        self._waiting: list[str] = []
        with output_errors(output, self.path):
            self._file = open_locked(self.path, output)
        try:
            header, self.count, end = self._scan()
            self.resumed = self.count
            if self.count:
                self._check(header, how, resume)
            os.ftruncate(self._file, end)
            os.lseek(self._file, end, os.SEEK_SET)
            if not end:
                self._write(to_json({"partial": how}) + "\n")
        except BaseException:
            os.close(self._file)
            raise

    def _scan(self) -> tuple[dict, int, int]:
        """The header, the number of whole records, and the byte at which the last one ends; 0 if
        there is none. Raises ValueError for a file that is no journal.
        """
        header, count, end = None, 0, 0
        with self.path.open("rb") as file:
            for line in file:
                value = read_line(line)
                if not is_own(line, value, header is None):
                    raise ValueError(f"{self.path}: not the partial output of predict; move it")
                if value is None:
                    break
                count += header is not None
                end += len(line)
                header = value["partial"] if header is None else header
        return (header, count, end) if count else ({}, 0, 0)

    def _check(self, header: dict, how: dict[str, str], resume: bool) -> None:
        if not resume:
            raise ValueError(
                f"{self.path}: holds {counted(self.count, 'record')} of a run that did not end; "
                "go on with --resume, or delete it"
            )
        for option, value in how.items():
            if header.get(option) != value:
                raise ValueError(
                    f"{self.path}: was read with {option} {header.get(option)}, not {value}; give "
                    "the same, or delete it"
                )

    def remaining(self, items: Iterator[T], name_of: Callable[[T], str]) -> Iterator[T]:
        """The items without those that have a record. Raises ValueError if theirs are not those of
        the first items.
        """
        for number, record in enumerate(self.records(), 1):
            item = next(items, None)
            name = None if item is None else name_of(item)
            if name != record["input"]:
                given = "there are no more inputs" if name is None else f"input {number} is {name}"
                raise ValueError(
                    f"{self.path}: its record {number} is of {record['input']}, but {given}; give "
                    "the same inputs in the same order, or delete it"
                )
        yield from items

    def add(self, record: dict) -> None:
        """Add a record; `flush` writes it."""
        self._waiting.append(to_json(record) + "\n")

    def flush(self) -> None:
        """Write the records that were added. Raises MachineError, such as for a full disk."""
        lines, self._waiting = self._waiting, []
        self._write("".join(lines))
        self.count += len(lines)

    def _write(self, text: str) -> None:
        left = memoryview(text.encode("utf-8", "backslashreplace"))
        with output_errors(self.output, self.path):
            while left:
                left = left[os.write(self._file, left) :]

    def records(self) -> Iterator[dict]:
        """All records that are written, in the order of the inputs."""
        with self.path.open("rb") as file:
            next(file)
            for line, _ in zip(file, range(self.count), strict=False):
                yield json.loads(line)

    def finish(self) -> None:
        """Remove the file: the output is there."""
        self.path.unlink(missing_ok=True)

    def __exit__(self, *_) -> None:
        if not self.count:
            self.finish()
        os.close(self._file)


def journal_path(output: str) -> Path:
    """Where the records for an output are kept until all are there."""
    return Path(f"{output.rstrip('/' + os.sep)}.partial")


def is_own(line: bytes, value: dict | None, first: bool) -> bool:
    """Whether a line, and its value if it is whole, can be one that this class has written."""
    if not first:  # behind a header, a line that is none is what a stop has left
        return value is None or isinstance(value.get("input"), str)
    if value is None:
        return line.startswith(HEADER) or HEADER.startswith(line)
    return isinstance(value.get("partial"), dict)


def read_line(line: bytes) -> dict | None:
    """The object of a JSON line; None for one that was written in part."""
    try:
        value = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
