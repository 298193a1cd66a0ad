"""Tables of what the parts of a split hold."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from datasets.splits.parts import Part


def part_table(parts: Sequence[Part]) -> dict[str, dict[str, float]]:
    """Part -> number of samples, groups, and, where there are any, of different labels."""
    table = {}
    for part in parts:
        table[part.name] = {"samples": part.samples, "groups": len(part.groups)}
        if part.labels is not None:
            table[part.name]["labels"] = len(part.label_counts)
    return table


def label_table(parts: Sequence[Part]) -> dict[str, dict[str, float]]:
    """Label -> how often it occurs in each part, and in how many groups; {} for strings."""
    counts = {part.name: part.label_counts for part in parts}
    groups, _ = labels_of_groups(parts)
    found = Counter(label for own in groups.values() for label in own)
    return {
        label: {name: own[label] for name, own in counts.items()} | {"groups": found[label]}
        for label in sorted(found)
    }


def labels_of_groups(parts: Sequence[Part]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """The labels of each group, and its number of samples, over all parts."""
    groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
    sizes: Counter[str] = Counter()
    for part in parts:
        for group, labels in (part.labels or {}).items():
            groups[group].update(labels)
        sizes.update(part.groups)
    return dict(groups), sizes
