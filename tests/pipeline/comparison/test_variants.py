"""Rows of a comparison: their names, their folders' names, and their options."""

from pathlib import Path

import pytest

from pipeline.comparison.scores import folds_of
from pipeline.comparison.settings import read_settings
from pipeline.comparison.trials import plan_trials
from pipeline.comparison.variants import MAX_STEM, folder_name, read_variants
from tests.pipeline.comparison.test_baselines import config  # noqa: F401

pytestmark = pytest.mark.usefixtures("folder")


def test_a_grid_names_its_rows_by_what_differs():
    given = ["model.recurrent.hidden_size=4,8", "model.learning_rate=1e-2", "data.batch_size=2,3"]
    variants = read_variants(["words.yaml"], read_settings(given))
    assert [v.name for v in variants] == [
        f"hidden_size={h}, batch_size={b}" for h in (4, 8) for b in (2, 3)
    ]
    assert variants[0].stem == "words-hidden_size_4-batch_size_2"
    assert "model.learning_rate=1e-2" in variants[0].overrides
    sizes = [v.options["model"]["recurrent"]["init_args"]["hidden_size"] for v in variants]
    assert sizes == [4, 4, 8, 8] and variants[1].options["data"]["batch_size"] == 3
    assert {v.options["model"]["learning_rate"] for v in variants} == {0.01}


def test_several_configs_are_named_too():
    Path("other.yaml").write_bytes(Path("words.yaml").read_bytes())
    variants = read_variants(["words.yaml", "other.yaml"], read_settings(["data.batch_size=2,3"]))
    assert [v.name for v in variants] == [
        f"{name}, batch_size={b}" for name in ("words", "other") for b in (2, 3)
    ]
    one = read_variants(["words.yaml"], read_settings(["data.batch_size=2"]))
    assert [(v.name, v.stem) for v in one] == [("words", "words")]


def test_a_value_of_any_length_makes_a_folder_of_its_own():
    assert folder_name('folders=[{"root": "a/b"}], k=é') == "folders_root_a_b_-k_é"
    long = [folder_name(f"texts=[{'é' * 300}{end}]") for end in "ab"]
    assert long[0] != long[1] and all(len(name.encode()) <= MAX_STEM for name in long)


def test_folds_are_those_of_each_rows_own_data(config):  # noqa: F811
    """With `group` per folder no longer known, each clip is a group of its own."""
    labels = Path("films/labels.csv").read_text("utf-8")
    Path("films/alone.csv").write_text(labels.replace(",a\n", ",a0\n", 1), "utf-8")
    settings = read_settings(["data.source.table=labels.csv,alone.csv"])
    variants = read_variants([str(config)], settings)
    folds = folds_of(variants, "groups")
    assert [len(folds[v.name]) for v in variants] == [2, 3]
    trials = plan_trials(variants, 1, "c", folds)
    assert [t.fold.count for t in trials] == [2, 2, 3, 3, 3]
