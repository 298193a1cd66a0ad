"""Split data by group (page, book, video, writer), so that no group is in two splits."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from .source import Problem, Split

FOLDER = "folder"  # value of the option `group`: the files of one folder are one group


def split_groups(
    groups: Sequence[str],
    validation: list[str] | float,
    test: list[str] | float,
    where: str,
    seed: int = 0,
) -> dict[str, Split]:
    """Map each group to its split, given the group of each sample.

    validation, test: a list names the groups of the split; a number is the share of all samples
        that it should hold. Groups for a share are drawn in a random order that depends only on
        their names and the seed.
    where: the data's name in error messages.
    Raises ValueError if a named group does not exist, is named twice, or if no group is left to
    train on.
    """
    sizes = Counter(groups)
    assigned: dict[str, Split] = {}
    for split, wanted in (("validation", validation), ("test", test)):
        if isinstance(wanted, float | int):
            continue
        for group in wanted:
            if group not in sizes:
                known = ", ".join(sorted(sizes)[:8])
                raise ValueError(
                    f"{where}: no group '{group}' to keep for {split}; there are {known} ..."
                )
            if group in assigned:
                raise ValueError(f"{where}: group '{group}' stands in two splits; name it once")
            assigned[group] = split
    free = [g for g in sorted(sizes) if g not in assigned]
    random.Random(seed).shuffle(free)
    for split, wanted in (("test", test), ("validation", validation)):
        if isinstance(wanted, float | int):
            missing = wanted * len(groups)
            # take a group while at least half of it is missing; one is always left for training
            while len(free) > 1 and missing >= max(1.0, sizes[free[-1]] / 2):
                group = free.pop()
                assigned[group] = split
                missing -= sizes[group]
    if not free:
        raise ValueError(f"{where}: validation and test take every group; leave one to train on")
    return assigned | dict.fromkeys(free, "train")


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
