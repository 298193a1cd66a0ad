"""Running trainings as subprocesses, several at a time; Ctrl-C leaves all of them resumable."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from datasets.output.text import clean, make_console

from ..interrupts import taking_its_time
from ..training.history import HISTORY
from .trials import Trial, training_environment

PATIENCE_S = 120  # for a training to save itself after Ctrl-C
POLL_S = 0.5
REFRESH_HZ = 2  # of the progress bars; each time they are drawn costs a millisecond or two
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


class Watcher:
    """Follows the trainings; this one lets each go to its end."""

    def should_stop(self, trial: Trial, history: list[dict]) -> bool:
        """Whether to stop a running training early, asked after each of its epochs."""
        return False

    def ended(self, trial: Trial, stopped: bool) -> None:
        """A training has ended. stopped: early, by `should_stop`, unless it is done all the same.
        One that is neither stopped nor done has failed.
        """


@dataclass
class Running:
    """A training that runs, with what its history says so far. size: of the history's file."""

    trial: Trial
    process: TrainingProcess
    task: int
    history: list[dict] = field(default_factory=list)
    size: int = 0
    stopped: bool = False

    def read_history(self) -> bool:
        """Read the history if it has grown; returns whether it has."""
        path = self.trial.folder / HISTORY
        size = path.stat().st_size if path.exists() else 0
        if size == self.size:
            return False
        self.size, self.history = size, self.trial.history()
        return True


class Runner:
    """Run the trainings that are not done yet, `jobs` at a time, in the order given."""

    def __init__(self, jobs: int, start: Callable[[Trial, int], TrainingProcess] = start_process):
        self.jobs, self.start = jobs, start
        self.console = make_console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("{task.fields[score]}"),
            console=self.console, transient=True, disable=not self.console.is_terminal,
            refresh_per_second=REFRESH_HZ,
        )  # fmt: skip
        self.running: list[Running] = []
        self.failures: list[str] = []

    def train(self, trials: Iterable[Trial], watcher: Watcher | None = None) -> list[str]:
        """Run the trials and return an error message for each that failed; the others are done, or
        were stopped by the watcher.

        Each trial is taken from the iterable when there is room for it to run.
        Raises KeyboardInterrupt, or what else ends this process, after all running trainings have
        saved themselves.
        """
        waiting, watcher = iter(trials), watcher or Watcher()
        try:
            with taking_its_time(), self.bar:
                while self._fill(waiting, watcher):
                    self._poll(watcher)
                    if self.running:
                        time.sleep(POLL_S)
        except BaseException:
            with taking_its_time():
                self._stop()
            raise
        return self.failures

    def _print(self, text: str, style: str | None = None) -> None:
        self.console.print(clean(text), style=style)

    def _fill(self, waiting: Iterator[Trial], watcher: Watcher) -> bool:
        """Start trainings while there is room; returns whether any is running."""
        while len(self.running) < self.jobs and (trial := next(waiting, None)) is not None:
            if trial.done():
                self._print(f"{trial.title}: done before")
                watcher.ended(trial, stopped=False)
            else:
                self._start(trial)
        return bool(self.running)

    def _start(self, trial: Trial) -> None:
        epochs = trial.options["trainer"]["max_epochs"]
        total = epochs if epochs and epochs > 0 else None
        start = "goes on" if trial.checkpoint.exists() else "starts"
        self._print(f"{trial.title} {start}, log: {trial.log}")
        task = self.bar.add_task(trial.title, total=total, score="")
        self.running.append(Running(trial, self.start(trial, self.jobs), task))

    def _poll(self, watcher: Watcher) -> None:
        """Update the progress of the running trainings and remove those that have ended."""
        for running in list(self.running):
            code = running.process.poll()
            if running.read_history() and running.history:
                score = last_score(running.history)
                self.bar.update(running.task, completed=len(running.history), score=score)
                stop = not running.stopped and watcher.should_stop(running.trial, running.history)
                if stop and code is None:
                    running.process.interrupt()
                    running.stopped = True
            if code is not None:
                self._end(running, code)
                watcher.ended(running.trial, running.stopped)

    def _end(self, running: Running, code: int) -> None:
        """Remove a training that has ended, and print how."""
        self.running.remove(running)
        self.bar.remove_task(running.task)
        trial, history = running.trial, running.history
        if not trial.done() and not running.stopped:
            self.failures.append(describe_failure(trial, code))
            return self._print(self.failures[-1], "red")
        seconds = f"{history[-1]['seconds']:.0f} s" if history else "0 s"
        end = f"{'done' if trial.done() else 'stopped early'}: {len(history)} epochs, {seconds}"
        score = last_score(history)
        self._print(f"{trial.title} {end}" + (f", {score}" if score else ""))

    def _stop(self) -> None:
        """Let each training finish its batch and save; a second Ctrl-C kills them."""
        for running in self.running:
            if not running.stopped:  # a second signal would not let it save itself
                running.process.interrupt()
        try:
            for running in self.running:
                try:
                    running.process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    running.process.kill()
                    end = f"still busy after {PATIENCE_S} s, ended"
                    self._print(f"{running.trial.title}: {end}; its last epoch's checkpoint stays")
        except KeyboardInterrupt:
            for running in self.running:
                running.process.kill()


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
