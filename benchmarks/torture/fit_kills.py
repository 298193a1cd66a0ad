"""`fit` killed at random moments and gone on with: the result is that of an unbroken training.

    python -m benchmarks.torture.fit_kills [--kills 100] [--write_kills 20]

Each training is killed (SIGKILL) up to KILLS_A_RUN times, each time at a moment drawn from half
of the time that a whole training takes, and gone on with from its last checkpoint after each (from
its start, if it had none yet), with the default workers and dropout. Then its weights, optimizer,
history and bundle are compared bit for bit with those of a training that was never killed: one that
differs counts as a loss for each of its kills. The kills of the last row hit a training while it
writes a checkpoint, with TMPDIR on another file system; lost is a checkpoint that cannot be gone on
from.
"""

import argparse
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from pipeline.training.history import RESULT

from .outcome import Outcome, table
from .trainings import KINDS, differences, write_training

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_KINDS = ("lines", "clips", "reviews")
EPOCHS = 8
KILLS_A_RUN = 5
TIMEOUT_S = 600
OTHER_FILE_SYSTEM = "/dev/shm"


class Training:
    """A config in a folder of its own, trained as runs/NAME by `fit` in another process."""

    def __init__(self, folder: Path, config: Path, name: str, tmpdir: str | None = None):
        self.folder, self.config, self.name = folder, config, name
        self.run = folder / "runs" / name
        self.last = self.run / "checkpoints" / "last.ckpt"
        self.environment = {"OMP_NUM_THREADS": "1"} | os.environ
        self.environment |= {"TMPDIR": tmpdir} if tmpdir else {}

    def start(self) -> subprocess.Popen:
        """Start it, or go on with it if there is a checkpoint; returns once it trains.

        Raises RuntimeError if it ends with an error before.
        """
        config = self.run / "config.yaml"
        before = config.stat().st_ino if config.exists() else None
        command = [sys.executable, str(ROOT / "run.py"), "fit", "-c", str(self.config)]
        command.append(f"--name={self.name}")
        command += [f"--ckpt_path={self.last}"] if self.last.exists() else []
        with open(self.folder / f"{self.name}.log", "ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                env=self.environment,
            )  # fmt: skip
        while process.poll() is None and (not config.exists() or config.stat().st_ino == before):
            time.sleep(0.01)
        self.check(process)
        return process

    def check(self, process: subprocess.Popen) -> None:
        """Raise RuntimeError if the process has ended with an error."""
        if process.poll():
            log = (self.folder / f"{self.name}.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"fit ended with {process.returncode}: {log[-2000:]}")

    def finish(self) -> float:
        """Train to the end; returns the seconds that it trained."""
        process = self.start()
        started = time.perf_counter()
        process.wait(TIMEOUT_S)
        self.check(process)
        return time.perf_counter() - started

    def is_done(self) -> bool:
        return (self.run / RESULT).exists()


def kill(process: subprocess.Popen) -> None:
    """SIGKILL for the training and its workers."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill_fits(kind: str, kills: int, seed: int = 0) -> Outcome:
    """Kill trainings of a kind that often in all, and compare each with an unbroken one."""
    draw, started = random.Random(f"{seed} {kind}"), time.perf_counter()
    done = resumed = trainings = lost = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_training(folder, kind, EPOCHS)
        whole = Training(folder, config, "whole")
        seconds = whole.finish()
        while done < kills:
            training, own = Training(folder, config, f"killed{trainings}"), 0
            while not training.is_done():
                process = training.start()
                if done < kills and own < KILLS_A_RUN and not wait(process, draw, seconds / 2):
                    kill(process)
                    done, own = done + 1, own + 1
                    resumed += training.last.exists()
                else:
                    process.wait(TIMEOUT_S)
                    training.check(process)
            trainings += 1
            if found := differences(whole.run, training.run):
                lost += own
                print(f"{kind}: differs in {', '.join(found)}", file=sys.stderr)
            shutil.rmtree(training.run)
    of_these = f"{resumed} found a checkpoint; {trainings} trainings compared"
    return Outcome(f"fit of {kind} killed", done, of_these, lost, time.perf_counter() - started)


def wait(process: subprocess.Popen, draw: random.Random, seconds: float) -> bool:
    """Whether the process ends by itself within a drawn part of the seconds."""
    try:
        process.wait(draw.uniform(0, seconds))
        return True
    except subprocess.TimeoutExpired:
        return False


def kill_writes(kills: int) -> Outcome:
    """Kill a training while it writes last.ckpt, with TMPDIR on another file system."""
    started, done, resumed, lost, trainings = time.perf_counter(), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_training(folder, "reviews", EPOCHS)
        whole = Training(folder, config, "whole")
        whole.finish()
        while done < kills:
            training = Training(folder, config, f"killed{trainings}", OTHER_FILE_SYSTEM)
            written = training.last.with_name(f".{training.last.name}.partial")
            while not training.is_done():
                process = training.start()
                while process.poll() is None and not (
                    done < kills and training.last.exists() and is_written(written)
                ):
                    time.sleep(0.0002)
                if process.poll() is None:
                    kill(process)
                    inside = written.exists()
                    done += inside
                    resumed += inside and is_whole(training.last)
            trainings += 1
            lost += bool(differences(whole.run, training.run))
            shutil.rmtree(training.run)
    of_these = f"{resumed} found the checkpoint before; {trainings} trainings compared"
    what = "fit killed as it writes a checkpoint"
    return Outcome(what, done, of_these, lost, time.perf_counter() - started)


def is_whole(checkpoint: Path) -> bool:
    try:
        return bool(torch.load(checkpoint, map_location="meta", weights_only=True))
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        return False


def is_written(partial: Path) -> bool:
    """Whether a process writes this file now; one that was killed has left it as it is."""
    try:
        return time.time() - partial.stat().st_mtime < 1
    except FileNotFoundError:
        return False


def rounds(
    kills: int, write_kills: int, kinds: Sequence[str] = DEFAULT_KINDS
) -> list[Callable[[], Outcome]]:
    """Calls that make the rows of the table; the kinds share the kills evenly."""
    shares = [kills // len(kinds) + (i < kills % len(kinds)) for i in range(len(kinds))]
    calls = [partial(kill_fits, *pair) for pair in zip(kinds, shares, strict=True) if pair[1]]
    return calls + ([partial(kill_writes, write_kills)] if write_kills else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--write_kills", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=DEFAULT_KINDS)
    options = parser.parse_args()
    calls = rounds(options.kills, options.write_kills, options.kinds)
    print(table([call() for call in calls], markdown=True))


if __name__ == "__main__":
    main()
