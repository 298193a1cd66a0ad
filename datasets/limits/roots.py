"""Files that a data file names (a table, a page, an annotation file) lie in the folder of the data.

The folder is the one that the user gave, so that a table in one of its folders may name a clip in
another; the folder of the data file itself if the user gave the file. Links in it are followed:
they are part of the folder, like its files.
"""

import os
from pathlib import Path

OPTION = "--allow_outside"
# in the environment, so that the processes that a training starts know them too
ALLOWED, ROOTS = "STRAND_ALLOW_OUTSIDE", "STRAND_ROOTS"


class OutsideError(ValueError):
    """A data file names a file outside of its folder."""


def allow_outside(allowed: bool) -> None:
    """Allow data files to name any file, or only those in their folder; roots are forgotten."""
    os.environ.pop(ROOTS, None)
    os.environ.pop(ALLOWED, None)
    if allowed:
        os.environ[ALLOWED] = "1"


def root_options() -> list[str]:
    """The option with which this command was started, for one that goes on with its work."""
    return [OPTION] if ALLOWED in os.environ else []


def add_root(path: Path) -> None:
    """Remember a folder that the user gave; of a file, nothing."""
    root = os.path.abspath(path)
    known = os.environ.get(ROOTS, "").split(os.pathsep)
    if path.is_dir() and root not in known:
        os.environ[ROOTS] = os.pathsep.join(filter(None, [*known, root]))


def given_root(folder: Path) -> Path | None:
    """Return the outermost folder that the user gave and that holds a folder, if there is one."""
    place = Path(os.path.abspath(folder))
    roots = map(Path, filter(None, os.environ.get(ROOTS, "").split(os.pathsep)))
    return min((root for root in roots if place.is_relative_to(root)), default=None)


def root_of(folder: Path) -> Path:
    """Return the folder in which the files lie that a data file in a folder may name."""
    return given_root(folder) or folder


def is_inside(path: Path | str, folder: Path | str) -> bool:
    """Whether a path lies in a folder, with its dots and slashes followed and its links not."""
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


def may_use(path: Path | str, *roots: Path | str) -> bool:
    """Whether a path lies in one of the folders, or the user allowed those outside of them."""
    return ALLOWED in os.environ or any(is_inside(path, root) for root in roots)


def check_inside(path: Path, root: Path) -> Path:
    """Return the path. Raises OutsideError for one that is there and lies outside of the root.

    Of FILE#PART, that is the file. What is nowhere stays: annotations name files as they were on
    another machine.
    """
    used = path if os.path.exists(path) else str(path).rpartition("#")[0] or path
    if not os.path.exists(used) or may_use(used, root):
        return path
    raise OutsideError(
        f"{path}: outside of {root}, the folder of the data; copy the file there, or give "
        f"{OPTION} on the command line if you trust the data"
    )
