"""Degraded lines stay readable; letters of a hand vary."""

import numpy as np
import pytest

from datasets.lines.synthetic.degradation import LOOKS, degrade, thin_strokes, vary_letters
from datasets.lines.synthetic.typesetting import render_line


@pytest.mark.parametrize("look", list(LOOKS))
def test_degrading_keeps_the_shape_and_leaves_it_readable(look):
    clean = np.full((40, 300), 255, np.uint8)
    for x in range(20, 280, 13):
        clean[10:30, x : x + 3] = 0
    kept = [degrade(np.random.default_rng(seed), clean.copy(), look) for seed in range(20)]
    assert {(k.shape, k.dtype) for k in kept} == {((40, 300), np.dtype(np.uint8))}
    contrast = [k[clean == 255].mean() - k[clean == 0].mean() for k in kept]
    assert min(contrast) > 25
    assert np.array_equal(kept[0], degrade(np.random.default_rng(0), clean.copy(), look))


def test_varied_letters_differ_in_height(serif):
    rng = np.random.default_rng(0)
    line = render_line(rng, "n n n n n n", serif._replace(kind="script"))
    warped = vary_letters(rng, line, 44)
    assert warped.shape == line.shape and warped.dtype == np.uint8
    assert 0.7 < (warped < 128).sum() / (line < 128).sum() < 1.4

    def heights(image: np.ndarray) -> list[int]:
        ink = (image < 128).any(0)
        starts = np.flatnonzero(ink[1:] & ~ink[:-1])
        ends = np.flatnonzero(ink[:-1] & ~ink[1:])
        tall = [(image[:, a : b + 1] < 128).any(1).sum() for a, b in zip(starts, ends, strict=True)]
        return [int(t) for t in tall]

    assert len(set(heights(line))) == 1 and len(heights(line)) == 6
    many = {tuple(heights(vary_letters(rng, line, 44))) for _ in range(8)}
    assert len(many) == 8 and max(map(len, map(set, many))) > 2


def test_thinning_never_removes_a_stroke():
    rng = np.random.default_rng(0)
    image = np.full((40, 60), 255, np.uint8)
    image[10:30, 20:28] = 0
    assert (image < 128).sum() > (thin_strokes(rng, image) < 128).sum() > 0
    image[10:30, 20:28], image[10:30, 20] = 255, 0  # a hair
    assert np.array_equal(thin_strokes(rng, image), image)
