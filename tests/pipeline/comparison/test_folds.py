"""Folds: splitting groups, joining scores, and a comparison end to end."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from pipeline.comparison.folds import (
    Fold,
    check_limited,
    join_folds,
    make_folds,
    split_groups,
    sum_results,
)
from pipeline.evaluation.split_scores import SampleScores, load_scores
from pipeline.training.history import read_history
from tests.pipeline.commands.test_compare import trainings  # noqa: F401
from tests.pipeline.comparison.test_baselines import config  # noqa: F401

COUNTS = {"a": 5, "b": 1, "c": 3, "d": 3, "e": 2}


def test_one_fold_per_group():
    assert split_groups(COUNTS, "groups", "x") == [("a",), ("b",), ("c",), ("d",), ("e",)]


def test_groups_are_split_evenly_and_deterministically():
    """5 | 3 | 3 samples; then e goes to the first of the two smaller folds, b to the other."""
    folds = [("a",), ("c", "e"), ("b", "d")]
    assert split_groups(COUNTS, "3", "x") == folds
    assert split_groups(dict(reversed(COUNTS.items())), "3", "x") == folds


@pytest.mark.parametrize(
    ("wanted", "counts", "says"),
    [
        ("groups", {"a": 9}, "x: its samples are all in one group; --folds needs two"),
        ("1", COUNTS, "--folds 1: give 'groups' for a fold each, or a number of at least 2"),
        ("x.yaml", COUNTS, "--folds x.yaml: give 'groups'"),
        ("6", COUNTS, "--folds 6: x has only 5 groups"),
    ],
)
def test_groups_that_cannot_be_split(wanted, counts, says):
    with pytest.raises(ValueError, match=says):
        split_groups(counts, wanted, "x")


def test_a_training_without_validation_must_be_limited():
    trainer = {"max_epochs": 3, "max_steps": -1, "max_time": None}
    check_limited(trainer, "x")
    check_limited(trainer | {"max_epochs": None, "max_time": "00:00:10:00"}, "x")
    for epochs in (None, -1):
        with pytest.raises(ValueError, match=f"x: trainer.max_epochs={epochs}; with --folds"):
            check_limited(trainer | {"max_epochs": epochs}, "x")


def test_a_fold_changes_only_the_source():
    options = {"data": {"source": {"init_args": {"test": 0.1, "validation": 0.2, "root": "r"}}}}
    fold = Fold(2, 3, ("é 1", '"'), 7, ("no", "yes"))
    changed = fold.apply(options)["data"]["source"]["init_args"]
    assert changed == {"test": ["é 1", '"'], "validation": [], "labels": ["no", "yes"], "root": "r"}
    assert options["data"]["source"]["init_args"]["test"] == 0.1
    given = dict(change.split("=", 1) for change in fold.overrides())
    assert {key: json.loads(value) for key, value in given.items()} == {
        "data.source.test": ["é 1", '"'],
        "data.source.validation": [],
        "data.source.labels": ["no", "yes"],
    }
    assert len(Fold(1, 2, ("a",), 1).overrides()) == 2


def test_a_source_without_named_groups_is_refused():
    options = {"data": {"source": {"class_path": "datasets.RealLines", "init_args": {}}}}
    with pytest.raises(ValueError, match=r"y: --folds needs .* datasets\.RealLines has no 'test'"):
        make_folds(options, "groups", "y")


def scores(names: str, group: str, *correct: float, classes: list[list[int]] | None = None):
    """Accuracy of samples of one group, optionally with the accuracy of each class."""
    others = {}
    if classes:
        counts = np.array(classes, float)
        others = {"mean_class_accuracy": (counts * np.array(correct)[:, None], counts)}
    numbers = np.array(correct), np.ones(len(correct))
    return SampleScores("accuracy", list(names), [group] * len(correct), *numbers, others)


def test_the_samples_of_all_folds_are_one_test_set():
    """Not the mean of 100 and 25 percent; two of three are correct in class 0, none in class 1."""
    folds = [Fold(1, 2, ("a",), 1), Fold(2, 2, ("b",), 4)]
    first = scores("v", "a", 1, classes=[[1, 0]])
    second = scores("wxyz", "b", 1, 0, 0, 0, classes=[[1, 0], [1, 0], [0, 1], [0, 1]])
    joined = join_folds(folds, [first, second], "c")
    assert joined.names == list("vwxyz") and joined.groups == list("abbbb")
    assert joined.value == 40.0
    assert joined.other_values()["mean_class_accuracy"] == pytest.approx(100 / 3)
    assert joined.interval() == (25.0, 100.0)  # drawn from two groups
    with pytest.raises(ValueError, match="c: fold 2 has 4 samples but 1 were scored"):
        join_folds(folds, [first, scores("w", "b", 1)], "c")
    cer = SampleScores("cer", list("wxyz"), ["b"] * 4, np.zeros(4), np.ones(4))
    with pytest.raises(ValueError, match="different scores: accuracy, cer"):
        join_folds(folds, [first, cer], "c")


def test_the_times_of_folds_add_up():
    first = {"parameters": 9, "seconds": 3.0, "seconds_per_epoch": 1.0, "peak_memory_mib": 50.0}
    second = first | {"seconds": 5.0, "seconds_per_epoch": 2.0, "peak_memory_mib": 70.0}
    assert sum_results([first | {"best_epoch": 3}, second]) == {
        "parameters": 9, "seconds": 8.0, "seconds_per_epoch": 1.5, "peak_memory_mib": 70.0,
    }  # fmt: skip


@pytest.mark.slow
def test_folds_and_baselines_from_end_to_end(command, config, trainings):  # noqa: F811
    arguments = ("compare", "clips.yaml", "--folds", "--baselines")
    code, out, err = command(*arguments)
    assert code == 0, err
    runs = Path("runs/compare/compare")
    stems = ("clips", "clips-one_frame", "clips-mean_pooling")
    names = [f"{stem}-fold{fold}of2-seed0" for stem in stems for fold in (1, 2)]
    assert [a[-2] for a in trainings] == [f"--name=compare/compare/{name}" for name in names]
    assert '--data.source.test=["b"]' in trainings[1] and "--data.source.frames=1" in trainings[2]
    assert '--data.source.labels=["down", "up"]' in trainings[0]
    with open(runs / "table.csv", encoding="utf-8", newline="") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["clips", "clips, majority", "clips, one frame", "clips, mean pooling"]
    # trained on b's up down: down; trained on a's up up down: up. 0 0 1 | 1 0
    counted = rows["clips, majority"]
    assert counted["accuracy %"] == "40.00" and counted["note"] == "counted, 2 folds"
    assert counted["training s"] == "" and "best epoch" not in counted
    assert rows["clips"]["note"] == "trained, 2 folds" and rows["clips"]["mean class %"]
    assert "2 folds, each group kept out once: 5 samples in 2 groups; " in out
    assert "no choice was made on anything" in (runs / "table.md").read_text(encoding="utf-8")
    assert (runs / "compare.png").stat().st_size > 10_000
    for name in names:
        assert read_history(runs / name)[0]["validation"] == {}
    kept_out = [load_scores(runs / name / "samples-test.npz") for name in names[:2]]
    assert [score.groups for score in kept_out] == [["a"] * 3, ["b"] * 2]
    pooled = sum(score.numerators.sum() for score in kept_out)
    assert rows["clips"]["accuracy %"] == f"{20 * pooled:.2f}"
    weights = [load_file(runs / name / "best.safetensors") for name in names]
    assert weights[0].keys() == weights[1].keys() and "recurrent" in str(weights[0].keys())
    assert "recurrent" not in str(weights[2].keys()) + str(weights[4].keys())
    (runs / names[3] / "result.json").unlink()
    del trainings[:]
    code, _, err = command(*arguments)
    assert code == 0 and len(trainings) == 1, err
    assert trainings[0][-1] == f"--ckpt_path={runs}/{names[3]}/checkpoints/last.ckpt"
    assert err.count("done before") == 5
    assert "clips, one frame fold 2 of 2 seed 0 goes on" in err


def test_a_validation_split_and_folds_exclude_each_other(command, config):  # noqa: F811
    code, _, err = command("compare", "clips.yaml", "--folds", "2", "--split", "validation")
    assert code == 2 and "error: --split validation: with --folds each group is a test" in err
