"""Print the tables of `calibrate`: calibration errors, risk and coverage, guaranteed accuracies."""

from collections.abc import Mapping

import numpy as np

from ..scoring.risk_coverage import (
    LEVEL,
    RiskCoverageCurve,
    area_under_risk_coverage,
    best_guarantee,
    guaranteed_threshold,
    risk_coverage,
)
from ..scoring.string_confidence import negative_log_likelihood
from ..scoring.temperature import chance_calibration_error, expected_calibration_error, num_bins

COVERAGES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
ACCURACIES = (0.9, 0.95, 0.98, 0.99, 0.995)


def print_errors(rows: Mapping[str, np.ndarray | None], correct: np.ndarray) -> None:
    """Print NLL, ECE and AURC of each named array of confidences (N,); None is left out."""
    bins = num_bins(len(correct))
    print(f"{'':8}    nll  ece %  by chance  aurc %   ({bins} bins)")
    for name, confidences in rows.items():
        if confidences is not None:
            nll = negative_log_likelihood(confidences, correct)
            ece = expected_calibration_error(confidences, correct, bins)
            chance = chance_calibration_error(confidences, bins)
            aurc = 100 * area_under_risk_coverage(confidences, correct)
            print(f"{name:8} {nll:6.4f} {ece:6.2f} {chance:10.2f} {aurc:7.2f}")
    print(
        "crossed: each half of the groups by a fit on the other; by chance: what the ece of exact"
    )
    print("confidences would be; aurc: the share of wrong ones, averaged over all coverages")


def print_risk(confidences: np.ndarray, correct: np.ndarray) -> None:
    """Print the threshold and the accuracy at each of COVERAGES."""
    coverage, risk = risk_coverage(confidences, correct)
    thresholds = np.unique(confidences)[::-1]
    print("accepted %  confidence from  right %")
    for wanted in COVERAGES:
        i = min(int(np.searchsorted(coverage, wanted - 1e-9)), len(coverage) - 1)
        print(f"{100 * coverage[i]:10.1f} {thresholds[i]:16.4f} {100 * (1 - risk[i]):8.2f}")


def print_guarantees(curve: RiskCoverageCurve) -> None:
    """Print what `predict --accept` can guarantee with this curve at each of ACCURACIES."""
    for accuracy in ACCURACIES:
        accepted = guaranteed_threshold(curve, accuracy)
        if accepted:
            print(
                f"--accept {accuracy:g}: {100 * accepted.coverage:.1f} % can go unread, from "
                f"{accepted.threshold:.4f} on ({accepted.wrong} of {accepted.count} wrong)"
            )
        else:
            print(
                f"--accept {accuracy:g}: cannot be promised by these {curve.counts[-1]} "
                f"(at {100 * LEVEL:g} % certainty); at most {best_guarantee(curve):g}"
            )
