"""Lines found on typeset pages: where they are, their order, and what is no page."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from datasets.images import load_grey
from datasets.pages.crops.cutting import crop_line
from datasets.pages.finding import find_lines
from datasets.pages.pieces import detection
from tests.support.pages import set_page

SERIF = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf")
TEXTS = [
    "It was in the second year of the war that he left the town,",
    "and nobody who lived there then remembers on which morning,",
    "for the snow had fallen all night and the streets were still.",
    "The letter that he had written lay on the table in the hall,",
    "where his sister found it when she came down to light the fire.",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page (H, W) with a wide margin, and the ink boxes of its lines."""
    path = tmp_path_factory.mktemp("page") / "page.png"
    boxes = np.array(set_page(path, TEXTS))
    margin = 120
    image = cv2.copyMakeBorder(load_grey(str(path)), *[margin] * 4, cv2.BORDER_REPLICATE)
    return image, boxes + margin


def box_of(polygon: np.ndarray) -> np.ndarray:
    return np.concatenate([polygon.min(0), polygon.max(0)])


def is_line(polygon: np.ndarray, box: np.ndarray, height: float) -> bool:
    """Whether a polygon holds an ink box with little around it."""
    return bool((np.abs(box_of(polygon) - box) < 0.5 * height).all())


def test_the_lines_of_a_page(page):
    image, boxes = page
    lines = find_lines(image).lines
    assert [line.id for line in lines] == ["l1", "l2", "l3", "l4", "l5"]
    assert {line.region for line in lines} == {"r1"} and {line.text for line in lines} == {None}
    for line, box in zip(lines, boxes, strict=True):
        height = box[3] - box[1]
        assert is_line(line.polygon, box, height)
        assert (np.diff(line.baseline[:, 0]) > 0).all()
        assert abs(line.baseline[:, 1].mean() - (box[3] - 0.25 * height)) < 0.2 * height
        crop = crop_line(image, line)
        assert crop.shape[0] < 2 * height and abs(crop.shape[1] - np.ptp(box[::2])) < height


@pytest.mark.parametrize("degrees", [-3, 2])
def test_a_tilted_page(page, degrees):
    image, boxes = page
    center = np.array(image.shape[::-1]) / 2
    turn = cv2.getRotationMatrix2D(center, degrees, 1)
    turned = cv2.warpAffine(image, turn, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    lines = find_lines(turned).lines
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
    assert len(lines) == len(boxes)
    for line, middle, box in zip(lines, middles, boxes, strict=True):
        height = box[3] - box[1]
        assert np.abs(line.polygon.mean(0) - middle).max() < 0.4 * height
        assert crop_line(turned, line).shape[0] < 2.2 * height


def test_colour_and_grey_give_the_same_lines(page):
    image, _ = page
    grey, colour = find_lines(image), find_lines(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    for one, other in zip(grey.lines, colour.lines, strict=True):
        np.testing.assert_allclose(one.polygon, other.polygon)


@pytest.mark.parametrize("shape", [(600, 800), (40, 60), (1, 1), (20, 3000)])
def test_a_blank_page_has_no_lines(shape):
    assert find_lines(np.full(shape, 230, np.uint8)) == ((), 0, False, True)


@pytest.mark.slow
def test_threads_do_not_change_what_is_found(page):
    image, _ = page
    pages = [image[top:] for top in (0, 10, 20, 30, 40, 50)]
    alone = [find_lines(each).lines for each in pages]
    with ThreadPoolExecutor(3) as pool:
        together = [found.lines for found in pool.map(find_lines, pages)]
    for one, other in zip(alone, together, strict=True):
        assert len(one) == len(other) > 0
        assert all((a.polygon == b.polygon).all() for a, b in zip(one, other, strict=True))


def test_importing_it_loads_no_network():
    code = "import sys, datasets.pages.finding; print('onnxruntime' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.stdout.strip() == "False"


def test_more_text_than_a_page_holds_is_refused(page, monkeypatch):
    monkeypatch.setattr("datasets.pages.finding.MAX_PIECES", 2)
    with pytest.raises(ValueError, match=r"scan\.png: \d+ pieces of text, a page has up to 2;"):
        find_lines(page[0], "scan.png")


def test_without_the_weights_it_says_what_to_install(page, monkeypatch):
    detection._load_session.cache_clear()
    monkeypatch.setattr(detection, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install rapidocr"):
        find_lines(page[0])


def test_the_limit_comes_before_all_that_takes_long(monkeypatch):
    monkeypatch.setattr("datasets.pages.finding.detect", lambda image: [None] * 2501)
    monkeypatch.setattr("datasets.pages.finding.absorb_marks", lambda pieces: 1 / 0)
    with pytest.raises(ValueError, match="2,501 pieces of text"):
        find_lines(np.zeros((9, 9), np.uint8))


@pytest.mark.parametrize("turns", [1, 3])
def test_a_page_on_its_side_says_so(page, turns):
    found = find_lines(np.ascontiguousarray(np.rot90(page[0], turns)))
    assert found.is_sideways and found.left_out >= len(TEXTS) and not found.is_blank


def test_a_page_with_a_stroke_is_not_blank():
    image = np.full((900, 700), 230, np.uint8)
    cv2.line(image, (200, 300), (500, 302), 40, 5)
    assert find_lines(image) == ((), 0, False, False)


def test_a_single_letter_is_a_line(page):
    image, boxes = page
    size = boxes[0][3] - boxes[0][1]
    sheet = cv2.copyMakeBorder(image, 0, 200, 0, 0, cv2.BORDER_REPLICATE)
    middle = image.shape[1] // 2
    top = image.shape[0] + 60
    sheet[top : top + round(0.8 * size), middle : middle + 5] = 30  # an I without serifs
    found = find_lines(sheet)
    assert len(found.lines) == len(TEXTS) + 1 and found.left_out == 0


@pytest.mark.parametrize("letter", "IT")
def test_a_drop_capital_goes_with_its_line(letter):
    image, box = drop_capital(letter)
    found = find_lines(image)
    (first,) = [line for line in found.lines if line.initial]
    assert len(found.lines) == 10 and first.id == "l4" and found.left_out == 0
    assert {line.region for line in found.lines[3:]} == {"r2"}
    np.testing.assert_allclose(first.initial, box, atol=15)
    assert first.polygon[:, 0].min() > box[2] - 15


def drop_capital(letter: str) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """A page of three lines, and of seven that begin with a letter three lines high: its box."""
    sheet = Image.new("L", (1200, 1000), 240)
    pen, serif = ImageDraw.Draw(sheet), ImageFont.truetype(SERIF, 30)
    large = ImageFont.truetype(SERIF, 148)
    for i in range(3):
        pen.text((100, 100 + 42 * i), TEXTS[i], font=serif, fill=30)
    left, top, right, bottom = pen.textbbox((0, 0), letter, font=large)
    pen.text((100 - left, 308 - top), letter, font=large, fill=30)
    for i in range(7):
        x = 100 if i > 2 else 112 + right - left
        pen.text((x, 300 + 42 * i), TEXTS[i % 5], font=serif, fill=30)
    return np.array(sheet), (100, 308, 100 + right - left, 308 + bottom - top)
