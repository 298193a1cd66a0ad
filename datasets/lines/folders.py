"""`LineFolder`, and the groups and splits of the lines in it."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files import compose, resolve_data_path
from ..source import SPLITS, Problem, Split
from ..splits import (
    FOLDER,
    SPLIT_FOLDERS,
    assign_splits,
    folder_of,
    no_folder_error,
    note_divided_folders,
    split_folders,
)
from .containers import group_name
from .lmdb import split_record_name
from .tables import read_table

GROUPS = "groups.tsv"


@dataclass
class LineFolder:
    """A folder of lines and how its groups are split.

    It holds line images with `labels.tsv` (file TAB text [TAB group]), `labels.csv` (under a header
    file,text[,group]) or a `.gt.txt` beside each, or PAGE or ALTO files with their images, or an
    LMDB. Folders train, validation and test in it, which hold the same, are its splits.

    Args:
        root: the folder, its label file, or one page file; looked up under $STRAND_DATA if it does
            not exist as given.
        group_pattern: regular expression, matched at the start of a file's name; its first capture
            group is the group of the line if the label file gives none. The lines of a page file
            are matched by the name of the page, records of an LMDB by their key. `groups.tsv` (name
            TAB group) can merge such groups into larger ones.
        validation: groups of the validation split: their names, or a share of all lines; of the
            lines in the folder train if there is one, and none if there is a folder validation.
        test: groups of the test split, likewise.
        weight: how often each training line occurs per epoch, on average.
        leave_out: list of lines not to use, file TAB reason, such as `doctor --fix` writes. They
            are counted and named; the split of the other lines does not change.
        any_case: the transcripts are all in capitals, say, whatever the image shows: either case of
            a letter is right, in training and in all scores of the folder's lines in a config.
        group: "folder": the first folder below the root that a file lies in is its group, such as a
            folder for each book; null: by the label file or group_pattern.
    """

    root: str
    group_pattern: str = "(.+?)__"
    validation: list[str] | float = 0.1
    test: list[str] | float = 0.0
    weight: float = 1.0
    leave_out: str | None = None
    group: str | None = None
    any_case: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ValueError(f"{self.root}: weight {self.weight}: give a number above 0")
        if self.group not in (None, FOLDER):
            raise ValueError(
                f"{self.root}: group {self.group!r}: lines take {FOLDER!r}, or group_pattern, or a "
                "third column of labels.tsv"
            )


def group_finder(folder: LineFolder) -> Callable[..., str]:
    """Return a function (image, group in the label file = None) -> group of the line.

    It raises ValueError for a file in no folder if the folder is the group. Raises ValueError if
    group_pattern is not a regular expression.
    """
    table = groups_table(folder)
    rows = read_table(table, 2) if table.exists() else []
    merged = {compose(name): group for name, group in rows}
    try:
        pattern = re.compile(folder.group_pattern)
    except re.error as error:
        raise ValueError(f"group_pattern {folder.group_pattern!r}: {error}") from error
    place_of = place_finder(folder)

    def find(image: Path, given: str | None = None) -> str:
        if folder.group == FOLDER:
            _, group = place_of(image)
            if group is None:
                raise no_folder_error(folder.root, [str(image)])
            return merged.get(group, group)
        if given is not None:
            return given
        name = compose(group_name(image))
        match = pattern.match(name)
        if match and match.groups():
            group = match.group(1)
        else:  # each split may count its lines from 1
            split, _ = place_of(image)
            group = f"{split}/{Path(name).stem}" if split else Path(name).stem
        return merged.get(group, group)

    return find


def base_folder(folder: LineFolder) -> Path:
    """Return the root, or the folder of the file that is the root."""
    root = resolve_data_path(folder.root)
    return root.parent if root.is_file() else root


def groups_table(folder: LineFolder) -> Path:
    """Return where the table that merges groups would be."""
    return base_folder(folder) / GROUPS


def place_finder(folder: LineFolder) -> Callable[[Path], tuple[str | None, str | None]]:
    """Return a function image -> (folder of its split, first folder in that, or else in the root).

    None where there is no such folder.
    """
    base = base_folder(folder)
    divided = bool(split_folders(base))

    def find(image: Path) -> tuple[str | None, str | None]:
        record = split_record_name(str(image))
        place = Path(*record) if record else image
        if not place.is_relative_to(base):
            return None, None
        place = place.relative_to(base)
        return folder_of(place) if divided else None, folder_of(place, int(divided))

    return find


def note_divided(
    folder: LineFolder, listed: Iterable[tuple[Path, str]], splits: dict[str, Split]
) -> list[Problem]:
    """Return a note if the default groups put lines of one folder into several splits.

    listed: image and group of each line. splits: by group. Groups that somebody has given (in a
    label file, groups.tsv, or by options) are not questioned.
    """
    if names_all_groups(folder):
        return []
    find, place_of = group_finder(LineFolder(folder.root)), place_finder(folder)
    places = (
        (place_of(image)[1], splits[group]) for image, group in listed if group == find(image)
    )
    return note_divided_folders(places, folder.root)


def names_all_groups(folder: LineFolder) -> bool:
    """Whether options or groups.tsv name the groups, not only the names of the files."""
    own_pattern = folder.group_pattern != LineFolder(folder.root).group_pattern
    return bool(folder.group) or own_pattern or groups_table(folder).exists()


def named_groups(folder: LineFolder, listed: Iterable[tuple[Path, str | None, str]]) -> set[str]:
    """The groups of (image, text, group) that somebody named: by options or a table of labels."""
    if names_all_groups(folder):
        return {group for *_, group in listed}
    find = group_finder(folder)
    return {group for image, _, group in listed if group != find(image)}


def joint_splits(
    folders: Sequence[LineFolder], listed: Sequence[Sequence[tuple[Path, str | None, str]]]
) -> tuple[list[dict[str, Split]], list[Problem]]:
    """Map the groups of each folder to their splits, as `group_splits` does for each alone; but a
    writer or company that several folders name is on one side in all of them: in the test if one
    keeps it for that, else in the validation split.

    Groups made from the names of files by default are not compared: each book may have a page p1.
    listed: (image, text, group) of all lines, by folder. Returns also a note on each folder whose
    lines go where another folder's are.
    """
    pairs = list(zip(folders, listed, strict=True))
    splits, names = [group_splits(*pair) for pair in pairs], [named_groups(*pair) for pair in pairs]
    kept: dict[str, Split] = {}
    for own, named in zip(splits, names, strict=True):
        for group in named:
            kept[group] = max(own[group], kept.get(group, "train"), key=SPLITS.index)
    notes = []
    for (folder, rows), own, named in zip(pairs, splits, names, strict=True):
        moved = {group: kept[group] for group in sorted(named) if kept[group] != own[group]}
        own |= moved
        if moved:
            first = next(iter(moved))
            told = (
                f"{folder.root}: {sum(group in moved for *_, group in rows)} lines of "
                f"{len(moved)} groups go where another folder has these groups, such as {first} "
                f"({moved[first]})"
            )
            notes.append(Problem(folder.root, told))
    return splits, notes


def group_splits(
    folder: LineFolder, listed: Iterable[tuple[Path, str | None, str]]
) -> dict[str, Split]:
    """Map each group to its split, given (image, text, group) of all lines that a folder lists.

    Every line with a text counts, even if its image is broken or left out: otherwise, repairing or
    leaving out some lines could move others from the training to the test split.
    """
    rows = list(listed)
    splits: dict[str, Split] = dict.fromkeys((group for *_, group in rows), "train")
    counted = [(image, group) for image, text, group in rows if text and text.strip()]
    if counted:
        groups = [group for _, group in counted]
        given = split_finder(folder)
        shares = folder.validation, folder.test
        splits |= assign_splits(groups, [given(i) for i, _ in counted], *shares, folder.root)
    return splits


def split_finder(folder: LineFolder) -> Callable[[Path], Split | None]:
    """Return a function image -> split, by the folder that it lies in; None without such folders.

    A line that a table in the root lists and that lies in none of them is one to train on.
    """
    if not split_folders(base_folder(folder)):
        return lambda image: None
    place_of = place_finder(folder)
    return lambda image: SPLIT_FOLDERS.get((place_of(image)[0] or "").lower(), "train")
