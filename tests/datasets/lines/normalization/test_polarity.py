"""Light text on dark is inverted; dark text, bold or in a dark surround, is left as it is."""

import cv2
import numpy as np
import pytest

from datasets.lines.normalization.polarity import dark_on_light
from tests.support.drawn_lines import draw


@pytest.mark.parametrize("scale", [0.5, 1, 4])
def test_light_on_dark_is_inverted_and_dark_on_light_is_not(scale):
    image = cv2.resize(draw("horse and bridge"), None, fx=scale, fy=scale)
    assert dark_on_light(image) is image
    np.testing.assert_array_equal(dark_on_light(255 - image), image)


def test_faint_light_text_is_inverted():
    image = 90 - draw("the day began").astype(int) // 5
    assert dark_on_light(image.astype(np.uint8)).mean() > 128


def test_dark_paper_is_not_inverted():
    dim = (draw("the day began") * 0.35).astype(np.uint8)
    assert dark_on_light(dim) is dim


def test_a_light_sheet_in_a_dark_surround_is_not_inverted():
    line = draw("the day began with rain")
    image = np.full((90, line.shape[1] + 200), 12, np.uint8)
    image[25:65, 100:-100] = line
    assert np.median(image) < 20 and dark_on_light(image) is image


def test_bold_letters_are_not_inverted():
    bold = cv2.erode(draw("mmmm wwww"), np.ones((4, 4), np.uint8))
    assert (bold < 128).mean() > 0.25 and dark_on_light(bold) is bold
