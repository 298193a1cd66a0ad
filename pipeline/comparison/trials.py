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

from ..parsing import common_options
from ..training.history import RESULT, read_history
from ..training.run_folder import RUNS
from .folds import Fold
from .options import option_differences, read_config, seed_options
from .variants import Variant

PROGRAM = Path(__file__).resolve().parents[2] / "run.py"


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


def plan_trials(
    variants: Sequence[Variant],
    seeds: int,
    name: str,
    folds: Mapping[str, Sequence[Fold]] | None = None,
) -> list[Trial]:
    """Make the trials, ordered by variant, then fold, then seed.

    folds: of each row that is no baseline; None: no groups are kept out but those that the config
    keeps out.
    Raises ValueError for folders that hold another training, or that two trials would share.
    """
    trials = []
    for variant in variants:
        if variant.counted:
            continue
        for fold, seed in product(folds[variant.origin] if folds else [None], range(seeds)):
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
            raise ValueError(
                f"{trial.folder} would hold two trainings; rename {trial.config}, or "
                "change the values of --set"
            )
        trial.check_folder()
    return trials


def training_environment(jobs: int) -> dict[str, str]:
    """Environment that gives each of the jobs its share of the cores as threads.

    If OMP_NUM_THREADS or MKL_NUM_THREADS is set, it holds for the other too: torch takes MKL's
    number for both.
    """
    omp, mkl = (os.environ.get(f"{name}_NUM_THREADS") for name in ("OMP", "MKL"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share = str(max(1, cores // jobs))
    threads = {"OMP_NUM_THREADS": omp or mkl or share, "MKL_NUM_THREADS": mkl or omp or share}
    return os.environ | threads
