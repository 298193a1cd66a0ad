"""Split data by group (page, book, video, writer), so that no group is in two splits."""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..output.text import counted
from ..source import Split
from .stratified import Groups, place

MAX_FOLDS = 10  # of a cross-validation that is advised


class IndivisibleError(ValueError):
    """The groups cannot be divided into parts that could be judged."""


def assign_splits(
    groups: Sequence[str],
    given: Sequence[Split | None],
    validation: list[str] | float,
    test: list[str] | float,
    where: str,
    seed: int = 0,
    labels: Sequence[Collection[str]] | None = None,
) -> dict[str, Split]:
    """Map each group to its split: that of the folder it is in, else as `split_groups` does.

    given: the split of each sample by its folder, None for all without such folders. A share of a
    split that has no folder is drawn from the training groups; one that has is what its folder
    holds. Raises ValueError for a group in the folders of two splits, and as `split_groups` does.
    """
    if None in given:
        return split_groups(groups, validation, test, where, seed, labels)
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
    shares = (0.0 if name in given else share for name, share in
              (("validation", validation), ("test", test)))  # fmt: skip
    rows = [row for row, split in enumerate(given) if split == "train"]
    if not rows:
        return assigned
    own = None if labels is None else [labels[row] for row in rows]
    train = [groups[row] for row in rows]
    return assigned | split_groups(train, *shares, where, seed, own)


def split_groups(
    groups: Sequence[str],
    validation: list[str] | float,
    test: list[str] | float,
    where: str,
    seed: int = 0,
    labels: Sequence[Collection[str]] | None = None,
) -> dict[str, Split]:
    """Map each group to its split, given the group of each sample.

    validation, test: a list names the groups of the split; a number is the share of all samples
        that it should hold. Groups for a share are drawn in a random order that depends only on
        their names and the seed.
    where: the data's name in error messages.
    labels: of each sample, such as its class or those of its segments. A draw that leaves a part
        empty, far from its size, or without its share of some class is then replaced by a better
        one. None, as for strings: the draw by names and sizes stays.
    Raises ValueError if a named group does not exist, is named twice, or if no group is left to
    train on; IndivisibleError if what is drawn to judge by cannot but have fewer than two labels.
    """
    assigned = _named_groups(groups, validation, test, where)
    free = [group for group in sorted(set(groups)) if group not in assigned]
    if not free:
        raise ValueError(f"{where}: validation and test take every group; leave one to train on")
    shares: dict[Split, float] = {
        split: wanted
        for split, wanted in (("test", test), ("validation", validation))
        if isinstance(wanted, float | int)
    }
    sizes, total = Counter(groups), len(groups)
    drawn = _draw(sizes, free, {split: share * total for split, share in shares.items()}, seed)
    # a share of less than one sample asks for none; each needs a group beside one to train on
    asked = [split for split, share in shares.items() if share * total >= 1][: len(free) - 1]
    if labels is not None and asked:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for group, own in zip(groups, labels, strict=True):
            counts[group].update(own)
        own = {group: counts[group] for group in free}
        wanted = {split: shares[split] * total for split in asked}
        drawn = _balance(sizes, own, drawn, wanted, where, seed)
    return assigned | drawn


def _named_groups(
    groups: Sequence[str], validation: list[str] | float, test: list[str] | float, where: str
) -> dict[str, Split]:
    """The splits of the groups that are named. Raises ValueError as `split_groups` does."""
    known, assigned = set(groups), {}
    for split, wanted in (("validation", validation), ("test", test)):
        if isinstance(wanted, float | int):
            if not 0 <= wanted < 1:
                raise ValueError(
                    f"{where}: {split}={wanted} is no share; give 0 or more, below 1, or names of "
                    "groups in a list"
                )
            continue
        for group in wanted:
            if group not in known:
                names = ", ".join(sorted(known)[:8])
                raise ValueError(
                    f"{where}: no group '{group}' to keep for {split}; there are {names} ..."
                )
            if group in assigned:
                raise ValueError(f"{where}: group '{group}' stands in two splits; name it once")
            assigned[group] = split
    return assigned


def _draw(
    sizes: Mapping[str, int], free: Sequence[str], wanted: Mapping[Split, float], seed: int
) -> dict[str, Split]:
    """Draw groups in random order until each part has about as many samples as wanted."""
    free, drawn = list(free), {}
    random.Random(seed).shuffle(free)
    for split, missing in wanted.items():
        # take a group while at least half of it is missing; one is always left for training
        while len(free) > 1 and missing >= max(1.0, sizes[free[-1]] / 2):
            group = free.pop()
            drawn[group] = split
            missing -= sizes[group]
    return drawn | dict.fromkeys(free, "train")


def _balance(
    sizes: Mapping[str, int],
    counts: Mapping[str, Counter[str]],
    drawn: Mapping[str, Split],
    wanted: Mapping[Split, float],
    where: str,
    seed: int,
) -> dict[str, Split]:
    """The draw, or a better one by sizes and labels; see `stratified`.

    counts: labels of each group that can be drawn. wanted: samples of each part that is asked for.
    Raises IndivisibleError if such a part has fewer than two labels that training has too.
    """
    names, labels = sorted(counts), sorted(set().union(*counts.values()))
    if len(labels) < 2:
        return dict(drawn)
    parts: list[Split] = ["train", *wanted]
    total = sum(sizes[name] for name in names)
    groups = Groups(
        np.array([sizes[name] for name in names]),
        np.array([[counts[name][label] for label in labels] for name in names]),
        np.array([max(1.0, total - sum(wanted.values())), *wanted.values()]),
    )
    first = [parts.index(drawn[name]) for name in names]
    placed = place(groups, first, random.Random(seed))
    found = {name: parts[part] for name, part in zip(names, placed, strict=True)}
    held: dict[Split, set[str]] = {part: set() for part in parts}
    for name, part in found.items():
        held[part] |= counts[name].keys()
    for part in wanted:
        known = sorted(held[part] & held["train"])
        if len(known) < 2:
            what = f"only '{known[0]}'" if known else "no label that training has too"
            in_several = (groups.classes > 0).sum(0) > 1  # else no fold could help
            advice = f"{describe_folds(len(names))}, give" if in_several.sum() > 1 else "Give"
            raise IndivisibleError(
                f"{where}: {part}: {counted(len(names), 'group')} of {len(labels)} labels cannot "
                f"be divided so that training and {part} share two labels; the best {part} has "
                f"{what}. {advice} finer groups, name the groups of {part} in a list, or set "
                f"{part}: 0"
            )
    return found


def describe_folds(count: int) -> str:
    """Advice to cross-validate by group, given how many groups there are."""
    return f"Cross-validate by group (compare CONFIG --folds {min(count, MAX_FOLDS)})"
