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
