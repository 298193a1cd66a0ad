"""Detection of upside-down lines among upright ones, by their ink alone."""

import numpy as np

from datasets import LineReader
from pipeline.doctor.line_ink import measure
from pipeline.doctor.line_orientation import FEWEST, MARGIN, class_shares, turning_gains
from tests.support.drawn_lines import draw, sentence
from tests.support.small import write_image


def page(tmp_path, turned: set[int], count: int = 60):
    texts = [sentence(seed) for seed in range(count)]
    inks = []
    for index, text in enumerate(texts):
        image = draw(text, index)
        image = np.ascontiguousarray(np.rot90(image, 2)) if index in turned else image
        path = write_image(tmp_path / f"{index}.png", image)
        inks.append(measure(str(path), LineReader()))
    return inks, texts


def test_exactly_the_turned_lines_are_found(tmp_path):
    turned = {4, 17, 33}
    gains = turning_gains(*page(tmp_path, turned))
    assert set(np.flatnonzero(gains > MARGIN).tolist()) == turned


def test_gains_are_zero_for_few_lines_and_for_noise(tmp_path):
    inks, texts = page(tmp_path, set(), FEWEST)
    assert not turning_gains(inks[:-1], texts[:-1]).any()
    assert turning_gains(inks, texts).any()
    noise = np.random.default_rng(0).random((FEWEST, 24))
    unlike = [p._replace(zones=z / z.sum()) for p, z in zip(inks, noise, strict=True)]
    assert not turning_gains(unlike, texts).any()
    assert not turning_gains([], []).any()


def test_class_shares_count_inked_characters():
    result = class_shares("bp A.")
    assert result[[0, 4, 6, -2, -1]].tolist() == [0.25, 0.25, 0.25, 0.25, 1.0]
