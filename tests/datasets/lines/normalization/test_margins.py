"""Wide margins are cut off, those of crops are not, and no ink is lost."""

import numpy as np
import pytest

from datasets.lines.normalization.margins import trim as trim_part
from datasets.lines.normalization.part import Part
from tests.support.drawn_lines import draw


def trim(image: np.ndarray) -> np.ndarray:
    return trim_part(Part(image)).image


def padded(image: np.ndarray, up: int, down: int, left: int, right: int) -> np.ndarray:
    """With paper of one grey around it."""
    return np.pad(image, ((up, down), (left, right)), constant_values=225)


@pytest.mark.parametrize("sides", [(80, 80, 0, 0), (200, 10, 5, 5), (60, 90, 400, 300)])
def test_wide_margins_are_cut_to_those_of_a_crop(sides):
    image = draw("horse and bridge")
    trimmed = trim(padded(image, *sides))
    assert 35 <= len(trimmed) <= 60
    assert trimmed.shape[1] <= image.shape[1] + 60
    assert (trimmed < 128).sum() == (image < 128).sum()


def test_margins_of_crops_are_left():
    for sides in ((0, 0, 0, 0), (8, 5, 20, 20), (0, 0, 60, 60)):
        image = padded(draw("horse and bridge"), *sides)
        assert trim(image) is image


@pytest.mark.parametrize("mark", ["point", "dash", "three points"])
def test_a_mark_that_tells_no_size_keeps_its_height(mark):
    image = np.full((120, 300), 230, np.uint8)
    for left in (60,) if mark != "three points" else (60, 80, 100):
        image[80:86, left : left + (24 if mark == "dash" else 6)] = 20
    assert len(trim(image)) == 120


def test_a_faint_mark_far_from_the_text_is_not_cut_off():
    image = padded(draw("horse"), 0, 0, 0, 500)
    image[20:22, 520:540] -= 40
    assert trim(image).shape == image.shape
