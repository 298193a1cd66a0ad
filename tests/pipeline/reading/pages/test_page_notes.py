"""Pages whose lines are found: notes on those that lie on their side, and on what is no text."""

import numpy as np
import pytest

from datasets import LineReader
from datasets.images import load_grey
from pipeline.reading.pages.loading import find_page
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
