"""Trials: one config trained with one seed (and one fold), each in a run folder of its own.

A trial is done if its folder has result.json; it can be resumed if the folder has a checkpoint.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml

from datasets.output.text import print_notes

from ..parsing import common_options
from ..training.command_line import StrandCLI, command_line
from ..training.history import RESULT, read_history
from .folds import Fold

PROGRAM = Path(__file__).resolve().parents[2] / "run.py"
RUNS = Path("runs")
# options on where and how a run is written, not on what is trained: they may differ
ASIDE = {"name", "ckpt_path", "weights_only", "trainer.logger", "trainer.enable_progress_bar"}


class ConfigReader(StrandCLI):
    """Parse a config as `fit` does, without instantiating or running anything."""

    def _set_seed(self) -> None:
        pass

    def instantiate_classes(self) -> None:
        pass

    def _run_subcommand(self, subcommand: str) -> None:
        pass

    def resolved(self) -> dict:
        """All options with their values, including defaults."""
        parser = self._parser("fit")
        return yaml.safe_load(parser.dump(self.config.fit, skip_none=False, skip_validation=True))


@dataclass(frozen=True)
class Variant:
    """A row of the table: a config as it is, or changed into a baseline.

    name: of the row. stem: prefix of its folders' names. overrides: KEY=VALUE. options: all
    options, resolved. counted: a baseline without a network, nothing is trained. note: for the
    table's last column.
    """

    name: str
    stem: str
    config: Path
    overrides: tuple[str, ...]
    options: dict
    counted: bool = False
    note: str = "trained"


@dataclass(frozen=True)
class Trial:
    """A config (its file and all resolved options) with a seed; folder: below RUNS.

    row: name of its row in the table; empty: the config's. fold: the groups kept out, if any.
    """

    config: Path
    options: dict
    seed: int
    folder: Path
    overrides: tuple[str, ...] = ()
    row: str = ""
    fold: Fold | None = None

    @property
    def name(self) -> str:
        return self.row or self.config.stem

    @property
    def title(self) -> str:
        fold = f" fold {self.fold.number} of {self.fold.count}" if self.fold else ""
        return f"{self.name}{fold} seed {self.seed}"

    @property
    def log(self) -> Path:
        """File with the output of the training."""
        return self.folder.with_suffix(".log")

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def bundle(self) -> Path:
        return self.folder / "best.safetensors"

    def done(self) -> bool:
        return (self.folder / RESULT).exists()

    def result(self) -> dict[str, float]:
        return json.loads((self.folder / RESULT).read_text(encoding="utf-8"))

    def history(self) -> list[dict]:
        return read_history(self.folder)

    def command(self) -> list[str]:
        """The `fit` command, resuming from the last checkpoint if there is one."""
        args = [sys.executable, "-u", str(PROGRAM), "fit", "-c", str(self.config)]
        args += [f"--{change}" for change in self.overrides] + seed_options(self.seed)
        args += [f"--name={self.folder.relative_to(RUNS)}", "--trainer.enable_progress_bar=false"]
        args += common_options()
        return args + ([f"--ckpt_path={self.checkpoint}"] if self.checkpoint.exists() else [])

    def check_folder(self) -> None:
        """Raise ValueError if the folder was trained with other options, or they are unreadable.

        The stored config is parsed again if it differs, so that options added since have defaults.
        """
        path = self.folder / "config.yaml"
        if not path.exists():
            return
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(stored, dict) and not option_differences(stored, self.options):
            return  # parsing would take seconds
        try:
            differing = option_differences(read_config(["-c", str(path)]), self.options)
        except SystemExit:
            raise ValueError(
                f"{path}: cannot be read any more, see above; give another --name, or delete "
                f"{self.folder}"
            ) from None
        if differing:
            raise ValueError(
                f"{self.folder}: {len(differing)} options differ from {self.config}; "
                f"{'; '.join(differing[:3])}; give another --name, or delete the folder"
            )


def read_config(arguments: Sequence[str]) -> dict:
    """Resolve the arguments of `fit` to all options; as `fit`, ends the process for a mistake."""
    return command_line(ConfigReader, ["fit", *arguments]).resolved()


def seed_options(seed: int) -> list[str]:
    """Seed the weights and the order of the samples, but not the choice of validation samples."""
    return [f"--seed_everything={seed}", f"--data.seed={seed}"]


def read_variants(configs: Sequence[str], overrides: Sequence[str]) -> list[Variant]:
    """One variant per config, with the overrides applied.

    Raises ValueError for configs with equal names; ends the process if one cannot be parsed.
    """
    stems = [Path(config).stem for config in configs]
    for stem in stems:
        if stems.count(stem) > 1:
            raise ValueError(f"{stems.count(stem)} configs are called '{stem}'; rename all but one")
    return [
        Variant(stem, stem, Path(config), tuple(overrides), options_of(Path(config), overrides))
        for stem, config in zip(stems, configs, strict=True)
    ]


def options_of(config: Path, overrides: Sequence[str]) -> dict:
    """All resolved options of a config with the overrides, for seed 0."""
    changes = [f"--{change}" for change in overrides]
    try:
        return read_config(["-c", str(config), *changes, *seed_options(0)])
    except SystemExit:
        print_notes(f"config: {config}")
        raise


def plan_trials(
    variants: Sequence[Variant],
    seeds: int,
    name: str,
    folds: Mapping[Path, Sequence[Fold]] | None = None,
) -> list[Trial]:
    """Make the trials, ordered by variant, then fold, then seed.

    folds: of each config; None: no groups are kept out but those that the config keeps out.
    Raises ValueError for folders that hold another training, or that two trials would share.
    """
    trials = []
    for variant in variants:
        if variant.counted:
            continue
        for fold, seed in product(folds[variant.config] if folds else [None], range(seeds)):
            overrides = variant.overrides + (fold.overrides() if fold else ())
            options = fold.apply(variant.options) if fold else variant.options
            options = options | {"seed_everything": seed, "data": options["data"] | {"seed": seed}}
            part = f"-fold{fold.number}of{fold.count}" if fold else ""
            folder = RUNS / "compare" / name / f"{variant.stem}{part}-seed{seed}"
            trial = Trial(variant.config, options, seed, folder, overrides, variant.name, fold)
            trials.append(trial)
    folders = [trial.folder for trial in trials]
    for trial in trials:
        if folders.count(trial.folder) > 1:
            raise ValueError(f"{trial.folder} would hold two trainings; rename {trial.config}")
        trial.check_folder()
    return trials


def option_differences(there: dict, asked: dict) -> list[str]:
    """Describe options that differ, except those in ASIDE, such as "model.recurrent.hidden_size is
    64 there, asked is 32".
    """
    there, asked = flatten(there), flatten(asked)
    missing = "nothing"
    return [
        f"{key} is {there.get(key, missing)} there, asked is {asked.get(key, missing)}"
        for key in there | asked
        if key not in ASIDE and there.get(key, missing) != asked.get(key, missing)
    ]


def flatten(options: dict, prefix: str = "") -> dict:
    """Nested options as {dotted key: value}; lists and empty dictionaries are values."""
    flat = {}
    for key, value in options.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def training_environment(jobs: int) -> dict[str, str]:
    """Environment that gives each of the jobs its share of the cores as threads, unless
    OMP_NUM_THREADS is set.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share = str(max(1, cores // jobs))
    return {"OMP_NUM_THREADS": share, "MKL_NUM_THREADS": share} | os.environ
