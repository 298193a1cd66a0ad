"""Folds: each group is kept out of one training and scored by it; the scores are then joined.

Nothing is chosen on the groups that are kept out, nor on others: each training goes to its last
epoch without a validation split.
"""

import copy
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from ..evaluation.split_scores import SampleScores, data_from, join_scores

BY_GROUP = "groups"


@dataclass(frozen=True)
class Fold:
    """What one training keeps out.

    number, count: such as 3 of 10. groups: their names. samples: how many those groups have.
    labels: of all folds, where the source would take those that it finds in training; otherwise
    folds without a rare label could not be joined, or would leave its samples out.
    """

    number: int
    count: int
    groups: tuple[str, ...]
    samples: int
    labels: tuple[str, ...] | None = None

    def options(self) -> dict[str, list[str]]:
        """Of the source."""
        labels = {} if self.labels is None else {"labels": list(self.labels)}
        return {"validation": [], "test": list(self.groups)} | labels

    def overrides(self) -> tuple[str, ...]:
        return tuple(
            f"data.source.{key}={json.dumps(value, ensure_ascii=False)}"
            for key, value in self.options().items()
        )

    def apply(self, options: dict) -> dict:
        """All resolved options of a config -> those of this fold."""
        options = copy.deepcopy(options)
        options["data"]["source"]["init_args"] |= self.options()
        return options


def find_folds(options: dict, wanted: str, where: str) -> list[Fold]:
    """The groups of a config's data, dealt out.

    wanted: "groups" for a fold each, or the number of folds. where: the config's name, for errors.
    Raises ValueError if they cannot be kept out, or for trainings that would never end; ends the
    process if the source takes no groups by name.
    """
    own = options["data"]["source"]["init_args"]
    missing = [key for key in ("test", "validation") if key not in own]
    if missing:
        kind = options["data"]["source"]["class_path"]
        raise ValueError(
            f"{where}: --folds needs a source whose options 'test' and 'validation' take names of "
            f"groups; {kind} has no '{missing[0]}'"
        )
    check_end(options["trainer"], where)
    whole = Fold(1, 1, (), 0).apply(options)
    source = data_from(whole["data"], where).source
    everything = source.split("train")
    # a long clip may stand for several training samples
    counts = Counter(
        group for _, group in set(zip(everything.names, everything.groups, strict=True))
    )
    labels = tuple(source.labels) if "labels" in own and own["labels"] is None else None
    dealt = deal(counts, wanted, where)
    return [
        Fold(place, len(dealt), groups, sum(counts[group] for group in groups), labels)
        for place, groups in enumerate(dealt, 1)
    ]


def check_end(trainer: Mapping, where: str) -> None:
    """Without validation no early stopping ends a training. Raises ValueError if nothing does."""
    epochs, steps = trainer["max_epochs"], trainer["max_steps"]
    if not (epochs or 0) > 0 and not (steps or 0) > 0 and trainer["max_time"] is None:
        raise ValueError(
            f"{where}: trainer.max_epochs={epochs}; with --folds all trainings go to their last "
            "epoch, so give how many there are"
        )


def deal(counts: Mapping[str, int], wanted: str, where: str) -> list[tuple[str, ...]]:
    """Samples of each group -> the groups of each fold, about as many samples in each.

    The largest group goes first, each to the fold that has the least; the same every time.
    Raises ValueError for less than two folds, or more than groups.
    """
    if wanted == BY_GROUP:
        if len(counts) < 2:
            raise ValueError(f"{where}: its samples are all in one group; --folds needs two groups")
        return [(group,) for group in sorted(counts)]
    if not wanted.isdecimal() or int(wanted) < 2:
        raise ValueError(
            f"--folds {wanted}: give '{BY_GROUP}' for a fold each, or a number of at least 2"
        )
    if int(wanted) > len(counts):
        raise ValueError(f"--folds {wanted}: {where} has only {len(counts)} groups; give less")
    folds: list[list[str]] = [[] for _ in range(int(wanted))]
    samples = [0] * len(folds)
    for group in sorted(counts, key=lambda name: (-counts[name], name)):
        least = samples.index(min(samples))
        folds[least].append(group)
        samples[least] += counts[group]
    return [tuple(sorted(groups)) for groups in folds]


def join_folds(folds: Sequence[Fold], scores: Sequence[SampleScores], where: str) -> SampleScores:
    """The samples of all folds as those of one test.

    Raises ValueError if samples that there were are not among them.
    """
    for fold, score in zip(folds, scores, strict=True):
        if len(score.names) != fold.samples:
            raise ValueError(
                f"{where}: fold {fold.number} has {fold.samples} samples but {len(score.names)} "
                "were scored; if the data has changed, give another --name; if their labels are "
                "none of data.source.labels, add them"
            )
    return join_scores(scores)


def sum_results(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What each fold's training took (`history.summarize`) -> what all took, one after the other.

    No epoch is the best: each ends with its last.
    """
    found = {
        "parameters": results[0]["parameters"],
        "seconds": sum(result["seconds"] for result in results),
        "seconds_per_epoch": mean(result["seconds_per_epoch"] for result in results),
        "peak_memory_mib": max(result["peak_memory_mib"] for result in results),
    }
    memory = [result["gpu_memory_mib"] for result in results if "gpu_memory_mib" in result]
    return found | ({"gpu_memory_mib": max(memory)} if memory else {})
