"""Labels that a network could tell by the group, such as the camera, instead of by what happens."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

NAMED = 3  # groups or labels in a warning


def find_confounding(
    groups: Mapping[str, Counter[str]], sizes: Mapping[str, int], kind: str
) -> Iterator[str]:
    """Yield warnings about groups of one label, and labels of one group.

    groups: how often each label occurs in each group. sizes: samples of each group; those of one
    sample have one label anyway. kind: what a group is, such as "folder".
    """
    labels = Counter(label for counts in groups.values() for label in counts)
    large = sorted(group for group in groups if sizes[group] > 1)
    if len(labels) < 2 or len(groups) < 2 or not large:
        return
    pure = [
        f"{group} ('{next(iter(groups[group]))}')" for group in large if len(groups[group]) == 1
    ]
    if pure and len(pure) == len(large):
        yield (
            f"one label per {kind}: {_name_few(pure)}: a network may tell the labels by what the "
            f"{kind}s look like, and no score would show it; collect each label in several {kind}s"
        )
    elif pure:
        yield (
            f"{len(pure)} of {len(large)} {kind}s of two samples or more have one label only: "
            f"{_name_few(pure)}: what is peculiar to such a {kind} can be taken for its label"
        )
    lonely = [label for label in sorted(labels) if labels[label] == 1]
    if lonely:
        where = {
            label: next(group for group, counts in groups.items() if label in counts)
            for label in lonely[:NAMED]
        }
        named = [f"'{label}' ({group})" for label, group in where.items()]
        named += [""] * (len(lonely) - len(named))
        yield (
            f"{len(lonely)} of {len(labels)} labels in one {kind} only: {_name_few(named)}: "
            f"training and test cannot both have them; collect them in other {kind}s too"
        )


def _name_few(names: Sequence[str]) -> str:
    """Join the first names."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
