"""Segment scores against values counted by hand and a slow version of MS-TCN's protocol."""

import math
from itertools import groupby

import numpy as np
import pytest

from pipeline.scoring.metrics import compute_scores, describe_score, join_tallies
from pipeline.scoring.segment_metrics import (
    OVERLAPS,
    boundary_error,
    confusion_matrix,
    confusion_table,
    edit_counts,
    match_counts,
    mean_over_videos,
    runs,
    tally_segments,
)


def steps(text: str) -> np.ndarray:
    """ "AAB?" -> [0, 0, 1, -100]; "-" is a step without prediction."""
    return np.array([{"?": -100, "-": -1}.get(c, ord(c) - ord("A")) for c in text], dtype=np.int64)


def values(predicted, true, background=()):
    pairs = [steps(x) for x in predicted], [steps(x) for x in true]
    names = [str(i) for i in range(len(predicted))]
    return {
        k: s.value for k, s in compute_scores(tally_segments(*pairs, names, 4, background)).items()
    }


# --- a slow reference, written from the protocol: one video, no unlabelled steps


def slow_segments(labels, background):
    start, segments = 0, []
    for label, group in groupby(labels):
        length = len(list(group))
        if label not in background:
            segments.append((label, set(range(start, start + length))))
        start += length
    return segments


def slow_edits(predicted, true):
    cost = [
        [i + j if i * j == 0 else 0 for j in range(len(true) + 1)]
        for i in range(len(predicted) + 1)
    ]
    for i in range(1, len(predicted) + 1):
        for j in range(1, len(true) + 1):
            replace = cost[i - 1][j - 1] + (predicted[i - 1] != true[j - 1])
            cost[i][j] = min(cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace)
    return cost[-1][-1]


def slow_counts(predicted, true, least, background):
    """True positives, false positives, false negatives."""
    predicted, true = slow_segments(predicted, background), slow_segments(true, background)
    matched = set()
    wrong = 0
    for label, steps in predicted:
        best, index = 0.0, None
        for i, (true_label, true_steps) in enumerate(true):
            same = label == true_label
            iou = len(steps & true_steps) / len(steps | true_steps) if same else 0.0
            if iou > best:
                best, index = iou, i
        if index is not None and best >= least and index not in matched:
            matched.add(index)
        else:
            wrong += 1
    return len(matched), wrong, len(true) - len(matched)


def random_pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true labels of up to 60 steps: runs of some length, shifted and with errors."""
    true = np.repeat(rng.integers(0, 4, 60), rng.integers(1, 9, 60))[: rng.integers(0, 60)]
    predicted = np.roll(true, rng.integers(-4, 5))
    wrong = rng.random(len(true)) < rng.choice([0.0, 0.05, 0.3, 1.0])
    predicted[wrong] = rng.integers(0, 4, wrong.sum())
    return predicted, true


@pytest.mark.parametrize("background", [(), (0,), (1, 3)])
def test_every_video_counts_as_in_ms_tcn(background):
    rng = np.random.default_rng(len(background))
    partly = 0
    for _ in range(200):
        pair = random_pair(rng)
        names = [[x for x, _ in slow_segments(side, background)] for side in pair]
        length = max(map(len, names))
        assert edit_counts(*pair, background) == (length - slow_edits(*names), length), pair
        matches, predicted, real = match_counts(*pair, background)
        for found, least in zip(matches, OVERLAPS.values(), strict=True):
            counts = slow_counts(*pair, least, background)
            assert (found, predicted - found, real - found) == counts, (pair, least)
        partly += 0 < matches[2] < matches[0] < real
    assert partly > 20  # else the thresholds were not distinguished


def test_scores_are_pooled_over_videos():
    rng = np.random.default_rng(5)
    for number in range(40):
        pairs = [random_pair(rng) for _ in range(1 + number % 4)]
        tally = tally_segments(*zip(*pairs, strict=True), ["g"] * len(pairs), 4, (2,))
        found = {name: score.value for name, score in compute_scores(tally).items()}
        for name, least in OVERLAPS.items():
            right, wrong, missed = np.sum([slow_counts(*p, least, (2,)) for p in pairs], axis=0)
            if right + wrong + missed:
                precision, recall = right / max(right + wrong, 1), right / max(right + missed, 1)
                f1 = 2 * precision * recall / (precision + recall) if right else 0.0
                assert found[name] == pytest.approx(100 * f1)
            else:
                assert math.isnan(found[name])


# --- by hand


def test_edit_by_hand():
    # A B C D against A C D: one deleted, of 4; 6 steps against 6
    assert edit_counts(steps("AABCDD"), steps("AAACDD")) == (3, 4)
    assert values(["AABCDD"], ["AAACDD"])["edit"] == 75
    # pooled: (3 + 1) of (4 + 1) segments, where the mean over videos is (75 + 100) / 2
    both = ["AABCDD", "AA"], ["AAACDD", "AA"]
    assert values(*both)["edit"] == pytest.approx(80)
    tally = tally_segments([steps(x) for x in both[0]], [steps(x) for x in both[1]], "ab", 4)
    assert mean_over_videos(tally, "edit") == pytest.approx(87.5)


def test_f1_by_hand():
    # true A 0-10, B 10-20; predicted A 0-4, B 4-10, B 10-20 as one run: IoU A 4/10, B 10/16
    found = values(["A" * 4 + "B" * 16], ["A" * 10 + "B" * 10])
    assert (found["f1@10"], found["f1@25"], found["f1@50"]) == (100, 100, 50)
    # cut in two, one half of B matches and the other is a false positive: 2 TP 4, FP 1, FN 0
    found = values(["A" * 10 + "B" * 5 + "C" + "B" * 4], ["A" * 10 + "B" * 10])
    assert found["f1@10"] == pytest.approx(100 * 4 / (4 + 2)) == found["f1@50"]
    assert found["frame_accuracy"] == 95


def test_a_true_segment_is_matched_once_even_if_another_is_free():
    # both predicted A overlap the first true A best: as in MS-TCN the second one is lost
    true, predicted = "AAAAAABA", "AACAAAAA"
    assert match_counts(steps(predicted), steps(true))[0][0] == 1


def test_overlap_reaches_its_threshold():
    assert values(["A" * 5 + "B" * 5], ["A" * 10])["f1@50"] == pytest.approx(100 * 2 / 3)  # 5 of 10
    assert values(["A" * 4 + "B" * 6], ["A" * 10])["f1@50"] == 0


def test_background_makes_no_segments_but_its_steps_count():
    predicted, true = ["AADDBB"], ["AAADBB"]
    assert values(predicted, true, background=[3])["edit"] == 100
    assert values(predicted, true, background=[3])["frame_accuracy"] == pytest.approx(100 * 5 / 6)
    # A D A is two segments of A still, on both sides
    assert edit_counts(steps("ADA"), steps("ADA"), [3]) == (2, 2)
    assert edit_counts(steps("AAA"), steps("ADA"), [3]) == (1, 2)
    # a video of background alone: a segment predicted in it is wrong, without any it is undefined
    assert values(["ADDD"], ["DDDD"], [3])["f1@10"] == values(["ADDD"], ["DDDD"], [3])["edit"] == 0
    assert math.isnan(values(["DDDD"], ["DDDD"], [3])["f1@10"])


def test_predictions_in_unlabelled_steps_are_ignored():
    true = "??AA??BB??"
    right = values(["AAAAAAABBB"], [true])  # B comes too late by one step: IoU 1/2, A extra
    plain = values(["CDAACDBBCD"], [true])
    assert set(plain.values()) == {100.0}
    assert right["frame_accuracy"] == 75
    # predicted A A | A B against A A | B B: three segments, of which A goes and the rest is right
    assert edit_counts(steps("AAAAAAABBB"), steps(true)) == (2, 3)
    assert match_counts(steps("AAAAAAABBB"), steps(true)) == ([2, 2, 2], 3, 2)


def test_a_gap_cuts_both_sides_alike():
    # one long run of A over a gap is right on both sides of it: two segments, two matches
    assert edit_counts(steps("AAAAAA"), steps("AA??AA")) == (2, 2)
    assert match_counts(steps("AAAAAA"), steps("AA??AA")) == ([2, 2, 2], 2, 2)
    # segments of one stretch are not aligned with those of another: A | B is wrong for B | A,
    # though in the joined strings A B and B A one deletion and one insertion would keep a segment
    assert edit_counts(steps("AA??BB"), steps("BB??AA")) == (0, 2)


def test_a_gap_is_like_the_end_of_a_video():
    left, right = ("AABBA", "ABBBA"), ("CCAAB", "CAABB")
    cut = values([left[0] + "D" + right[0]], [left[1] + "?" + right[1]])
    apart = values([left[0], right[0]], [left[1], right[1]])
    assert cut == pytest.approx(apart)


def test_empty_truth_and_empty_predictions_are_legal():
    nothing = values(["ABA", ""], ["???", ""])
    assert all(math.isnan(value) for value in nothing.values()) and len(nothing) == 6
    both = values(["ABA", "AB"], ["???", "AB"])
    assert set(both.values()) == {100.0}  # the unlabelled video adds nothing
    tally = tally_segments([steps("AB")], [steps("??")], ["g"], 4)
    assert math.isnan(mean_over_videos(tally, "edit"))
    assert describe_score("edit", compute_scores(tally)["edit"]).startswith("edit undefined")


def test_a_video_that_was_not_read_misses_everything_and_invents_nothing():
    found = values(["--------"], ["AAAABBBB"])
    assert set(found.values()) == {0.0}
    assert match_counts(steps("----"), steps("AABB")) == ([0, 0, 0], 0, 2)
    assert edit_counts(steps("----"), steps("AABB")) == (0, 2)


def test_runs_leave_out_what_is_not_counted():
    found = runs(steps("AABBBA"), np.array([1, 1, 0, 1, 1, 1], bool))
    assert [x.tolist() for x in found] == [[0, 3, 5], [2, 5, 6], [0, 1, 0]]
    assert [len(x) for x in runs(steps(""))] == [0, 0, 0]


def test_tallies_of_segments_join_and_have_the_contract_s_names():
    parts = [tally_segments([steps("AB")], [steps("AA")], [g], 4) for g in "ab"]
    found = compute_scores(join_tallies(parts))
    names = ["frame_accuracy", "mean_class_accuracy", "edit", "f1@10", "f1@25", "f1@50"]
    assert list(found) == names and found["edit"].value == 50 and found["edit"].groups == 2
    with pytest.raises(ValueError, match=r"sample 0: \(1,\) predictions for \(2,\) targets"):
        tally_segments([steps("A")], [steps("AA")], ["a"], 4)


# --- boundaries in seconds


def test_boundary_error_by_hand():
    times = [np.arange(8) / 2, np.array([0.0, 1.0, 5.0, 6.0])]
    found = boundary_error(
        [steps("AAABBBCC"), steps("AABB")], [steps("AABBBBBC"), steps("ABBB")], times
    )
    # true at 1.0 and 3.5, predicted at 1.5 and 3.0; then true at 1, predicted at 5
    assert found == (pytest.approx(5 / 3), 0.5, 3, 0, 3)
    assert (
        "boundary error 1.67 s on average, 0.50 s in the median (3 true and 3" in found.describe()
    )


def test_the_nearest_boundary_on_either_side_counts():
    found = boundary_error([steps("ABBBBBBA")], [steps("AAAAAABB")], [np.arange(8)])
    assert found.mean == 1  # 7, not 1
    found = boundary_error([steps("AAAABBBA")], [steps("AAAAABBB")], [np.arange(8)])
    assert found.mean == 1  # 4, not 7


def test_boundaries_without_any_prediction_are_missed_and_counted():
    found = boundary_error([steps("AAAA"), steps("AABB")], [steps("AABC"), steps("AAAB")],
                           [np.arange(4)] * 2)  # fmt: skip
    assert found == (1, 1, 3, 2, 1)
    none = boundary_error([steps("AA")], [steps("AB")], [np.arange(2)])
    assert math.isnan(none.mean) and none[2:] == (1, 1, 0)
    assert none.describe().startswith("boundary error undefined (1 true and 0 predicted")
    assert boundary_error([], [], [])[2:] == (0, 0, 0)


def test_boundaries_at_unlabelled_steps_are_none():
    # A|? and ?|B are no true boundaries, and the change predicted inside the gap is not judged
    found = boundary_error([steps("AAABBBBBA")], [steps("AA???BBCC")], [np.arange(9)])
    assert found[2:] == (1, 0, 1) and found.mean == 1


# --- confusion


def test_confusion_by_hand():
    matrix = confusion_matrix([steps("AAB-"), steps("CC")], [steps("ABB?"), steps("A?")], 3)
    assert matrix.tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert confusion_matrix([0, -1, 2], [0, 1, 0], 3).tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_a_confusion_table_for_people():
    text = confusion_table(np.array([[8, 2], [0, 0]]), ["sit", "a very long label"])
    assert text.splitlines() == [
        "true / said   sit  a very long…    right",
        "sit             8             2   80.0 %",
        "a very long…    0             0        -",
    ]


def test_a_table_too_wide_to_print_lists_the_most_frequent_mistakes():
    matrix = np.diag(np.full(52, 10))
    matrix[3, 4], matrix[9, 1] = 7, 2
    labels = [f"word{i}" for i in range(52)]
    assert confusion_table(matrix, labels).splitlines() == [
        "most frequent mistakes:",
        "7 of 17 'word3' called 'word4'",
        "2 of 12 'word9' called 'word1'",
    ]
    assert confusion_table(np.diag(np.full(52, 10)), labels) == "no mistakes"


def test_what_could_not_be_read_has_a_column_of_its_own():
    lines = confusion_table(np.array([[1, 1, 2], [0, 4, 0]]), ["a", "b"]).splitlines()
    assert [line.split()[-5:] for line in lines[1:]] == [
        ["1", "1", "2", "25.0", "%"],
        ["0", "4", "0", "100.0", "%"],
    ]
    assert lines[0].split() == ["true", "/", "said", "a", "b", "unread", "right"]
