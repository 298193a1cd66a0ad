"""compare from the command line: what is trained, resumed, refused."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.commands import compare
from pipeline.comparison import trial_runner
from pipeline.comparison.options import ASIDE, option_differences
from pipeline.comparison.trial_runner import Runner, TrainingProcess
from pipeline.comparison.trials import Trial, training_environment
from pipeline.evaluation.split_scores import load_scores
from pipeline.interrupts import ending_on_signals
from pipeline.training.history import read_history
from pipeline.training.memory import peak_memory_mib

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def trainings(command, monkeypatch) -> list[list[str]]:
    """Run trainings inside this process; returns the list of their arguments."""
    given = []

    def begin(trial: Trial, jobs: int) -> TrainingProcess:
        given.append(trial.command()[4:])
        outcome = command("fit", *given[-1])
        trial.log.write_text(outcome.out + outcome.err, encoding="utf-8")
        return TrainingProcess(lambda: outcome.code, lambda: None, lambda seconds: 0, lambda: None)

    monkeypatch.setattr(compare, "Runner", lambda jobs: Runner(jobs, begin))
    return given


def small(width: int = 4) -> str:
    """Write a second config, of another network size."""
    text = Path("words.yaml").read_text(encoding="utf-8")
    Path("small.yaml").write_text(
        text.replace("hidden_size: 6", f"hidden_size: {width}"), encoding="utf-8"
    )
    return "small.yaml"


def test_two_configs_by_two_seeds(command, trainings):
    arguments = ("compare", "words.yaml", small(), "--seeds", "2", "--set", "data.batch_size=6")
    code, out, err = command(*arguments)
    assert code == 0, err
    runs = Path("runs/compare/compare")
    names = [f"{config}-seed{seed}" for config in ("words", "small") for seed in (0, 1)]
    assert [a[-2] for a in trainings] == [f"--name=compare/compare/{name}" for name in names]
    assert "--data.batch_size=6" in trainings[0] and "--data.seed=1" in trainings[1]
    header, words, other = (runs / "table.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith(
        "model,accuracy %,± seeds,95 % interval,to the first,mean class %,parameters"
    )
    assert words.startswith("words,") and other.startswith("small,")
    assert "validation: 8 samples in 2 groups" in (runs / "table.md").read_text(encoding="utf-8")
    table = json.loads((runs / "table.json").read_text(encoding="utf-8"))
    assert all(0 <= value <= 100 for scores in table.values() for value in scores.values())
    assert [*table] == [row.split(",")[0] for row in (words, other)]
    assert (runs / "compare.png").stat().st_size > 10_000
    assert (
        "│ words" in out and "benchmarks" not in out
    )  # synthetic reviews have no counted baseline
    for name in names:  # the scores are those of the training
        history, result = (
            read_history(runs / name),
            json.loads((runs / name / "result.json").read_text()),
        )
        best = history[result["best_epoch"] - 1]["validation"]["accuracy"]
        assert load_scores(runs / name / "samples-validation.npz").value == best
    weights = [(runs / name / "best.safetensors").read_bytes() for name in names[:2]]
    assert weights[0] != weights[1]
    del trainings[:]
    code, again, err = command(*arguments, "--split", "test", "--output", "final")
    assert code == 0 and trainings == [], err
    assert err.count("done before") == 4 and Path("final/compare.png").exists()
    assert "test: 4 samples in 1 groups; interval" in again


def test_a_grid_is_trained_and_extended(command, trainings):
    rates = "--set=model.learning_rate=1e-3,1e-2"
    code, _, err = command("compare", "words.yaml", rates, "--set=trainer.max_epochs=1")
    assert code == 0, err
    code, _, err = command("compare", "words.yaml", f"{rates},1e-1", "--set=trainer.max_epochs=1")
    assert code == 0 and err.count("done before") == 2, err
    runs = Path("runs/compare/compare")
    names = [f"words-learning_rate_1e-{power}-seed0" for power in (3, 2, 1)]
    assert [a[-2] for a in trainings] == [f"--name=compare/compare/{name}" for name in names]
    assert [a[2] for a in trainings] == [f"--model.learning_rate=1e-{power}" for power in (3, 2, 1)]
    rows = (runs / "table.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [f"learning_rate=1e-{p}" for p in (3, 2, 1)]


@pytest.mark.slow
def test_another_config_in_the_same_folder_is_refused(command, trainings):
    command("compare", small(4), "--set", "trainer.max_epochs=1")
    del trainings[:]
    code, _, err = command("compare", small(5), "--set", "trainer.max_epochs=1")
    assert code == 2 and trainings == []
    message = "runs/compare/compare/small-seed0: 1 options differ from small.yaml; "
    message += "model.recurrent.init_args.hidden_size is 4 there, asked is 5; give another --name"
    assert f"error: {message}" in err
    code, _, err = command("compare", "small.yaml", "--set=trainer.max_epochs=1", "--name=b")
    assert code == 0 and Path("runs/compare/b/small-seed0/result.json").exists(), err


def test_an_unfinished_training_is_resumed(command, trainings):
    """A power cut after the first of two epochs: a checkpoint, a half-written line, no result."""
    run = Path("runs/compare/compare/words-seed0")
    command("compare", "words.yaml")
    complete = read_history(run)
    command("fit", "-c", "words.yaml", "--name=compare/half/words-seed0", "--data.seed=0",
            "--trainer.limit_val_batches=0", "--trainer.max_epochs=1")  # fmt: skip
    half = Path("runs/compare/half/words-seed0")
    (half / "result.json").unlink()
    (half / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    with open(half / "history.jsonl", "a", encoding="utf-8") as file:
        file.write('{"epoch": 2, "sec')
    spent = read_history(half)[0]["seconds"]
    code, _, err = command("compare", "words.yaml", "--name", "half")
    assert code == 0 and "words seed 0 goes on" in err, err
    assert trainings[-1][-1] == f"--ckpt_path={half}/checkpoints/last.ckpt"
    history = read_history(half)
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["seconds"] > spent and history[0]["validation"] == {}
    assert history[1]["train_loss"] == pytest.approx(complete[1]["train_loss"], abs=1e-6)


@pytest.mark.slow
def test_baselines_do_not_start_from_the_init_from_bundle(command, trainings):
    command("fit", "-c", "words.yaml", "--name=first")
    bundle = "runs/first/best.safetensors"
    arguments = ("compare", "words.yaml", f"--set=init_from={bundle}", "--baselines")
    code, out, err = command(*arguments)
    assert code == 0, err
    assert f"the baselines of words start from nothing: the recurrent part of {bundle}" in out
    assert "no one-frame baseline of words: its input is no video" in out
    logs = [Path(f"runs/compare/compare/words{kind}-seed0.log") for kind in ("", "-mean_pooling")]
    started = ["--init_from: all weights" in log.read_text(encoding="utf-8") for log in logs]
    assert started == [True, False] and len(trainings) == 2
    code, _, err = command(*arguments)
    assert code == 0 and len(trainings) == 2 and err.count("done before") == 2


def test_a_failed_training_is_reported_and_the_others_are_compared(command, trainings):
    text = Path("words.yaml").read_text(encoding="utf-8")
    augmented = "augmentations: [albumentations.HorizontalFlip]\n  workers: 0"
    Path("broken.yaml").write_text(text.replace("workers: 0", augmented), "utf-8")
    code, out, err = command("compare", "broken.yaml", "words.yaml", "--set=trainer.max_epochs=1")
    assert code == 1 and "│ words" in out
    log = "runs/compare/compare/broken-seed0.log"
    message = f"error: broken seed 0 failed with exit status 2, its log {log} ends with: error: Syn"
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["words.yaml", "no.yaml"], "no.yaml"),
        (["words.yaml", "--set", "trainer.max_epoch=1"], "no option 'trainer.max_epoch'; did you"),
        (["words.yaml", "--set", "max.e=1"], "usage: python run.py compare CONFIG... [--set KEY"),
        (["words.yaml", "--set", "data.seed="], "error: --set data.seed=: no value; give data"),
        (["words.yaml", "--trainer.max_epochs=3"], "give --set trainer.max_epochs=3"),
        (["words.yaml", "--trainer.max_epochs", "3"], "give --set trainer.max_epochs=VALUE"),
        (["words.yaml", "--set", "max"], "error: --set max: give KEY=VALUE"),
        (["words.yaml", "--seeds", "0"], "error: --seeds 0: at least 1"),
        (["words.yaml", "--name", "a/b"], "error: --name a/b: one folder's name"),
        (["words.yaml", "words.yaml"], "error: 2 configs are called 'words'; rename"),
        (["words.yaml", "--beside", "none.json"], "none.json"),
        (["words.yaml", "--splits", "test"], "no option 'splits'"),
        (
            ["words.yaml", "--set", "data.source.validation=0"],
            "error: words: the validation split is empty, nothing could be scored; give it samples",
        ),
        (
            ["words.yaml", "--set=data.source.test=4,0", "--split", "test"],
            "error: test=0: the test split is empty",
        ),
        (["words.yaml", "--set", "data.source.count=0"], "error: words: SyntheticReviews: count"),
        (["words.yaml", "--set=data.seed=1", "--set=data.seed=2"], "give all its values at once: "),
        (["words.yaml", "--set=model.learning_rate=1.0e-3,fast"], "model.learning_rate: "),
        (["words.yaml", "--set=data.batch_size=4, 4"], "batch_size=4, 4: 4 is given twice"),
        (["words.yaml", "--set=name=a b,a_b"], "would hold two trainings"),
        (["words.yaml", "--set=data.batch_size=int:2..4"], "a range needs --trials N; or give val"),
        (["words.yaml", "--set=data.batch_size=int:4..2"], "give the lower bound first"),
        (["words.yaml", "--runs", "runs/a"], "error: give configs to train, or --runs with"),
        ([], "error: give configs to train, or --runs with"),
    ],
)
def test_mistakes_are_reported_before_the_first_training(command, trainings, arguments, says):
    code, _, err = command("compare", *arguments)
    assert code == 2 and says in err
    assert trainings == [] and not Path("runs").exists()


def test_ctrl_c_reaches_each_training_once(monkeypatch):
    """Two of three run, at a SIGTERM or Ctrl-C; the third never starts."""
    events = []

    def begin(trial: Trial, jobs: int) -> TrainingProcess:
        events.append(f"start {trial.seed}")

        def wait(seconds: float) -> int:
            events.append(f"wait {trial.seed}")
            return 130

        return TrainingProcess(
            lambda: None, lambda: events.append(f"stop {trial.seed}"), wait, lambda: None
        )

    end_politely = lambda seconds: os.kill(os.getpid(), signal.SIGTERM)  # noqa: E731
    monkeypatch.setattr(trial_runner.time, "sleep", end_politely)
    options = {"trainer": {"max_epochs": 2}}
    trials = [
        Trial(Path("x.yaml"), options, s, Path(f"runs/compare/c/x-seed{s}")) for s in range(3)
    ]
    with pytest.raises(KeyboardInterrupt), ending_on_signals():
        Runner(2, begin).train(trials)
    assert events == ["start 0", "start 1", "stop 0", "stop 1", "wait 0", "wait 1"]


def test_waiting_for_a_training_reads_its_history_only_when_it_has_grown(monkeypatch):
    """A hundred polls, and one epoch halfway: parsing a long history at each would cost a core."""
    trial = Trial(Path("x.yaml"), {"trainer": {"max_epochs": 2}}, 0, Path("runs/compare/c/x-seed0"))
    trial.folder.mkdir(parents=True)
    reads, polls = [], []
    history = Trial.history
    monkeypatch.setattr(Trial, "history", lambda self: reads.append(1) or history(self))
    monkeypatch.setattr(trial_runner.time, "sleep", lambda seconds: None)

    def poll() -> int | None:
        polls.append(1)
        if len(polls) == 50:
            row = {"epoch": 1, "seconds": 2.0, "validation": {"accuracy": 50.0}}
            (trial.folder / "history.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
        return 1 if len(polls) == 100 else None

    process = TrainingProcess(poll, lambda: None, lambda seconds: 0, lambda: None)
    assert len(Runner(1, lambda trial, jobs: process).train([trial])) == 1
    assert len(reads) == 1


def test_a_mistake_while_trainings_run_leaves_none_of_them_alone():
    """Two may run; the second cannot be made."""
    events = []

    def trials():
        options = {"trainer": {"max_epochs": 2}}
        yield Trial(Path("x.yaml"), options, 0, Path("runs/compare/c/x-seed0"))
        raise ValueError("no more")

    def begin(trial: Trial, jobs: int) -> TrainingProcess:
        wait = lambda seconds: events.append("wait") or 130  # noqa: E731
        return TrainingProcess(lambda: None, lambda: events.append("stop"), wait, lambda: None)

    with pytest.raises(ValueError, match="no more"):
        Runner(2, begin).train(trials())
    assert events == ["stop", "wait"]


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_and_the_same_command_again(folder):
    arguments = [sys.executable, str(ROOT / "run.py"), "compare", "words.yaml"]
    arguments += ["--set=trainer.max_epochs=100000", "--set=early_stopping.patience=100000"]
    arguments += ["--set=data.workers=0"]
    # the children of a shell ignore Ctrl-C if started in the background: this one handles it
    handle = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        arguments, cwd=folder, stderr=subprocess.PIPE, text=True, preexec_fn=handle
    )
    run, deadline = folder / "runs/compare/compare/words-seed0", time.monotonic() + 200
    while not read_history(run) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "the same command goes on where it was" in err
    assert (run / "checkpoints/last.ckpt").exists() and not (run / "result.json").exists()
    assert "interrupted; go on with" in run.with_suffix(".log").read_text(encoding="utf-8")


def test_differing_options_are_named_by_their_keys():
    there = {"name": "a", "model": {"size": 4, "kept": None}, "lists": [1], "old": {}}
    asked = {"name": "b", "model": {"size": 5, "kept": None}, "lists": [1, 2]}
    assert "name" in ASIDE
    assert option_differences(there, asked) == [
        "model.size is 4 there, asked is 5",
        "lists is [1] there, asked is [1, 2]",
        "old is {} there, asked is nothing",
    ]


def threads_of(jobs: int) -> tuple[str, str]:
    environment = training_environment(jobs)
    return environment["OMP_NUM_THREADS"], environment["MKL_NUM_THREADS"]


def test_trainings_share_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    threads = [threads_of(jobs) for jobs in (1, 2, 3, 8, 20)]
    assert threads == [("8", "8"), ("4", "4"), ("2", "2"), ("1", "1"), ("1", "1")]


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({"OMP_NUM_THREADS": "3"}, ("3", "3")),  # torch takes MKL's number, where it is set
        ({"MKL_NUM_THREADS": "3"}, ("3", "3")),
        ({"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "1"}, ("3", "1")),
    ],
)
def test_the_number_of_threads_that_is_set_holds_for_both_libraries(monkeypatch, given, threads):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert threads_of(2) == threads


def test_a_childs_memory_is_its_own():
    """This process holds torch; a bare Python started from it does not count that memory."""
    code = "from pipeline.training.memory import peak_memory_mib as p\n"
    code += "a = p(); b = bytearray(64 << 20)\nprint(a, p() - a)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    peak, grown = map(float, done.stdout.split())
    assert 2 < peak < 100 < peak_memory_mib()
    assert 60 < grown < 70
