"""The run folder runs/NAME: choosing its name, finding it, and writing files in it atomically."""

import os
from itertools import count
from pathlib import Path

import pytorch_lightning as pl


def run_name(options) -> str:
    """Name of the run: `options.name` if given, else that of the checkpoint's run, else the
    config's name, numbered from 2 if taken.
    """
    if options.name:
        return options.name
    if os.environ.get("LOCAL_RANK", "0") != "0" and "STRAND_RUN" in os.environ:
        return os.environ["STRAND_RUN"]  # as chosen by the first process of this training
    checkpoint = Path(options.ckpt_path) if options.ckpt_path else None
    if checkpoint and checkpoint.parent.name == "checkpoints":
        return os.path.relpath(checkpoint.parent.parent, "runs")
    stem = name = Path(str(options.config[-1])).stem if options.config else "run"
    numbers = count(2)
    while (Path("runs") / name).exists():
        name = f"{stem}-{next(numbers)}"
    os.environ["STRAND_RUN"] = name
    return name


def run_folder(trainer: pl.Trainer) -> Path:
    """The logger's folder; unlike `trainer.log_dir` it can be asked for on one process alone."""
    return Path(trainer.logger.log_dir)


def next_commands(folder: Path, has_lines: bool) -> str:
    """The commands that come after a training.

    folder: of the run. has_lines: whether its config has real lines for validation, from which the
    fitting commands learn.
    """
    model = f"--model {folder}/best.safetensors"
    commands = [f"python run.py predict INPUT {model}"]
    if has_lines:
        config = f"--config {folder}/config.yaml"
        commands += [
            f"python run.py language_model {model} --texts TEXTS.txt {config}",
            f"python run.py calibrate {model} {config}",
        ]
    return "\n  ".join(["next:", *commands])
