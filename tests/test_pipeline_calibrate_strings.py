"""Strings: probabilities over all paths, the fits beside scikit-learn, what a batch tells."""

import itertools

import numpy as np
import pytest
import torch

from models import CTCHead
from models.heads import Text
from pipeline.calibrate_strings import (
    StringCalibration,
    ToldStrings,
    character_confidences,
    fit_character_temperature,
    fit_platt,
    fit_strings,
    likelihood,
    log_probabilities,
    logits_of,
    right_ones,
    told_strings,
    with_probabilities,
)


def collapse(path: tuple[int, ...], blank: int) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label != blank]


def test_a_strings_probability_is_the_sum_over_its_paths():
    torch.manual_seed(0)
    logits, lengths = torch.randn(3, 4, 3), torch.tensor([4, 3, 4])
    readings = [Text(ids, [0.5] * len(ids), [], 0.0) for ids in ([0, 0], [], [1, 0])]
    found = with_probabilities(logits, lengths, readings)
    for row, steps, reading in zip(logits.softmax(2), lengths.tolist(), found, strict=True):
        paths = itertools.product(range(3), repeat=steps)
        kept = [path for path in paths if collapse(path, 2) == reading.ids]
        expected = sum(float(row[range(steps), path].prod()) for path in kept)
        assert reading.confidence == pytest.approx(expected, rel=1e-5)


def test_no_steps_say_nothing_for_sure():
    nothing = [Text([], [], [], 1.0)]
    assert log_probabilities(torch.zeros(1, 0, 3), torch.tensor([0]), nothing).tolist() == [0]


def test_aligned_characters_are_right_where_they_are_equal():
    assert right_ones([1, 2, 3, 4], [1, 3, 5]).tolist() == [True, False, True, False]
    assert right_ones([], [1]).tolist() == []


def test_what_is_told_of_a_batch():
    # three steps say 0, blank, 1; the first two of the second sample say 1 twice, at its surest 4.0
    first = torch.tensor([[3.0, 0, 0], [0, 0, 5], [0, 2, 0]])
    second = torch.tensor([[0.0, 1, 0], [0, 4, 0], [9, 9, 9]])
    logits, lengths = torch.stack([first, second]), torch.tensor([3, 2])
    readings = CTCHead(4, 2).decode(logits, lengths)
    told = told_strings(logits, lengths, readings, [np.array([0, 0]), np.array([1])])
    assert told.ids.tolist() == [0, 1, 1] and told.hits.tolist() == [True, False, True]
    assert told.logits.tolist() == [[3, 0, 0], [0, 2, 0], [0, 4, 0]]
    assert told.exact.tolist() == [False, True]
    wanted = log_probabilities(logits, lengths, readings)
    assert np.allclose(told.scores, wanted.numpy())
    empty = told_strings(logits[:1], lengths[:1], [Text([], [], [], 0.1)], [np.array([1])])
    assert len(empty.ids) == 0 and empty.exact.tolist() == [False]


@pytest.mark.parametrize("seed", range(3))
def test_platts_map_is_the_logistic_regression_of_his_targets(seed):
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    x = random.normal(3, 4, 300)
    hits = random.uniform(size=300) < 1 / (1 + np.exp(-(0.7 * x - 1)))
    slope, offset = fit_platt(x, hits)
    right, wrong = hits.sum(), (~hits).sum()
    targets = np.where(hits, (right + 1) / (right + 2), 1 / (wrong + 2))
    peer = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000)
    twice, labels = np.concatenate([x, x])[:, None], np.repeat([1, 0], len(x))
    peer.fit(twice, labels, sample_weight=np.concatenate([targets, 1 - targets]))
    assert slope == pytest.approx(peer.coef_[0, 0], rel=1e-4)
    assert offset == pytest.approx(peer.intercept_[0], rel=1e-3, abs=1e-4)


def test_a_few_strings_or_hopeless_ones_keep_the_map_finite_and_rising():
    x = np.array([-3.0, -1.0, 2.0])
    assert fit_platt(x, np.zeros(3, bool)) == pytest.approx((0, np.log(0.2 / 0.8)), abs=1e-6)
    assert fit_platt(x[:1], np.ones(1, bool)) == pytest.approx((0, np.log(2)), abs=1e-6)
    slope, offset = fit_platt(x, np.array([False, False, True]))  # perfectly parted
    assert 0 < slope < 5 and np.isfinite(offset)
    assert fit_platt(x, np.array([True, False, False]))[0] == 0


def test_the_fit_undoes_what_was_done_to_a_probability():
    random = np.random.default_rng(0)
    true = random.beta(3, 1, 20_000)
    logits = (np.log(true / (1 - true)) - 0.5) / 0.7  # surer and then less sure than it should be
    scores = -np.logaddexp(0, -logits)
    nothing = np.zeros((0, 3), np.float32), np.zeros(0, np.int64), np.zeros(0, bool)
    exact = random.uniform(size=20_000) < true
    fitted = fit_strings(ToldStrings(*nothing, scores, exact))
    assert (fitted.slope, fitted.offset) == pytest.approx((0.7, 0.5), abs=0.04)
    for place in range(5):
        expected = 1 / (1 + np.exp(-fitted.slope * logits[place] - fitted.offset))
        assert fitted.confidence(float(np.exp(scores[place]))) == pytest.approx(expected, rel=1e-6)
    assert fitted.curve.counts[-1] == 20_000 and fitted.curve.wrong[-1] == (~exact).sum()


def test_certain_and_impossible_strings_end_at_the_bounds():
    plain = StringCalibration()
    assert plain.confidence(1.0) == pytest.approx(np.exp(-1e-4))
    assert plain.confidence(0.0) == pytest.approx(np.exp(-20), rel=1e-6)
    assert plain.confidence(0.25) == pytest.approx(0.25)
    assert np.isfinite(logits_of(np.array([-np.inf, 0.0, 1e-3]))).all()
    with pytest.raises(ValueError, match="slope -1 turns"):
        StringCalibration(-1)
    with pytest.raises(ValueError, match="offset nan is no number"):
        StringCalibration(1, float("nan"))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_the_temperature_is_what_the_logits_were_multiplied_by(scale):
    torch.manual_seed(0)
    logits = 2 * torch.randn(10_000, 4)
    sure, ids = logits.softmax(1).max(1)
    hits = (torch.rand(10_000) < sure).numpy()
    told = ToldStrings((scale * logits).numpy(), ids.numpy(), hits, np.zeros(0), np.zeros(0, bool))
    found = fit_character_temperature(told, 0.05, 20)
    assert found == pytest.approx(scale, rel=0.05)
    scaled = torch.from_numpy(told.logits)
    lowest = likelihood(character_confidences(scaled, ids, found), hits)
    for other in np.geomspace(0.05, 20, 20):
        assert lowest <= likelihood(character_confidences(scaled, ids, other), hits) + 1e-6


def test_likelihood_by_hand():
    assert likelihood(np.array([0.5, 0.2]), np.array([True, False])) == pytest.approx(
        -(np.log(0.5) + np.log(0.8)) / 2
    )
    assert np.isfinite(likelihood(np.array([1.0]), np.array([False])))
