"""Pages whose lines are found: notes on those that lie on their side, and on what is no text."""

import numpy as np
import pytest

from datasets import LineReader
from datasets.images import load_grey
from pipeline.reading.pages.loading import find_page
from pipeline.reading.pages.records import extent
from tests.support.pages import TEXTS, set_page


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> np.ndarray:
    path = tmp_path_factory.mktemp("sheet") / "page.png"
    set_page(path, TEXTS * 3)
    return np.pad(load_grey(str(path)), 100, "edge")


def notes(image: np.ndarray) -> tuple[str, ...]:
    return find_page("page.png", np.ascontiguousarray(image), LineReader()).notes


def test_a_page_on_its_side_has_a_note(sheet):
    assert notes(sheet) == ()
    assert notes(np.rot90(sheet)) == notes(np.rot90(sheet, 3)) == ("on its side",)


def test_ink_without_text_has_a_note():
    image = np.full((900, 700), 230, np.uint8)
    assert notes(image) == ()
    image[300:305, 200:500] = 40
    assert notes(image) == ("unlike the training data",)


def test_a_dark_page_is_read_as_the_light_one_is(sheet):
    light, dark = (find_page("page.png", image, LineReader()) for image in (sheet, 255 - sheet))
    assert len(light.lines) == len(TEXTS) * 3
    for one, other in zip(light.columns, dark.columns, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("ground", [230, 20])
def test_light_text_on_a_bar_is_inverted_whatever_the_page(sheet, ground):
    """A heading of the other polarity than its page, which its outline follows tightly."""
    page = sheet if ground == 230 else 255 - sheet
    bar, found = page.copy(), find_page("page.png", page, LineReader())
    left, top, right, bottom = extent(found.lines[0])
    part = np.s_[int(top) - 12 : int(bottom) + 12, int(left) - 30 : int(right) + 30]
    bar[part] = 255 - bar[part]
    turned = find_page("page.png", bar, LineReader())
    assert len(turned.lines) == len(found.lines)
    for columns in turned.columns:
        assert np.median(columns) > 150  # dark on light
