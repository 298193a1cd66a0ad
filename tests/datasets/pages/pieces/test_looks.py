"""Small print beside large letters: found where it is, once, and looked for only there."""

import time
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from datasets.pages.finding import find_lines
from datasets.pages.pieces import looks

SERIF = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf")
WORDS = ["the", "letter", "that", "he", "had", "written", "lay", "where", "his", "sister"]


def typeset(
    size: tuple[int, int], lines: list[tuple[int, int, int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """A page (H, W) of lines (left, top, width, size of the type), and their boxes (N, 4)."""
    page, rng, boxes = Image.new("L", size, 240), np.random.default_rng(0), []
    pen = ImageDraw.Draw(page)
    for left, top, width, height in lines:
        font, text = ImageFont.truetype(SERIF, height), ""
        while pen.textlength(f"{text} written", font) < width:
            text += f" {rng.choice(WORDS)}"
        pen.text((left, top), text.strip(), font=font, fill=30)
        boxes.append(pen.textbbox((left, top), text.strip(), font=font))
    return np.array(page), np.array(boxes)


def block(left: int, top: int, width: int, height: int, count: int) -> list[tuple]:
    return [(left, top + round(1.6 * height * i), width, height) for i in range(count)]


def found(image: np.ndarray, boxes: np.ndarray) -> tuple[int, int]:
    """How many of the true boxes are found as lines, and the number of all lines."""
    lines = [(*p.min(0), *p.max(0)) for p in (line.polygon for line in find_lines(image).lines)]
    lines, hits = np.array(lines).reshape(-1, 4), 0
    for box in boxes:
        low, high = np.maximum(lines[:, :2], box[:2]), np.minimum(lines[:, 2:], box[2:])
        shared = (high - low).clip(0).prod(1)
        sizes = [(each[..., 2:] - each[..., :2]).prod(-1) for each in (box, lines)]
        hits += bool(((shared > 0.6 * sizes[0]) & (shared > 0.5 * sizes[1])).any())
    return hits, len(lines)


def headline_page() -> tuple[np.ndarray, np.ndarray]:
    return typeset((1800, 4800), [(100, 150, 1500, 200), *block(100, 480, 1600, 26, 90)])


def test_a_headline_hides_no_small_print():
    assert found(*headline_page()) == (91, 91)


def test_small_print_alone_is_found():
    assert found(*typeset((1800, 4800), block(100, 150, 1600, 26, 100))) == (100, 100)


def test_headlines_between_small_print():
    lines = []
    for part in range(4):
        top = 150 + 1100 * part
        lines += [(100, top, 1500, 200), *block(100, top + 320, 1600, 26, 15)]
    assert found(*typeset((1800, 4800), lines)) == (64, 64)


@pytest.mark.slow
def test_a_newspaper():
    lines = [(150, 150, 4600, 260)]
    for column in range(7):
        lines += block(150 + 770 * column, 540, 690, 30, 110)
    hits, count = found(*typeset((5600, 8000), lines))
    assert hits > 0.97 * len(lines) and count < 1.03 * len(lines)


def scales_of(image: np.ndarray, monkeypatch) -> list[tuple[float, float]]:
    """The looks at an image: scale, and the share of the image."""
    seen, inner = [], looks.find_pieces

    def find(part, scale):
        seen.append((scale, part.size / image.size))
        return inner(part, scale)

    monkeypatch.setattr(looks, "find_pieces", find)
    assert looks.detect(image)
    return seen


def test_a_page_of_ordinary_print_is_seen_once(monkeypatch):
    image, _ = typeset((1400, 2000), [(100, 150, 900, 70), *block(100, 300, 1100, 32, 24)])
    image[1700:1710, 100:1300] = 30  # a rule, a mark, and some dirt
    image[1800:1840, 200:260] = 30
    dirt = np.random.default_rng(1).integers(0, (2000, 1400), (60, 2))
    for y, x in dirt:
        image[y : y + 4, x : x + 4] = 60
    assert scales_of(image, monkeypatch) == [(looks.MAX_SIDE / 2000, 1.0)]


def test_only_the_part_of_small_print_is_seen_again(monkeypatch):
    lines = [*block(100, 150, 2000, 60, 30), *block(100, 3280, 1200, 16, 4)]
    image, boxes = typeset((2400, 3500), lines)
    first, *others = scales_of(image, monkeypatch)
    assert others and {scale for scale, _ in others} == {2 * first[0]}
    assert sum(share for _, share in others) < 0.15
    assert found(image, boxes) == (34, 34)


def test_light_print_on_dark_and_colour_change_nothing():
    image, boxes = typeset((900, 4800), [(100, 150, 700, 150), *block(100, 480, 700, 26, 60)])
    assert found(255 - image, boxes)[0] == found(cv2.merge([image] * 3), boxes)[0] == 61


def test_what_looks_share_is_kept_once():
    def piece(left, top, right, bottom):
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
        middle = (top + bottom) / 2
        return looks.Piece(corners, np.array([[left, middle], [right, middle]]), bottom - top)

    headline, blob, beyond = piece(0, 0, 900, 60), piece(0, 100, 900, 200), piece(0, 480, 99, 530)
    lines = [piece(0, top, 900, top + 20) for top in (100, 130, 160)]
    halves = [piece(0, 5, 400, 55), piece(420, 5, 900, 55)]
    cut = piece(0, 485, 99, 500)
    merged = looks._merge(
        [headline, blob, beyond], [*halves, *lines, cut], [(0, 0, 1000, 500)], 0.5, (1000, 1000)
    )
    assert merged == [headline, beyond, *lines]


def test_ink_that_is_no_text():
    blank = np.full((1500, 1000), 230, np.uint8)
    assert not looks.has_ink(blank)
    blank[400:404, 300:302] = 60  # a speck
    blank[:, :40] = 20  # the table that the page lies on
    assert not looks.has_ink(blank)
    cv2.circle(blank, (500, 700), 90, 40, 5)
    assert looks.has_ink(blank)


def test_a_row_of_dashes_is_not_seen_again(monkeypatch):
    image, _ = typeset((900, 1600), block(80, 150, 700, 40, 12))
    for left in range(80, 800, 20):
        image[1300:1306, left : left + 14] = 30
    assert scales_of(image, monkeypatch) == [(looks.MAX_SIDE / 1600, 1.0)]


def test_looking_for_small_print_takes_little_time():
    image, _ = headline_page()
    start = time.process_time()
    looks.find_small_print(image, 0.2, 0.4, [])
    assert time.process_time() - start < 1  # it takes 0.05; the network takes 0.5
