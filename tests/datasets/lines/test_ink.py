"""Ink, and pages told from lines, on drawn lines and on the real sets."""

import cv2
import numpy as np
import pytest

from datasets.files import resolve_data_path
from datasets.images import load_grey
from datasets.lines.ink import find_ink, is_page, percentiles
from tests.support.drawn_lines import draw, sentence

SHARE = 0.001  # of real lines that may be taken for pages: some hold more than one


def sheet(count: int, words: int = 8, pitch: int = 44, margin: int = 30) -> np.ndarray:
    """A page (H, W) of drawn lines."""
    lines = [draw(sentence(i, words), i) for i in range(count)]
    wide = max(line.shape[1] for line in lines)
    page = np.full((count * pitch + 2 * margin, wide + 2 * margin), 225, np.uint8)
    for place, line in enumerate(lines):
        top = margin + place * pitch
        page[top : top + 40, margin : margin + line.shape[1]] = line
    return page


def test_ink_is_found_at_any_grey_but_not_in_shaded_paper():
    image = draw("the day")
    assert 0.02 < find_ink(image).mean() < 0.25
    faint = (230 - (225 - image.astype(int)) / 4).clip(0, 255).astype(np.uint8)
    assert find_ink(faint).any()
    shaded = np.tile(np.linspace(240, 150, 500), (40, 1)).astype(np.uint8)
    assert not find_ink(shaded).any()


@pytest.mark.parametrize("turn", [0, 2])
def test_several_lines_are_a_page_also_inverted_and_slanted(turn):
    for count in (2, 3, 12):
        page = sheet(count)
        high, wide = page.shape
        matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), turn if count > 3 else 0, 1)
        page = cv2.warpAffine(page, matrix, (wide, high), borderValue=225)
        assert is_page(page) and is_page(255 - page)


def test_a_blank_sheet_is_a_page():
    assert is_page(np.full((1600, 1100), 240, np.uint8))


def test_one_line_is_no_page_at_any_size():
    for text in ("horse and bridge", "E", "i", ":", "=", "3 %", "the quick brown fox " * 4):
        line = draw(text)
        for scale in (1, 3, 8):
            image = cv2.resize(line, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            assert not is_page(image), (text, scale)


def test_a_line_between_the_rests_of_its_neighbours_is_no_page():
    above, line, below = (draw(sentence(i)) for i in range(3))
    wide = min(above.shape[1], line.shape[1], below.shape[1])
    parts = above[26:34, :wide], line[:, :wide], below[6:13, :wide]
    assert not is_page(np.vstack(parts))


def test_a_line_on_its_side_is_no_page():
    assert not is_page(np.ascontiguousarray(np.rot90(draw("the day began with heavy rain"))))


def real(folder: str, ending: str, count: int) -> list:
    try:
        root = resolve_data_path(folder)
    except FileNotFoundError:
        pytest.skip(f"needs {folder} below STRAND_DATA")
    files = sorted(root.rglob(f"*{ending}"))
    return files[:: max(1, len(files) // count)]


@pytest.mark.slow
def test_real_lines_are_no_pages_and_real_pages_are():
    lines = real("lines", ".png", 2000)
    taken = [str(file) for file in lines if is_page(load_grey(str(file)))]
    assert len(lines) > 1000 and len(taken) <= SHARE * len(lines), taken
    pages = real("pages", ".jpg", 100)
    assert [str(file) for file in pages if not is_page(load_grey(str(file)))] == []


@pytest.mark.parametrize("seed", range(30))
def test_percentiles_are_those_of_numpy(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 60), rng.integers(1, 300)
    image = rng.integers(0, rng.integers(1, 257), shape).astype(np.uint8)
    shares = (0.0, 0.02, 0.99, 0.999, 1.0, float(rng.random()))
    expected = np.percentile(image, np.multiply(100, shares))
    np.testing.assert_allclose(percentiles(image, shares), expected, atol=1e-6)
