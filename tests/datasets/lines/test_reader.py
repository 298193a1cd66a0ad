"""`LineReader`: scaling to one height, contrast stretching, and errors that name the file."""

import numpy as np
import pytest

from datasets.lines.reader import LineReader, stretch_contrast
from tests.support.small import break_images


def test_broken_files_are_named_with_the_reason(tmp_path):
    for path, message in break_images(tmp_path).items():
        with pytest.raises((OSError, ValueError), match=message) as caught:
            LineReader(16, 500).read(str(path))
        assert str(path) in str(caught.value)


def test_a_line_of_another_height_keeps_its_proportions():
    reader = LineReader(height=16, max_width=100)
    assert reader.prepare(np.full((32, 60), 255, np.uint8)).shape == (30, 1, 16)
    assert reader.prepare(np.full((8, 50), 255, np.uint8)).shape == (100, 1, 16)
    with pytest.raises(ValueError, match=r"image: 51 x 8 pixels are 102 columns at height 16, all"):
        reader.prepare(np.full((8, 51), 255, np.uint8))


def test_stretching_spreads_the_greys():
    image = np.full((10, 100), 200, np.uint8)
    image[:, :10] = 100
    spread = stretch_contrast(image)
    assert set(np.unique(spread).tolist()) == {0, 255}
    assert set(np.unique(stretch_contrast(np.full((4, 4), 7, np.uint8)))) == {255}
