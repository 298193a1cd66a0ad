"""Ink, bands and small pictures of drawn lines, and files that are cut off."""

import cv2
import numpy as np
import pytest

from datasets import LineReader
from pipeline.doctor.line_ink import check_end, find_ink, measure
from tests.support.drawn_lines import draw, sentence
from tests.support.small import write_image


def measured(tmp_path, image: np.ndarray):
    return measure(str(write_image(tmp_path / "line.png", image)), LineReader())


def test_a_line_has_ink_marks_and_one_band(tmp_path):
    seen = measured(tmp_path, draw("horse and bridge"))
    assert 10 <= seen.marks <= 18 and seen.two_bands == 0 and seen.strokes > 3
    assert seen.zones.sum() == pytest.approx(1) and np.linalg.norm(seen.thumbnail) == pytest.approx(
        1
    )


def test_paper_has_no_ink_however_grey_it_is(tmp_path):
    rng = np.random.default_rng(0)
    shaded = np.tile(np.linspace(240, 150, 500), (40, 1)) + rng.normal(0, 6, (40, 500))
    for paper in (np.full((40, 500), 128), shaded):
        assert measured(tmp_path, paper.astype(np.uint8)).strokes == 0
    faint = 230 - (255 - draw("faint", 1)[:, :].astype(int)) // 4
    assert measured(tmp_path, faint.astype(np.uint8)).strokes > 1


def test_light_ink_on_dark_paper_is_ink_too():
    image = draw("the day")
    np.testing.assert_array_equal(find_ink(255 - image).any(0), find_ink(image).any(0))


def test_two_lines_are_two_bands_and_a_neighbours_feet_are_none(tmp_path):
    first, second = draw(sentence(1)), draw(sentence(2))
    wide = min(first.shape[1], second.shape[1])
    assert measured(tmp_path, np.vstack([first[:, :wide], second[:, :wide]])).two_bands > 0.9
    feet = np.vstack([second[26:33, :wide], first[:, :wide]])
    assert measured(tmp_path, feet).two_bands == 0


def test_files_that_are_cut_off_are_refused(tmp_path):
    image = draw("cut me")
    for ending in (".png", ".jpg", ".webp"):
        whole = cv2.imencode(ending, image)[1].tobytes()
        path = tmp_path / f"line{ending}"
        path.write_bytes(whole)
        check_end(str(path))
        path.write_bytes(whole[: int(0.9 * len(whole))])
        with pytest.raises(ValueError, match=f"line{ending}: cut off after"):
            measure(str(path), LineReader())
