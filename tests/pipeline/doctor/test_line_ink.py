"""Ink, bands and thumbnails of drawn lines, and truncated files."""

import cv2
import numpy as np
import pytest

from datasets import LineReader
from pipeline.doctor.line_ink import check_complete, measure
from tests.support.drawn_lines import draw, sentence
from tests.support.small import write_image


def measured(tmp_path, image: np.ndarray):
    return measure(str(write_image(tmp_path / "line.png", image)), LineReader())


def test_a_line_has_ink_marks_and_one_band(tmp_path):
    ink = measured(tmp_path, draw("horse and bridge"))
    assert 10 <= ink.marks <= 18 and ink.two_bands == 0 and ink.strokes > 3
    assert ink.zones.sum() == pytest.approx(1) and np.linalg.norm(ink.thumbnail) == pytest.approx(1)


def test_grey_or_shaded_paper_has_no_ink(tmp_path):
    rng = np.random.default_rng(0)
    shaded = np.tile(np.linspace(240, 150, 500), (40, 1)) + rng.normal(0, 6, (40, 500))
    for paper in (np.full((40, 500), 128), shaded):
        assert measured(tmp_path, paper.astype(np.uint8)).strokes == 0
    faint = 230 - (255 - draw("faint", 1)[:, :].astype(int)) // 4
    assert measured(tmp_path, faint.astype(np.uint8)).strokes > 1


def test_light_ink_on_dark_paper_is_measured_as_dark_on_light(tmp_path):
    image = draw("the day")
    plain, inverted = measured(tmp_path, image), measured(tmp_path, 255 - image)
    assert inverted[:4] == plain[:4] and plain.marks >= 6


def test_two_lines_are_two_bands_but_descenders_of_a_neighbour_are_not(tmp_path):
    first, second = draw(sentence(1)), draw(sentence(2))
    wide = min(first.shape[1], second.shape[1])
    assert measured(tmp_path, np.vstack([first[:, :wide], second[:, :wide]])).two_bands > 0.9
    feet = np.vstack([second[26:33, :wide], first[:, :wide]])
    assert measured(tmp_path, feet).two_bands == 0


def test_truncated_files_are_refused(tmp_path):
    image = draw("cut me")
    for ending in (".png", ".jpg", ".webp"):
        whole = cv2.imencode(ending, image)[1].tobytes()
        path = tmp_path / f"line{ending}"
        path.write_bytes(whole)
        check_complete(str(path))
        path.write_bytes(whole[: int(0.9 * len(whole))])
        with pytest.raises(ValueError, match=f"line{ending}: cut off after"):
            measure(str(path), LineReader())
