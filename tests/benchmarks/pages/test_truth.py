"""Pages with ground truth: lines in reading order, areas to ignore, files of another form."""

import json

import numpy as np
import pytest

from benchmarks.pages.truth import find_truths, page_kind, read_ignored, read_truth
from datasets.pages.files import check_image
from tests.support.small import write_image


def write(folder, **changes):
    polygon = [[5, 5], [60, 5], [60, 20], [5, 20]]
    second = {"polygon": polygon, "baseline": None, "text": "two", "order": 1, "region": None}
    first = second | {"baseline": [[5, 18], [60, 18]], "text": "one", "order": 0, "region": "r"}
    content = {"width": 80, "height": 40, "lines": [second, first], "ignore": [polygon]}
    path = folder / "enbook__a__01.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    write_image(folder / "enbook__a__01.jpg", np.full((40, 80), 255, np.uint8))
    return path


def test_lines_come_in_reading_order(tmp_path):
    path = write(tmp_path)
    page = read_truth(path)
    assert find_truths(tmp_path) == [path] and page_kind(path) == "enbook"
    assert [(line.id, line.text, line.region) for line in page.lines] == [
        ("l0", "one", "r"),
        ("l1", "two", ""),
    ]
    assert page.lines[0].baseline.tolist() == [[5, 18], [60, 18]]
    assert page.lines[1].baseline is None and page.lines[1].polygon.shape == (4, 2)
    assert check_image(page) == tmp_path / "enbook__a__01.jpg"
    assert [area.tolist() for area in read_ignored(path)] == [[[5, 5], [60, 5], [60, 20], [5, 20]]]


def test_another_form_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no KIND__WORK__NN\.json in it"):
        find_truths(tmp_path)
    with pytest.raises(ValueError, match=r"enbook__a__01\.json: damaged"):
        read_truth(write(tmp_path, lines=[{"text": "no order"}]))
