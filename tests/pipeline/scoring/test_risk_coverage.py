"""Risk and coverage by hand, the binomial tail against SciPy, and guaranteed thresholds."""

import math

import numpy as np
import pytest

from pipeline.scoring.risk_coverage import (
    AcceptanceThreshold,
    RiskCoverageCurve,
    accept_threshold,
    area_under_risk_coverage,
    best_guarantee,
    binomial_tail,
    guaranteed_threshold,
    reliability_bins,
    risk_coverage,
    risk_coverage_curve,
)


def test_reliability_by_hand():
    confidences = [0.05, 0.55, 0.59, 0.97, 1.0]
    bins = reliability_bins(confidences, [False, True, False, True, True])
    assert [b.count for b in bins] == [1, 2, 2]
    assert np.allclose([b.confidence for b in bins], [0.05, 0.57, 0.985])
    assert [b.hits for b in bins] == [0, 0.5, 1]
    assert reliability_bins([], []) == []


def test_reliability_equals_scikit_learns():
    from sklearn.calibration import calibration_curve

    random = np.random.default_rng(0)
    confidences = random.uniform(size=500)
    correct = random.uniform(size=500) < confidences**2
    shares, means = calibration_curve(correct, confidences, n_bins=7)
    bins = reliability_bins(confidences, correct, 7)
    assert np.allclose([b.hits for b in bins], shares)
    assert np.allclose([b.confidence for b in bins], means)


def test_risk_and_coverage_by_hand():
    # 0.9 right, twice 0.8 of which one is wrong, 0.3 wrong
    coverage, risk = risk_coverage([0.8, 0.3, 0.9, 0.8], [True, False, True, False])
    assert np.allclose(coverage, [0.25, 0.75, 1.0])
    assert np.allclose(risk, [0, 1 / 3, 1 / 2])
    area = area_under_risk_coverage([0.8, 0.3, 0.9, 0.8], [True, False, True, False])
    assert area == pytest.approx(0.5 / 3 + 0.25 / 2)
    assert math.isnan(area_under_risk_coverage([], []))
    with pytest.raises(ValueError, match="2 confidences, but 1 hits"):
        risk_coverage([0.1, 0.2], [True])


def test_accepted_answers_have_the_precision_of_scikit_learn():
    from sklearn.metrics import precision_recall_curve

    random = np.random.default_rng(1)
    confidences = random.integers(40, size=300) / 40
    correct = random.uniform(size=300) < confidences
    precision, _, thresholds = precision_recall_curve(correct, confidences)
    coverage, risk = risk_coverage(confidences, correct)
    assert np.allclose(1 - risk, precision[:-1][::-1])
    assert np.allclose(coverage, [(confidences >= t).mean() for t in thresholds[::-1]])


@pytest.mark.parametrize(
    ("count", "wrong", "risk"), [(299, 0, 0.01), (5000, 40, 0.01), (7, 7, 0.4)]
)
def test_binomial_tail_equals_scipys(count, wrong, risk):
    from scipy.stats import binom

    assert binomial_tail(count, wrong, risk) == pytest.approx(
        binom.cdf(wrong, count, risk), rel=1e-9
    )


def test_a_guarantee_needs_as_many_correct_answers_as_clopper_pearson():
    # 0.99 ** 298 > 0.05 >= 0.99 ** 299: without any wrong one, 299 answers are needed
    for count, expected in ((298, None), (299, AcceptanceThreshold(0.5, 299, 0, 1.0))):
        assert accept_threshold([0.5] * count, [True] * count, 0.99) == expected
    assert accept_threshold([], [], 0.99) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        accept_threshold([0.5], [True], 1.0)


def test_the_threshold_stops_where_the_bound_does():
    confidences = np.linspace(1, 0.001, 1000)
    correct = np.arange(1000) < 600  # the 600 most confident ones are correct, then none is
    accepted = accept_threshold(confidences, correct, 0.99)
    # after 600 right ones: 1 - tail passes at 605 (1 % of it is 6.05): the curve holds every fifth
    assert binomial_tail(605, 5, 0.01) > 0.05 > binomial_tail(600, 0, 0.01)
    assert accepted == AcceptanceThreshold(pytest.approx(confidences[599]), 600, 0, 0.6)
    # an early run of wrong answers ends it, however good the rest is
    assert (
        binomial_tail(1000, 50, 0.1) < 0.05
        and accept_threshold(confidences, np.arange(1000) >= 50, 0.9) is None
    )


def test_a_curve_is_short_keeps_ties_together_and_ends_with_all():
    confidences = np.repeat(np.linspace(1, 0, 1000), 3)
    curve = risk_coverage_curve(confidences, np.arange(3000) % 7 > 0, points=50)
    assert len(curve.counts) == 50 and curve.counts[-1] == 3000
    assert all(count % 3 == 0 for count in curve.counts)
    assert curve.wrong[-1] == -(-3000 // 7)
    for threshold, count in zip(curve.thresholds, curve.counts, strict=True):
        assert (confidences >= threshold).sum() == count
    assert risk_coverage_curve([], []) == RiskCoverageCurve()
    with pytest.raises(ValueError, match="do not fall"):
        RiskCoverageCurve([0.1, 0.2], [1, 2], [0, 0])
    with pytest.raises(ValueError, match="a curve of"):
        RiskCoverageCurve([0.1], [1, 2], [0, 0])


def test_the_guarantee_holds_nineteen_times_of_twenty():
    random = np.random.default_rng(0)
    kept = found = 0
    for _ in range(300):
        confidences = random.beta(6, 1, 800)
        correct = random.uniform(size=800) < confidences
        accepted = accept_threshold(confidences, correct, 0.93)
        if accepted:
            found += 1
            others = random.beta(6, 1, 40_000)
            # calibrated, so the mean confidence is the expected accuracy
            kept += others[others >= accepted.threshold].mean() >= 0.93
    assert found > 100
    assert kept / found > 0.93


def test_the_best_guarantee_has_a_threshold():
    random = np.random.default_rng(0)
    confidences = random.uniform(size=400)
    curve = risk_coverage_curve(confidences, random.uniform(size=400) < np.sqrt(confidences))
    best = best_guarantee(curve)
    assert (
        0.8 < best < 1
        and guaranteed_threshold(curve, best)
        and not guaranteed_threshold(curve, best + 0.001)
    )
    assert best_guarantee(RiskCoverageCurve()) == 0
