"""Read lines from LMDB databases in the format of PARSeq and deep-text-recognition-benchmark.

Keys: num-samples, image-%09d (an encoded image) and label-%09d (UTF-8), numbered from 1.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import scan_folder
from ..limits.opening import check_regular
from ..source import Problem

if TYPE_CHECKING:
    import lmdb

DATA = "data.mdb"
MAX_DIGITS = 15  # of num-samples
DATABASE_FILES = (DATA, "lock.mdb")
# open environments by folder and process id: an environment must not be used after a fork. They
# stay open, since LMDB cannot reopen a database that another thread still reads
_OPEN: "dict[tuple[str, int], lmdb.Environment]" = {}
_LOCK = threading.Lock()


def find_databases(root: Path) -> list[Path]:
    """Return the folders at or below a path that hold an LMDB, sorted."""
    files = scan_folder(root).files if root.is_dir() else []
    return [file.parent for file in files if file.name == DATA]


def split_record_name(name: str) -> tuple[str, str] | None:
    """Split FOLDER#image-000000001 into (FOLDER, key).

    None if the name has another form, or is that of a file or a folder.
    """
    folder, _, key = name.rpartition("#")
    if not folder or not key.startswith("image-") or "/" in key or os.path.exists(name):
        return None
    return folder, key


def lmdb_rows(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield (FOLDER#image-000000001, text) of each record that has an image and a label.

    Raises ValueError if a database cannot be opened or has no num-samples.
    """
    for name, text in _records(root):
        if isinstance(text, str):
            yield Path(name), text


def lmdb_problems(root: Path) -> list[Problem]:
    """List the records without an image or a readable label."""
    return [problem for _, problem in _records(root) if isinstance(problem, Problem)]


@contextmanager
def _transaction(folder: str) -> Iterator["lmdb.Transaction"]:
    """A reading transaction. Raises ValueError that names the database if it is damaged."""
    database = _database(folder)  # says if the package is missing
    import lmdb

    with database.begin() as transaction:
        try:
            yield transaction
        except lmdb.Error as error:
            raise ValueError(f"{folder}: a damaged database ({error}); copy it again") from error


def _records(root: Path) -> Iterator[tuple[str, str | Problem]]:
    for folder in find_databases(root):
        with _transaction(str(folder)) as transaction:
            count = transaction.get(b"num-samples")
            if count is None or not count.isdigit() or len(count) > MAX_DIGITS:
                raise ValueError(
                    f"{folder}: an LMDB without num-samples; expected the keys num-samples, "
                    "image-000000001, label-000000001 and so on"
                )
            held = transaction.stat()["entries"]  # of images and labels; each sample has one
            if int(count) > held:
                reason = (
                    f"{folder}: num-samples says {int(count)}, but it holds {held} records; "
                    "write it again"
                )
                yield str(folder), Problem(str(folder), reason)
            for index in range(1, min(int(count), held) + 1):
                name = f"{folder}#image-{index:09d}"
                label = transaction.get(b"label-%09d" % index)
                has_image = transaction.cursor().set_key(b"image-%09d" % index)  # not read
                yield name, _decode_label(name, label, has_image)


def _decode_label(name: str, label: bytes | None, has_image: bool) -> str | Problem:
    if label is None or not has_image:
        lacks = "label" if label is None else "image"
        reason = f"{name}: num-samples counts it, but it has no {lacks}; write it again"
        return Problem(name, reason)
    try:
        return label.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem(name, f"{name}: its label is not UTF-8 at byte {error.start}")


def read_record(name: str) -> bytes:
    """Return the encoded image of a record. Raises ValueError if there is none."""
    parts = split_record_name(name)
    if parts is None:
        raise ValueError(f"{name}: not called as a record is, FOLDER#image-000000001")
    with _transaction(parts[0]) as transaction:
        data = transaction.get(parts[1].encode())
    if data is None:
        raise ValueError(f"{name}: no such record; num-samples may count too many")
    return data


def _database(folder: str) -> "lmdb.Environment":
    """Return the environment of a folder, opened once per process for all threads."""
    with _LOCK:
        process = os.getpid()
        for inherited in [key for key in _OPEN if key[1] != process]:
            _OPEN.pop(inherited).close()  # else a forked worker could not open the same database
        if (folder, process) not in _OPEN:
            _OPEN[folder, process] = _open(folder)
        return _OPEN[folder, process]


def _open(folder: str) -> "lmdb.Environment":
    try:
        import lmdb
    except ImportError as error:
        raise ValueError(f"{folder}: LMDB needs a package; pip install lmdb") from error
    try:
        check_regular(Path(folder) / DATA)
        database = lmdb.open(folder, readonly=True, lock=False, readahead=False, max_readers=1)
    except lmdb.Error as error:
        raise ValueError(f"{folder}: not a database that LMDB can open ({error})") from error
    size = (Path(folder) / DATA).stat().st_size
    needed = (database.info()["last_pgno"] + 1) * database.stat()["psize"]
    if size < needed:  # reading what is missing of a mapped file would end the process
        database.close()
        raise ValueError(f"{folder}: cut off after {size:,} of {needed:,} bytes; copy it again")
    return database
