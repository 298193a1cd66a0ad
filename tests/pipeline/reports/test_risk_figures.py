"""Reliability diagram, risk-coverage curve and thresholds, counted by hand."""

import re

import numpy as np
import pytest

from pipeline.reports.risk_figures import LEFT, SIDE, TOP, risk_sections
from tests.pipeline.reports.test_html import Page

CONFIDENCES = np.array([0.95, 0.95, 0.45, 0.45])
CORRECT = np.array([True, True, True, False])


def test_dots_are_at_confidence_and_share_of_correct_lines():
    html = "".join(risk_sections(CONFIDENCES, CORRECT))
    page = Page(html)
    assert not page.open and "2 lines: 45.0 % sure, 50.0 % right" in page.text
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="[\d.]+"><title>', html)
    assert [tuple(map(float, dot)) for dot in dots] == [
        (pytest.approx(LEFT + 0.45 * SIDE, abs=0.1), TOP + SIDE / 2),
        (pytest.approx(LEFT + 0.95 * SIDE, abs=0.1), TOP),
    ]


def test_the_numbers_are_those_of_the_lines():
    text = "".join(Page("".join(risk_sections(CONFIDENCES, CORRECT))).text)
    assert "on average 70.0 %, and 75.0 % were" in text
    assert "calibration error 5.00 %" in text  # both halves are off by 5 points
    assert "curve 12.50 %" in text  # the second half of the lines has a risk of a quarter
    assert "percent wrong, last value 25" in text


def test_thresholds_are_given_where_they_can_be_guaranteed():
    confidences = np.linspace(1, 0.2, 500)
    html = "".join(risk_sections(confidences, np.arange(500) < 400))
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', html)
    assert [name for name, _ in rows] == ["90 %", "95 %", "99 %"]
    shares = [float(share.split()[0]) for _, share in rows]
    assert 80 <= shares[2] <= shares[1] <= shares[0] < 90
    few = "".join(risk_sections(CONFIDENCES, CORRECT))
    assert re.findall(r'<th scope="row">99 %</th><td>(.*?)</td>', few) == ["-"]


def test_nothing_read_has_no_figures():
    assert risk_sections(np.array([]), np.array([], bool)) == []
