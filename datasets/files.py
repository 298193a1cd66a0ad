"""Find data files: below a folder, by ending in any letter case, and by the name in a table.

All readers and commands find their files here, so that they agree on what is there. Hidden files
and what operating systems leave behind (`._1.png`, `__MACOSX`, `Thumbs.db`) are no data. Whatever
is passed over is counted by kind.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from .environment import raise_if_machine
from .limits.roots import add_root, check_inside, may_use, root_of

# what OpenCV decodes
IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jp2", ".j2k", ".avif",
    ".jpe", ".jfif", ".dib", ".pbm", ".pgm", ".ppm", ".pnm",
)  # fmt: skip
PDF = ".pdf"
TIFF_SUFFIXES = (".tif", ".tiff")
DOCUMENT_SUFFIXES = (PDF, *TIFF_SUFFIXES, ".gif", ".webp")  # of files that may have several pages
# what FFmpeg decodes by presentation time: no raw streams, which have none
VIDEO_SUFFIXES = (
    ".mp4", ".mkv", ".avi", ".mov", ".webm", ".gif", ".mpg", ".mpeg", ".m4v", ".wmv", ".mts",
    ".m2ts", ".ts", ".m2t", ".3gp", ".3g2", ".flv", ".f4v", ".ogv", ".asf", ".vob", ".mod", ".mxf",
    ".qt", ".divx",
)  # fmt: skip
# possible annotations of videos; which tool wrote a file is found from its content
ANNOTATION_SUFFIXES = (".csv", ".tsv", ".boris", ".boris.gz", ".eaf", ".json")
TRANSCRIPT = ".gt.txt"
SYSTEM_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
NAMED = 2  # examples of each kind in a message


def resolve_data_path(root: str) -> Path:
    """Return a data path as given if it exists, else the one below $STRAND_DATA.

    What lies in it may then be named by data files in it. Raises FileNotFoundError, with the paths
    that were tried, if neither exists.
    """
    path = find_data_path(root)
    add_root(path)
    return path


def find_data_path(root: str) -> Path:
    """Return what `resolve_data_path` does, without trusting what lies there."""
    candidates = [Path(root).expanduser()]
    if not candidates[0].is_absolute() and os.environ.get("STRAND_DATA"):
        candidates.append(Path(os.environ["STRAND_DATA"]) / root)
    for path in candidates:
        if path.exists():
            return path
    message = f"no such data: {' or '.join(map(str, candidates))}"
    if len(candidates) == 1:
        message += "; set STRAND_DATA to the folder that holds it, or correct the path"
    raise FileNotFoundError(message)


class FolderFiles(NamedTuple):
    """All files below a folder that may be data, sorted, and the paths that are none, by kind."""

    files: list[Path]
    no_data: dict[str, list[Path]]


def scan_folder(root: Path, below: bool = True) -> FolderFiles:
    """List the files of a folder and, unless `below` is false, of the folders in it.

    Folders behind links and folders that may not be read are not entered. Raises MachineError if
    the machine is the cause.
    """
    files: list[Path] = []
    no_data: defaultdict[str, list[Path]] = defaultdict(list)

    def refuse(error: OSError) -> None:
        raise_if_machine(error, root)
        no_data["unreadable folder"].append(Path(error.filename))

    for folder, folders, names in os.walk(root, onerror=refuse):
        for name in list(folders):
            kind = no_data_kind(name, True)
            if kind is None and os.path.islink(os.path.join(folder, name)):
                kind = "linked folder"
            if kind is not None:
                no_data[kind].append(Path(folder, name))
                folders.remove(name)
        for name in names:
            kind = no_data_kind(name, False)
            (files if kind is None else no_data[kind]).append(Path(folder, name))
        if not below:
            break
    return FolderFiles(sorted(files), {kind: sorted(no_data[kind]) for kind in sorted(no_data)})


def no_data_kind(name: str, is_folder: bool) -> str | None:
    """Return "hidden file", "system folder" and the like for a name of what is never data."""
    what = "folder" if is_folder else "file"
    if name.startswith("."):
        return f"hidden {what}"
    system = SYSTEM_FOLDERS if is_folder else SYSTEM_FILES
    lock_file = name.startswith("~$") and not is_folder  # of an open office document
    return f"system {what}" if lock_file or name.lower() in system else None


def has_suffix(path: Path | str, suffixes: Collection[str]) -> bool:
    """Whether a file's name ends in one of these (lower-case) endings, in any letter case."""
    return os.path.basename(path).lower().endswith(tuple(suffixes))


def find_files(root: Path, suffixes: Collection[str], below: bool = True) -> list[Path]:
    """List the files of `scan_folder` that have one of these endings, sorted."""
    return [file for file in scan_folder(root, below).files if has_suffix(file, suffixes)]


def passed_over(
    root: Path,
    used: Callable[[Path], bool] | None = None,
    more: Mapping[str, Iterable[Path]] | None = None,
    files: FolderFiles | None = None,
) -> list[str]:
    """Count by kind what lies below a folder and is not used: one line, or none if all is used.

    used: whether a file is read, or reported by name; None: the folder was not searched. more:
    further paths that are not used, by kind. files: of `scan_folder(root)`, if it was called.
    """
    files = files or (FolderFiles([], {}) if used is None else scan_folder(root))
    kinds: defaultdict[str, list[Path]] = defaultdict(list)
    for kind, paths in [*files.no_data.items(), *(more or {}).items()]:
        kinds[kind] += paths
    special = {path for paths in kinds.values() for path in paths}
    for file in files.files:
        if file not in special and not used(file):
            kinds[f"{file.suffix.lower()} file".strip()].append(file)
    counted = [_describe(root, kind, paths) for kind, paths in kinds.items() if paths]
    return [f"{root}: passed over {', '.join(counted)}"] if counted else []


def _describe(root: Path, kind: str, paths: list[Path]) -> str:
    """Return a count and examples: `3 .pdf files (a.pdf, b.pdf, ...)`."""
    what, of = kind.partition(" of ")[0], kind.partition(" of ")[1:]
    plural = f"{what}{'s' * (len(paths) > 1)}{''.join(of)}"
    names = [str(p.relative_to(root)) if p.is_relative_to(root) else str(p) for p in paths]
    dots = ["..."] * (len(names) > NAMED)
    return f"{len(names)} {plural} ({', '.join(names[:NAMED] + dots)})"


def find_named(folder: Path, name: str, root: Path | None = None) -> Path:
    """Return the file that a table in a folder means by a name; the name as written if none fits.

    root: which holds it; None: see `root_of`. Raises OutsideError for a name that leads out of it.

    As on the machine that wrote the table, backslashes separate folders, and neither letter case
    nor the Unicode form (composed, decomposed) matter, if only one file fits. Absolute names of
    another machine mean the file of that name beside the table.
    """
    written, root = folder / name, root or root_of(folder)
    if os.path.exists(written) and may_use(written, root):
        return written
    found = _follow(folder, PurePosixPath(name.replace("\\", "/")))
    if found is None and (PureWindowsPath(name).drive or PurePosixPath(name).is_absolute()):
        found = _follow(folder, PurePosixPath(PureWindowsPath(name).name))
    return check_inside(written if found is None else found, root)


def _follow(folder: Path, name: PurePosixPath) -> Path | None:
    """Return the one path below a folder that a name fits, whatever its case and form."""
    if name.is_absolute():
        return None
    for part in name.parts:
        found = part if os.path.lexists(folder / part) else _find_entry(folder, part)
        if found is None:
            return None
        folder = folder / found
    return folder


def _find_entry(folder: Path, name: str) -> str | None:
    try:
        entries = _entries(str(folder), os.stat(folder).st_mtime_ns).get(_fold(name), [])
    except OSError as error:
        raise_if_machine(error, folder)
        return None  # no folder
    exact = [entry for entry in entries if compose(entry) == compose(name)]
    chosen = exact or entries
    return chosen[0] if len(chosen) == 1 else None


@lru_cache(maxsize=64)
def _entries(folder: str, modified: int) -> dict[str, list[str]]:
    """Return the names in a folder by their folded form. modified: to notice changes."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name in os.listdir(folder):
        names[_fold(name)].append(name)
    return dict(names)


def _fold(name: str) -> str:
    return compose(compose(name).casefold())


def compose(name: str) -> str:
    """Return a name in NFC: macOS stores names decomposed, tables are usually composed."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def sibling_images(file: Path, stem: str) -> list[Path]:
    """Return the images called `stem` beside a file, whatever their ending, case and form."""
    entries = (_find_entry(file.parent, stem + suffix) for suffix in IMAGE_SUFFIXES)
    return [file.with_name(entry) for entry in entries if entry is not None]
