"""Split data by group (page, book, video, writer), so that no group is in two splits."""

import random
from collections import Counter
from collections.abc import Sequence

from ..source import Split


def assign_splits(
    groups: Sequence[str],
    given: Sequence[Split | None],
    validation: list[str] | float,
    test: list[str] | float,
    where: str,
    seed: int = 0,
) -> dict[str, Split]:
    """Map each group to its split: that of the folder it is in, else as `split_groups` does.

    given: the split of each sample by its folder, None for all without such folders. A share of a
    split that has no folder is drawn from the training groups; one that has is what its folder
    holds. Raises ValueError for a group in the folders of two splits, and as `split_groups` does.
    """
    if None in given:
        return split_groups(groups, validation, test, where, seed)
    assigned: dict[str, Split] = {}
    for group, split in zip(groups, given, strict=True):
        if assigned.setdefault(group, split) != split:
            raise ValueError(
                f"{where}: group '{group}' is in the folders of two splits, {assigned[group]} and "
                f"{split}; rename its folder in one, if they have nothing in common, or move it"
            )
    for split, wanted in (("validation", validation), ("test", test)):
        if isinstance(wanted, list) and split in given:
            raise ValueError(
                f"{where}: the folder of the {split} split says what is in it; leave out "
                f"{split}={wanted}"
            )
    train = [group for group, split in zip(groups, given, strict=True) if split == "train"]
    shares = (0.0 if name in given else share for name, share in
              (("validation", validation), ("test", test)))  # fmt: skip
    return assigned | (split_groups(train, *shares, where, seed) if train else {})


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
            if not 0 <= wanted < 1:
                raise ValueError(
                    f"{where}: {split}={wanted} is no share; give 0 or more, below 1, or names of "
                    "groups in a list"
                )
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
