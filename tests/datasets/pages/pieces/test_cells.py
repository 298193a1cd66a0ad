import numpy as np
import pytest

from datasets.pages.pieces.cells import cut_at_rules
from datasets.pages.pieces.detection import Piece
from datasets.pages.rules import Rule

HEIGHT, Y = 40, 300


def piece(left: float, right: float, rise: float = 0.0) -> Piece:
    ends = np.array([[left, Y], [right, Y + rise]], float)
    half = np.array([0, HEIGHT / 2])
    return Piece(np.concatenate([ends - half, ends[::-1] + half]), ends, HEIGHT)


def rule(x: float, top: float = 100, bottom: float = 500, tilt: float = 0.0) -> Rule:
    y = np.arange(top, bottom)
    middle = x + tilt * (y - Y)
    return Rule(y, middle - 3, middle + 3)


def extents(pieces: list[Piece]) -> list[tuple[float, float]]:
    for each in pieces:
        ends = each.course[[0, -1], 0]
        np.testing.assert_allclose(each.corners[[0, 1], 0], ends, atol=1e-6)
        np.testing.assert_allclose(each.corners[[3, 2], 0], ends, atol=1e-6)
    return [tuple(each.course[[0, -1], 0]) for each in pieces]


def test_a_piece_across_cells_is_cut_at_each_rule():
    found = cut_at_rules([piece(100, 900)], [rule(600), rule(300)])
    assert extents(found) == [(100, 297), (303, 597), (603, 900)]


def test_parts_of_a_tilted_piece_stay_on_its_course():
    first, second = cut_at_rules([piece(100, 900, rise=80)], [rule(300)])
    assert extents([first, second]) == [(100, 297), (303, 900)]
    np.testing.assert_allclose(first.course[-1], [297, Y + 19.7])
    np.testing.assert_allclose(second.corners[[0, 3]].mean(0), [303, Y + 20.3])


def test_a_rule_at_an_end_is_cut_off():
    assert extents(cut_at_rules([piece(100, 400)], [rule(105), rule(398)])) == [(108, 395)]
    assert extents(cut_at_rules([piece(100, 400)], [rule(96.5), rule(404)])) == [(100, 400)]


def test_a_tilted_rule_is_cut_out_where_it_crosses():
    ((_, end), (start, _)) = extents(cut_at_rules([piece(100, 900)], [rule(300, tilt=0.1)]))
    assert 295 <= end <= 297 and 303 <= start <= 305


@pytest.mark.parametrize("ends", [(285, 315), (280, 325), (300, 500), (100, 300), (400, 800)])
def test_strokes_of_its_own_letters_or_of_other_lines_cut_nothing(ends):
    whole = piece(100, 400)
    assert cut_at_rules([whole], [rule(200, *ends)]) == [whole]
