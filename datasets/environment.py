"""Errors of the machine (a full disk, too many open files), told apart from those of a sample.

A sample that cannot be read is counted and named, and the rest goes on. An error of the machine
would make every sample fail, or a different set of them in each run: it must stop the run.
"""

import errno
import os
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


SHARED_MEMORY = "/dev/shm"
SMALL_BYTES = 512 * 2**20  # batches of video that four workers prepare take as much


class MachineError(OSError):
    """An error of the machine; it must not be mistaken for a sample that cannot be used."""


def shared_memory_is_small() -> bool:
    """Whether too little of the shared memory is free for batches to go through it; Docker gives 64
    MB, and a process that writes beyond it is killed.
    """
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:  # another system, which has no limit of that kind
        return False
    return status.f_bavail * status.f_frsize < SMALL_BYTES


def raise_if_machine(error: BaseException, name: object = "") -> None:
    """Raise MachineError if an error, or one that it was raised from, is the machine's.

    Call it wherever an OSError becomes a problem of a sample. name: the file or folder, if the
    error does not name it.
    """
    cause: BaseException | None = error
    seen: set[int] = set()  # errors of pikepdf are their own cause
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
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


def note_busy(threads: int) -> str:
    """Return one line if other programs want the processors for which threads would wait, else "".

    Threads that share a step wait for each other, so that two on busy cores are slower than one.
    """
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if threads < 2 or load < cores - 0.5:
        return ""
    return (
        f"this machine is busy (load {load:.1f} on {cores} cores): beside other work "
        "OMP_NUM_THREADS=1 trains faster, by up to ten times"
    )
