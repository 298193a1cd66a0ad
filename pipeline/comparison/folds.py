"""Cross-validation by group: split the groups into folds, and join the scores of all folds.

Each group is kept out of one training and scored by it. Nothing is selected on held-out groups:
each training goes to its last epoch without a validation split.
"""

import copy
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from ..evaluation.split_scores import SampleScores, build_data_module, join_scores

BY_GROUP = "groups"


@dataclass(frozen=True)
class Fold:
    """The groups that one training keeps out.

    number, count: such as 3 of 10. groups: their names. samples: the number of their samples.
    labels: of all folds, where the source would infer them from the training data; without them
    folds that lack a rare label could not be joined, or would leave out its samples.
    """

    number: int
    count: int
    groups: tuple[str, ...]
    samples: int
    labels: tuple[str, ...] | None = None

    def options(self) -> dict[str, list[str]]:
        """Options of the source that keep the groups out."""
        labels = {} if self.labels is None else {"labels": list(self.labels)}
        return {"validation": [], "test": list(self.groups)} | labels

    def overrides(self) -> tuple[str, ...]:
        """The options as KEY=VALUE for the command line."""
        return tuple(
            f"data.source.{key}={json.dumps(value, ensure_ascii=False)}"
            for key, value in self.options().items()
        )

    def apply(self, options: dict) -> dict:
        """A copy of a config's resolved options with those of this fold."""
        options = copy.deepcopy(options)
        options["data"]["source"]["init_args"] |= self.options()
        return options


def make_folds(options: dict, wanted: str, where: str) -> list[Fold]:
    """Split the groups of a config's data into folds.

    wanted: "groups" for one fold per group, or the number of folds. where: the config's name, for
    error messages. Raises ValueError if the source cannot keep groups out, or for trainings that
    would never end; ends the process if the source takes no groups by name.
    """
    own = options["data"]["source"]["init_args"]
    missing = [key for key in ("test", "validation") if key not in own]
    if missing:
        kind = options["data"]["source"]["class_path"]
        raise ValueError(
            f"{where}: --folds needs a source whose options 'test' and 'validation' take names of "
            f"groups; {kind} has no '{missing[0]}'"
        )
    check_limited(options["trainer"], where)
    whole = Fold(1, 1, (), 0).apply(options)
    source = build_data_module(whole["data"], where).source
    samples = source.split("train")
    # a set, since a long clip may be several training samples of one name
    counts = Counter(group for _, group in set(zip(samples.names, samples.groups, strict=True)))
    labels = tuple(source.labels) if "labels" in own and own["labels"] is None else None
    parts = split_groups(counts, wanted, where)
    return [
        Fold(number, len(parts), groups, sum(counts[group] for group in groups), labels)
        for number, groups in enumerate(parts, 1)
    ]


def check_limited(trainer: Mapping, where: str) -> None:
    """Raise ValueError if epochs, steps and time of the trainer are all unlimited, since there is
    no early stopping without validation.
    """
    epochs, steps = trainer["max_epochs"], trainer["max_steps"]
    if not (epochs or 0) > 0 and not (steps or 0) > 0 and trainer["max_time"] is None:
        raise ValueError(
            f"{where}: trainer.max_epochs={epochs}; with --folds all trainings go to their last "
            "epoch, so give how many there are"
        )


def split_groups(counts: Mapping[str, int], wanted: str, where: str) -> list[tuple[str, ...]]:
    """Split groups, given their numbers of samples, into folds of about as many samples each.

    Greedy and deterministic: the largest group first, each into the fold with the fewest samples.
    Raises ValueError for fewer than two folds, or more folds than groups.
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
    for group in sorted(counts, key=lambda name: (-counts[name], name)):
        min(folds, key=lambda fold: sum(map(counts.get, fold))).append(group)
    return [tuple(sorted(groups)) for groups in folds]


def join_folds(folds: Sequence[Fold], scores: Sequence[SampleScores], where: str) -> SampleScores:
    """Concatenate the samples of all folds into one test set.

    Raises ValueError if a fold has not as many scores as samples.
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
    """Combine the folds' training summaries (`history.summarize`) as if trained one after another.

    Without best_epoch: each fold ends with its last.
    """
    total = {
        "parameters": results[0]["parameters"],
        "seconds": sum(result["seconds"] for result in results),
        "seconds_per_epoch": mean(result["seconds_per_epoch"] for result in results),
    }
    for key in ("peak_memory_mib", "gpu_memory_mib"):
        values = [result[key] for result in results if key in result]
        total |= {key: max(values)} if values else {}
    return total
