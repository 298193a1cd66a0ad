"""Marks beside a line and drop capitals, from pieces alone."""

import time

import numpy as np
import pytest

from datasets.pages.pieces.detection import Piece
from datasets.pages.pieces.marks import absorb_marks, find_initials


def piece(left, top, right, bottom) -> Piece:
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    middle = (top + bottom) / 2
    return Piece(corners, np.array([[left, middle], [right, middle]], float), bottom - top)


def spans(pieces) -> list[tuple[float, float]]:
    return [tuple(each.corners[:2, 0].tolist()) for each in pieces]


def test_a_mark_beside_a_line_belongs_to_it():
    line, quote = piece(100, 200, 800, 240), piece(790, 205, 815, 221)
    below, far = piece(100, 260, 800, 300), piece(860, 205, 880, 221)
    found = absorb_marks([quote, line, far, below])
    assert spans(found) == [(100, 815), (860, 880), (100, 800)]
    assert found[0].course[-1].tolist() == [815, 220] and found[0].height == 40
    assert absorb_marks([]) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_mark_that_took_a_smaller_one_takes_it_along(order):
    pieces = [piece(100, 200, 800, 240), piece(805, 209, 825, 231), piece(830, 214, 840, 226)]
    (line,) = absorb_marks([pieces[i] for i in order])
    assert spans([line]) == [(100, 840)]


def test_a_mark_between_two_texts_belongs_to_the_nearer():
    far, mark, near = (
        piece(100, 200, 400, 240),
        piece(415, 205, 425, 221),
        piece(430, 200, 700, 240),
    )
    assert spans(absorb_marks([far, mark, near])) == [(100, 400), (415, 700)]


def test_thousands_of_pieces_take_no_time():
    rng = np.random.default_rng(0)
    places = rng.integers(0, 4000, (2500, 2))
    sizes = np.where(np.arange(2500)[:, None] % 2, (300, 30), (12, 14))
    pieces = [piece(*place, *place + size) for place, size in zip(places, sizes, strict=True)]
    start = time.process_time()
    assert 1250 <= len(absorb_marks(pieces)) < 2500
    assert time.process_time() - start < 1  # it was two minutes once


def paragraph(rows: int, left: int = 100, indent: int = 160) -> list[Piece]:
    """Ten lines of 40 pixels; the first few begin `indent` further right."""
    tops = [200 + 50 * i for i in range(10)]
    return [piece(left + indent * (i < rows), top, 900, top + 40) for i, top in enumerate(tops)]


@pytest.mark.parametrize("rows", [2, 3, 4])
@pytest.mark.parametrize("width", [0.4, 0.9, 1.2])
def test_a_drop_capital_belongs_to_its_first_line(rows, width):
    high = 50 * rows - 10
    capital = piece(100, 200, round(100 + width * high), 200 + high)
    pieces = [*paragraph(rows, indent=round(width * high) + 10), capital]
    assert find_initials(pieces) == {10: 0}


def test_what_is_no_drop_capital():
    headline, figure = piece(100, 80, 900, 180), piece(300, 800, 420, 920)
    brace = piece(60, 200, 90, 340)
    assert find_initials([*paragraph(3), headline, figure, brace]) == {}
    assert find_initials([]) == {}
