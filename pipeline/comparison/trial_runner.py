"""Running trainings as subprocesses, several at a time; Ctrl-C leaves all of them resumable."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from datasets.output.text import clean, make_console

from ..interrupts import taking_its_time
from .trials import Trial, training_environment

PATIENCE_S = 120  # for a training to save itself after Ctrl-C
POLL_S = 0.5
LOG_LINES = 20  # of a log's end that are searched for the reason of a failure


class TrainingProcess(NamedTuple):
    """The part of subprocess.Popen's interface that the runner needs."""

    poll: Callable[[], int | None]
    interrupt: Callable[[], None]
    wait: Callable[[float], int]
    kill: Callable[[], None]


def start_process(trial: Trial, jobs: int) -> TrainingProcess:
    """Start `fit` in a session of its own, so that Ctrl-C reaches it only once, through us."""
    trial.log.parent.mkdir(parents=True, exist_ok=True)
    with open(trial.log, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            trial.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env=training_environment(jobs), start_new_session=True,
        )  # fmt: skip
    return TrainingProcess(
        process.poll, lambda: process.send_signal(signal.SIGINT), process.wait, process.kill
    )


class Runner:
    """Run the trainings that are not done yet, `jobs` at a time, in the order given."""

    def __init__(self, jobs: int, start: Callable[[Trial, int], TrainingProcess] = start_process):
        self.jobs, self.start = jobs, start
        self.console = make_console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("{task.fields[score]}"),
            console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.running: list[tuple[Trial, TrainingProcess, int]] = []
        self.failures: list[str] = []

    def train(self, trials: Sequence[Trial]) -> list[str]:
        """Run the trials and return an error message for each that failed; the others are done.

        Raises KeyboardInterrupt after all running trainings have saved themselves.
        """
        waiting = [trial for trial in trials if not trial.done()]
        for trial in trials:
            if trial.done():
                self._print(f"{trial.title}: done before")
        try:
            with taking_its_time(), self.bar:
                while waiting or self.running:
                    while waiting and len(self.running) < self.jobs:
                        self._start(waiting.pop(0))
                    self._poll()
                    if self.running:
                        time.sleep(POLL_S)
        except KeyboardInterrupt:
            with taking_its_time():
                self._stop()
            raise
        return self.failures

    def _print(self, text: str, style: str | None = None) -> None:
        self.console.print(clean(text), style=style)

    def _start(self, trial: Trial) -> None:
        epochs = trial.options["trainer"]["max_epochs"]
        total = epochs if epochs and epochs > 0 else None
        start = "goes on" if trial.checkpoint.exists() else "starts"
        self._print(f"{trial.title} {start}, log: {trial.log}")
        task = self.bar.add_task(trial.title, total=total, score="")
        self.running.append((trial, self.start(trial, self.jobs), task))

    def _poll(self) -> None:
        """Update the progress of the running trainings and remove those that have ended."""
        for trial, process, task in list(self.running):
            code = process.poll()
            history = trial.history()
            score = last_score(history)
            if history:
                self.bar.update(task, completed=len(history), score=score)
            if code is None:
                continue
            self.running.remove((trial, process, task))
            self.bar.remove_task(task)
            if trial.done():
                end = f"done: {len(history)} epochs, {history[-1]['seconds']:.0f} s"
                self._print(f"{trial.title} {end}" + (f", {score}" if score else ""))
            else:
                self.failures.append(describe_failure(trial, code))
                self._print(self.failures[-1], "red")

    def _stop(self) -> None:
        """Let each training finish its batch and save; a second Ctrl-C kills them."""
        for _, process, _ in self.running:
            process.interrupt()
        try:
            for trial, process, _ in self.running:
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    end = f"still busy after {PATIENCE_S} s, ended"
                    self._print(f"{trial.title}: {end}; its last epoch's checkpoint stays")
        except KeyboardInterrupt:
            for _, process, _ in self.running:
                process.kill()


def last_score(history: list[dict]) -> str:
    """The first score of the last validation, such as "accuracy 88.21"; "" before the first."""
    for row in reversed(history):
        if row["validation"]:
            name, value = next(iter(row["validation"].items()))
            return f"{name} {value:.2f}"
    return ""


def describe_failure(trial: Trial, code: int) -> str:
    """Error message with the last "error:" line of the training's log, or else its last lines."""
    text = trial.log.read_text(encoding="utf-8", errors="replace") if trial.log.exists() else ""
    lines = [line for line in text.splitlines() if line.strip()][-LOG_LINES:]
    errors = [line for line in lines if line.startswith("error:")]
    reason = " / ".join(errors[-1:] or lines[-3:])
    return f"{trial.title} failed with exit status {code}, its log {trial.log} ends with: {reason}"
