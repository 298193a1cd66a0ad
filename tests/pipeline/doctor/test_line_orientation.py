"""Lines on their heads among upright ones, by their ink alone."""

import numpy as np

from datasets import LineReader
from pipeline.doctor.line_ink import measure
from pipeline.doctor.line_orientation import FEWEST, MARGIN, shares, upside_down
from tests.support.drawn_lines import draw, sentence
from tests.support.small import write_image


def page(tmp_path, turned: set[int], count: int = 60):
    texts = [sentence(seed) for seed in range(count)]
    pictures = []
    for place, text in enumerate(texts):
        image = draw(text, place)
        image = np.ascontiguousarray(np.rot90(image, 2)) if place in turned else image
        path = write_image(tmp_path / f"{place}.png", image)
        pictures.append(measure(str(path), LineReader()))
    return pictures, texts


def test_turned_lines_and_only_they_are_found(tmp_path):
    turned = {4, 17, 33}
    gains = upside_down(*page(tmp_path, turned))
    assert set(np.flatnonzero(gains > MARGIN).tolist()) == turned


def test_of_few_lines_and_of_unlike_ones_nothing_is_said(tmp_path):
    pictures, texts = page(tmp_path, set(), FEWEST)
    assert not upside_down(pictures[:-1], texts[:-1]).any()
    assert upside_down(pictures, texts).any()
    noise = np.random.default_rng(0).random((FEWEST, 24))
    unlike = [p._replace(zones=z / z.sum()) for p, z in zip(pictures, noise, strict=True)]
    assert not upside_down(unlike, texts).any()
    assert not upside_down([], []).any()


def test_shares_are_of_the_inked_characters():
    found = shares("bp A.")
    assert found[[0, 4, 6, -2, -1]].tolist() == [0.25, 0.25, 0.25, 0.25, 1.0]
