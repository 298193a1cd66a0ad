"""Cutting lines out of a page: extent, masking, straightening, units."""

import cv2
import numpy as np
import pytest

from datasets.pages.crops import crop_line, in_pixels, line_gaps, pixel_scale
from datasets.pages.layout import Page, PageLine

PAPER = 230


def line(polygon=None, baseline=None, box=None) -> PageLine:
    points = (None if p is None else np.array(p, dtype=float) for p in (polygon, baseline))
    return PageLine("l", "r", None, *points, box)


def page_of(size=None, unit="pixel") -> Page:
    return Page("p.xml", "alto", "", size, unit, ())


def stroke(points, thickness=3) -> np.ndarray:
    """A page (300, 500) with one dark stroke along these points."""
    image = np.full((300, 500), PAPER, np.uint8)
    cv2.polylines(image, [np.array(points, np.int32)], False, 20, thickness)
    return image


def test_a_box_gets_a_margin_of_a_twentieth():
    image = np.arange(300 * 500, dtype=np.uint32).reshape(300, 500).astype(np.uint8)
    cut = crop_line(image, line(box=(10, 20, 110, 60)))
    np.testing.assert_array_equal(cut, image[18:62, 8:112])
    np.testing.assert_array_equal(crop_line(image, line(box=(0, 0, 600, 40))), image[:42])


def test_outside_of_a_polygon_is_paper():
    image = np.full((300, 500), PAPER, np.uint8)
    image[100:110, 50:300] = 20  # the line
    image[90:98, 200:300] = 20  # a neighbour that reaches into the bounding box
    steps = [(40, 85), (190, 85), (190, 99), (310, 99), (310, 115), (40, 115)]
    cut = crop_line(image, line(steps, [(50, 110), (300, 110)]))
    expected = np.full((300, 500), PAPER, np.uint8)
    expected[100:110, 50:300] = 20
    np.testing.assert_array_equal(cut, expected[85:115, 40:310])
    assert image[90, 250] == 20  # the page itself is as it was


@pytest.mark.parametrize("slope", [0.1, -0.2, 0.7])
@pytest.mark.parametrize("known", ["polygon", "baseline", "both"])
def test_a_slanted_line_comes_out_level(slope, known):
    ends = np.array([[60, 150 - 180 * slope], [420, 150 + 180 * slope]])
    image = stroke(ends)
    normal = np.array([-slope, 1]) / np.hypot(1, slope)
    polygon = [*(ends - 14 * normal), *(ends[::-1] + 8 * normal)]
    made = line(polygon if known != "baseline" else None, ends if known != "polygon" else None)
    cut = crop_line(image, made, gap=20)
    length = np.hypot(*(ends[1] - ends[0]))
    assert abs(cut.shape[1] - length) < 14 and 19 <= cut.shape[0] <= 26
    rows = np.array([np.argmin(cut[:, x]) for x in range(12, cut.shape[1] - 12)])
    assert np.ptp(rows) <= 2  # 360 pixels long, and level to the pixel
    expected = 0.75 * 20 if known == "baseline" else 14
    assert abs(rows.mean() - expected) < 2


def test_a_curved_baseline_is_straightened():
    x = np.arange(40, 461, 20)
    arch = np.stack([x, 200 - 60 * np.sin((x - 40) / 420 * np.pi)], 1)
    cut = crop_line(stroke(arch), line(baseline=arch), gap=24)
    rows = np.array([np.argmin(cut[:, x]) for x in range(20, cut.shape[1] - 20)])
    assert np.ptp(rows) <= 4 and cut.shape[0] < 32
    with_polygon = np.concatenate([arch - (0, 15), np.add(arch[::-1], (0, 8))])
    cut = crop_line(stroke(arch), line(with_polygon, arch))
    assert cut.shape[0] < 30 and (cut.min(0)[10:-10] < 100).all()


def test_a_baseline_drawn_from_the_right_is_not_read_upside_down():
    image = stroke([(60, 150), (420, 150)])
    image[120:140, 60:70] = 20  # above the left end
    forth, back = ([(60, 155), (420, 158)], [(420, 158), (60, 155)])
    crops = [crop_line(image, line(baseline=ends), gap=60) for ends in (forth, back)]
    np.testing.assert_array_equal(*crops)
    high, wide = crops[0].shape
    assert crops[0][: high // 2, : wide // 4].min() < 100


def test_text_that_climbs_is_laid_down():
    image = np.full((300, 500), PAPER, np.uint8)
    image[50:250, 200:210] = 20
    image[245:250, 180:200] = 20  # at its start, above it
    cut = crop_line(image, line(baseline=[(210, 250), (210, 50)]), gap=40)
    assert cut.shape == (41, 220) or abs(cut.shape[1] - 220) <= 2
    assert cut[8:18, 8:16].mean() < 100 < cut[8:18, 40:].min()


def test_a_baseline_knows_its_neighbours():
    column = [line(baseline=[(10, y), (200, y)]) for y in (50, 90, 130, 330)]
    other = line(baseline=[(300, 60), (490, 60)])
    assert line_gaps([*column, other, line(box=(0, 0, 9, 9))]) == [40, 40, 40, 60, 60, None]
    assert line_gaps([column[0]]) == [None]


def test_a_lone_baseline_takes_a_tenth_of_its_length():
    cut = crop_line(stroke([(50, 150), (450, 150)]), line(baseline=[(50, 150), (450, 150)]))
    assert cut.shape == (round(40 * 1.03 + 0.5), 420)


def test_a_box_beats_a_level_baseline_and_loses_to_a_slanted_one():
    image, box = stroke([(50, 150), (450, 150)]), (50, 100, 450, 200)
    assert crop_line(image, line(baseline=[(50, 150), (450, 151)], box=box)).shape == (110, 410)
    assert crop_line(image, line(baseline=[(50, 110), (450, 190)], box=box), 20).shape[0] < 30


UNUSABLE = [
    (line(), "no polygon, baseline or box"),
    (line(baseline=[(5, 5), (5, 5)]), "no polygon, baseline or box"),
    (line([(600, 10), (700, 10), (700, 40)]), "outside of its image of 500 x 300"),
    (line(box=(600, 10, 700, 40)), "outside of its image of 500 x 300"),
    (line(box=(-50, -90, -10, -40)), "outside of its image of 500 x 300"),
]


@pytest.mark.parametrize(("unusable", "message"), UNUSABLE)
def test_a_line_that_cannot_be_cut_out_is_named(unusable, message):
    with pytest.raises(ValueError, match=f"a.xml#l: .*{message}"):
        crop_line(np.full((300, 500), PAPER, np.uint8), unusable, name="a.xml#l")


def test_far_coordinates_do_not_fill_the_memory():
    outline = [(-1e9, 10), (1e9, 10), (1e9, 40), (-1e9, 40)]
    page = np.full((300, 500), PAPER, np.uint8)
    assert crop_line(page, line(outline, [(-400, 30), (900, 80)])).size < 500 * 700
    with pytest.raises(ValueError, match=r"line: coordinates up to 1e\+09 in an image"):
        crop_line(page, line(outline, [(-1e9, 30), (1e9, 2e8)]))


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
