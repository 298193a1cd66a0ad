"""What `normalize_line` does with ordinary, inverted, padded, slanted and blank lines."""

import numpy as np
import pytest

from datasets import LineReader
from datasets.files import resolve_data_path
from datasets.images import load_grey
from datasets.lines.ink import find_ink
from datasets.lines.normalization.line import is_ordinary, normalize_line
from datasets.lines.normalization.part import map_points
from datasets.lines.reader import load_line, load_normal_line
from tests.support.drawn_lines import draw, sentence, slanted
from tests.support.small import write_image


def test_an_ordinary_line_is_left_bit_for_bit():
    images = [draw(sentence(seed, 4), seed) for seed in range(20)]
    for image in images:
        assert normalize_line(image).image is image and not normalize_line(image).blank
    assert sum(map(is_ordinary, images)) >= 10  # or it would cost far more


def test_an_inverted_line_is_the_same_as_the_other():
    image = draw(sentence(3))
    line = normalize_line(255 - image)
    np.testing.assert_array_equal(line.image, image)
    assert not line.blank


def test_a_line_cut_out_of_a_page_is_inverted_but_not_trimmed():
    image = np.pad(draw("horse"), 100, constant_values=225)
    assert normalize_line(image, cut=True).image is image
    assert len(normalize_line(image).image) < 70
    np.testing.assert_array_equal(normalize_line(255 - image, cut=True).image, image)


def ink_corners(image: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(find_ink(image))
    return np.array([[x.min(), y.min()], [x.max(), y.max()]], np.float64)


def test_the_way_back_from_a_trimmed_line_leads_to_its_ink():
    image = np.pad(draw("horse and bridge"), ((150, 80), (400, 300)), constant_values=225)
    line = normalize_line(image)
    assert line.image.shape < image.shape
    np.testing.assert_allclose(
        map_points(line.place, ink_corners(line.image)), ink_corners(image), atol=1
    )


@pytest.mark.parametrize("degrees", [-4, 4])
def test_the_way_back_from_a_levelled_line_leads_to_its_ink(degrees):
    image = np.pad(slanted(draw(sentence(0, 7)), degrees), ((10, 60), (200, 0)), "edge")
    line = normalize_line(image)
    assert not np.allclose(line.place[:, :2], np.eye(2))
    y, x = np.nonzero(find_ink(line.image))
    back = np.round(map_points(line.place, np.stack([x, y], 1))).astype(int)
    assert (image[back[:, 1], back[:, 0]] < 190).mean() > 0.9


def test_every_way_to_a_line_is_normalized(tmp_path):
    image = draw(sentence(5))
    path = str(write_image(tmp_path / "a.png", 255 - np.pad(image, 90, constant_values=225)))
    line = load_line(path)
    assert len(line) < 75 and np.median(line) > 128
    np.testing.assert_array_equal(LineReader().read(path), LineReader().prepare(line))


def test_a_line_without_ink_has_no_columns(tmp_path):
    path = str(write_image(tmp_path / "a.png", np.full((50, 400), 240, np.uint8)))
    assert load_normal_line(path).blank
    assert LineReader(height=40).read(path).shape == (0, 1, 40)


@pytest.mark.slow
def test_real_printed_lines_are_left_as_they_are():
    try:
        root = resolve_data_path("lines/en_oldbooks")
    except FileNotFoundError:
        pytest.skip("needs lines/en_oldbooks below STRAND_DATA")
    changed = 0
    files = sorted(root.glob("*.png"))
    for file in files:
        image = load_grey(str(file))
        line = normalize_line(image)
        assert not line.blank, file
        changed += line.image is not image
    assert len(files) > 1000 and changed <= 0.002 * len(files)
