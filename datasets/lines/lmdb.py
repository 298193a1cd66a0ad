"""Lines from LMDB as PARSeq and the deep-text-recognition-benchmark write it.

Keys: num-samples, image-%09d (an encoded image) and label-%09d (UTF-8), counted from 1.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..source import Problem

if TYPE_CHECKING:
    import lmdb

DATA = "data.mdb"
# by folder and process: an environment must not be carried over a fork. None is ever closed, for
# LMDB refuses to open what some thread still reads
_OPEN: "dict[tuple[str, int], lmdb.Environment]" = {}
_LOCK = threading.Lock()


def find_databases(root: Path) -> list[Path]:
    """The folders at or below a path that hold an LMDB, by name."""
    return sorted(path.parent for path in root.rglob(DATA)) if root.is_dir() else []


def split_record(name: str) -> tuple[str, str] | None:
    """FOLDER#image-000000001 -> (FOLDER, key); None for another name."""
    folder, _, key = name.rpartition("#")
    return (folder, key) if key.startswith("image-") and folder else None


def lmdb_rows(root: Path) -> Iterator[tuple[Path, str]]:
    """(FOLDER#image-000000001, text) of each record that has image and label.

    Raises ValueError for a database that is none, or has no num-samples.
    """
    for name, text in _records(root):
        if isinstance(text, str):
            yield Path(name), text


def lmdb_problems(root: Path) -> list[Problem]:
    """Records without an image or a readable label."""
    return [problem for _, problem in _records(root) if isinstance(problem, Problem)]


def _records(root: Path) -> Iterator[tuple[str, str | Problem]]:
    for folder in find_databases(root):
        with _database(str(folder)).begin() as reading:
            count = reading.get(b"num-samples")
            if count is None or not count.isdigit():
                raise ValueError(
                    f"{folder}: an LMDB without num-samples; expected the keys num-samples, "
                    "image-000000001, label-000000001 and so on"
                )
            for index in range(1, int(count) + 1):
                name, cursor = f"{folder}#image-{index:09d}", reading.cursor()
                label = reading.get(b"label-%09d" % index)
                there = cursor.set_key(b"image-%09d" % index)  # without reading it
                yield name, _checked(name, label, there)


def _checked(name: str, label: bytes | None, there: bool) -> str | Problem:
    if label is None or not there:
        lacks = "label" if label is None else "image"
        return Problem(
            name, f"{name}: num-samples counts it, but it has no {lacks}; write it again"
        )
    try:
        return label.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem(name, f"{name}: its label is not UTF-8 at byte {error.start}")


def read_record(name: str) -> bytes:
    """The encoded image. Raises ValueError if there is none."""
    parts = split_record(name)
    if parts is None:
        raise ValueError(f"{name}: not called as a record is, FOLDER#image-000000001")
    with _database(parts[0]).begin() as reading:
        data = reading.get(parts[1].encode())
    if data is None:
        raise ValueError(f"{name}: no such record; num-samples may count too many")
    return data


def _database(folder: str) -> "lmdb.Environment":
    """Opened once a process, whichever thread asks first."""
    with _LOCK:
        here = os.getpid()
        for inherited in [key for key in _OPEN if key[1] != here]:
            _OPEN.pop(inherited).close()  # a forked worker may not open what it came with twice
        if (folder, here) not in _OPEN:
            _OPEN[folder, here] = _open(folder)
        return _OPEN[folder, here]


def _open(folder: str) -> "lmdb.Environment":
    try:
        import lmdb
    except ImportError as error:
        raise ValueError(f"{folder}: LMDB needs a package; pip install lmdb") from error
    try:
        return lmdb.open(folder, readonly=True, lock=False, readahead=False, max_readers=1)
    except lmdb.Error as error:
        raise ValueError(f"{folder}: not a database that LMDB can open ({error})") from error
