"""Trainings as processes of their own, some at a time. Ctrl-C leaves all of them resumable."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .trials import Trial, environment

PATIENCE_S = 120  # for a training to save itself after Ctrl-C
LOOK_S = 0.5


class Process(NamedTuple):
    """What the runner needs of subprocess.Popen."""

    poll: Callable[[], int | None]
    interrupt: Callable[[], None]
    wait: Callable[[float], int]
    kill: Callable[[], None]


def start(trial: Trial, jobs: int) -> Process:
    """`fit` in a session of its own: Ctrl-C reaches it through us, once, and not twice."""
    trial.log.parent.mkdir(parents=True, exist_ok=True)
    with open(trial.log, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            trial.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env=environment(jobs), start_new_session=True,
        )  # fmt: skip
    return Process(
        process.poll, lambda: process.send_signal(signal.SIGINT), process.wait, process.kill
    )


class Runner:
    """Trains what is not done yet, `jobs` at a time, in the order given."""

    def __init__(self, jobs: int, begin: Callable[[Trial, int], Process] = start):
        self.jobs, self.begin = jobs, begin
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("{task.fields[said]}"),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.running: list[tuple[Trial, Process, int]] = []
        self.failures: list[str] = []

    def train(self, trials: Sequence[Trial]) -> list[str]:
        """What went wrong, a text for each training that failed; the others are done.

        Raises KeyboardInterrupt after all that run have saved themselves.
        """
        waiting = [trial for trial in trials if not trial.done()]
        for trial in trials:
            if trial.done():
                self.console.print(f"{trial.title}: done before", highlight=False)
        before = terminate_as_interrupt()
        try:
            with self.bar:
                while waiting or self.running:
                    while waiting and len(self.running) < self.jobs:
                        self._start(waiting.pop(0))
                    self._look()
                    if self.running:
                        time.sleep(LOOK_S)
        except KeyboardInterrupt:
            self._stop()
            raise
        finally:
            if before is not None:
                signal.signal(signal.SIGTERM, before)
        return self.failures

    def _start(self, trial: Trial) -> None:
        epochs = trial.options["trainer"]["max_epochs"]
        total = epochs if epochs and epochs > 0 else None
        again = " goes on" if trial.checkpoint.exists() else " starts"
        self.console.print(f"{trial.title}{again}, log: {trial.log}", highlight=False)
        shown = self.bar.add_task(trial.title, total=total, said="")
        self.running.append((trial, self.begin(trial, self.jobs), shown))

    def _look(self) -> None:
        for one in list(self.running):
            trial, process, shown = one
            code = process.poll()
            history = trial.history()
            if history:
                self.bar.update(shown, completed=len(history), said=last_score(history))
            if code is None:
                continue
            self.running.remove(one)
            self.bar.remove_task(shown)
            if trial.done():
                told = f"{trial.title} done: {len(history)} epochs, {history[-1]['seconds']:.0f} s"
                score = last_score(history)
                self.console.print(told + (f", {score}" if score else ""), highlight=False)
            else:
                self.failures.append(failure(trial, code))
                self.console.print(self.failures[-1], style="red", highlight=False)

    def _stop(self) -> None:
        """Each may finish its batch and save; a second Ctrl-C waits no longer."""
        for _, process, _ in self.running:
            process.interrupt()
        try:
            for trial, process, _ in self.running:
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    told = f"{trial.title}: still busy after {PATIENCE_S} s, ended"
                    self.console.print(f"{told}; its last epoch's checkpoint stays")
        except KeyboardInterrupt:
            for _, process, _ in self.running:
                process.kill()


def last_score(history: list[dict]) -> str:
    """Such as "accuracy 88.21" of the last validation."""
    for row in reversed(history):
        if row["validation"]:
            name, value = next(iter(row["validation"].items()))
            return f"{name} {value:.2f}"
    return ""


def failure(trial: Trial, code: int) -> str:
    """What a training said last, and where it said it."""
    lines = read_end(trial.log)
    errors = [line for line in lines if line.startswith("error:")]
    said = errors[-1:] or lines[-3:]
    told = f"{trial.title} failed with exit status {code}, its log {trial.log} ends with: "
    return told + " / ".join(said)


def read_end(path: Path, most: int = 20) -> list[str]:
    """The last lines of a text file."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return [line for line in text.splitlines() if line.strip()][-most:]


def terminate_as_interrupt():
    """A polite end (SIGTERM) saves as Ctrl-C does.

    Gives the handler that was there before, or None off the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return None

    def interrupt(number, frame) -> None:
        raise KeyboardInterrupt

    return signal.signal(signal.SIGTERM, interrupt)
