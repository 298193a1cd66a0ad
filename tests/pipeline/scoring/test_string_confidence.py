"""Platt scaling and character temperature, against scikit-learn and by hand."""

import numpy as np
import pytest
import torch

from pipeline.scoring.string_confidence import (
    StringCalibration,
    character_confidences,
    fit_character_temperature,
    fit_logistic,
    fit_platt_scaling,
    log_odds,
    negative_log_likelihood,
    platt_targets,
)
from pipeline.scoring.string_evidence import StringEvidence


@pytest.mark.parametrize("seed", range(3))
def test_platt_scaling_is_the_logistic_regression_of_platts_targets(seed):
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    x = random.normal(3, 4, 300)
    correct = random.uniform(size=300) < 1 / (1 + np.exp(-(0.7 * x - 1)))
    slope, offset = fit_logistic(x, correct)
    right, wrong = correct.sum(), (~correct).sum()
    targets = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2))
    reference = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000)
    twice, labels = np.concatenate([x, x])[:, None], np.repeat([1, 0], len(x))
    reference.fit(twice, labels, sample_weight=np.concatenate([targets, 1 - targets]))
    assert slope == pytest.approx(reference.coef_[0, 0], rel=1e-4)
    assert offset == pytest.approx(reference.intercept_[0], rel=1e-3, abs=1e-4)


def test_a_few_strings_or_hopeless_ones_keep_the_map_finite_and_rising():
    x = np.array([-3.0, -1.0, 2.0])
    assert fit_logistic(x, np.zeros(3, bool)) == pytest.approx((0, np.log(0.2 / 0.8)), abs=1e-6)
    assert fit_logistic(x[:1], np.ones(1, bool)) == pytest.approx((0, np.log(2)), abs=1e-6)
    slope, offset = fit_logistic(x, np.array([False, False, True]))  # perfectly separated
    assert 0 < slope < 5 and np.isfinite(offset)
    assert fit_logistic(x, np.array([True, False, False]))[0] == 0


def test_the_fit_undoes_what_was_done_to_a_probability():
    random = np.random.default_rng(0)
    true = random.beta(3, 1, 20_000)
    logits = (np.log(true / (1 - true)) - 0.5) / 0.7  # overconfident and then shifted
    scores = -np.logaddexp(0, -logits)
    exact = random.uniform(size=20_000) < true
    fitted = fit_platt_scaling(scores, exact)
    assert (fitted.slope, fitted.offset) == pytest.approx((0.7, 0.5), abs=0.04)
    for i in range(5):
        expected = 1 / (1 + np.exp(-fitted.slope * logits[i] - fitted.offset))
        assert fitted.confidence(float(np.exp(scores[i]))) == pytest.approx(expected, rel=1e-6)
    assert fitted.curve.counts[-1] == 20_000 and fitted.curve.wrong[-1] == (~exact).sum()


def test_certain_and_impossible_strings_end_at_the_bounds():
    plain = StringCalibration()
    assert plain.confidence(1.0) == pytest.approx(np.exp(-1e-4))
    assert plain.confidence(0.0) == pytest.approx(np.exp(-20), rel=1e-6)
    assert plain.confidence(0.25) == pytest.approx(0.25)
    assert np.isfinite(log_odds(np.array([-np.inf, 0.0, 1e-3]))).all()
    with pytest.raises(ValueError, match="slope -1 turns"):
        StringCalibration(-1)
    with pytest.raises(ValueError, match="offset nan is no number"):
        StringCalibration(1, float("nan"))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_the_temperature_is_what_the_logits_were_multiplied_by(scale):
    torch.manual_seed(0)
    logits = 2 * torch.randn(10_000, 4)
    confidences, ids = logits.softmax(1).max(1)
    correct = (torch.rand(10_000) < confidences).numpy()
    evidence = StringEvidence(
        (scale * logits).numpy(), ids.numpy(), correct, np.zeros(0), np.zeros(0, bool)
    )
    temperature = fit_character_temperature(evidence, 0.05, 20)
    assert temperature == pytest.approx(scale, rel=0.05)
    scaled = torch.from_numpy(evidence.logits)
    targets = platt_targets(correct)
    lowest = negative_log_likelihood(character_confidences(scaled, ids, temperature), targets)
    for other in np.geomspace(0.05, 20, 20):
        assert (
            lowest
            <= negative_log_likelihood(character_confidences(scaled, ids, other), targets) + 1e-6
        )


def test_a_few_characters_without_an_error_move_the_temperature_little():
    torch.manual_seed(0)
    logits = torch.randn(60, 4)
    logits[torch.arange(60), logits.argmax(1)] += 3.5
    ids = logits.argmax(1)
    nothing = np.zeros(0), np.zeros(0, bool)
    evidence = StringEvidence(logits.numpy(), ids.numpy(), np.ones(60, bool), *nothing)
    assert 0.8 < fit_character_temperature(evidence) < 2  # 61 of 62, and not the lowest there is
    wrong = evidence._replace(correct=np.zeros(60, bool))
    assert fit_character_temperature(wrong) == pytest.approx(3)


def test_platts_targets_by_hand():
    correct = np.array([True, True, False])
    assert platt_targets(correct) == pytest.approx([3 / 4, 3 / 4, 1 / 3])


def test_likelihood_by_hand():
    assert negative_log_likelihood(np.array([0.5]), np.array([0.75])) == pytest.approx(-np.log(0.5))
    assert negative_log_likelihood(np.array([0.5, 0.2]), np.array([True, False])) == pytest.approx(
        -(np.log(0.5) + np.log(0.8)) / 2
    )
    assert np.isfinite(negative_log_likelihood(np.array([1.0]), np.array([False])))
