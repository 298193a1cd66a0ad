"""An on-disk cache: entries of memory-mapped arrays and some JSON facts in a folder.

An entry is written beside its location and then moved there as a whole, so an incomplete one is
never visible, and two processes may write the same one. An entry whose files do not have the
recorded sizes is treated as missing.
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

from ..environment import MachineError, raise_if_machine, writing
from ..limits.roots import OPTION, OutsideError, may_use

FORMAT = 3
# larger files are identified by path, size and modification time instead of their content
HASHED_BYTES = 32_000_000
ADVICE = "give a folder for `cache`"


class Entry(NamedTuple):
    """facts: any JSON data. arrays: the .npy file of each array."""

    facts: dict
    arrays: dict[str, Path]


def cache_folder(cache: str | None, kind: str = "reviews") -> Path:
    """The given folder, or strand/KIND in the user's cache folder."""
    if cache is not None:
        return Path(cache).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "strand" / kind


def check_cache(cache: str) -> None:
    """Raise OutsideError for a folder that no config may have written into.

    Those are the working folder, $STRAND_DATA, and Strand's folder in the user's cache folder, with
    all folders in them, wherever links lead.
    """
    own = (Path.cwd(), os.environ.get("STRAND_DATA"), cache_folder(None).parent)
    roots = [os.path.realpath(folder) for folder in own if folder]
    if not may_use(os.path.realpath(Path(cache).expanduser()), *roots):
        raise OutsideError(
            f"{cache} lies outside of the working folder, $STRAND_DATA and {own[-1]}; name a "
            f"folder in them, or give {OPTION} on the command line if you trust the config"
        )


def fingerprint(files: list[Path]) -> str:
    """Identify the content of files.

    A single file of up to 32 MB is identified by its content; larger ones, and several files, by
    path, size and modification time, which suffices unless the time is reset.
    """
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        stat = file.stat()
        if len(files) == 1 and stat.st_size <= HASHED_BYTES:
            digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0" + file.read_bytes())
        else:
            path = str(file.resolve()).encode("utf-8", "surrogateescape")
            digest.update(path + f"\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def key_of(*parts: object) -> str:
    """Hash of all JSON data on which an entry depends: its name."""
    content = json.dumps([FORMAT, *parts], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def load_entry(folder: Path) -> Entry | None:
    """Load the entry in this folder; None if it is missing or damaged."""
    try:
        with open(folder / "entry.json", encoding="utf-8") as file:
            content = json.load(file)
        arrays = {name: folder / f"{name}.npy" for name in content["sizes"]}
        if any(arrays[n].stat().st_size != size for n, size in content["sizes"].items()):
            return None
        return Entry(content["facts"], arrays)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise_if_machine(error, folder)
        return None  # any damage: it is created again


def store_entry(folder: Path, facts: dict, arrays: dict[str, np.ndarray]) -> Entry:
    """Write an entry; if another process has written it meanwhile, keep that one.

    Raises MachineError that names the folder if it cannot be written.
    """
    with writing(folder.parent, ADVICE):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        with writing(folder.parent, ADVICE):
            for name, array in arrays.items():
                np.save(temporary / f"{name}.npy", array, allow_pickle=False)
            sizes = {name: (temporary / f"{name}.npy").stat().st_size for name in arrays}
            with open(temporary / "entry.json", "w", encoding="utf-8") as file:
                json.dump({"sizes": sizes, "facts": facts}, file)
        for _ in range(3):
            if load_entry(folder) is not None:
                break
            # a damaged one is moved away, not emptied, since it may be open elsewhere
            with suppress(OSError):
                shutil.rmtree(folder.rename(folder.with_name(f"{temporary.name}.damaged")))
            with suppress(OSError):
                temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    entry = load_entry(folder)
    if entry is None:
        raise MachineError(f"{folder}: could not be written whole; is the disk full?")
    return entry
