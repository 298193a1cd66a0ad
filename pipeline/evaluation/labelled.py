"""Labelled data for scoring: items with targets encoded as label ids."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from datasets.labels import fold_label
from datasets.source import Split
from models.heads.labels import Text

from ..reading.items import Answer, Item
from ..reading.records import Reading
from ..scoring.metrics import Normalization, Tally
from ..scoring.readings import recase, step_ids, tally_readings
from ..scoring.tag_spans import tally_tags

WARM_UP = 4  # items read before timing starts: the first batches are slow


class TargetsOfAnswers(Protocol):
    """Targets of N items that depend on their answers."""

    def __call__(self, answers: Sequence[Answer]) -> tuple[list[np.ndarray], list[str]]:
        """Return the N targets, and notes on what does not fit."""

    def select(self, kept: Sequence[int]) -> "TargetsOfAnswers":
        """Return the targets of these items only."""


class LabelledData(NamedTuple):
    """N items to score a bundle on, their targets (ids of `labels`) and their groups.

    targets: an array for each item; or, if they depend on the times at which a video was read, a
        function of the answers.
    labels: the bundle's labels, followed by symbols that only the targets have.
    nothing: the reading, always wrong, that replaces that of an item that could not be read.
    unit: what an item is, in the plural. unscored: reasons why other items have no target.
    changed: what was changed in the targets, such as unusual spaces.
    background: ids of labels that form no segments.
    warm_up: number of items read before timing starts.
    passed_over: what in the folder is no item, counted by kind.
    any_case: of each item, whether the case of its text is unknown; None if none's is.
    digests: returns the digests (N,) uint64 of the items as training has them; None if items are
        made, and not in training.
    """

    items: list[str | Item]
    targets: "list[np.ndarray] | TargetsOfAnswers"
    groups: list[str]
    labels: list[str]
    nothing: Reading
    unit: str
    unscored: list[str]
    changed: Sequence[str] = ()
    background: Sequence[int] = ()
    warm_up: int = WARM_UP
    passed_over: Sequence[str] = ()
    any_case: Sequence[bool] | None = None
    digests: Callable[[], np.ndarray | None] | None = None

    @property
    def notes(self) -> list[str]:
        """What was passed over and what was changed."""
        return [*self.passed_over, *self.changed]

    def tally(self, readings: Sequence[Reading], normalization: Normalization) -> Tally:
        """Tally the readings of all items, once the targets are arrays."""
        if self.unit == "sentences":
            sizes = [len(target) for target in self.targets]
            predictions = list(map(step_ids, readings, sizes))
            return tally_tags(predictions, self.targets, self.groups, self.labels)
        return tally_readings(
            readings, self.targets, self.groups, self.labels, normalization, self.background
        )

    def select(self, kept: Sequence[int]) -> "LabelledData":
        """Return the data of these items only; those that are kept have no digests."""
        targets = self.targets
        return self._replace(
            items=[self.items[i] for i in kept],
            targets=targets.select(kept) if callable(targets) else [targets[i] for i in kept],
            groups=[self.groups[i] for i in kept],
            any_case=self.any_case and [self.any_case[i] for i in kept],
            digests=None,
        )

    def with_targets(self, answers: Sequence[Answer]) -> tuple["LabelledData", list[str]]:
        """Return the data with its targets as arrays, computed from the answers, and the notes."""
        if callable(self.targets):
            targets, notes = self.targets(answers)
            return self._replace(targets=targets), notes
        if self.any_case is None:
            return self, []
        readings = [a.reading if isinstance(a.reading, Text) else self.nothing for a in answers]
        return self._replace(targets=recase(readings, self.targets, self.any_case, self.labels)), []


def choose_split(parts: Collection[Split], options, prefer: Sequence[Split]) -> Split | None:
    """Return --split, or else the first of `prefer` that --data has; None for undivided data.

    parts: the splits that folders or files of --data stand for. Raises ValueError for a split that
    is not there, and for --split with undivided data.
    """
    if not parts:
        if options.split:
            raise ValueError(
                f"{options.data}: is not divided into folders or files of splits; leave out "
                f"--split {options.split}"
            )
        return None
    wanted = [options.split] if options.split else prefer
    split = next((split for split in wanted if split in parts), None)
    if split is None:
        raise ValueError(
            f"{options.data}: has no {wanted[0]} split; --split takes {', '.join(sorted(parts))}"
        )
    return split


def background_ids(given: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Return the ids of the labels of --background. Raises ValueError for unknown ones."""
    unknown = [label for label in given if label not in labels]
    if unknown:
        raise ValueError(f"--background {' '.join(unknown)}: the bundle has no such label")
    return [labels.index(label) for label in given]


def describe_data(options) -> str:
    """Name the data of --data, or of --config and --split, for messages and pages."""
    return options.data or f"the {options.split} split of {options.config}"


def label_ids(given: Sequence[str], labels: Sequence[str], where: str) -> list[int]:
    """Return the ids of labels given by name, or all by number.

    Raises ValueError, which begins with `where`, for unknown labels.
    """
    ids = {fold_label(label): index for index, label in enumerate(labels)}
    given = list(map(fold_label, given))
    unknown = sorted(set(given) - ids.keys())
    if not unknown:
        return [ids[label] for label in given]
    if all(label.isdecimal() and int(label) < len(labels) for label in given):
        return [int(label) for label in given]
    examples = ", ".join(map(repr, unknown[:3]))
    raise ValueError(
        f"{where}: {len(unknown)} labels that the bundle does not know, such as {examples}; it "
        f"knows {', '.join(map(repr, labels[:12]))}, or their numbers from 0"
    )


def encode_texts(
    texts: Sequence[Iterable[str]], labels: Sequence[str]
) -> tuple[list[str], list[np.ndarray]]:
    """Encode texts, each a sequence of symbols, as ids (S,).

    Returns the labels followed by the symbols that only the texts have, and the ids.
    """
    symbols = [*labels, *sorted({symbol for text in texts for symbol in text} - set(labels))]
    ids = {symbol: index for index, symbol in enumerate(symbols)}
    return symbols, [np.array([ids[symbol] for symbol in text], dtype=np.int64) for text in texts]
