"""The run folder runs/NAME: choosing its name, and taking it for one training alone."""

import os
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from datasets import RealLines, SequenceDataModule

from ..reading.bundle_files import BEST

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

if TYPE_CHECKING:
    import pytorch_lightning as pl

RUNS = Path("runs")
LOCK = ".lock"
EVENTS = "events.out.tfevents."  # of TensorBoard, opened before the first step


class RunFolder:
    """The folder of a run, and for `fit` the lock on it, which lasts as long as this process.

    Its name is `options.name` if given, else that of the checkpoint's run, else the config's name,
    numbered from 2 if taken.
    Raises ValueError if another training writes into it now, or if it holds what another training
    has learned and that is not gone on with.
    """

    def __init__(self, options, fit: bool):
        self._lock: TextIO | None = None
        if options.name and not (RUNS / options.name).resolve().is_relative_to(RUNS.resolve()):
            raise ValueError(f"--name {options.name}: leads out of {RUNS}; give a name in it")
        own = run_of(options.ckpt_path)
        first = os.environ.get("LOCAL_RANK", "0") == "0"
        chosen = None if first else os.environ.get("STRAND_RUN")  # by the first process
        self.name = options.name or chosen or choose_name(options, own, make=fit and first)
        if fit and first:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take()
            if own is None or not own.exists() or not self.path.samefile(own):
                self._check_empty()
            os.environ["STRAND_RUN"] = self.name

    @property
    def path(self) -> Path:
        return RUNS / self.name

    def _take(self) -> None:
        if fcntl is None:
            return
        lock = open(self.path / LOCK, "a", encoding="utf-8")  # noqa: SIM115, closed with the process
        try:
            # not flock, whose lock the workers would inherit, and hold after a kill
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"{self.path}: another training writes into this folder now; wait for its end, or "
                "give another --name"
            ) from error
        except OSError:  # a file system without locks
            lock.close()
            return
        self._lock = lock

    def _check_empty(self) -> None:
        last = self.path / "checkpoints" / "last.ckpt"
        if last.exists() or (self.path / BEST).exists():
            go_on = f", or go on with it: --ckpt_path {last}" if last.exists() else ""
            raise ValueError(
                f"{self.path}: there is a training of this name; give another --name{go_on}"
            )

    def leave(self) -> None:
        """Remove the folder if a training wrote nothing into it: it was refused before it began."""
        if self._lock is None:
            return
        files = list(self.path.iterdir())
        if all(file.name == LOCK or file.name.startswith(EVENTS) for file in files):
            for file in files:
                file.unlink()
            with suppress(OSError):
                self.path.rmdir()


def run_of(checkpoint: str | Path | None) -> Path | None:
    """The folder of the run that wrote a checkpoint; None for one in no run's checkpoints/."""
    folder = Path(checkpoint or "").parent
    return folder.parent if folder.name == "checkpoints" else None


def choose_name(options, own: Path | None, make: bool) -> str:
    """Name of the run of a checkpoint, whose folder is `own`, or a new one.

    make: make the new folder, so that of two trainings that start at once each has its own.
    """
    if own is not None:
        return os.path.relpath(own.resolve(), RUNS.resolve())  # RUNS may be a link
    stem = name = Path(str(options.config[-1])).stem if options.config else "run"
    numbers = count(2)
    while True:
        try:
            if make:
                (RUNS / name).mkdir(parents=True)
            elif (RUNS / name).exists():
                raise FileExistsError
            return name
        except FileExistsError:
            name = f"{stem}-{next(numbers)}"


def run_folder(trainer: "pl.Trainer") -> Path:
    """The logger's folder; unlike `trainer.log_dir` it can be asked for on one process alone."""
    return Path(trainer.logger.log_dir)


def next_commands(folder: Path, data: SequenceDataModule) -> list[str]:
    """The commands that come after a training, a line each below a heading.

    folder: of the run. data: those with real lines for validation, which are files and not made
    anew for each training, can teach the fitting commands.
    """
    first = getattr(data.source, "sources", [data.source])[0]
    model = f"--model {folder}/best.safetensors"
    commands = [f"python run.py predict INPUT {model}"]
    if isinstance(first, RealLines) and len(data.split("validation")):
        config = f"--config {folder}/config.yaml"
        commands += [
            f"python run.py language_model {model} --texts TEXTS.txt {config}",
            f"python run.py calibrate {model} {config}",
        ]
    return ["next:", *(f"  {command}" for command in commands)]
