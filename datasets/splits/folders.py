"""Folders that are splits (train, validation, test), and folders that are groups."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from ..files import no_data_kind
from ..source import Problem, Split

FOLDER = "folder"  # value of the option `group`: the files of one folder are one group

SPLIT_FOLDERS: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def split_folders(root: Path) -> dict[Split, list[Path]]:
    """The folders in `root` that are called as splits are, sorted; empty unless they are splits.

    They are if there is one to train on and another, and no folder of another name beside them:
    then `train` is no class.
    """
    folders = [path for path in folders_in(root) if not no_data_kind(path.name, True)]
    found = called_as_splits(folders)
    is_divided = "train" in found and len(found) > 1
    return found if is_divided and sum(map(len, found.values())) == len(folders) else {}


def called_as_splits(folders: Iterable[Path]) -> dict[Split, list[Path]]:
    """Those of some folders that are called as splits are, by split."""
    found: dict[Split, list[Path]] = {}
    for folder in folders:
        if split := SPLIT_FOLDERS.get(folder.name.lower()):
            found.setdefault(split, []).append(folder)
    return found


def folders_in(root: Path) -> list[Path]:
    """The folders in a folder, sorted; none in what is no folder."""
    if not root.is_dir():
        return []
    return sorted(Path(entry) for entry in os.scandir(root) if entry.is_dir())


def folder_of(path: PurePath, level: int = 0) -> str | None:
    """Return the name of the folder at a level of a relative path, 0 being the first.

    None if the file lies above that level.
    """
    folders = path.parts[:-1]
    return folders[level] if len(folders) > level else None


def no_folder_error(where: str, names: Sequence[str]) -> ValueError:
    """Return the error of files that `group: folder` cannot group; names: of those files."""
    return ValueError(
        f"{where}: group: {FOLDER}, but {len(names)} files lie in no folder of a group, first "
        f"{names[0]}; put each book, animal or writer into a folder of its own, or remove group"
    )


def note_divided_folders(places: Iterable[tuple[str | None, Split]], where: str) -> list[Problem]:
    """Return one note if files of one folder are in several splits; [] if there is one folder only.

    places: folder and split of each sample; None for a file in no folder.
    """
    splits: defaultdict[str, dict[Split, None]] = defaultdict(dict)
    for folder, split in places:
        if folder is not None:
            splits[folder][split] = None
    divided = [folder for folder, found in splits.items() if len(found) > 1]
    if len(splits) < 2 or not divided:
        return []
    reason = (
        f"{where}: {len(divided)} of {len(splits)} folders are divided between the splits, such as "
        f"{divided[0]} ({', '.join(splits[divided[0]])}); if a folder is one book, animal or "
        f"writer, set group: {FOLDER}"
    )
    return [Problem(where, reason)]
