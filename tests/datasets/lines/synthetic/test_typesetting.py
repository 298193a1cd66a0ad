"""Marked text as drawn lines: capitals, raised figures, italics, and lines on a page."""

import numpy as np

from datasets.lines.synthetic.typesetting import (
    ITALIC,
    RAISED,
    SMALL_CAPS,
    ink_box,
    plain,
    render_line,
    split_word,
)
from tests.support.pages import typeset_page


def test_small_capitals_are_drawn_as_capitals_and_labelled_in_mixed_case(serif):
    marked = SMALL_CAPS + "Homer"
    assert plain(marked) == "Homer"
    runs = [(run.letters, run.scale) for run in split_word(marked, serif, None, ())]
    assert runs == [("H", 1), ("OMER", 0.78)]
    rng, heights = np.random.default_rng(0), []
    for text in ("xxx", SMALL_CAPS + "xxx", "XXX"):
        top, bottom, *_ = ink_box(render_line(rng, text, serif))
        heights.append(bottom - top)
    assert heights[0] < heights[1] < heights[2]


def test_raised_figures_and_italics_change_the_drawing_only(serif):
    rng = np.random.default_rng(0)
    flat, raised = (render_line(rng, text, serif) for text in ("word3", f"word{RAISED}3"))
    assert plain(f"{ITALIC}word{RAISED}3") == "word3"
    right_half = slice(int(0.75 * raised.shape[1]), None)
    assert ink_box(raised[:, right_half])[1] < ink_box(flat[:, right_half])[1] - 8


def test_each_letter_of_the_label_leaves_ink(serif):
    rng = np.random.default_rng(0)
    widths = [np.ptp(ink_box(render_line(rng, "n" * n, serif))[2:]) for n in (1, 2, 4, 8)]
    steps = np.diff(widths) / np.diff([1, 2, 4, 8])
    assert np.ptp(steps) <= 2 and steps[0] > 15  # pixels a letter


def test_a_page_holds_each_line_in_its_box(serif):
    page, boxes = typeset_page(np.random.default_rng(0), ["First line", "and the second"], serif)
    outside = page.copy()
    for left, top, right, bottom in boxes:
        assert page[top:bottom, left:right].min() == 0
        outside[top:bottom, left:right] = 255
    assert outside.min() > 100  # apart from faint edges, all ink is in the boxes
    assert boxes[0][3] <= boxes[1][1] + 10
