"""The values of --set: how they are separated, ranges, and what a row is called."""

import pytest

from pipeline.comparison.settings import Range, describe, grid, read_settings, short_keys


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1e-3,3e-3", ("1e-3", "3e-3")),
        ("lstm, gru", ("lstm", "gru")),
        ("[64, 32],[16]", ("[64, 32]", "[16]")),
        ("[64, 32]", ("[64, 32]",)),
        ('{a: [1, 2], b: "x, y"}', ('{a: [1, 2], b: "x, y"}',)),
        ('"x, y", z', ('"x, y"', "z")),
        ("'x, y'", ("'x, y'",)),
        ("don't,do", ("don't", "do")),
        ("null,2", ("null", "2")),
        ("a],[b", ("a],[b",)),  # no YAML: as it was given
        ("[a, b", ("[a, b",)),
    ],
)
def test_commas_outside_brackets_and_quotes_separate_values(text, values):
    (setting,) = read_settings([f"k={text}"])
    assert setting.values == values and setting.range is None
    assert setting.varies == (len(values) > 1)


def test_ranges():
    settings = read_settings(["a=log:1e-4..1e-2", "b=int:-3..256", "c=float:0...5"])
    assert [s.range for s in settings] == [
        Range("log", 1e-4, 1e-2), Range("int", -3, 256), Range("float", 0.0, 0.5),
    ]  # fmt: skip
    assert settings[0].values == ("1e-4", "1e-2") and all(s.varies for s in settings)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("log:0..1", "the lower bound first, then the higher, the first above 0"),
        ("float:1..1", "give the lower bound first"),
        ("float:0..inf", "give the lower bound first"),
        ("int:0.5..2", "--set k=int:0.5..2: no range; give such as log:1e-4..1e-2"),
        ("int:2", "no range; give such as"),
        ("log:1..2,log:3..4", "no range; give such as"),
    ],
)
def test_ranges_that_are_none(given, says):
    with pytest.raises(ValueError, match=says):
        read_settings([f"k={given}"])


def test_a_grid_has_each_combination_once():
    settings = read_settings(["a=1,2", "b=x", "c=[3],[4]"])
    found = [tuple(values.values()) for values in grid(settings)]
    assert found == [("1", "x", "[3]"), ("1", "x", "[4]"), ("2", "x", "[3]"), ("2", "x", "[4]")]
    assert list(grid([])) == [{}]


def test_keys_are_as_short_as_they_can_be_told_apart():
    keys = ["model.recurrent.init_args.size", "model.head.init_args.size", "data.seed", "seed"]
    assert short_keys(keys) == {
        "model.recurrent.init_args.size": "recurrent.size",
        "model.head.init_args.size": "head.size",
        "data.seed": "data.seed",
        "seed": "seed",
    }
    assert (
        describe({"model.learning_rate": "1e-3", "data.seed": "2"}) == "learning_rate=1e-3, seed=2"
    )
