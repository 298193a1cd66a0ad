"""Report section on confidences: reliability diagram, risk-coverage curve, accepting thresholds."""

from collections.abc import Sequence

import numpy as np

from ..scoring.risk_coverage import (
    Bin,
    accept_threshold,
    area_under_risk_coverage,
    reliability_bins,
    risk_coverage,
)
from ..scoring.temperature import (
    BINS,
    chance_calibration_error,
    expected_calibration_error,
    num_bins,
)
from . import html as page

MAX_POINTS = 300  # of a curve: more are finer than the drawing
TARGET_SHARES = (0.9, 0.95, 0.99)  # that are correct, for which a threshold is given
LEFT, TOP, SIDE = 44, 12, 168  # of the square in a figure


def risk_sections(confidences: np.ndarray, correct: np.ndarray, unit: str = "lines") -> list[str]:
    """Figures and thresholds from (N,) confidences and whether each item was right as a whole.

    unit: what an item is, in the plural. The calibration error is that of `evaluate`: of reviews
    and clips in BINS.
    """
    if not len(correct):
        return []
    bins = BINS if unit in ("reviews", "clips") else num_bins(len(correct))
    error = expected_calibration_error(confidences, correct, bins)
    chance = chance_calibration_error(confidences, bins)
    area = area_under_risk_coverage(confidences, correct)
    summary = (
        f"Of the {len(correct)} {unit} that were read. A {unit.removesuffix('s')}'s confidence is "
        f"the probability that {'all of it' if unit == 'lines' else 'its label'} is right: on "
        f"average {100 * np.mean(confidences):.1f} %, and "
        f"{100 * np.mean(correct):.1f} % were. Expected calibration error {error:.2f} % "
        f"({bins} bins of equal mass; {chance:.2f} % comes by chance); area under the "
        f"risk-coverage curve {100 * area:.2f} % (0: every right one is surer than every wrong "
        "one)."
    )
    figures = (
        f"<figure>{reliability_figure(reliability_bins(confidences, correct), unit)}<figcaption>"
        f"Reliability: {unit} by confidence, larger dots for more of them. Below the broken line "
        "it promises too much.</figcaption></figure>"
        f"<figure>{coverage_figure(*risk_coverage(confidences, correct), unit)}<figcaption>Risk "
        f"and coverage: if only the surest {unit} go unread by a human, so many of them are wrong."
        "</figcaption></figure>"
    )
    return [
        page.heading("How far confidence can be trusted"),
        page.paragraph(summary),
        f'<div class="curves">{figures}</div>',
        threshold_table(confidences, correct, unit),
    ]


def reliability_figure(bins: Sequence[Bin], unit: str) -> str:
    """An SVG: mean confidence across, share of right answers up, both 0 to 100 %."""
    largest = max(b.count for b in bins)
    dots = "".join(
        f'<circle cx="{LEFT + SIDE * b.confidence:.1f}" cy="{TOP + SIDE * (1 - b.hits):.1f}" '
        f'r="{2.5 + 5 * (b.count / largest) ** 0.5:.1f}"><title>{b.count} {unit}: '
        f"{100 * b.confidence:.1f} % sure, {100 * b.hits:.1f} % right</title></circle>"
        for b in bins
    )
    rules = "".join(rule(percent) for percent in (0, 25, 50, 75, 100))
    bottom, right = TOP + SIDE, LEFT + SIDE
    return (
        f'<svg viewBox="0 0 {right + 16} {bottom + 40}" role="img" aria-label="reliability">'
        f'{rules}<line class="ideal" x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{TOP}"/>{dots}'
        f'<text x="{LEFT + SIDE / 2}" y="{bottom + 34}" text-anchor="middle">'
        "confidence in percent; up: percent right</text></svg>"
    )


def rule(percent: int) -> str:
    """A horizontal grid line, and the percent on both axes."""
    x, y = LEFT + SIDE * percent / 100, TOP + SIDE * (1 - percent / 100)
    return (
        f'<line class="grid" x1="{LEFT}" x2="{LEFT + SIDE}" y1="{y}" y2="{y}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{percent}</text>'
        f'<text x="{x}" y="{TOP + SIDE + 16}" text-anchor="middle">{percent}</text>'
    )


def coverage_figure(coverage: np.ndarray, risk: np.ndarray, unit: str) -> str:
    """An SVG of (K,) shares: coverage across, risk up, in percent."""
    kept = np.unique(np.linspace(0, len(risk) - 1, min(len(risk), MAX_POINTS)).round().astype(int))
    points = list(zip(100 * coverage[kept], 100 * risk[kept], strict=True))
    return page.curve(points, "percent wrong", f"percent of the {unit}, the surest first")


def threshold_table(confidences: np.ndarray, correct: np.ndarray, unit: str) -> str:
    """For each target share that is correct: the accepting threshold and what it accepts."""
    rows = []
    for target in TARGET_SHARES:
        cells = ["-", "-", "-"]
        if accepted := accept_threshold(confidences, correct, target):
            cells = [
                f"{100 * accepted.coverage:.1f} %", f"{accepted.threshold:.4f}",
                f"{accepted.wrong} of {accepted.count}",
            ]  # fmt: skip
        rows.append((f"{100 * target:g} %", *cells))
    return page.table(
        ["right, at least", f"{unit} accepted", "from confidence", "of these wrong"],
        rows,
        f"Thresholds chosen on these very {unit}, each to hold for 95 of 100 such draws of "
        f"{unit}; -: none does. One that is to be used is chosen on validation {unit}.",
    )
