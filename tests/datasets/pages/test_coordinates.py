"""Coordinates in pixels, and the distances between lines."""

import numpy as np
import pytest

from datasets.pages.coordinates import in_pixels, line_gaps, pixel_scale
from datasets.pages.layout import Page, PageLine


def line(polygon=None, baseline=None, box=None) -> PageLine:
    points = (None if p is None else np.array(p, dtype=float) for p in (polygon, baseline))
    return PageLine("l", "r", None, *points, box)


def page_of(size=None, unit="pixel") -> Page:
    return Page("p.xml", "alto", "", size, unit, ())


def test_a_baseline_knows_its_neighbours():
    column = [line(baseline=[(10, y), (200, y)]) for y in (50, 90, 130, 330)]
    other = line(baseline=[(300, 60), (490, 60)])
    assert line_gaps([*column, other, line(box=(0, 0, 9, 9))]) == [40, 40, 40, 60, 60, None]
    assert line_gaps([column[0]]) == [None]


def test_units_become_pixels():
    assert pixel_scale(page_of(), (300, 500)) == (1, 1)
    assert pixel_scale(page_of((500, 300)), (300, 500)) == (1, 1)
    assert pixel_scale(page_of((1000, 600)), (300, 500)) == (0.5, 0.5)  # another resolution
    across, down = pixel_scale(page_of((2000, 1210), "mm10"), (300, 500))
    assert (across, down) == (0.25, 300 / 1210)
    scaled = in_pixels(line([(4, 4), (8, 4), (8, 8)], [(4, 4), (8, 4)], (4, 4, 8, 8)), (0.5, 0.25))
    assert scaled.box == (2, 1, 4, 2)
    assert scaled.polygon.tolist() == [[2, 1], [4, 1], [4, 2]]
    assert scaled.baseline.tolist() == [[2, 1], [4, 1]]


UNFIT = [
    (page_of((300, 500)), "300 x 500 pixel, but its image has 500 x 300"),
    (page_of(None, "mm10"), "measured in mm10 without WIDTH"),
    (page_of((500, 300), "furlong"), "'furlong'; known are pixel, mm10, inch1200"),
]


@pytest.mark.parametrize(("page", "message"), UNFIT)
def test_an_image_that_does_not_fit_its_file_is_refused(page, message):
    with pytest.raises(ValueError, match=message):
        pixel_scale(page, (300, 500))


def test_gaps_of_many_baselines_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    starts, heights = rng.uniform(0, 900, 200), rng.uniform(0, 3000, 200)
    made = [line(baseline=[(x, y), (x + 90, y)]) for x, y in zip(starts, heights, strict=True)]
    distances = np.abs(heights[:, None] - heights)
    same = (np.abs(starts[:, None] - starts) < 90) & (distances > 1)
    nearest = np.where(same, distances, np.inf).min(1)
    median = np.median(nearest[np.isfinite(nearest)])
    np.testing.assert_allclose(line_gaps(made), np.minimum(nearest, 1.5 * median))


def test_lines_without_a_baseline_have_the_gaps_of_their_outlines():
    outlines = [line([(9, y), (90, y), (90, y + 10), (9, y + 20)]) for y in (50, 90, 150)]
    both = line([(200, 0), (300, 0), (300, 9)], [(200, 9), (300, 9)])
    assert line_gaps(outlines) == [40, 40, 60]
    assert line_gaps([*outlines, both, line(box=(0, 0, 9, 9))]) == [40, 40, 60, None, None]
