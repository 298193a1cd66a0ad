"""The single lines that the report shows: selection, order and notes."""

import re

import pytest

from pipeline.reports import line_cards
from pipeline.reports.lines import compare
from tests.pipeline.reports.test_html import Page
from tests.pipeline.reports.test_line_sections import PREDICTIONS, REFERENCES, lines_read


def test_lines_that_differ_are_shown_the_largest_difference_first():
    own, other = lines_read(), lines_read("two & <i>", [REFERENCES[0], "", *PREDICTIONS[2:]])
    paired = compare(own, other)
    assert paired.gain == pytest.approx(100 * (10 - 7) / 26)
    html = "".join(line_cards.differing_lines(own, other, 5))
    page = Page(html)
    assert not page.open and "i" in page.tags and "two & <i>" in "".join(page.text)
    names = re.findall(r'<div class="name">(one\d)', html)
    assert names == ["one1", "one0"]  # 7 edits against 1, then 0 against 3
    assert "has fewer edits in 1 line, two & <i> in 1; 2 have as many" in "".join(page.text)
    assert "1 of 2 are shown" in "".join(line_cards.differing_lines(own, other, 1))


def test_the_worst_lines_come_first_and_a_missing_image_is_explained():
    html = "".join(line_cards.worst_section(lines_read(), 2))
    assert re.findall(r'<div class="name">(one\d)', html) == ["one0", "one3"]
    assert "2 of 3 are shown; --lines shows more" in html and not Page(html).open
    assert "No such file" in html and "3 edits" in html
