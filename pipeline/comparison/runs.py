"""Finished trainings of `fit`, given by their run folders, as rows of a comparison."""

import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from datasets.environment import raise_if_machine
from datasets.source import Split

from ..reading.bundle_files import BEST
from ..training.checkpoints.resuming import how_to_go_on
from ..training.history import RESULT
from ..training.run_folder import RUNS
from .options import ASIDE, flatten
from .scores import trial_row
from .settings import short_keys
from .table import TITLES, VariantResults
from .trials import Trial


def read_runs(patterns: Sequence[str]) -> tuple[list[Trial], list[str]]:
    """The finished runs among folders and globs, and a line on each folder that is left out.

    Raises ValueError if a folder is missing, a glob finds none, or nothing is finished.
    """
    runs: dict[Path, Trial] = {}
    left_out = []
    for folder in folders_of(patterns):
        if reason := why_unusable(folder):
            left_out.append(f"left out: {folder}: {reason}")
        else:
            runs.setdefault(folder.resolve(), read_run(folder))
    if not runs:
        raise ValueError("; ".join(["--runs: no finished run of fit", *left_out]))
    return list(runs.values()), left_out


def folders_of(patterns: Sequence[str]) -> Iterator[Path]:
    """Each folder given, and those that each glob finds, in order of their names."""
    for pattern in patterns:
        if Path(pattern).is_dir():
            yield Path(pattern)
            continue
        found = [Path(path) for path in sorted(glob.glob(pattern)) if Path(path).is_dir()]
        if not found:
            raise ValueError(f"--runs {pattern}: there is no such folder, and none that it matches")
        yield from found


def why_unusable(folder: Path) -> str:
    """Why a folder is no finished run of `fit`; "" if it is."""
    if not (folder / "config.yaml").is_file():
        return "no run of fit, it has no config.yaml"
    if not (folder / RESULT).is_file():
        return f"its training is not done; {how_to_go_on(folder)}"
    return "" if (folder / BEST).is_file() else f"it has no {BEST}"


def read_run(folder: Path) -> Trial:
    """A run as a trial that is done. Raises ValueError for a config.yaml that is none."""
    config = folder / "config.yaml"
    try:
        options = yaml.safe_load(config.read_text(encoding="utf-8"))
        seed = options["seed_everything"]
        options["data"]["source"]
    except (yaml.YAMLError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{config}: no config of a run ({error})".replace("\n", " ")) from error
    whole, below = folder.resolve(), RUNS.resolve()
    name = str(whole.relative_to(below)) if whole.is_relative_to(below) else str(folder)
    return Trial(config, options, seed, folder, row=name)


def run_rows(runs: Sequence[Trial], split: Split) -> tuple[list[VariantResults], list[str]]:
    """Score each run on a split of its own data; also returns why some could not be scored."""
    differing = differing_options({run.name: run.options for run in runs})
    rows, problems, built = [], [], {}
    for run in runs:
        try:
            row = trial_row(run, split, built)
            rows.append(replace(row, settings=differing[run.name]))
        except (ValueError, OSError) as error:
            raise_if_machine(error)
            problems.append(f"{run.name}: not compared: {error}")
    return rows, problems


def differing_options(options: Mapping[str, dict]) -> dict[str, dict[str, str]]:
    """The options that are not the same everywhere, by name of the run and short key, as text.

    An option that a run does not have is left out of its own.
    """
    flat = {name: flatten(own) for name, own in options.items()}
    keys = dict.fromkeys(key for own in flat.values() for key in own if key not in ASIDE)
    texts = {name: {k: as_text(own[k]) for k in keys if k in own} for name, own in flat.items()}
    differing = [key for key in keys if len({own.get(key) for own in texts.values()}) > 1]
    short = short_keys([*differing, *TITLES])
    return {
        name: {short[key]: own[key] for key in differing if key in own}
        for name, own in texts.items()
    }


def as_text(value: object) -> str:
    """A value as JSON, without the quotes of a text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
