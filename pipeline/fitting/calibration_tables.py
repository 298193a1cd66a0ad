"""What `calibrate` prints: errors before and after, risk and coverage, what can be promised."""

from collections.abc import Sequence

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
WANTED = (0.9, 0.95, 0.98, 0.99, 0.995)


def print_errors(kinds: Sequence[tuple[str, np.ndarray | None]], hits: np.ndarray) -> None:
    bins = num_bins(len(hits))
    print(f"{'':8}    nll  ece %  by chance  aurc %   ({bins} bins)")
    for name, sure in kinds:
        if sure is not None:
            error = expected_calibration_error(sure, hits, bins)
            chance = chance_calibration_error(sure, bins)
            area = 100 * area_under_risk_coverage(sure, hits)
            nll = negative_log_likelihood(sure, hits)
            print(f"{name:8} {nll:6.4f} {error:6.2f} {chance:10.2f} {area:7.2f}")
    print(
        "crossed: each half of the groups by a fit on the other; by chance: what the ece of exact"
    )
    print("confidences would be; aurc: the share of wrong ones, averaged over all coverages")


def print_risk(confidences: np.ndarray, hits: np.ndarray) -> None:
    coverage, risk = risk_coverage(confidences, hits)
    thresholds = np.unique(confidences)[::-1]
    print("accepted %  confidence from  right %")
    for wanted in COVERAGES:
        at = min(int(np.searchsorted(coverage, wanted - 1e-9)), len(coverage) - 1)
        print(f"{100 * coverage[at]:10.1f} {thresholds[at]:16.4f} {100 * (1 - risk[at]):8.2f}")


def print_guarantees(curve: RiskCoverageCurve) -> None:
    """What `predict --accept` can promise by this curve."""
    for wanted in WANTED:
        found = guaranteed_threshold(curve, wanted)
        if found:
            share = f"{100 * found.coverage:.1f} % can go unread, from {found.threshold:.4f} on"
            print(f"--accept {wanted:g}: {share} ({found.wrong} of {found.count} wrong)")
        else:
            best = best_guarantee(curve)
            print(
                f"--accept {wanted:g}: cannot be promised by these {curve.counts[-1]} "
                f"(at {100 * LEVEL:g} % certainty); at most {best:g}"
            )
