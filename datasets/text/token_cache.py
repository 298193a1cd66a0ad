"""What took long to work out, kept in a folder: arrays that are mapped, and a few facts as JSON.

An entry is written beside its place and moved there whole, so a half-written one is never seen and
two processes may write the same one. One whose files do not have the recorded sizes is no entry.
"""

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

FORMAT = 1
# up to this size a file is known by its content; a larger one by its path, size and time of change
HASHED_BYTES = 32_000_000


class Entry(NamedTuple):
    """facts: whatever JSON holds. arrays: each one's .npy file."""

    facts: dict
    arrays: dict[str, Path]


def cache_folder(cache: str | None, kind: str = "reviews") -> Path:
    """The folder given, or strand/KIND where this user's caches are."""
    if cache is not None:
        return Path(cache).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "strand" / kind


def fingerprint(files: list[Path]) -> str:
    """What tells these files from others, or from what they were before.

    A single file of up to 32 MB is known by its content; larger ones, and folders of many, by path,
    size and time of change, which is enough unless someone resets the time.
    """
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        state = file.stat()
        if len(files) == 1 and state.st_size <= HASHED_BYTES:
            digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0" + file.read_bytes())
        else:
            place = str(file.resolve()).encode("utf-8", "surrogateescape")
            digest.update(place + f"\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def key_of(*parts: object) -> str:
    """Everything that an entry depends on, as JSON knows it -> its name."""
    content = json.dumps([FORMAT, *parts], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def load_entry(folder: Path) -> Entry | None:
    """The entry that lies in this folder; None if there is none, or a damaged one."""
    try:
        with open(folder / "entry.json", encoding="utf-8") as file:
            content = json.load(file)
        arrays = {name: folder / f"{name}.npy" for name in content["sizes"]}
        if any(arrays[n].stat().st_size != size for n, size in content["sizes"].items()):
            return None
        return Entry(content["facts"], arrays)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # it is made again, whatever is wrong with it


def store_entry(folder: Path, facts: dict, arrays: dict[str, np.ndarray]) -> Entry:
    """Write an entry; one that another process put there meanwhile is as good.

    Raises OSError that names the folder if it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise OSError(
            f"{folder.parent}: cannot write here ({error.strerror}); give a folder for `cache`"
        ) from error
    try:
        for name, array in arrays.items():
            np.save(made / f"{name}.npy", array, allow_pickle=False)
        sizes = {name: (made / f"{name}.npy").stat().st_size for name in arrays}
        with open(made / "entry.json", "w", encoding="utf-8") as file:
            json.dump({"sizes": sizes, "facts": facts}, file)
        for _ in range(3):
            if load_entry(folder) is not None:
                break
            # a damaged one is moved away, not emptied: it may be open elsewhere
            with suppress(OSError):
                shutil.rmtree(folder.rename(folder.with_name(f"{made.name}.damaged")))
            with suppress(OSError):
                made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    entry = load_entry(folder)
    if entry is None:
        raise OSError(f"{folder}: could not be written whole; is the disk full?")
    return entry
