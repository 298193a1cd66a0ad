"""What is in the parts of labelled data, and what they lack."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ..output.text import counted
from ..source import SPLITS, Problem, SequenceDataset, Source, Split
from .groups import describe_folds

FEW = 10  # groups: below, one draw of them says little
LISTED = 10  # labels that are listed one by one
NAMED = 3  # groups, or labels in a warning, that are named


class Part(NamedTuple):
    """One part of labelled data.

    groups: samples of each group. labels: how often each label occurs in each group; None for
    strings and made data.
    """

    name: Split
    groups: Counter[str]
    labels: Mapping[str, Counter[str]] | None

    @property
    def samples(self) -> int:
        return self.groups.total()

    @property
    def label_counts(self) -> Counter[str]:
        """How often each label occurs; only those that do."""
        return sum((self.labels or {}).values(), Counter())


def parts_of(
    source: Source,
    leave: Collection[Split] = (),
    split: Callable[[Split], SequenceDataset] | None = None,
) -> list[Part]:
    """The parts of a source, but those to leave. split: returns one that is already built."""
    split = split or source.split
    return [
        Part(name, Counter(split(name).groups), source.labels_by_group(name))
        for name in SPLITS
        if name not in leave
    ]


def describe_part(part: Part) -> str:
    """Samples, groups and labels of a part as one line."""
    if not part.samples:
        return f"{part.name}: none"
    text = f"{part.name}: {counted(part.samples, 'sample')}"
    if len(part.groups) == part.samples > 1:
        text += ", each a group"
    else:
        text += f" in {counted(len(part.groups), 'group')} ({_name_few(sorted(part.groups))})"
    if part.labels is None:
        return text
    return f"{text}; {_describe_labels(part.label_counts)}"


def _describe_labels(counts: Counter[str]) -> str:
    """How often each label occurs; of many, how often the commonest and the rarest."""
    if len(counts) <= LISTED:
        return ", ".join(f"{label} {counts[label]}" for label in sorted(counts)) or "no label"
    (most, many), *_, (least, few) = counts.most_common()
    return f"{len(counts)} labels, from {most} {many} to {least} {few}"


def split_notes(
    parts: Sequence[Part], shares: Mapping[Split, list[str] | float], where: str
) -> list[Problem]:
    """Warnings about parts to judge by that are empty, lack labels, or stand on few groups.

    parts: the first is to train on. shares: what was asked for each other part, a share of all
    samples or names of groups.
    """
    drawn = [part for part in parts[1:] if not isinstance(shares.get(part.name, []), list)]
    groups: Counter[str] = Counter()
    for part in parts:
        for labels in (part.labels or {}).values():
            groups.update(label for label in labels if labels[label])
    total = sum(len(part.groups) for part in parts)
    asked = [part for part in drawn if shares[part.name] * sum(p.samples for p in parts) >= 1]
    reasons = []
    for part in asked:
        if not part.samples:
            reasons.append(
                f"{part.name} is empty: {counted(total, 'group')} in all, and groups are not "
                f"divided; give finer ones, or set {part.name}: 0"
            )
    for part in parts[1:]:
        missing = sorted(parts[0].label_counts.keys() - part.label_counts.keys())
        if part.samples and part.labels is not None and missing:
            few = [f"'{label}' (in {groups[label]} of {total} groups)" for label in missing]
            reasons.append(
                f"{part.name} has {len(part.label_counts)} of {len(groups)} labels: it lacks "
                f"{_name_few(few)}, and its scores say nothing of what it lacks"
            )
    if any(part.samples for part in asked) and parts[0].labels is not None and total < FEW:
        reasons.append(
            f"{counted(total, 'group')} only, so scores hang on which of them are drawn. "
            f"{describe_folds(total)}"
        )
    return [Problem(where, f"{where}: {reason}") for reason in reasons]


def _name_few(names: Sequence[str]) -> str:
    """Join the first names."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
