"""What a bundle is scored on: items with their targets, as ids of labels."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..reading.prediction import Answer, Item
from ..reading.records import Reading

WARM_UP = 4  # items read before the clock starts: the first batches are slow


class LabelledData(NamedTuple):
    """What a bundle is scored on: N items, their targets (ids of `labels`) and their groups.

    targets: or, if they hang on the times at which a video was read, what makes them of the
        answers, together with notes on what does not fit.
    labels: those of the bundle, and behind them symbols that only the targets have.
    nothing: the reading, wrong in any case, that stands for an item that could not be read.
    unit: what an item is, plural. unscored: what has no target, with the reason.
    background: ids of labels that make no segments.
    warm_up: items read before the clock starts.
    """

    items: list[str | Item]
    targets: list[np.ndarray] | Callable[[Sequence[Answer]], tuple[list[np.ndarray], list[str]]]
    groups: list[str]
    labels: list[str]
    nothing: Reading
    unit: str
    unscored: list[str]
    background: Sequence[int] = ()
    warm_up: int = WARM_UP

    def settled(self, answers: Sequence[Answer]) -> tuple["LabelledData", list[str]]:
        """With targets that hang on no answer any more, and the notes."""
        if not callable(self.targets):
            return self, []
        targets, notes = self.targets(answers)
        return self._replace(targets=targets), notes


def label_ids(given: Sequence[str], labels: Sequence[str], where: str) -> list[int]:
    """Names of labels, or numbers that all are places in the bundle's list of them -> their ids."""
    ids = {label: place for place, label in enumerate(labels)}
    strange = sorted(set(given) - ids.keys())
    if strange and all(label.isdecimal() and int(label) < len(labels) for label in set(given)):
        return [int(label) for label in given]
    if strange:
        named = ", ".join(map(repr, strange[:3]))
        raise ValueError(
            f"{where}: {len(strange)} labels that the bundle does not know, such as {named}; it "
            f"knows {', '.join(map(repr, list(labels)[:12]))}, or their numbers from 0"
        )
    return [ids[label] for label in given]
