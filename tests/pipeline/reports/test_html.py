"""The HTML page is one self-contained file with everything it was given, escaped."""

import base64
import math
import re
from html.parser import HTMLParser
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline.reports import html as report
from pipeline.reports.html import Line, curve, mark_differences, ticks

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """A parsed page: texts, attributes, and tags, which must close in order."""

    def __init__(self, html: str):
        super().__init__()
        self.open, self.text, self.attributes, self.tags = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a <b> & 'c'.png"
    grey = np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)
    path.write_bytes(cv2.imencode(".png", grey)[1].tobytes())
    return path


def plain(html: str) -> str:
    return "".join(Page(html).text)


def test_readings_targets_and_names_are_escaped(image):
    evil = "<script>alert(1)</script> & \"x\" 'y'"
    made = report.document(
        evil,
        evil,
        [
            report.heading(evil),
            report.paragraph(evil),
            report.facts({evil: evil}),
            report.line_cards([Line(image, evil, evil + "!", 0.5), Line(image, evil, None, 0.5)]),
            report.figure(image, evil),
            report.details(evil, evil),
            report.curves({evil: [(0, 1)]}, evil),
        ],
    )
    page = Page(made)
    assert not page.open and not {"script", "b"} & set(page.tags)
    assert sum(evil in text for text in page.text) >= 9


def test_images_are_embedded_unchanged(image):
    other = image.with_name("second.jpg")
    other.write_bytes(b"\xff\xd8 any bytes")
    html = report.line_cards([Line(image, "a", "a", 1.0), Line(other, "b", "a", 0.0)])
    images = re.findall(r'src="data:([a-z/]+);base64,([^"]+)"', html)
    assert [kind for kind, _ in images] == ["image/png", "image/jpeg"]
    assert [base64.b64decode(data) for _, data in images] == [
        image.read_bytes(),
        other.read_bytes(),
    ]


def test_nothing_is_loaded_from_elsewhere(image):
    sections = [
        report.line_cards([Line(image, "a", "b", 0.2)]),
        report.curves({"x": [(1, 2)]}, "s"),
    ]
    html = report.document("t", "l", [*sections, report.figure(image, "whole")])
    assert (
        "http:" not in html
        and "https:" not in html
        and "//" not in re.sub(r"base64,[^\"]+", "", html)
    )
    page = Page(html)
    assert not {"script", "link", "iframe"} & set(page.tags) and "@import" not in html
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2 and all(s.startswith("data:image/") for s in sources)
    assert any(v and v.startswith("default-src 'none'") for _, v in page.attributes)
    assert "url(" not in html


@pytest.mark.parametrize(
    ("reading", "target", "wrong", "right"),
    [
        ("cat", "cut", ["a"], ["u"]),
        ("cat", "cats", [], ["s"]),
        ("cats", "cat", ["s"], []),
        ("<1>", "<7>", ["&lt;1"], None),
        ("", "abc", [], ["abc"]),
        ("abc", "", ["abc"], []),
        ("same", "same", [], []),
    ],
)
def test_what_differs_is_marked_and_nothing_else(reading, target, wrong, right):
    marked, truth = mark_differences(reading, target)
    assert (plain(marked), plain(truth)) == (reading, target)
    if right is None:  # markup in the text itself: only the digit differs
        wrong, right = ["1"], ["7"]
    assert re.findall(r'<mark class="wrong">(.*?)</mark>', marked) == wrong
    assert re.findall(r'<mark class="right">(.*?)</mark>', truth) == right


def test_gaps_keep_both_lines_aligned():
    marked, truth = mark_differences("the old clock", "an hour, the old clo")

    def columns(html: str) -> int:
        gaps = sum(map(int, re.findall(r"--n:(\d+)", html)))
        return len(plain(html)) + gaps

    assert columns(marked) == columns(truth) == 22
    assert marked.count("gap") == truth.count("gap") == 1


def test_a_card_shows_edits_and_confidence(image):
    wrong, exact, unknown = (
        report.line_card(Line(image, "kitten", target, 0.25))
        for target in ("sitting", "kitten", None)
    )
    assert "3 edits" in wrong and 'title="target"' in wrong and "width:25.0%" in wrong
    assert "exact" in exact and "<mark" not in exact and 'title="target"' not in exact
    assert "no target" in unknown and 'title="target"' not in unknown
    assert "1 edit<" in report.line_card(Line(image, "a", "b", 1.0))


def test_a_curve_goes_through_its_points():
    svg = curve([(0, 100), (5, 50), (10, 0)], "cer", "seconds")
    points = re.search(r'polyline class="curve" points="([^"]+)"', svg)[1].split()
    xs, ys = zip(*(map(float, p.split(",")) for p in points), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1])
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1]) and ys[0] < ys[1] < ys[2]  # y points down
    grid = dict(re.findall(r'y2="([\d.]+)"/><text[^>]*>([\d.]+)</text>', svg))
    assert {grid[str(ys[0])], grid[str(ys[2])]} == {"100", "0"}


def test_points_that_are_not_finite_are_counted_and_left_out():
    svg = curve([(0, math.nan), (1, 3.0), (2, math.inf)], "loss", "seconds")
    assert "2 points are not finite" in svg and "nan" not in svg and "inf," not in svg
    assert "No finite value among 0 points" in curve([], "loss", "seconds")
    assert "among 1 points" in curve([(0, math.nan)], "loss", "seconds")


@pytest.mark.parametrize("largest", [1e-6, 0.3, 0.99, 1, 1.001, 5, 7, 20, 99.9, 100, 101, 12345])
def test_ticks_are_few_round_and_reach_the_largest(largest):
    values = ticks(largest)
    assert 3 <= len(values) <= 6 and values[0] == 0
    assert values[-2] < largest <= values[-1] * (1 + 1e-6)
    steps = {f"{b - a:.3g}" for a, b in pairwise(values)}
    assert len(steps) == 1 and steps.pop().strip("0.e-+")[0] in "125"


def test_ticks_of_nothing():
    assert ticks(0) == [0, 1]
