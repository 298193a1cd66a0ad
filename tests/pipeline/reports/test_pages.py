"""The report of pages: a self-contained file with every line, drawn and written, in order."""

import base64
import re

import cv2
import numpy as np

from pipeline.reports.pages import LONGER_SIDE, PageReport, shrunk_jpeg
from tests.pipeline.reports.test_html import Page
from tests.support.records import HOSTILE, SCRIPTS, UNWRITABLE, line_record, page_record


def page_report(records: list[dict], load_image) -> str:
    report = PageReport(load_image)
    parts = [part for record in records for part in report.add(record)]
    return report.head() + "".join(parts) + report.tail()


def white(record: dict) -> np.ndarray:
    return np.full((record["height"], record["width"]), 255, np.uint8)


def test_lines_are_drawn_and_listed_in_reading_order():
    texts = [*SCRIPTS, *HOSTILE]
    made = page_report([page_record(texts)], white)
    page = Page(made)
    assert not page.open and "script" not in page.tags
    shown = [text for text in page.text if text in texts]
    assert shown == texts
    drawn = re.findall(r'class="found" id="(1-\d+)"', made)
    listed = re.findall(r'<li id="(1-\d+)-text"', made)
    assert drawn == listed == [f"1-{i}" for i in range(1, len(texts) + 1)]
    identifiers = {value for name, value in page.attributes if name == "id"}
    links = [value for name, value in page.attributes if name == "href" and value[0] == "#"]
    assert len(links) == 2 * len(texts) and {link[1:] for link in links} <= identifiers


def test_the_picture_is_inside_and_nothing_else_is_loaded():
    made = page_report([page_record(["a"], width=3200, height=4800)], white)
    (data,) = re.findall(r'<image href="data:image/jpeg;base64,([^"]+)"', made)
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
    assert max(image.shape) == LONGER_SIDE and image.mean() > 250
    assert 'viewBox="0 0 3200 4800"' in made and "//" not in re.sub(r"base64,[^\"]+", "", made)


def test_colours_stay_in_their_order():
    red = np.zeros((10, 10, 3), np.uint8)
    red[..., 0] = 255
    blue, _, strong = cv2.imdecode(np.frombuffer(shrunk_jpeg(red), np.uint8), cv2.IMREAD_COLOR)[
        5, 5
    ]
    assert strong > 240 and blue < 15


def test_confidence_is_the_colour_and_marks_are_said():
    lines = [
        line_record(0, "sure", confidence=1.0, accepted=True, notes=["<n>"]),
        line_record(1, "unsure", confidence=0.2, accepted=False),
        line_record(2, None),
        line_record(3, UNWRITABLE[0]),
    ]
    made = page_report([page_record([]) | {"lines": lines, "height": 600}], white)
    assert made.count("accent) 100%") == 2 and made.count("accent) 0%") == 6
    text = " ".join(Page(made).text)
    assert "accepted" in text and "look" in text and "<n>" in text and "too wide" in text
    assert "U+0007 cannot stand" in text and "2 could not be read" in text


def test_broken_pages_and_pictures_are_said():
    def broken(record: dict) -> np.ndarray:
        raise ValueError("no such <picture>")

    records = [{"input": "a\x01.pdf#page=1", "error": "damaged <page>"}, page_record(["a"])]
    text = " ".join(Page(page_report(records, broken)).text)
    assert "damaged <page>" in text and "no picture: no such <picture>" in text
    assert "2 pages, 1 line" in text
    assert "0 pages" in " ".join(Page(page_report([], broken)).text)
