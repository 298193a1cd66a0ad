"""Lines that rise or fall are levelled; level ones, and words too short to tell, are not."""

import numpy as np
import pytest

from datasets.lines.ink import find_ink
from datasets.lines.normalization.slant import find_slope, level
from tests.support.drawn_lines import draw, sentence, slanted


@pytest.mark.parametrize("degrees", [-5, -2, 2, 5])
def test_a_slant_is_levelled_and_the_rows_that_it_took_are_cut_off(degrees):
    image = draw(sentence(0, 7))
    levelled = level(slanted(image, degrees)).image
    assert abs(len(levelled) - len(image)) <= 6 and levelled.shape[1] == image.shape[1]
    y, x = np.nonzero(find_ink(levelled))
    assert abs(find_slope(x, y)[0]) * image.shape[1] < 4
    rows = np.flatnonzero(find_ink(levelled).any(1))
    assert np.ptp(rows) <= np.ptp(np.flatnonzero(find_ink(image).any(1))) + 5


def test_a_level_line_and_a_steep_one_are_left_as_they_are():
    image = draw(sentence(1, 6))
    assert level(image).image is image
    steep = slanted(image, 9)
    assert level(steep).image is steep
    blank = np.full((40, 400), 230, np.uint8)
    assert level(blank).image is blank


@pytest.mark.parametrize(("share", "is_levelled"), [(0.6, False), (0.95, True)])
def test_a_line_is_levelled_from_three_quarters_of_its_texts_height(share, is_levelled):
    image = draw(sentence(0, 7))
    y, x = np.nonzero(find_ink(image))
    height = np.subtract(*np.percentile(y, (98, 2)))
    turned = slanted(image, np.degrees(np.arctan(share * height / np.ptp(x))))
    assert (level(turned).image is not turned) == is_levelled


def test_the_slope_is_that_of_the_rows():
    x = np.tile(np.arange(400), 3)
    y = np.repeat([5, 12, 20], 400) + 0.04 * x
    slope, rows = find_slope(x, np.round(y))
    assert slope == pytest.approx(0.04, abs=0.004) and 14 <= rows <= 18
    assert find_slope(x, np.repeat([5, 12, 20], 400)) == (0.0, 1.0)
