"""Records of pages: how far a page can be trusted of which lines failed, or none were found."""

import numpy as np
import pytest

from datasets.pages.crops.cutting import Place
from datasets.pages.layout import PageLine
from models.heads.labels import Text
from pipeline.reading.pages.loading import LinePlace, PageLines
from pipeline.reading.pages.records import PageReading, page_record
from tests.support.small import tiny_bundle

SURE = (Text([0, 1], [0.99, 0.99], [(0, 1), (2, 3)], 0.99), ())
FAILED = ("scan.png#l1: too wide", ())


def record(readings, *notes: str) -> dict:
    box = (0.0, 0.0, 80.0, 20.0)
    lines = [PageLine(f"l{n}", "r1", None, None, None, box) for n, _ in enumerate(readings, 1)]
    columns = [np.zeros((80, 1, 16), np.uint8)] * len(lines)
    places = [LinePlace((20, 80), np.eye(2, 3), Place())] * len(lines)
    page = PageLines("scan.png", "page", "scan.png", (200, 100), lines, columns, places, notes)
    return page_record(tiny_bundle(), PageReading(page, readings), accepted_from=0.5)


def trust(readings, *notes: str) -> tuple[float, bool]:
    made = record(readings, *notes)
    assert made.get("notes", []) == list(notes)
    return round(made["confidence"], 1), made["accepted"]


def test_a_page_is_accepted_with_all_its_lines():
    assert trust([SURE, SURE]) == (1.0, True)
    assert trust([SURE, FAILED]) == (1.0, False)


def test_a_page_all_of_whose_lines_failed_has_no_confidence():
    assert trust([FAILED, FAILED]) == (0.0, False)


@pytest.mark.parametrize("note", ["on its side", "unlike the training data"])
def test_what_makes_a_page_doubtful_is_never_accepted(note):
    assert trust([], note) == (0.0, False)
    assert trust([SURE], note) == (1.0, False)


def test_a_blank_page_is_certain():
    assert trust([]) == (1.0, True)
    assert trust([], "the PDF carries text of its own here, 12 characters") == (1.0, True)


def test_a_page_of_which_most_lines_are_upside_down_has_a_note():
    turned = SURE[0], ("upside down",)
    assert "notes" not in record([SURE, turned])
    made = record([SURE, turned, turned])
    assert (made["notes"], made["accepted"]) == (["upside down"], False)
