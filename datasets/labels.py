"""Spellings of labels: folded to one form, and warned about where two look like one."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from .source import Problem

WHOLE = re.compile(r"[+-]?\d+\.0+", re.ASCII)
INSIDE = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
AROUND = "\"'`“”‘’„.,;: "
INVISIBLE = ("Cf", "Cc")  # Unicode categories


def fold_label(value: object) -> str:
    """A label as it is compared: in NFC, runs of white space as one space, and 1.0 as 1.

    "" if it is missing: None, NaN, or white space only.
    """
    if value is None or value != value:
        return ""
    label = " ".join(unicodedata.normalize("NFC", str(value)).split())
    return label.partition(".")[0] if WHOLE.fullmatch(label) else label


def same_labels(stored: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether labels are those that were stored, maybe before labels were folded."""
    return list(labels) in (list(stored), list(map(fold_label, stored)))


def near_twins(labels: Iterable[str]) -> list[list[str]]:
    """Labels that differ in case, width, hyphens, quotes, invisible characters or the like only."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[_outline(label)].append(label)
    return [sorted(twins) for twins in alike.values() if len(twins) > 1]


def _outline(label: str) -> str:
    """What near twins have in common."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    folded = "".join(c for c in folded if unicodedata.category(c) not in INVISIBLE)
    return INSIDE.sub("", folded).strip(AROUND) or label


def twin_notes(counts: Mapping[str, int], where: str) -> list[Problem]:
    """A warning for each set of near twins among labels, given how often each occurs."""
    notes = []
    for twins in near_twins(counts):
        named = " and ".join(f"'{label}' ({counts[label]})" for label in twins)
        reason = f"{where}: labels {named}: did you mean one? they are learnt as {len(twins)}; "
        notes.append(Problem(where, f"{reason}write them alike, or leave them if they differ"))
    return notes
