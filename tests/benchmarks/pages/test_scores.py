"""Scores of found lines, against hand-counted pages."""

import numpy as np

from benchmarks.pages.scores import FoundLine, areas_shared, tally_page


def line(left, top, right, bottom, text="") -> FoundLine:
    return FoundLine(
        np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float), text
    )


TRUTH = [line(0, 40 * i, 200, 40 * i + 20, text) for i, text in enumerate(["one", "two", "three"])]


def shares(tally) -> dict[str, tuple[int, int]]:
    return {name: tuple(map(int, count)) for name, count in tally.counts.items()}


def test_areas():
    square, half = line(0, 0, 99, 99).polygon, line(50, 0, 149, 99).polygon
    np.testing.assert_allclose(areas_shared([square], [square, half]), [[99 * 99, 49 * 99]])
    assert areas_shared([], [square]).shape == (0, 1)


def test_what_is_found_as_it_is_scores_full():
    tally = tally_page(TRUTH, TRUTH, [])
    full = {"recall": (3, 3), "precision": (3, 3), "covered": (3, 3), "covering": (3, 3)}
    assert shares(tally) == full | {"order": (2, 2)}
    assert tally.text == ("one two three", "one two three")
    assert tally.lines == [("one", "one"), ("two", "two"), ("three", "three")]


def test_order_counts_neighbours_and_the_lines_do_not_care():
    tally = tally_page([TRUTH[2], TRUTH[0], TRUTH[1]], TRUTH, [])
    assert shares(tally)["order"] == (1, 2)
    assert tally.text[0] == "three one two"
    assert sorted(tally.lines) == [("one", "one"), ("three", "three"), ("two", "two")]


def test_a_line_in_two_pieces_and_two_lines_in_one():
    pieces = [line(110, 1, 200, 20, "ne"), line(0, 0, 90, 20, "o")]  # the right one comes first
    both = line(0, 40, 200, 100, "two three")
    tally = tally_page([*pieces, both], TRUTH, [])
    assert sorted(tally.lines) == [("o ne", "one"), ("two three", "two three")]
    assert shares(tally)["recall"] == (0, 3) and shares(tally)["covered"] == (3, 3)
    assert shares(tally)["order"] == (1, 1)  # the last two are one line


def test_what_is_missing_or_too_much_counts():
    tally = tally_page([TRUTH[0], line(0, 300, 200, 320, "noise")], TRUTH, [])
    assert sorted(tally.lines) == [("", "three"), ("", "two"), ("noise", ""), ("one", "one")]
    assert shares(tally)["recall"] == (1, 3) and shares(tally)["precision"] == (1, 2)
    assert tally_page([], TRUTH, []).text == ("", "one two three")


def test_areas_without_truth_are_left_out():
    stamp = line(0, 300, 200, 320, "stamp")
    tally = tally_page([*TRUTH, stamp], TRUTH, [line(0, 290, 150, 330).polygon])
    assert shares(tally)["precision"] == (3, 3) and "stamp" not in tally.text[0]
    kept = tally_page([*TRUTH, stamp], TRUTH, [line(0, 290, 80, 330).polygon])
    assert shares(kept)["precision"] == (3, 4)
