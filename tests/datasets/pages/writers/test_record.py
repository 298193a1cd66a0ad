"""Records of pages: regions, words with boxes, names, and what cannot be written."""

import tomllib
from pathlib import Path

import pytest

from datasets.pages.writers.record import VERSION, read_record, share_out
from tests.support.records import UNWRITABLE, line_record, page_record


def test_the_version_is_that_of_the_project():
    project = tomllib.loads(Path(__file__).parents[4].joinpath("pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == VERSION


def test_pixels_are_in_the_input_or_in_the_image_that_it_names():
    page = read_record(page_record([], "a/scan.pdf#page=12"))
    assert (page.source, page.number, page.image) == ("a/scan.pdf", 12, "scan.pdf#page=12")
    page = read_record(page_record([], "a/p.xml", image="b/book.tif#page=2"))
    assert (page.source, page.number, page.image) == ("b/book.tif", 2, "book.tif#page=2")


def test_lines_that_follow_each_other_are_a_region():
    lines = [line_record(i, "a", region=r) for i, r in enumerate(["x", "x", "y", "x"])]
    page = read_record(page_record([]) | {"lines": lines, "height": 600})
    assert [(r.id, len(r.lines)) for r in page.regions] == [("x", 2), ("y", 1), ("x_2", 1)]
    assert page.regions[0].box == (50, 100, 75, 260)


def test_names_are_those_of_xml_and_each_is_used_once():
    names = ["a b", "a b", "1", "", "ä", "r0"]
    lines = [line_record(i, "t", id=name) for i, name in enumerate(names)]
    page = read_record(page_record([]) | {"lines": lines, "height": 900})
    found = [line.id for line in page.lines]
    assert found == ["a_b", "a_b_2", "_1", "_", "__2", "r0_2"]


def test_a_text_that_xml_forbids_is_an_error_of_its_line_alone():
    page = read_record(page_record(["one", *UNWRITABLE, "two"]))
    assert [line.text for line in page.lines] == ["one", *[None] * len(UNWRITABLE), "two"]
    assert len(page.problems) == len(UNWRITABLE)
    assert page.problems[0].startswith("scan.png#l1: U+0007 cannot stand in XML")


def test_a_text_is_one_line():
    page = read_record(page_record(["a\nb", " c\r\n\td "]))
    assert [line.text for line in page.lines] == ["a b", "c d"]


def test_words_of_the_record_are_taken_if_they_are_those_of_the_text():
    words = [{"text": "ab", "box": [60, 110, 70.4, 120], "confidence": 0.5},
             {"text": "c", "box": [80, 110, 2000, 120]}]  # fmt: skip
    page = read_record(page_record([]) | {"lines": [line_record(0, "ab c", words=words)]})
    (line,) = page.lines
    assert [tuple(word) for word in line.words] == [
        ("ab", (60, 110, 70, 120), 0.5), ("c", (80, 110, 1000, 120), 0.875)]  # fmt: skip
    page = read_record(page_record([]) | {"lines": [line_record(0, "other c", words=words)]})
    assert [word.text for word in next(page.lines).words] == ["other", "c"]
    assert next(page.lines).words[0].box == (50, 100, 175, 160)


def test_words_from_right_to_left_may_be_given_from_left_to_right():
    words = [{"text": word, "box": [left, 100, left + 20, 160]}
             for word, left in [("ג", 60), ("1914", 90), ("ב", 120), ("א", 150)]]  # fmt: skip
    page = read_record(page_record([]) | {"lines": [line_record(0, "א ב 1914 ג", words=words)]})
    found = [(word.text, word.box[0]) for word in next(page.lines).words]
    assert found == [("א", 150), ("ב", 120), ("1914", 90), ("ג", 60)]


def test_words_given_side_by_side_on_a_line_that_runs_down_are_not_taken():
    words = [{"text": "a", "box": [50, 0, 60, 100]}, {"text": "b", "box": [70, 0, 80, 100]}]
    line = line_record(0, "a b", box=[50, 0, 80, 99], baseline=[[60, 0], [60, 99]], words=words)
    page = read_record(page_record([]) | {"lines": [line]})
    assert [word.box for word in next(page.lines).words] == [(50, 0, 80, 33), (50, 66, 80, 99)]


def shares(text: str, **options) -> list[tuple[str, int, int]]:
    """Words with left and right of a box 100 wide for each column."""
    return [(text[a:b], box[0], box[2]) for a, b, box in share_out(text, (0, 0, 80, 10), **options)]


def test_a_line_is_shared_out_by_its_characters():
    assert shares("abc defg") == [("abc", 0, 30), ("defg", 40, 80)]
    assert shares("") == [] and shares(" ") == []
    assert shares("e\u0301bc defg") == [("e\u0301bc", 0, 30), ("defg", 40, 80)]
    assert shares("中文 abc") == [("中文", 0, 40), ("abc", 50, 80)]


def test_words_from_right_to_left_stand_where_they_are_read():
    assert shares("שלו לכלה") == [("שלו", 50, 80), ("לכלה", 0, 40)]
    mixed = shares("שלו 1914")  # digits run to the right, left of the Hebrew
    assert mixed == [("שלו", 50, 80), ("1914", 0, 40)]
    latin = shares("abcd ש c")
    assert latin == [("abcd", 0, 40), ("ש", 50, 60), ("c", 70, 80)]


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [([(5, 0), (5, 80)], [(0, 30), (40, 80)]), ([(5, 80), (5, 0)], [(50, 80), (0, 40)])],
)
def test_a_line_that_runs_down_or_up_is_shared_that_way(baseline, expected):
    found = [box for *_, box in share_out("abc defg", (0, 0, 10, 80), baseline)]
    assert [(box[1], box[3]) for box in found] == expected
    assert {(box[0], box[2]) for box in found} == {(0, 10)}


def test_places_outside_of_the_page_are_cut():
    line = line_record(0, "a", box=[-5, 20, 1e6, 30], polygon=[[-1, 0], [5.5, 5], [1e7, 9]])
    (line,) = read_record(page_record([]) | {"lines": [line]}).lines
    assert line.box == (0, 20, 1000, 30)
    assert line.polygon == [(0, 0), (6, 5), (1000, 9)]


def test_a_page_that_failed_has_its_error_and_one_without_a_size_is_refused():
    page = read_record({"input": "a.pdf#page=2", "error": "damaged"})
    assert (page.number, page.error, page.problems, page.regions) == (2, "damaged", (), ())
    with pytest.raises(ValueError, match=r"scan\.png: 0 x 200 pixels"):
        read_record(page_record([], width=None))
