"""The search with Optuna over trainings that are played: what is drawn, stopped, gone on with."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.commands import compare
from pipeline.comparison import trial_runner
from pipeline.comparison.options import read_config
from pipeline.comparison.settings import read_settings
from pipeline.comparison.trial_runner import Runner, TrainingProcess
from pipeline.comparison.trials import Trial
from pipeline.comparison.variants import read_variants
from tests.pipeline.commands.test_compare import trainings  # noqa: F401

optuna = pytest.importorskip("optuna")
search = pytest.importorskip("pipeline.comparison.search")

pytestmark = pytest.mark.usefixtures("folder")
RATE, SIZE = "model.learning_rate", "model.recurrent.hidden_size"
GIVEN = [f"{RATE}=log:1e-4..1e-1", f"{SIZE}=int:2..9", "model.recurrent.cell=lstm,gru"]
EPOCHS = 3


def epoch(number: int, error: float) -> dict:
    """A line of a history."""
    return {"epoch": number, "seconds": float(number), "train_loss": 1.0, "parameters": 1,
            "validation": {"accuracy": 100 - error, "error": error},
            "samples_per_second": 1.0, "peak_memory_mib": 1.0}  # fmt: skip


def error_of(trial: Trial) -> float:
    """Lower for larger networks; what a played training gets to."""
    return 50.0 - trial.options["model"]["recurrent"]["init_args"]["hidden_size"]


class Played:
    """A training that has an epoch at each poll, and ends after EPOCHS of them."""

    def __init__(self, trial: Trial, error: Callable[[Trial], float] = error_of, fails: int = 0):
        self.trial, self.error, self.fails, self.code = trial, error, fails, None
        trial.folder.mkdir(parents=True, exist_ok=True)
        trial.log.write_text("error: no luck\n", "utf-8")

    def poll(self) -> int | None:
        done = len(self.trial.history())
        if self.code is None and self.fails == done + 1:
            self.code = 1
        elif self.code is None and done == EPOCHS:
            (self.trial.folder / "result.json").write_text("{}", "utf-8")
            self.code = 0
        elif self.code is None:
            with open(self.trial.folder / "history.jsonl", "a", encoding="utf-8") as file:
                line = epoch(done + 1, self.error(self.trial) + EPOCHS - 1 - done)
                file.write(json.dumps(line) + "\n")
        return self.code

    def interrupt(self) -> None:
        self.code = 130

    def process(self) -> TrainingProcess:
        return TrainingProcess(self.poll, self.interrupt, lambda seconds: 130, lambda: None)


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch):
    monkeypatch.setattr(trial_runner, "POLL_S", 0)


def start_search(count: int, given: list[str] = GIVEN, name: str = "s", **options):
    settings = read_settings(given)
    (variant,) = read_variants(["words.yaml"], [s for s in settings if not s.varies])
    return search.Search(variant, [s for s in settings if s.varies], count, name, **options)


def play(sought, begin=lambda trial, jobs: Played(trial).process(), jobs: int = 1) -> list[str]:
    return Runner(jobs, begin).train(sought.trials(), sought)


def drawn(sought) -> list[dict]:
    return [trial.params for trial in sought.study.trials]


def states(sought) -> list[str]:
    return [trial.state.name for trial in sought.study.trials]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_values_are_drawn_from_their_ranges_and_given_to_fit(sampler):
    sought = start_search(6, sampler=sampler, pruner="none")
    given = []

    def begin(trial: Trial, jobs: int) -> TrainingProcess:
        given.append(trial)
        return Played(trial).process()

    assert play(sought, begin) == []
    assert states(sought) == ["COMPLETE"] * 6
    for trial, values in zip(given, drawn(sought), strict=True):
        assert 1e-4 <= values[RATE] <= 1e-1 and values[SIZE] in range(2, 10)
        assert f"--{RATE}={values[RATE]!r}" in trial.command()
        model = read_config(trial.command()[4:])["model"]  # all digits arrive
        assert model["learning_rate"] == values[RATE]
        assert model["recurrent"]["init_args"]["hidden_size"] == values[SIZE]
        assert model["recurrent"]["init_args"]["cell"] == values["model.recurrent.cell"]
    assert len({values[RATE] for values in drawn(sought)}) == 6
    lowest = min(error_of(trial) for trial in given)
    assert sought.best()[0].value == lowest
    assert [trial.value for trial in sought.study.trials] == [error_of(trial) for trial in given]


def test_the_pruner_stops_what_is_worse_by_its_validations():
    """With five done, one whose errors are above their median ends after its first epoch."""
    sought = start_search(7, pruner="median")
    errors = iter([10.0] * 5 + [30.0, 5.0])

    def begin(trial: Trial, jobs: int) -> TrainingProcess:
        error = next(errors)
        return Played(trial, lambda _: error).process()

    assert play(sought, begin) == []
    assert states(sought) == ["COMPLETE"] * 5 + ["PRUNED", "COMPLETE"]
    assert sought.study.trials[5].intermediate_values == {1: 32.0}
    assert sought.study.trials[6].intermediate_values == {1: 7.0, 2: 6.0, 3: 5.0}
    assert sought.describe() == "search: 7 trials (6 done, 1 stopped early)"
    assert not (sought.folder / "words-trial5" / "result.json").exists()
    assert sought.best()[0].number == 6


@pytest.mark.slow
def test_a_search_that_goes_on_tries_what_an_unbroken_one_tries():
    whole = start_search(13, name="whole", pruner="none")
    play(whole)
    for count in (4, 12, 13):
        broken = start_search(count, name="broken", pruner="none")
        play(broken)
    assert drawn(broken) == drawn(whole)


def test_an_interrupted_and_a_failed_training_are_tried_again():
    def begin(trial: Trial, jobs: int) -> TrainingProcess:
        number = int(trial.folder.name.removeprefix("words-trial"))
        if number == 3:
            raise KeyboardInterrupt
        return Played(trial, fails=2 if number == 1 else 0).process()

    sought = start_search(4, pruner="none")
    with pytest.raises(KeyboardInterrupt):
        play(sought, begin)
    assert states(sought) == ["COMPLETE", "RUNNING", "COMPLETE", "RUNNING"]
    values, again = drawn(sought), start_search(4, pruner="none")
    begun = []

    def begin_again(trial: Trial, jobs: int) -> TrainingProcess:
        begun.append(trial.folder.name)
        return Played(trial).process()

    assert play(again, begin_again) == []
    assert begun == ["words-trial1", "words-trial3"] and drawn(again) == values
    assert states(again) == ["COMPLETE"] * 4
    # the failed one had one epoch before; it is reported once
    assert list(again.study.trials[1].intermediate_values) == [1, 2, 3]
    assert again.study.trials[1].value == error_of(again.training(1, values[1]))


@pytest.mark.slow
def test_what_was_tried_is_not_trained_twice():
    given = ["model.recurrent.cell=lstm,gru", f"{SIZE}=2,3"]
    sought = start_search(3, given, pruner="none")
    begun = []
    for count in (3, 9):
        sought = start_search(count, given, pruner="none")
        play(sought, lambda trial, jobs: begun.append(trial) or Played(trial).process())
    tried = [json.dumps(values) for values in drawn(sought)]
    assert len(tried) == 9 and len(begun) == len(set(tried)) <= 4
    assert len(sought.best()) == len(begun) and set(states(sought)) == {"COMPLETE"}


def test_another_search_of_the_same_name_is_refused():
    start_search(3)
    start_search(5, sampler="random", pruner="hyperband")
    with pytest.raises(ValueError, match=r"optuna\.db: another search .*learning_rate is .*1e-4"):
        start_search(3, [f"{RATE}=log:1e-5..1e-1", *GIVEN[1:]])
    with pytest.raises(ValueError, match=r"options\.data\.batch_size is 4 there, asked is 8; give"):
        start_search(3, [*GIVEN, "data.batch_size=8"])


def test_jobs_share_a_search():
    sought = start_search(5, pruner="none")
    running = []

    def begin(trial: Trial, jobs: int) -> TrainingProcess:
        played = Played(trial)
        running.append(played)
        assert sum(other.code is None for other in running) <= 2
        return played.process()

    assert play(sought, begin, jobs=2) == [] and states(sought) == ["COMPLETE"] * 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "error: --trials 3: say where to search, such as --set KEY=log:1e-4..1e-2"),
        (["--set=data.batch_size=2,3"], "error: --trials 3: the lists have only 2 combinations"),
        (["--set=model.lerning_rate=log:1e-4..1e-2"], "no option 'model.lerning_rate'"),
        ([f"--set={SIZE}=log:2..9"], "hidden_size"),  # no whole numbers
        ([f"--set={SIZE}=int:2..9", "--set=model.recurrent.cell=lstm,gru,x"], "value: x"),
        ([f"--set={SIZE}=int:2..9", "--split=test"], "error: --trials chooses by validation"),
        ([f"--set={SIZE}=int:2..9", "--seeds=2"], "searches with one seed; leave --seeds out"),
        ([f"--set={SIZE}=int:2..9", "--trials=0"], "error: --trials 0: at least 1"),
        ([f"--set={SIZE}=int:2..9", "--sampler=best"], "sampler"),
        ([f"--set={SIZE}=int:2..9", "--set=data.source.validation=0"], "words: the validation sp"),
    ],
)
def test_mistakes_are_reported_before_the_first_training(command, trainings, arguments, says):  # noqa: F811
    code, _, err = command("compare", "words.yaml", "--trials", "3", *arguments)
    assert code == 2 and says in err
    code, _, err = command("compare", "words.yaml", "lines.yaml", "--trials", "3")
    assert code == 2 and "error: --trials searches in one config; give one" in err
    assert trainings == [] and not Path("runs").exists()


@pytest.mark.slow
def test_a_search_from_end_to_end(command, trainings):  # noqa: F811
    arguments = ("compare", "words.yaml", "--set", f"{RATE}=log:1e-3..1e-1", "--trials")
    code, out, err = command(*arguments, "2", "--set", "trainer.max_epochs=1")
    assert code == 0 and len(trainings) == 2, err
    code, out, err = command(*arguments, "3", "--set", "trainer.max_epochs=1")
    assert code == 0 and len(trainings) == 3, err
    folder = Path("runs/compare/compare")
    with open(folder / "trials.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["trial"], row["state"]) for row in rows] == [
        (str(i), "complete") for i in range(3)
    ]
    best = min(rows, key=lambda row: float(row["error"]))
    assert (
        f"--{RATE}={best[RATE]}" in out
        and f"best: validation error {float(best['error']):.2f}" in out
    )
    with open(folder / "table.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert table[0]["model"] == f"trial {best['trial']}" and len(table) == 3
    assert table[0]["learning_rate"] == f"{float(best[RATE]):.3g}"
    assert float(table[0]["accuracy %"]) == pytest.approx(100 - float(best["error"]), abs=0.01)
    options = read_config(["-c", str(folder / "best.yaml")])
    assert options["model"]["learning_rate"] == float(best[RATE])
    assert options["trainer"]["max_epochs"] == 1
    assert "compare.png, best.yaml, trials.csv" in out


def test_without_optuna_one_line_says_what_to_install(command, monkeypatch):
    monkeypatch.setattr(compare, "find_spec", lambda name: None)
    code, _, err = command("compare", "words.yaml", "--trials", "3", f"--set={SIZE}=int:2..9")
    assert code == 2 and err == "error: --trials needs Optuna: pip install optuna\n"
