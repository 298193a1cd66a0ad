"""Cells of ruled tables are lines of their own, without the rules around them."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from datasets.lines.normalization.polarity import dark_on_light
from datasets.pages.coordinates import line_gaps
from datasets.pages.crops.cutting import crop_line
from datasets.pages.finding import find_lines
from datasets.pages.layout import PageLine

SERIF = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf")
ROWS = [
    ("Year", "Item", "Price"),
    ("1841", "candles", "12.50"),
    ("1842", "firewood", "130.00"),
    ("1843", "paper and ink", "7.25"),
    ("1844", "repairs to the roof", "1,204.10"),
]
RULES = 100, 300, 620, 800  # x; the text of a cell begins PADDING right of one
PITCH, PADDING = 60, 10


def grid(
    thickness: int = 2, grey: int = 0, scale: float = 1, padding: int = PADDING, rows=ROWS
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """A table (H, W) with rules around each cell, and where the text of each cell begins."""
    image = Image.new("L", (round(900 * scale), round(600 * scale)), 255)
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(SERIF, round(28 * scale))
    starts = []
    for row, cells in enumerate(rows):
        top = round((100 + PITCH * row) * scale)
        for x, text in zip(RULES[:-1], cells, strict=True):
            starts.append((round((x + padding) * scale), top))
            pen.text((starts[-1][0], top + round(10 * scale)), text, font=font, fill=0)
    ends = [round(100 * scale), round((100 + PITCH * len(rows)) * scale)]
    for row in range(len(rows) + 1):
        y = round((100 + PITCH * row) * scale)
        pen.line([RULES[0] * scale, y, RULES[-1] * scale, y], fill=grey, width=thickness)
    for x in RULES:
        pen.line([x * scale, ends[0], x * scale, ends[1]], fill=grey, width=thickness)
    return np.array(image), starts


def crops(image: np.ndarray) -> list[np.ndarray]:
    """The images of the lines of a page, as they are read."""
    lines = find_lines(image).lines
    return [crop_line(image, *each) for each in zip(lines, line_gaps(lines), strict=True)]


def has_rule(crop: np.ndarray) -> bool:
    """Whether a column at an end of a line is dark from top to bottom."""
    ends = np.concatenate([crop[:, :8], crop[:, -8:]], 1)
    return bool((ends < 200).all(0).any())


@pytest.mark.parametrize(
    "look", [(1, 0), (2, 0), (4, 0), (1, 150), (2, 150), (2, 0, 2.5), (4, 0, 2), (4, 120, 2.5)]
)
def test_each_cell_of_a_grid_is_a_line(look):
    image, starts = grid(*look)
    found = find_lines(image)
    assert len(found.lines) == len(starts) and found.left_out == 0
    scale = 1 if len(look) < 3 else look[2]
    for line, (x, top) in zip(found.lines, starts, strict=True):
        left, upper = line.polygon.min(0)
        assert x - PADDING * scale < left <= x + 3 * scale
        assert top < upper and line.polygon[:, 1].max() < top + PITCH * scale
    assert not any(has_rule(crop) for crop in crops(image))


@pytest.mark.parametrize("padding", [5, 40])
def test_whatever_the_padding(padding):
    image, starts = grid(padding=padding)
    images = crops(image)
    assert len(images) == len(starts)
    assert not any(has_rule(crop) for crop in images)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("scale", [1, 2.5])
def test_a_table_of_few_rows(rows, scale):
    image, starts = grid(scale=scale, rows=ROWS[-rows:])
    assert len(find_lines(image).lines) == len(starts)


@pytest.mark.parametrize("text", ["7", "7.25", "1,204.10"])
def test_a_short_line_is_not_cut_out_with_the_rules_around_it(text):
    image = Image.new("L", (400, 300), 255)
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(SERIF, 28)
    for top in range(0, 300, PITCH):
        pen.rectangle((100, top, 300, top + PITCH), outline=0, width=2)
    pen.text((110, 130), text, font=font, fill=0)
    left, top, right, bottom = pen.textbbox((110, 130), text, font=font)
    outline = np.array([(left - 6, top), (right, top), (right, bottom), (left - 6, bottom)], float)
    baseline = np.array([[left - 6, 156], [right, 156]], float)
    line = PageLine("l", "r", None, outline, baseline, None)
    assert crop_line(np.array(image), line, PITCH).shape == (bottom - top, right - left + 6)


def test_a_light_grid_on_a_dark_page():
    image, starts = grid()
    assert len(find_lines(dark_on_light(255 - image)).lines) == len(starts)


def test_a_tilted_grid():
    image, starts = grid()
    turned = np.array(Image.fromarray(image).rotate(1.0, fillcolor=255, expand=True))
    assert len(find_lines(turned).lines) == len(starts)


def test_strokes_of_letters_and_frames_divide_no_line():
    image = Image.new("L", (1000, 700), 255)
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(SERIF, 28)
    texts = ["Ill will | [all] lilt I ill lull 1111", "|ill| [I] 1 | llll I lilt l1 ||| lil"]
    for row in range(9):
        pen.text((110, 80 + 38 * row), texts[row % 2], font=font, fill=0)
        pen.line([110, 115 + 38 * row, 500, 115 + 38 * row], fill=0, width=2)
    pen.rectangle((60, 40, 940, 660), outline=0, width=3)
    assert len(find_lines(np.array(image)).lines) == 9
