"""The scores of the trainings of a comparison, on one split, gathered by row."""

import json
from collections.abc import Mapping, Sequence

from datasets import SequenceDataModule
from datasets.source import Split

from ..evaluation.split_scores import (
    SampleScores,
    build_data_module,
    data_module_of_run,
    load_scores,
    score_split,
)
from .baselines import score_majority
from .folds import Fold, join_folds, make_folds, sum_results
from .table import VariantResults
from .trials import Trial
from .variants import Variant


def text_of(options: object) -> str:
    """Options as text, equal for equal ones."""
    return json.dumps(options, sort_keys=True, default=str)


def folds_of(variants: Sequence[Variant], wanted: str) -> dict[str, list[Fold]]:
    """The folds of each variant by its name; those of equal data are made once.

    Raises ValueError, see `make_folds`.
    """
    made: dict[str, list[Fold]] = {}
    folds = {}
    for variant in variants:
        key = text_of([variant.options["data"], variant.options["trainer"]])
        if key not in made:
            made[key] = make_folds(variant.options, wanted, variant.name)
        folds[variant.name] = made[key]
    return folds


def check_filled(variants: Sequence[Variant], split: Split) -> None:
    """Build the data of the variants; raises ValueError if that fails, or the split is empty."""
    checked = set()
    for variant in variants:
        data = variant.options["data"]
        if text_of(data) in checked:
            continue
        checked.add(text_of(data))
        try:
            samples = len(build_data_module(data, variant.name).split(split))
        except ValueError as error:
            raise ValueError(f"{variant.name}: {error}") from error
        if not samples:
            raise ValueError(
                f"{variant.name}: the {split} split is empty, nothing could be scored; give it "
                "samples, or another --split"
            )


def trained_rows(
    variants: Sequence[Variant],
    trials: Sequence[Trial],
    folds: Mapping[str, Sequence[Fold]],
    split: str,
) -> list[VariantResults]:
    """Scores of each variant, from the seeds of which all folds are trained.

    The first variant that was trained comes first, as the one the others are compared with; the
    others keep their order. Counted baselines are scored only if something was trained.
    """
    rows, built = {}, {}
    for variant in variants:
        own = [trial for trial in trials if trial.name == variant.name]
        unfinished = {trial.seed for trial in own if not trial.done()}
        done = [trial for trial in own if trial.seed not in unfinished]
        if done:
            own_folds = folds.get(variant.origin, ())
            rows[variant.name] = trained_row(variant, done, own_folds, split, built)
    if not rows:
        return []
    first = next(iter(rows))
    for variant in variants:
        if variant.counted:
            own = folds.get(variant.origin, ())
            rows[variant.name] = VariantResults(
                variant.name, [majority_scores(variant, own, split)], [], [], len(own), variant.note
            )
    ordered = [rows[variant.name] for variant in variants if variant.name in rows]
    return sorted(ordered, key=lambda row: row.name != first)


def trained_row(
    variant: Variant,
    trials: Sequence[Trial],
    folds: Sequence[Fold],
    split: str,
    built: dict[str, SequenceDataModule],
) -> VariantResults:
    """Scores and results of a variant by seed; those of folds are joined. built: see `data_of`."""
    scores, results = [], []
    for seed, parts in score_trials(trials, split, built).items():
        own = [trial.result() for trial in trials if trial.seed == seed]
        scores.append(join_folds(folds, parts, variant.name) if folds else parts[0])
        results.append(sum_results(own) if folds else own[0])
    histories = [trial.history() for trial in trials]
    return VariantResults(variant.name, scores, results, histories, len(folds), variant.note)


def trial_row(trial: Trial, split: Split, built: dict[str, SequenceDataModule]) -> VariantResults:
    """Scores and results of one training that is a row of its own. built: see `data_of`."""
    variant = Variant(trial.name, "", trial.config, (), trial.options)
    return trained_row(variant, [trial], (), split, built)


def score_trials(
    trials: Sequence[Trial], split: str, built: dict[str, SequenceDataModule]
) -> dict[int, list[SampleScores]]:
    """Scores of a variant's folds by seed, kept in files."""
    by_seed: dict[int, list[SampleScores]] = {}
    for trial in trials:
        path = trial.folder / f"samples-{split}.npz"
        if not path.exists() or path.stat().st_mtime < trial.bundle.stat().st_mtime:
            score_split(trial.bundle, data_of(trial, built), split).save(path)
        by_seed.setdefault(trial.seed, []).append(load_scores(path))
    return by_seed


def data_of(trial: Trial, built: dict[str, SequenceDataModule]) -> SequenceDataModule:
    """The data of a trial, which it may share with the one before.

    built: the data of that one; no more are kept, for the memory that they take.
    """
    key = text_of(trial.options["data"] | {"seed": None})
    if key not in built:
        built.clear()
        built[key] = data_module_of_run(trial.folder / "config.yaml")
    return built[key]


def majority_scores(variant: Variant, folds: Sequence[Fold], split: str) -> SampleScores:
    """Scores of the majority baseline."""
    if not folds:
        return score_majority(variant.options, split, variant.name)
    parts = [score_majority(fold.apply(variant.options), split, variant.name) for fold in folds]
    return join_folds(folds, parts, variant.name)
