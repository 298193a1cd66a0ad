"""Finished runs side by side: which are taken, what they differ in, and the command."""

import csv
import json
from pathlib import Path

import pytest

from pipeline.comparison.runs import differing_options, read_runs
from pipeline.evaluation.split_scores import load_scores

pytestmark = pytest.mark.usefixtures("folder")


def test_the_options_that_are_not_the_same_everywhere():
    runs = {
        "a": {"name": "a", "model": {"size": 4, "list": [1]}, "data": {"note": "x", "only": 1}},
        "b": {"name": "b", "model": {"size": 4, "list": [1, 2]}, "data": {"note": None}},
    }
    assert differing_options(runs) == {
        "a": {"list": "[1]", "data.note": "x", "only": "1"},  # the table has a column `note`
        "b": {"list": "[1, 2]", "data.note": "null"},
    }


def made(name: str, *missing: str, config: str = "seed_everything: 0\ndata: {source: {}}") -> Path:
    """A run folder without some of its files."""
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    for file, text in {"config.yaml": config, "result.json": "{}", "best.safetensors": ""}.items():
        if file not in missing:
            (folder / file).write_text(text, "utf-8")
    return folder


def test_unfinished_runs_are_left_out_and_named():
    made("a"), made("b", "result.json"), made("c", "best.safetensors"), made("d", "config.yaml")
    (made("e", "result.json") / "checkpoints").mkdir()
    (Path("runs/e/checkpoints/last.ckpt")).write_bytes(b"")
    Path("runs/table.csv").write_text("")
    made("group/f")
    runs, left_out = read_runs(["runs/?", "runs/a/", "runs/group/f"])
    assert [run.name for run in runs] == ["a", "group/f"]
    go_on = "go on with: python run.py fit -c runs/e/config.yaml --ckpt_path"
    assert left_out == [
        f"left out: runs/{reason}"
        for reason in (
            "b: its training is not done; nothing was saved before the first checkpoint",
            "c: it has no best.safetensors",
            "d: no run of fit, it has no config.yaml",
            f"e: its training is not done; {go_on} runs/e/checkpoints/last.ckpt",
        )
    ]


def test_runs_that_are_none_are_refused():
    with pytest.raises(ValueError, match="--runs no/such: there is no such folder"):
        read_runs(["no/such"])
    made("b", "result.json")
    with pytest.raises(ValueError, match=r"no finished run of fit; left out: runs/b: its training"):
        read_runs(["runs/*"])
    for name, config in {"x": "[1", "y": "a: 1", "z": "3"}.items():
        with pytest.raises(ValueError, match=rf"{name}/config\.yaml: no config of a run"):
            read_runs([str(made(name, config=config))])


def test_two_runs_in_one_table(command):
    common = ("fit", "-c", "words.yaml", "--trainer.max_epochs=1")
    for name, *changes in (("a",), ("b", "--model.recurrent.hidden_size=3")):
        assert command(*common, f"--name={name}", *changes).code == 0
    made("c", "result.json")
    code, out, err = command("compare", "--runs", "runs/*", "--split", "test")
    assert code == 0, err
    folder = Path("runs/compare/compare")
    with open(folder / "table.csv", encoding="utf-8", newline="") as file:
        a, b = csv.DictReader(file)
    assert [(row["model"], row["hidden_size"]) for row in (a, b)] == [("a", "6"), ("b", "3")]
    assert list(a)[2] == "accuracy %"
    for row in (a, b):
        score = load_scores(Path("runs") / row["model"] / "samples-test.npz")
        assert row["accuracy %"] == f"{score.value:.2f}" and len(score.names) == 4
    assert b["to the first"] and "test: 4 samples in 1 groups; interval" in out
    assert "left out: runs/c: its training is not done" in out
    assert "left out: runs/c: its training" in (folder / "table.md").read_text("utf-8")
    assert (folder / "compare.png").stat().st_size > 10_000


def test_a_run_that_cannot_be_scored_does_not_keep_the_others_from_it(command):
    """Its data has no test samples any more."""
    for name in ("a", "b"):
        command("fit", "-c", "words.yaml", "--trainer.max_epochs=1", f"--name={name}")
    config = Path("runs/b/config.yaml").read_text("utf-8")
    Path("runs/b/config.yaml").write_text(config.replace("test: 4", "test: 0"), "utf-8")
    arguments = ("compare", "--split", "test", "--runs")
    code, _, err = command(*arguments, "runs/a", "runs/b")
    assert code == 1 and "error: b: not compared: runs/b/best.safetensors: the test split" in err
    scores = json.loads(Path("runs/compare/compare/table.json").read_text("utf-8"))
    assert list(scores) == ["a"]
    code, _, err = command(*arguments, "runs/b")
    assert code == 2 and "error: b: not compared: runs/b/best.safetensors: the test split" in err


@pytest.mark.parametrize("option", ["--set=data.seed=1", "--seeds=2", "--folds", "--baselines"])
def test_options_of_training_do_not_go_with_runs(command, option):
    made("a")
    code, _, err = command("compare", "--runs", "runs/a", option)
    assert code == 2 and "error: --runs trains nothing; leave --" in err
