"""All options of a training as `fit` resolves them, and in what those of two trainings differ."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from datasets.output.text import print_notes

from ..training.command_line import StrandCLI, TrainingParser, command_line

# options on where and how a run is written, not on what is trained: they may differ
ASIDE = {"name", "ckpt_path", "weights_only", "trainer.logger", "trainer.enable_progress_bar"}


class ConfigParser(TrainingParser):
    """The parser of `fit`, for the configs of a comparison."""

    USAGE = "python run.py compare CONFIG... [--set KEY=VALUE ...] (fit --help lists the keys)"


class ConfigReader(StrandCLI):
    """Parse a config as `fit` does, without instantiating or running anything."""

    PARSER = ConfigParser

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


def read_config(arguments: Sequence[str]) -> dict:
    """Resolve the arguments of `fit` to all options; as `fit`, ends the process for a mistake."""
    return command_line(ConfigReader, ["fit", *arguments]).resolved()


def seed_options(seed: int) -> list[str]:
    """Seed the weights and the order of the samples, but not the choice of validation samples."""
    return [f"--seed_everything={seed}", f"--data.seed={seed}"]


def options_of(config: Path, overrides: Sequence[str]) -> dict:
    """All resolved options of a config with the overrides, for seed 0."""
    changes = [f"--{change}" for change in overrides]
    try:
        return read_config(["-c", str(config), *changes, *seed_options(0)])
    except SystemExit:
        print_notes(f"config: {config}")
        raise


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
