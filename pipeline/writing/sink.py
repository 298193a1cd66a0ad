"""Where the records of a run go: straight to standard output, or through a journal into files."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TypeVar

from datasets.environment import raise_if_machine
from datasets.output.text import print_error, print_notes

from .journal import Journal
from .writers import Writer

T = TypeVar("T")


@dataclass
class RecordCount:
    """Numbers of records, all and those with an error; of lines (clips, texts) read and accepted.

    A page with an error in one of its lines counts as one with an error. unwritten: of the failed,
    those whose output could not be written, or not all of it.
    """

    done: int = 0
    failed: int = 0
    unwritten: int = 0
    read: int = 0
    accepted: int = 0


class RecordSink(AbstractContextManager):
    """Takes the records of a run in order.

    open_format: opens the writer of the format, whose files appear when the stack closes. journal:
    keeps the records until all are there; None writes each at once. output: for error messages.
    """

    def __init__(
        self,
        open_format: Callable[[ExitStack], Writer],
        journal: Journal | None,
        output: str | None,
    ):
        self.open_format, self.journal, self.output = open_format, journal, output
        self.count, self._stack = RecordCount(), ExitStack()
        self._write = open_format(self._stack) if journal is None else None

    @property
    def records(self) -> int:
        """The number of records that are kept or written."""
        return self.count.done if self.journal is None else self.journal.count

    def remaining(self, items: Iterator[T], name_of: Callable[[T], str]) -> Iterator[T]:
        """The items that have no record yet; see `Journal.remaining`."""
        return items if self.journal is None else self.journal.remaining(items, name_of)

    def add(self, record: dict) -> None:
        """Take the next record. Raises MachineError if nothing can be written there."""
        if self.journal is None:
            self._put(record)
        else:
            self.journal.add(record)

    def flush(self) -> None:
        """Keep what was added, even if the process is killed now."""
        if self.journal is not None:
            self.journal.flush()

    def finish(self) -> RecordCount:
        """Write what is kept, and count all records; they stay in the journal if an output could
        not be written.
        """
        if self.journal is not None:
            self.journal.flush()
            self._write = self.open_format(self._stack)
            self._put_all(self.journal)
        self._stack.close()
        if self.journal is not None and not self.count.unwritten:
            self.journal.finish()
        elif self.journal is not None:
            print_notes(
                f"{self.journal.path}: keeps the records, since not all of {self.output} could be "
                "written; mend that and go on with --resume, or delete it"
            )
        return self.count

    def _put_all(self, journal: Journal) -> None:
        """Write the records of a journal. Raises ValueError for damage that an earlier run left."""
        try:
            for record in journal.records():
                self._put(record)
        except (AttributeError, LookupError, TypeError) as error:
            if not journal.resumed:
                raise
            raise ValueError(
                f"{journal.path}: a damaged record ({error!r}); delete the file, and read all anew"
            ) from error

    def _put(self, record: dict) -> None:
        """Write and count a record; an error of this one is printed, so that the others follow."""
        self.count.done += 1
        lines = record.get("lines", [record])
        self.count.read += sum("error" not in line for line in lines)
        self.count.accepted += sum(line.get("accepted", False) for line in lines)
        written = put(self._write, record, self.output)
        failed = any("error" in line for line in lines)
        self.count.failed += failed or not written
        self.count.unwritten += not written

    def __exit__(self, *error) -> bool | None:
        return self._stack.__exit__(*error)


def put(write: Writer, record: dict, output: str | None = None) -> bool:
    """Whether the record could be written; an error is printed.

    Raises MachineError if nothing can be written there, such as on a full disk.
    """
    try:
        write(record)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise_if_machine(error, output or "standard output")
        print_error(error)
        return False
    return True
