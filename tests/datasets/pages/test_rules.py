"""Rules between the columns of drawn tables."""

import cv2
import numpy as np
import pytest

from datasets.pages.pieces.detection import Piece
from datasets.pages.rules import find_rules

PAPER, HEIGHT = 220, 30
PIECES = [Piece(np.zeros((4, 2)), np.zeros((2, 2)), HEIGHT)] * 5


def page(*strokes, thickness=3, size=(1200, 900)) -> np.ndarray:
    image = np.full(size, PAPER, np.uint8)
    for start, end in strokes:
        cv2.line(image, start, end, 60, thickness)
    return image


@pytest.mark.parametrize("tilt", [-15, 0, 15])
@pytest.mark.parametrize("colour", [False, True])
def test_rules_run_from_end_to_end(tilt, colour):
    image = page(((200, 100), (200 + tilt, 900)), ((600, 300), (600 + tilt, 1000)))
    if colour:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    rules = np.array([rule.ends for rule in find_rules(image, PIECES)])
    rules = rules[rules[:, 0, 0].argsort()]
    expected = [[[200, 100], [200 + tilt, 900]], [[600, 300], [600 + tilt, 1000]]]
    np.testing.assert_allclose(rules, expected, atol=5)


def test_letters_and_the_edge_of_a_page_are_no_rules():
    image = page(*(((x, 200), (x, 200 + HEIGHT)) for x in range(100, 800, 20)))
    image[:, :120] = 20  # the table that the page lies on
    image[:, 860:] = 20
    assert len(find_rules(image, PIECES)) == 0


def test_level_strokes_are_no_rules():
    assert len(find_rules(page(((100, 300), (800, 300))), PIECES)) == 0


def test_a_page_without_text_is_not_looked_at():
    assert find_rules(page(((200, 100), (200, 900))), []) == []


@pytest.mark.parametrize("thickness", [1, 2, 4])
@pytest.mark.parametrize("size", [(900, 700), (2000, 1600)])
def test_rules_of_a_grid_go_through_its_level_ones(thickness, size):
    columns, rows = range(100, 700, 150), range(100, 600, 60)
    strokes = [((x, 100), (x, rows[-1])) for x in columns]
    strokes += [((100, y), (columns[-1], y)) for y in rows]
    rules = find_rules(page(*strokes, thickness=thickness, size=size), PIECES)
    ends = sorted(rule.ends.tolist() for rule in rules)
    expected = [[[x, 100], [x, rows[-1]]] for x in columns]
    np.testing.assert_allclose(ends, expected, atol=5)
    for rule, x in zip(sorted(rules, key=lambda rule: rule.left[0]), columns, strict=True):
        left, right = rule.left[4:-4], rule.right[4:-4]  # strokes are drawn with round ends
        assert (left <= x - thickness // 2).all() and (right > x + thickness // 2).all()
        assert (right - left <= thickness + 8).all()


def test_a_fold_is_no_rule():
    image = page(size=(1200, 900))
    x = np.arange(900)
    fold = 45 * np.exp(-(((x - 400) / 15) ** 2))
    assert len(find_rules((image - fold).astype(np.uint8), PIECES)) == 0
