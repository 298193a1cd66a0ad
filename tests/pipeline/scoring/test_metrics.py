"""Corpus scores against values computed by hand and a textbook Levenshtein."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring import metrics
from pipeline.scoring.metrics import (
    Normalization,
    Score,
    bootstrap_interval,
    compute_scores,
    describe_score,
    join_tallies,
    tally_labels,
    tally_steps,
    tally_texts,
)


def textbook_distance(a, b):
    """Wagner and Fischer 1974, the whole matrix."""
    cost = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            replace = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            cost[i][j] = min(cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace)
    return cost[-1][-1]


def values(tally):
    return {name: score.value for name, score in compute_scores(tally).items()}


def test_text_scores_are_sum_over_sum_not_a_mean_of_rates():
    # 1 edit in 10 characters and 2 in 2: 3 / 12, where the mean of rates would say 55 %.
    found = values(tally_texts(["ab cd efgX", "xy"], ["ab cd efgh", "no"], ["p", "q"]))
    assert found == pytest.approx({"cer": 100 * 3 / 12, "wer": 100 * 2 / 4, "exact": 0})


def test_exact_counts_identical_lines():
    assert values(tally_texts(["a", "b", "c", "d"], ["a", "b", "c", ""], ["p"] * 4))["exact"] == 75


@given(st.lists(st.tuples(*[st.text("ab é\u0301", max_size=8)] * 2), min_size=1, max_size=6))
def test_text_scores_equal_the_textbook(pairs):
    nfc = [tuple(map(Normalization(), pair)) for pair in pairs]
    numerators, denominators = tally_texts(*zip(*pairs, strict=True), ["g"] * len(pairs)).counts[
        "cer"
    ]
    assert numerators[:, 0].tolist() == [textbook_distance(*pair) for pair in nfc]
    assert denominators[:, 0].tolist() == [len(reference) for _, reference in nfc]
    numerators, _ = tally_texts(*zip(*pairs, strict=True), ["g"] * len(pairs)).counts["wer"]
    assert numerators[:, 0].tolist() == [textbook_distance(a.split(), b.split()) for a, b in nfc]


def test_composed_and_decomposed_letters_are_one_letter():
    assert values(tally_texts(["cafe\u0301"], ["caf\u00e9"], ["p"]))["cer"] == 0
    assert tally_texts(["x"], ["e\u0301"], ["p"]).counts["cer"][1].sum() == 1


def test_an_empty_reference_adds_edits_and_no_length():
    assert values(tally_texts(["abc", "ab"], ["", "ab"], ["p", "q"]))["cer"] == 150


def test_without_any_reference_a_score_is_nan():
    found = compute_scores(tally_texts(["abc", ""], ["", ""], ["p", "q"]))
    assert math.isnan(found["cer"].value) and math.isnan(found["cer"].low)
    assert found["exact"].value == 50
    assert describe_score("cer", found["cer"]) == "cer undefined (nothing to count in 2 samples)"


@pytest.mark.parametrize(
    ("normalization", "text", "expected", "words"),
    [
        (Normalization(), "A \u2014 B\u2019s ", "A \u2014 B\u2019s ", "NFC"),
        (
            Normalization(ignore_case=True),
            "STRASSE",
            Normalization(True)("Straße"),
            "NFC, case ignored",
        ),
        (
            Normalization(fold_punctuation=True),
            " \u201eA\u201c  \u2013\tB\u2019s\u00a0",
            '"A" - B\'s',
            "NFC, quotes, dashes and white space folded",
        ),
    ],
)
def test_normalization_does_what_it_says(normalization, text, expected, words):
    assert normalization(text) == expected
    assert normalization.describe() == words


def test_label_scores_by_hand():
    found = values(tally_labels([0, 0, 0, 1, -1], [0, 0, 0, 0, 1], list("abcde"), num_labels=3))
    # Class 0: 3 of 4; class 1: 0 of 1 (the failed input); class 2 never occurs and is left out.
    assert found == pytest.approx({"accuracy": 60, "mean_class_accuracy": 37.5})


def test_step_scores_leave_out_ignored_steps():
    predictions = [np.array([0, 1, 1, 0]), np.array([1])]
    targets = [np.array([0, 1, 0, -100]), np.array([1])]
    found = values(tally_steps(predictions, targets, ["a", "b"], num_labels=2))
    assert found == pytest.approx({"frame_accuracy": 75, "mean_class_accuracy": 75})
    only_ignored = tally_steps(
        [np.array([0]), []], [np.array([-100]), []], ["a", "b"], num_labels=2
    )
    assert math.isnan(values(only_ignored)["frame_accuracy"])


def test_errors_say_which_sample():
    with pytest.raises(ValueError, match=r"sample 1: \(2,\) predictions for \(3,\) targets"):
        tally_steps(
            [np.zeros(1, int), np.zeros(2, int)], [np.zeros(1, int), np.zeros(3, int)], "ab", 2
        )
    with pytest.raises(ValueError, match=r"sample 0: target 7 is none of the labels 0\.\.1"):
        tally_labels([0], [7], ["a"], 2)
    with pytest.raises(ValueError, match="1 predictions, 2 targets and 2 groups"):
        tally_texts(["a"], ["a", "b"], ["p", "q"])
    with pytest.raises(ValueError, match="different scores"):
        join_tallies([tally_texts(["a"], ["a"], ["p"]), tally_labels([0], [0], ["p"], 2)])
    with pytest.raises(ValueError, match="no sample was scored"):
        join_tallies([])


def test_joined_batches_score_as_one_and_order_does_not_matter():
    random = np.random.default_rng(0)
    texts = ["".join(random.choice(list("abc "), 9)) for _ in range(60)]
    predictions, references, groups = texts[:30], texts[30:], [f"page {i % 7}" for i in range(30)]
    whole = compute_scores(tally_texts(predictions, references, groups))
    cut = [slice(0, 11), slice(11, 30)]
    assert (
        compute_scores(
            join_tallies(tally_texts(predictions[c], references[c], groups[c]) for c in cut)
        )
        == whole
    )
    order = random.permutation(30)
    shuffled = ([part[i] for i in order] for part in (predictions, references, groups))
    assert compute_scores(tally_texts(*shuffled)) == whole


def test_interval_is_wider_when_lines_of_a_page_fail_together():
    random = np.random.default_rng(1)
    edits = np.repeat(random.poisson(5, 40), 25)  # 40 pages of 25 lines, all lines equally bad
    length = np.full(1000, 50)
    low, high = bootstrap_interval(edits, length, [f"page {i // 25}" for i in range(1000)])
    alone_low, alone_high = bootstrap_interval(edits, length, [f"line {i}" for i in range(1000)])
    assert low < alone_low < 100 * edits.sum() / length.sum() < alone_high < high
    assert 3 < (high - low) / (alone_high - alone_low) < 8  # sqrt(25) = 5 in theory


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    covered = 0
    for trial in range(300):
        page_rate = random.gamma(4, 0.05 / 4, size=40)  # true mean 5 %
        edits = random.poisson(np.repeat(page_rate, 10) * 50)
        low, high = bootstrap_interval(
            edits, np.full(400, 50), [str(i // 10) for i in range(400)], samples=400, seed=trial
        )
        covered += low <= 5 <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_interval_of_two_groups_by_hand():
    # Draws: twice a (0 of 4), one of each (1 of 3), twice b (2 of 2), with odds 1 : 2 : 1.
    draw = {"numerators": [0, 1], "denominators": [2, 1], "groups": ["a", "b"]}
    assert bootstrap_interval(**draw, level=0.95) == (0, 100)
    assert bootstrap_interval(**draw, level=0.1) == pytest.approx((100 / 3, 100 / 3))


def test_one_group_has_no_interval():
    score = compute_scores(tally_texts(["abcd", "ab"], ["abcX", "ab"], ["p", "p"]))["cer"]
    assert math.isnan(score.low) and math.isnan(score.high)
    assert (
        describe_score("cer", score, "pages") == "cer 16.67 % (no interval: fewer than two pages)"
    )


def test_drawing_in_blocks_changes_nothing(monkeypatch):
    random = np.random.default_rng(3)
    data = random.integers(0, 9, 50), np.full(50, 9), [str(i) for i in range(50)]
    whole = bootstrap_interval(*data)
    monkeypatch.setattr(metrics, "MAX_DRAWS_PER_BLOCK", 700)
    assert bootstrap_interval(*data) == whole


def test_a_line_for_people():
    score = Score(1.034, 0.851, 1.218, n=900, groups=28)
    assert describe_score("cer", score, "pages") == "cer 1.03 % (0.85-1.22, 95 % over 28 pages)"


def test_metrics_start_without_torch():
    code = "import sys, pipeline.scoring.metrics\n"
    code += "print({'torch', 'pytorch_lightning'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
