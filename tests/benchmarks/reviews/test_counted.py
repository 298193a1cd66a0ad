"""Counted baselines: ratios by hand, what needs an order of words, and the file they write."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.svm import LinearSVC

from benchmarks.reviews import counted as reviews_counted
from benchmarks.reviews.counted import (
    METHODS,
    InterpolatedSVC,
    LogCountRatios,
    Texts,
    format_table,
    main,
    measure,
    records,
)

# "not" turns each word round: no weights of single words can tell all four
NEGATION = {"very good": 1, "not bad": 1, "very bad": 0, "not good": 0}
LABELLED = Texts([*NEGATION] * 10, [*NEGATION.values()] * 10, [f"film {i}" for i in range(40)])
SHORT = [name for name in METHODS["words"] if name.startswith("words")]
LONGER = [name for name in METHODS["words"] if not name.startswith("words")]


def row(name: str, tokenizer: str = "words", texts: Texts = LABELLED):
    return measure(name, METHODS[tokenizer][name](), texts, texts)


def test_log_count_ratios_by_hand():
    """Columns a, b, c; texts "a b" and "a" of class 1, "b c" of class 0."""
    counts = sp.csr_matrix(np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1]], np.float32))
    ratios = LogCountRatios().fit(counts, [1, 1, 0])
    expected = np.log([(3 / 6) / (1 / 5), (2 / 6) / (2 / 5), (1 / 6) / (2 / 5)])
    np.testing.assert_allclose(ratios.ratios_, expected)
    np.testing.assert_allclose(ratios.transform(counts).toarray()[0], expected * [1, 1, 0], 1e-6)


def test_interpolation_by_hand():
    features = sp.csr_matrix(np.array([[2.0, 0, 1], [0, 1, 0], [-1, 0, 0], [0, -3, 1]]))
    plain = LinearSVC(random_state=0).fit(features, [1, 1, 0, 0]).coef_
    moved = InterpolatedSVC(random_state=0).fit(features, [1, 1, 0, 0]).coef_
    np.testing.assert_allclose(moved, 0.75 * np.abs(plain).sum() / 3 + 0.25 * plain)


@pytest.mark.parametrize("name", LONGER)
def test_negation_needs_two_words(name):
    assert len(SHORT) == 1 and len(LONGER) == 3
    assert row(SHORT[0]).score.value <= 75
    assert row(name).score.value == 100


def test_features_are_what_was_counted():
    assert row(SHORT[0]).features == 4  # very, not, good, bad
    assert row("1-2-grams, TF-IDF").features == 8


def test_single_letters_and_punctuation_are_words():
    texts = Texts(["a film !", "a film ?"] * 5, [1, 0] * 5, ["f"] * 10)
    found = row(SHORT[0], texts=texts)
    assert (found.score.value, found.features) == (100, 4)


@pytest.mark.parametrize("name", METHODS["characters"])
def test_characters_tell_without_spaces(name):
    texts = Texts(["좋다", "나빠", "참좋아", "참나빴다"] * 5, [1, 0, 1, 0] * 5, ["f"] * 20)
    assert row(name, "characters", texts).score.value == 100


def test_three_labels():
    texts = Texts(["bad", "fair", "good"] * 6, [0, 1, 2] * 6, ["f"] * 18)
    for name in METHODS["words"]:
        assert row(name, texts=texts).score.value == 100, name


def test_held_out_texts_take_no_part_in_fitting():
    held_out = Texts(["unseen words", "good"], [0, 1], ["x", "y"])
    found = measure("words", METHODS["words"][SHORT[0]](), LABELLED, held_out)
    assert found.features == 4 and found.score.n == 2


def test_table_by_hand():
    rows = [row("1-2-grams, TF-IDF")._replace(seconds=1.25)]
    expected = "| 1-2-grams, TF-IDF | 100.00 (100.00-100.00) | 8 | 1.2 |"
    assert format_table(rows, markdown=True).splitlines()[2] == expected
    assert len(format_table(rows, markdown=False).splitlines()) == 2


def test_records_without_an_interval():
    texts = LABELLED._replace(groups=["one"] * 40)
    (found,) = records([row("1-2-grams, TF-IDF", texts=texts)])
    assert found["score"] == 100 and found["low"] is None and found["high"] is None


@pytest.fixture
def films(tmp_path):
    for part, count in (("train", 60), ("test", 6)):
        lines = ["text,label,movie"]
        for film in range(count):
            lines += [f"{t}<br />,{label},{part} {film}" for t, label in NEGATION.items()]
        (tmp_path / f"{part}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Fitted on 216 reviews (train without validation), scored on 24 (validation, 6 g"),
        (["--split", "test"], "Fitted on 240 reviews (train and validation), scored on 24 (test"),
        (
            ["--split", "test", "--train", "train"],
            "Fitted on 216 reviews (train without validation), scored on 24 (test, 6 groups",
        ),
    ],
)
def test_command(films, monkeypatch, capsys, options, says):
    monkeypatch.setenv("XDG_CACHE_HOME", str(films / "cache"))
    monkeypatch.setattr(
        reviews_counted, "METHODS", {"words": {n: METHODS["words"][n] for n in SHORT + LONGER[:1]}}
    )
    file = films / "counted.json"
    main(["--data", str(films), "--json", str(file), *options])
    assert says in capsys.readouterr().out
    entries = json.loads(file.read_text(encoding="utf-8"))
    assert [entry["name"] for entry in entries] == SHORT + LONGER[:1]
    assert entries[0]["score"] <= 75 and entries[1]["score"] == 100
    for entry in entries:
        assert [*entry] == ["name", "score", "low", "high", "seconds", "note"]
        assert entry["low"] <= entry["score"] <= entry["high"]
        assert entry["note"].startswith("counted, scikit-learn ")


def test_validation_reviews_are_not_fitted_on(films, capsys):
    with pytest.raises(SystemExit):
        main(["--data", str(films), "--train", "all"])
    assert "--train all holds the validation reviews" in capsys.readouterr().err
