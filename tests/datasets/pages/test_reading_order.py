"""Lines and their order from rectangles alone, on made pages."""

import time

import numpy as np
import pytest

from datasets.pages.reading_order import reading_order

HEIGHT, PITCH = 20, 30


def box(left, y, right, height=HEIGHT) -> np.ndarray:
    """A level rectangle around the middle y."""
    top, bottom = y - height / 2, y + height / 2
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def block(left, y, right, count) -> list[np.ndarray]:
    return [box(left, y + PITCH * i, right) for i in range(count)]


def tilted(boxes, degrees) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.array(boxes) @ turn


def lines_of(boxes, seed=0) -> list[list[int]]:
    """Lines in reading order, with the boxes given in a random order, by their true indices."""
    order = np.random.default_rng(seed).permutation(len(boxes))
    regions = reading_order(np.array(boxes)[order])
    return [[int(order[i]) for i in line] for region in regions for line in region]


def alone(*indices) -> list[list[int]]:
    return [[i] for i in indices]


def test_a_blank_page_has_no_lines():
    assert reading_order(np.empty((0, 4, 2))) == []


@pytest.mark.parametrize("degrees", [-4, 0, 4])
def test_a_column_from_top_to_bottom(degrees):
    boxes = block(100, 100, 800, 20)
    assert lines_of(tilted(boxes, degrees)) == alone(*range(20))


@pytest.mark.parametrize("degrees", [-3, 0, 3])
@pytest.mark.parametrize("columns", [2, 3])
def test_columns_one_after_the_other_below_a_headline_across(degrees, columns):
    boxes = [box(100, 60, 100 + 400 * columns, 40)]
    for column in range(columns):
        boxes += block(100 + 400 * column, 130, 470 + 400 * column, 15)
    boxes += [box(100, 640, 100 + 400 * columns)]  # a note across at the foot
    assert lines_of(tilted(boxes, degrees)) == alone(*range(len(boxes)))


def test_columns_of_unlike_length_and_offset_lines():
    boxes = block(100, 100, 470, 12) + block(500, 113, 870, 5)
    assert lines_of(boxes) == alone(*range(17))


def test_a_headline_between_columns_divides_them():
    upper = block(100, 100, 470, 6) + block(500, 100, 870, 6)
    lower = block(100, 400, 470, 6) + block(500, 400, 870, 6)
    boxes = [*upper, box(150, 330, 820, 36), *lower]
    assert lines_of(boxes) == alone(*range(25))


@pytest.mark.parametrize("degrees", [-3, 0, 3])
def test_a_line_of_a_catalogue_runs_to_its_price(degrees):
    boxes, lines = [], []
    for i in range(12):
        y = 100 + PITCH * i
        entry = [box(100, y, 140), box(150, y, 400 + 20 * (i % 5))]
        if i % 4:
            entry.append(box(720, y, 780))
        lines.append(list(range(len(boxes), len(boxes) + len(entry))))
        boxes += entry
    assert lines_of(tilted(boxes, degrees)) == lines


def test_a_receipt_is_read_row_by_row():
    boxes, lines = [], []
    for i in range(8):
        y = 100 + PITCH * i
        row = [box(100, y, 260), box(340, y, 380), box(440, y, 500), box(560, y, 630)]
        lines.append(list(range(len(boxes), len(boxes) + 4)))
        boxes += row
    assert lines_of(boxes) == lines


def test_words_of_a_line_that_hangs_at_its_end():
    boxes = [box(100, 100, 180), box(190, 103, 300), box(312, 107, 420), box(430, 112, 560)]
    assert lines_of([*boxes, *block(100, 150, 560, 4)]) == [[0, 1, 2, 3], *alone(4, 5, 6, 7)]


@pytest.mark.parametrize("left", [True, False])
def test_marginal_notes_are_apart_from_the_text(left):
    text = block(300, 100, 900, 15)
    notes = [box(*((100, 260) if left else (940, 1100))[:1], y, 260 if left else 1100, 14)
             for y in (140, 157, 174, 191, 208)]  # fmt: skip
    regions = reading_order(np.array(text + notes))
    assert [line for region in regions for line in region] == alone(*range(20))
    assert alone(*range(15, 20)) in regions


def test_text_that_runs_down_is_left_out():
    down = box(40, 400, 60, 500)
    assert lines_of([*block(100, 100, 800, 10), down]) == alone(*range(10))


@pytest.mark.parametrize("width", [11, 15])
def test_a_single_narrow_letter_is_a_line(width):
    letter = box(100, 60, 100 + width, 24)
    assert lines_of([letter, *block(100, 100, 800, 10)]) == alone(*range(11))


def test_paragraphs_end_at_gaps_and_begin_with_indents():
    gap = [*block(100, 100, 800, 4), *block(100, 260, 800, 4)]
    assert list(map(len, reading_order(np.array(gap)))) == [4, 4]
    indent = [*block(100, 100, 800, 4), box(140, 220, 800), *block(100, 250, 800, 3)]
    assert list(map(len, reading_order(np.array(indent)))) == [4, 4]
    heading = [box(300, 60, 600, 40), *block(100, 100, 800, 4)]
    assert list(map(len, reading_order(np.array(heading)))) == [1, 4]


def test_an_insertion_between_two_lines_is_a_line():
    boxes = [*block(100, 100, 800, 2), box(300, 145, 420, 14), *block(100, 160, 800, 2)]
    assert lines_of(boxes) == alone(0, 1, 2, 3, 4)


@pytest.mark.parametrize("tilt", [-20, 0, 20])
def test_a_rule_divides_a_row_into_cells(tilt):
    boxes = []
    for i in range(5):
        boxes += [box(100, 100 + PITCH * i, 180), box(240, 100 + PITCH * i, 420)]
    rule = np.array([[[210 - tilt, 85], [210 + tilt, 200]]], float)
    lines = [line for region in reading_order(np.array(boxes), rule) for line in region]
    assert lines == [*alone(*range(8)), [8, 9]]  # the rule ends above the last row


def test_boxes_strewn_over_a_page_are_ordered_in_time():
    rng = np.random.default_rng(0)
    boxes = [box(x, y, x + 40, 12) for x, y in rng.integers(0, 3000, (800, 2))]
    start = time.process_time()
    assert sum(map(len, lines_of(boxes))) == 800
    assert time.process_time() - start < 5  # a third of a second; it was minutes once
