"""Errors of the machine (a full disk, too many open files), told apart from those of a sample.

A sample that cannot be read is counted and named, and the rest goes on. An error of the machine
would make every sample fail, or a different set of them in each run: it must stop the run.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ADVICE = {
    errno.ENOSPC: "free some space there, or give another folder",
    errno.EDQUOT: "free some of your quota there, or give another folder",
    errno.EROFS: "give a folder that can be written",
    errno.EMFILE: "raise the limit (ulimit -n), or use fewer workers",
    errno.ENFILE: "close other programs, or use fewer workers",
    errno.ENOMEM: "close other programs, or use fewer workers",
    errno.EIO: "check the disk or the network share, then run it again",
    errno.ESTALE: "mount the network share again, then run it again",
}
# FFmpeg reports these for damaged files too
AMBIGUOUS = {errno.EIO, errno.ENOMEM}


class MachineError(OSError):
    """An error of the machine; it must not be mistaken for a sample that cannot be used."""


def raise_if_machine(error: BaseException, name: object = "") -> None:
    """Raise MachineError if an error, or one that it was raised from, is the machine's.

    Call it wherever an OSError becomes a problem of a sample. name: the file or folder, if the
    error does not name it.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MachineError):
            raise cause
        if is_machine(cause):
            raise MachineError(_message(cause, name)) from error
        cause = cause.__cause__


def is_machine(error: BaseException) -> bool:
    """Whether this very error is the machine's."""
    if isinstance(error, MachineError):
        return True
    ambiguous = type(error).__module__.startswith("av.") and error.errno in AMBIGUOUS
    return isinstance(error, OSError) and error.errno in ADVICE and not ambiguous


@contextmanager
def writing(place: Path, advice: str = "give another folder") -> Iterator[None]:
    """Turn any OSError in this block, which writes into a folder, into a MachineError.

    advice: what to do if the cause has no advice of its own, such as missing permission.
    """
    try:
        yield
    except MachineError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise MachineError(
            f"{place}: cannot write here ({reason}); {ADVICE.get(error.errno, advice)}"
        ) from error


def _message(error: OSError, name: object) -> str:
    where = error.filename or name
    place = f"{where}: " if where else ""
    return f"{place}{error.strerror}; {ADVICE[error.errno]}"
