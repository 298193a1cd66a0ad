"""A search over options with Optuna: what is tried next, and which training is stopped early.

It minimises the lowest validation error of a training. Each trial draws from its own seed, so that
a search which is interrupted and goes on tries what an unbroken one tries.
"""

import csv
import json
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from datasets.output.files import open_whole, write_whole
from datasets.output.text import counted

from .options import ASIDE, option_differences, options_of
from .scores import text_of, trial_row
from .settings import EXAMPLES, Setting, describe, short_keys
from .table import TITLES, VariantResults
from .trial_runner import Watcher
from .trials import RUNS, Trial
from .variants import Variant

STORAGE = "optuna.db"  # in the comparison's folder, as `optuna-dashboard` opens it
SAMPLERS = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
PRUNERS = {
    "median": optuna.pruners.MedianPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "none": optuna.pruners.NopPruner,
}


class Search(Watcher):
    """A study of Optuna whose trials are trainings, kept in a database: the same search goes on.

    Args:
        variant: the config with the settings that do not vary.
        settings: those that vary: ranges, and lists whose values are categories; see
            `check_settings`.
        count: trials, with those of earlier calls. One that failed or was interrupted is tried
            again first.
        name: of the comparison, below runs/compare.
        sampler, pruner: of SAMPLERS and PRUNERS.

    Raises ValueError if another search has this name.
    """

    def __init__(
        self,
        variant: Variant,
        settings: Sequence[Setting],
        count: int,
        name: str,
        sampler: str = "tpe",
        pruner: str = "median",
    ):
        self.variant, self.settings, self.count = variant, settings, count
        self.sampler, self.folder = SAMPLERS[sampler], RUNS / "compare" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = optuna.create_study(
            storage=f"sqlite:///{self.folder / STORAGE}",
            study_name="search",
            load_if_exists=True,
            pruner=PRUNERS[pruner](),
        )
        self._check_same()
        self._asked: dict[Path, optuna.Trial] = {}

    def _check_same(self) -> None:
        """Note what is searched; raise ValueError if that was something else before."""
        asked = {"options": self.variant.options, "ranges": {}}
        for setting in self.settings:
            asked["ranges"][setting.key] = [setting.range and setting.range.kind, *setting.values]
        text = self.study.user_attrs.get("searched")
        if text is None:
            return self.study.set_user_attr("searched", text_of(asked))
        if differing := option_differences(json.loads(text), json.loads(text_of(asked))):
            raise ValueError(
                f"{self.folder / STORAGE}: another search has this name: "
                f"{'; '.join(differing[:3])}; give another --name, or delete {self.folder}"
            )

    def trials(self) -> Iterator[Trial]:
        """Yield those that were not ended before, then new ones, each drawn when it is taken."""
        running = self.study.get_trials(states=(TrialState.RUNNING,))
        for frozen in running:
            # Optuna has no other way to report to a trial that another process began
            yield self._trial(optuna.Trial(self.study, frozen._trial_id))
        while (number := len(self.study.get_trials(deepcopy=False))) < self.count:
            self.study.sampler = self.sampler(seed=number)
            trial = self._trial(asked := self.study.ask())
            same = next((t for t in self.finished() if t.params == asked.params), None)
            if same is None:
                yield trial
            else:
                self._tell(asked, same.value if same.state == TrialState.COMPLETE else None)

    def _trial(self, asked: optuna.Trial) -> Trial:
        """The training of one of Optuna's trials; draws the values that it does not have yet."""
        for setting in self.settings:
            suggest(asked, setting)
        trial = self.training(asked.number, asked.params)
        trial.check_folder()
        self._asked[trial.folder] = asked
        return trial

    def training(self, number: int, params: dict) -> Trial:
        """The training with the values of a trial of this number."""
        values = {setting.key: params[setting.key] for setting in self.settings}
        changes = (f"{key}={as_given(value)}" for key, value in values.items())
        overrides = (*self.variant.overrides, *changes)
        options = options_of(self.variant.config, overrides)
        folder = self.folder / f"{self.variant.stem}-trial{number}"
        row = f"trial {number}: {describe({key: rounded(value) for key, value in values.items()})}"
        return Trial(self.variant.config, options, 0, folder, overrides, row)

    def should_stop(self, trial: Trial, history: list[dict]) -> bool:
        """Report the validations, and ask the pruner."""
        self._report(trial, history)
        return self._asked[trial.folder].should_prune()

    def _report(self, trial: Trial, history: list[dict]) -> None:
        """Report the error of each validation that was not reported before."""
        asked = self._asked[trial.folder]
        known = self.study.get_trials(deepcopy=False)[asked.number].intermediate_values
        for row in history:
            if row["validation"] and row["epoch"] not in known:
                asked.report(row["validation"]["error"], row["epoch"])

    def ended(self, trial: Trial, stopped: bool) -> None:
        """Tell Optuna the lowest error. A trial that failed stays open, and is tried again."""
        history = trial.history()
        self._report(trial, history)
        asked = self._asked.pop(trial.folder)
        if trial.done():
            errors = [row["validation"]["error"] for row in history if row["validation"]]
            if not errors:
                raise ValueError(
                    f"{trial.title}: was never validated, there is nothing to minimise; let "
                    "trainer.check_val_every_n_epoch be at most trainer.max_epochs"
                )
            self._tell(asked, min(errors))
        elif stopped:
            self._tell(asked, None)

    def _tell(self, asked: optuna.Trial, error: float | None) -> None:
        """End a trial; None: it was stopped early."""
        if error is None:
            self.study.tell(asked, state=TrialState.PRUNED)
        else:
            self.study.tell(asked, error)

    def finished(self) -> list[FrozenTrial]:
        """The trials that went to their end or were stopped early."""
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        return self.study.get_trials(deepcopy=False, states=states)

    def best(self) -> list[FrozenTrial]:
        """The trials that were trained to their end, those with the lowest error first."""
        done = [trial for trial in self.finished() if trial.state == TrialState.COMPLETE]
        done.sort(key=lambda trial: (trial.value, trial.number))
        first = {text_of(trial.params): trial for trial in reversed(done)}  # the others were told
        return [trial for trial in done if first[text_of(trial.params)] is trial]

    def rows(self, count: int) -> list[VariantResults]:
        """Scores and results of so many of the best trials, on the validation split."""
        rows, built = [], {}
        for trial in self.best()[:count]:
            row = trial_row(self.training(trial.number, trial.params), "validation", built)
            settings = {key: rounded(trial.params[key]) for key in trial.params}
            short = short_keys([*settings, *TITLES])
            shown = {short[key]: value for key, value in settings.items()}
            rows.append(replace(row, name=f"trial {trial.number}", settings=shown))
        return rows

    def describe(self) -> str:
        """How many trials there are, and how they ended."""
        states = [trial.state for trial in self.study.get_trials(deepcopy=False)]
        done, stopped = map(states.count, (TrialState.COMPLETE, TrialState.PRUNED))
        counts = {"done": done, "stopped early": stopped, "failed": len(states) - done - stopped}
        ends = ", ".join(f"{count} {end}" for end, count in counts.items() if count)
        return f"search: {counted(len(states), 'trial')} ({ends})"

    def write(self, output: Path) -> list[str]:
        """Write trials.csv, a row for each trial, and best.yaml, all options of the best one.

        Returns lines that say which it is, and the command that trains it anew.
        """
        keys = [setting.key for setting in self.settings]
        with open_whole(output / "trials.csv") as file:
            table = csv.writer(file)
            table.writerow(["trial", "state", "error", "validations", *keys])
            for trial in self.study.get_trials(deepcopy=False):
                error = min(trial.intermediate_values.values(), default="")
                counts = (trial.state.name.lower(), error, len(trial.intermediate_values))
                table.writerow([trial.number, *counts, *(trial.params.get(k, "") for k in keys)])
        first = self.best()[0]
        best = self.training(first.number, first.params)
        arguments = ["fit", "-c", str(best.config), *(f"--{change}" for change in best.overrides)]
        command = f"python run.py {shlex.join(arguments)}"
        options = {key: value for key, value in best.options.items() if key not in ASIDE}
        text = yaml.safe_dump(options, sort_keys=False, allow_unicode=True)
        head = f"# {command}\n# validation error {first.value:.2f}, {best.row}\n"
        write_whole(output / "best.yaml", head + text)
        return [f"best: validation error {first.value:.2f}, {best.row}", f"  {command}"]


def check_settings(variant: Variant, settings: Sequence[Setting], count: int) -> None:
    """Raise ValueError if there is nothing to search, and parse each value and bound; ends the
    process if the config does not take one.
    """
    if not settings:
        raise ValueError(f"--trials {count}: say where to search, such as --set KEY={EXAMPLES}")
    combinations = math.prod(len(setting.values) for setting in settings)
    if combinations <= count and not any(setting.range for setting in settings):
        raise ValueError(
            f"--trials {count}: the lists have only {combinations} combinations; without --trials "
            "all of them are trained"
        )
    values = [values_to_check(setting) for setting in settings]
    for place in range(max(map(len, values))):
        chosen = (own[min(place, len(own) - 1)] for own in values)
        changes = (f"{s.key}={value}" for s, value in zip(settings, chosen, strict=True))
        options_of(variant.config, (*variant.overrides, *changes))


def values_to_check(setting: Setting) -> list[str]:
    """The values of a list, or the bounds of a range with a real number between them."""
    if setting.range is None or setting.range.kind == "int":
        return list(setting.values)
    _, low, high = setting.range
    return [*setting.values, as_given(low + (high - low) * 0.61803)]


def suggest(asked: optuna.Trial, setting: Setting) -> None:
    """Draw a value of a setting, unless the trial has one."""
    if setting.range is None:
        asked.suggest_categorical(setting.key, setting.values)
        return
    kind, low, high = setting.range
    if kind == "int":
        asked.suggest_int(setting.key, low, high)
    else:
        asked.suggest_float(setting.key, low, high, log=kind == "log")


def as_given(value: str | float) -> str:
    """A value as it is given on the command line, exactly."""
    return value if isinstance(value, str) else repr(value)


def rounded(value: str | float) -> str:
    """A value as it is shown, with three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
