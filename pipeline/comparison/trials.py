"""Trials: one config trained with one seed (and without one fold's groups), each in a folder of
its own that can be gone on with.

A trial is done when its folder has result.json, under way when it has a checkpoint.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..training.command_line import StrandCLI, command_line
from ..training.history import RESULT, read_history
from .folds import Fold

PROGRAM = Path(__file__).resolve().parents[2] / "run.py"
RUNS = Path("runs")
# what says where and how a run is written, not what is trained
ASIDE = {"name", "ckpt_path", "weights_only", "trainer.logger"}
ASIDE |= {"trainer.enable_progress_bar"}


class ConfigReader(StrandCLI):
    """Parses as `fit` does, and stops there."""

    def _set_seed(self) -> None:
        pass

    def instantiate_classes(self) -> None:
        pass

    def _run_subcommand(self, subcommand: str) -> None:
        pass

    def resolved(self) -> dict:
        """Every option with its value."""
        parser = self._parser("fit")
        return yaml.safe_load(parser.dump(self.config.fit, skip_none=False, skip_validation=True))


@dataclass(frozen=True)
class Variant:
    """A row of the table: a config as it is, or changed into a baseline.

    name: the row's. stem: its folders'. overrides: KEY=VALUE. options: all, resolved. counted: no
    network, nothing to train. note: what it is, in words.
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
    """A config (its file and every resolved option) with a seed; folder: below RUNS.

    row: name of its row in the table; empty: the config's. fold: what is kept out, if anything is.
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
        """What the training says."""
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
        """`fit`, from the last checkpoint if there is one."""
        given = [sys.executable, "-u", str(PROGRAM), "fit", "-c", str(self.config)]
        given += [f"--{change}" for change in self.overrides]
        given += seeding(self.seed)
        given += [f"--name={self.folder.relative_to(RUNS)}", "--trainer.enable_progress_bar=false"]
        return given + ([f"--ckpt_path={self.checkpoint}"] if self.checkpoint.exists() else [])

    def check(self) -> None:
        """Raises ValueError for a folder that was trained with other options, or unreadable ones.

        Both are read by today's parser: an option that is new has its default in both.
        """
        kept = self.folder / "config.yaml"
        if not kept.exists():
            return
        there = yaml.safe_load(kept.read_text(encoding="utf-8"))
        if isinstance(there, dict) and not differences(there, self.options):
            return  # parsing takes seconds
        try:
            there = read_config(["-c", str(kept)])
        except SystemExit:
            raise ValueError(
                f"{kept}: cannot be read any more, see above; give another --name, or delete "
                f"{self.folder}"
            ) from None
        differing = differences(there, self.options)
        if differing:
            raise ValueError(
                f"{self.folder}: {len(differing)} options differ from {self.config}; "
                f"{'; '.join(differing[:3])}; give another --name, or delete the folder"
            )


def read_config(arguments: Sequence[str]) -> dict:
    """Arguments of `fit` -> all options. Ends the process, as `fit` does, for a mistake in them."""
    return command_line(ConfigReader, ["fit", *arguments]).resolved()


def seeding(seed: int) -> list[str]:
    """The weights and the order of the samples; which samples are kept for validation stays."""
    return [f"--seed_everything={seed}", f"--data.seed={seed}"]


def read_variants(configs: Sequence[str], overrides: Sequence[str]) -> list[Variant]:
    """The configs as they are, but for the overrides.

    Raises ValueError for configs of one name; ends the process for one that cannot be parsed.
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
    """All options of a config for seed 0."""
    changes = [f"--{change}" for change in overrides]
    try:
        return read_config(["-c", str(config), *changes, *seeding(0)])
    except SystemExit:
        print(f"config: {config}", file=sys.stderr)
        raise


def plan(
    variants: Sequence[Variant],
    seeds: int,
    name: str,
    folds: Mapping[Path, Sequence[Fold]] | None = None,
) -> list[Trial]:
    """The trials, those of a variant together, and of these those of a fold.

    folds: of each config; None: no groups are kept out but those that the config keeps out.
    Raises ValueError for folders that hold something else, or that two trials would share.
    """
    trials = []
    for variant in variants:
        if variant.counted:
            continue
        for fold in folds[variant.config] if folds else [None]:
            overrides = variant.overrides + (fold.overrides() if fold else ())
            options = fold.apply(variant.options) if fold else variant.options
            part = f"-fold{fold.number}of{fold.count}" if fold else ""
            for seed in range(seeds):
                own = options | {"seed_everything": seed, "data": options["data"] | {"seed": seed}}
                folder = RUNS / "compare" / name / f"{variant.stem}{part}-seed{seed}"
                row = Trial(variant.config, own, seed, folder, overrides, variant.name, fold)
                trials.append(row)
    folders = [trial.folder for trial in trials]
    for trial in trials:
        if folders.count(trial.folder) > 1:
            raise ValueError(f"{trial.folder} would hold two trainings; rename {trial.config}")
        trial.check()
    return trials


def differences(there: dict, asked: dict) -> list[str]:
    """Such as "model.recurrent.hidden_size is 64 there, asked is 32", but for those of ASIDE."""
    there, asked = flatten(there), flatten(asked)
    missing = "nothing"
    return [
        f"{key} is {there.get(key, missing)} there, asked is {asked.get(key, missing)}"
        for key in there | asked
        if key not in ASIDE and there.get(key, missing) != asked.get(key, missing)
    ]


def flatten(options: dict, prefix: str = "") -> dict:
    """Nested options -> values by dotted key; lists stay whole."""
    found = {}
    for key, value in options.items():
        inner = isinstance(value, dict) and value
        found |= flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return found


def environment(jobs: int) -> dict[str, str]:
    """Each of the trainings gets its share of the cores, unless OMP_NUM_THREADS says otherwise."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share = str(max(1, cores // jobs))
    return {"OMP_NUM_THREADS": share, "MKL_NUM_THREADS": share} | os.environ
