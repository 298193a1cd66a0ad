"""Characters are drawn below the columns that they were read from."""

import base64
import re

import cv2
import numpy as np
import pytest

from datasets import LineReader
from models.heads.labels import Text
from pipeline.reports.line_strip import MAX_HEIGHT, SHOWN, Span, colour, shrunk_png, spans, strip
from tests.pipeline.reports.test_html import Page

PAPER = np.full((32, 64), 255, np.uint8)


def test_steps_become_positions_in_the_drawing():
    # 32 x 64 pixels are 32 columns at height 16, drawn 96 units wide: 3 units a column, 12 a step
    reading = Text([0, 2, 1], [0.9, 0.8, 0.7], [(0, 0), (2, 3), (7, 7)], 0.5)
    assert spans(reading, ["a", "b", " "], PAPER, LineReader(16), 4) == [
        Span("a", 0.9, 0, 12), Span(" ", 0.8, 24, 48), Span("b", 0.7, 84, 96),
    ]  # fmt: skip


def test_a_step_does_not_reach_past_the_image():
    image = np.full((48, 90), 255, np.uint8)  # 30 columns at height 16, 3 units each
    characters = spans(Text([0], [1.0], [(7, 7)], 1.0), ["a"], image, LineReader(16), 4)
    assert characters == [Span("a", 1.0, 84, 90)]


def test_the_image_is_embedded_and_every_character_below_it():
    characters = [Span("<", 0.5, 12, 24), Span(" ", 1.0, 24, 48)]
    html = strip(PAPER, characters, 'the line "x" & y')
    page = Page(html)
    assert not page.open and page.tags.count("rect") == 2 and page.tags.count("image") == 1
    assert page.text == ["< 50.0 %", "<", "\u2423 100.0 %", "\u2423"]
    assert 'x="12.0" y="50" width="12.0"' in html and '<text x="18.0"' in html
    assert dict(page.attributes)["aria-label"] == 'the line "x" & y'
    data = re.search(r'href="data:image/png;base64,([^"]+)"', html)[1]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(image, PAPER)
    assert f'viewBox="0 0 96.0 {SHOWN}"' in strip(PAPER, [], "x")


@pytest.mark.parametrize(
    ("shape", "kept"),
    [((20, 50), (20, 50)), ((128, 300), (MAX_HEIGHT, 150)), ((640, 2), (MAX_HEIGHT, 1))],
)
def test_high_images_are_scaled_down(shape, kept):
    png = shrunk_png(np.zeros(shape, np.uint8))
    assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED).shape == kept


def test_the_colour_follows_the_confidence():
    shares = [int(re.search(r"(\d+)%", colour(p))[1]) for p in (0.1, 0.5, 0.75, 1.0)]
    assert shares == [0, 0, 50, 100]
