"""Operators of the invisible text, and the font whose codes they set."""

import io

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from datasets.pages.writers.glyphless import ADVANCE, CharacterCodes, glyphless_font
from datasets.pages.writers.record import read_record
from datasets.pages.writers.text_layer import Matrix, line_course, page_matrix, text_layer
from tests.support.records import line_record, page_record

LEVEL = Matrix(1, 0, 0, -1, 0, 1000)


def course_of(**place: object):
    (line,) = read_record(page_record([]) | {"lines": [line_record(0, "a", **place)]}).lines
    return line_course(line)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_corners_of_the_picture_are_those_of_the_page(rotation):
    matrix = page_matrix((10, 20, 110, 220), rotation, (50, 80))
    shown = [matrix.apply(point) for point in ((0, 0), (50, 0), (50, 80), (0, 80))]
    corners = [(10, 220), (110, 220), (110, 20), (10, 20)]  # top left, and on clockwise
    turns = rotation // 90  # shown at the top left is the corner so many before
    assert np.allclose(shown, [corners[(i - turns) % 4] for i in range(4)])


def test_a_curved_baseline_is_followed():
    course = course_of(baseline=[[0, 100], [50, 120], [100, 100]], box=[0, 60, 100, 130])
    assert [course.at(x) for x in (-10, 0, 25, 50, 75, 100, 300)] == [
        (-10, 100), (0, 100), (25, 110), (50, 120), (75, 110), (100, 100), (300, 100)
    ]  # fmt: skip


def test_the_height_is_that_of_the_polygon_across_the_baseline():
    slanted = [[0, 0], [100, 50], [100, 90], [0, 40]]
    course = course_of(baseline=[[0, 30], [100, 80]], polygon=slanted)
    assert course.height == pytest.approx(40 * 100 / np.hypot(100, 50))
    assert course_of(box=[0, 10, 100, 60]).height == 50
    rising = course_of(baseline=[[0, 50], [100, 20]], box=[0, 0, 100, 60])
    assert rising.height == pytest.approx(30 * 100 / np.hypot(100, 30))


def test_words_without_room_or_baselines_without_length_end_nothing():
    lines = [
        line_record(0, "a b", box=[10, 10, 10, 10]),
        line_record(1, "a", baseline=[[5, 5], [5, 5]]),
        line_record(2, "ab", words=[{"text": "ab", "box": [3, 3, 3, 3]}]),
    ]
    page = read_record(page_record([]) | {"lines": lines})
    made = text_layer(page, LEVEL, CharacterCodes(), "F").decode("ascii")
    assert made.count(" Tj") == 5 and "nan" not in made and "inf" not in made
    assert " 0.000 Tz" not in made and made.startswith("q BT 3 Tr") and made.endswith("ET Q\n")


def test_a_page_without_words_has_no_font():
    page = read_record(page_record(["", None]))
    assert text_layer(page, LEVEL, CharacterCodes(), "F") == b"q BT 3 Tr\nET Q\n"


def test_codes_are_given_in_order_and_say_their_character():
    codes = CharacterCodes()
    assert codes.encode("ab\U0001d4d0a") == bytes([0, 1, 0, 2, 0, 3, 0, 1]) and len(codes) == 3
    found = codes.to_unicode().decode("ascii")
    assert "3 beginbfchar\n<0001> <0061>\n<0002> <0062>\n<0003> <D835DCD0>\nendbfchar" in found
    codes.encode("".join(map(chr, range(0x4E00, 0x4E00 + 250))))
    blocks = [int(line.split()[0]) for line in codes.to_unicode().decode().splitlines()
              if line.endswith("beginbfchar")]  # fmt: skip
    assert blocks == [100, 100, 53]


def test_more_characters_than_codes_are_refused():
    codes = CharacterCodes()
    many = [chr(i) for i in range(0x20, 0x11000) if not 0xD800 <= i < 0xE000]
    many = [c for c in many if c not in "\ufffe\uffff"]
    with pytest.raises(ValueError, match="more than 65,535 different characters"):
        codes.encode("".join(many))


def test_the_font_has_two_glyphs_that_take_room_and_no_ink():
    font = TTFont(io.BytesIO(glyphless_font()))
    assert font["maxp"].numGlyphs == 2 and font["hmtx"]["glyph00001"][0] == ADVANCE
    glyph = font["glyf"]["glyph00001"]
    assert (glyph.xMax - glyph.xMin, glyph.yMax - glyph.yMin) == (ADVANCE, 1000)
    x, y = np.array(glyph.coordinates).T
    assert abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) == 0  # its area
    assert glyphless_font() == glyphless_font()
