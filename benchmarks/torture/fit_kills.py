"""`fit` killed at random moments and gone on with: the result is that of an unbroken training.

    python -m benchmarks.torture.fit_kills [--kills 100] [--write_kills 20]

Each training is killed (SIGKILL) up to KILLS_A_RUN times, each time at a moment drawn from half
of the time that a whole training takes, and gone on with from its last checkpoint after each (from
its start, if it had none yet), with the default workers and dropout. Then its weights, optimizer,
history and bundle are compared bit for bit with those of a training that was never killed: one that
differs, or cannot go on, counts as a loss for each of its kills. The kills of the last row hit a
training while it writes a checkpoint, with TMPDIR on another file system.
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
from typing import NamedTuple

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
        self.process: subprocess.Popen | None = None

    def start(self) -> subprocess.Popen:
        """Start it, or go on with it if there is a checkpoint; returns once it trains.

        Raises RuntimeError if it ends with an error before, or does not begin.
        """
        config = self.run / "config.yaml"
        before = config.stat().st_ino if config.exists() else None
        command = [sys.executable, str(ROOT / "run.py"), "fit", "-c", str(self.config)]
        command.append(f"--name={self.name}")
        command += [f"--ckpt_path={self.last}"] if self.last.exists() else []
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                env=self.environment,
            )  # fmt: skip
        end = time.monotonic() + TIMEOUT_S
        while process.poll() is None and (not config.exists() or config.stat().st_ino == before):
            if time.monotonic() > end:
                raise RuntimeError(f"fit did not begin within {TIMEOUT_S} s")
            time.sleep(0.01)
        self.check()
        return process

    def check(self) -> None:
        """Raise RuntimeError if the process has ended with an error."""
        if self.process.poll():
            log = (self.folder / f"{self.name}.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"fit ended with {self.process.returncode}: {log[-2000:]}")

    def wait(self) -> None:
        """Wait for its end. Raises RuntimeError if that is an error, TimeoutExpired."""
        self.process.wait(TIMEOUT_S)
        self.check()

    def kill(self) -> None:
        """SIGKILL for the process and its workers, if it runs."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def finish(self) -> float:
        """Train to the end; returns the seconds that it trained."""
        self.start()
        started = time.perf_counter()
        self.wait()
        return time.perf_counter() - started

    def is_done(self) -> bool:
        return (self.run / RESULT).exists()


# kills a training that has been started; False: it ended before; None: the kill does not count
Interrupt = Callable[[Training], bool | None]


class Kills(NamedTuple):
    """Counts of kills. resumed: those that found a checkpoint. lost: those of trainings that could
    not go on, or ended otherwise than one that was never killed.
    """

    done: int = 0
    resumed: int = 0
    trainings: int = 0
    lost: int = 0

    def __add__(self, other: "Kills") -> "Kills":
        return Kills(*map(sum, zip(self, other, strict=True)))


def kill_often(
    whole: Training, kills: int, interrupt: Interrupt, a_run: int, tmpdir: str | None = None
) -> Kills:
    """Kill trainings of the config of `whole` so often in all, each up to `a_run` times, go on with
    them, and compare them with `whole`. What is lost is printed to the standard error.
    """
    count = Kills()
    while count.done < kills:
        training = Training(whole.folder, whole.config, f"killed{count.trainings}", tmpdir)
        own = Kills(trainings=1)
        try:
            while not training.is_done():
                training.start()
                may = count.done + own.done < kills and own.done < a_run
                killed = may and interrupt(training)
                if killed:
                    own += Kills(done=1, resumed=is_whole(training.last))
                elif killed is not None:
                    training.wait()
            found = differences(whole.run, training.run)
            reason = f"differs in {', '.join(found)}" if found else ""
        except Exception as error:  # whatever a torn checkpoint or history makes fail
            reason = f"{type(error).__name__}: {error}"
        finally:
            training.kill()
        if reason:
            print(f"{whole.config.stem}, {own.done} kills: {reason}", file=sys.stderr)
            own = own._replace(lost=max(1, own.done))
        count += own
        if reason and not own.done:
            break  # it fails without any kill: so would the next one
        shutil.rmtree(training.run, ignore_errors=True)
    return count


def kill_fits(kind: str, kills: int, seed: int = 0) -> Outcome:
    """Kill trainings of a kind that often in all, and compare each with an unbroken one."""
    draw, started = random.Random(f"{seed} {kind}"), time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = Training(folder, write_training(folder, kind, EPOCHS), "whole")
        seconds = whole.finish()

        def interrupt(training: Training) -> bool:
            try:
                training.process.wait(draw.uniform(0, seconds / 2))
            except subprocess.TimeoutExpired:
                training.kill()
                return True
            return False

        count = kill_often(whole, kills, interrupt, KILLS_A_RUN)
    of_these = f"{count.resumed} found a checkpoint; {count.trainings} trainings compared"
    seconds = time.perf_counter() - started
    return Outcome(f"fit of {kind} killed", count.done, of_these, count.lost, seconds)


def kill_writes(kills: int) -> Outcome:
    """Kill a training while it writes last.ckpt, with TMPDIR on another file system."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = Training(folder, write_training(folder, "reviews", EPOCHS), "whole")
        whole.finish()
        count = kill_often(whole, kills, kill_inside_write, kills, OTHER_FILE_SYSTEM)
    of_these = f"{count.resumed} found the checkpoint before; {count.trainings} trainings compared"
    what, seconds = "fit killed as it writes a checkpoint", time.perf_counter() - started
    return Outcome(what, count.done, of_these, count.lost, seconds)


def kill_inside_write(training: Training) -> bool | None:
    written = training.last.with_name(f".{training.last.name}.partial")
    end = time.monotonic() + TIMEOUT_S
    while not (training.last.exists() and is_written(written)):
        if training.process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.0002)
    training.kill()
    return True if written.exists() else None


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
