"""The benchmark of crops: how polygons are spoiled, and its table."""

import json

import cv2
import numpy as np
import pytest

from benchmarks.pages import crops
from benchmarks.pages.truth import read_truth
from datasets.images import load_grey
from datasets.pages.files import check_image, read_page
from pipeline.reading.bundle import save_bundle
from tests.support.pages import bent_page
from tests.support.small import tiny_bundle


@pytest.fixture
def folder(tmp_path):
    """One page with whole polygons, as the benchmark reads it."""
    bent_page(tmp_path / "enbook__a__01.xml", lambda x: 0.03 * x, cut=False)
    page = read_page(tmp_path / "enbook__a__01.xml")
    image = load_grey(str(check_image(page)))
    cv2.imwrite(str(tmp_path / "enbook__a__01.jpg"), image)
    lines = [
        {"polygon": line.polygon.tolist(), "text": line.text, "order": place, "region": None}
        | {"baseline": line.baseline.tolist() if place else None}
        for place, line in enumerate(page.lines)
    ]
    content = {"width": image.shape[1], "height": image.shape[0], "lines": lines, "ignore": []}
    (tmp_path / "enbook__a__01.json").write_text(json.dumps(content))
    return tmp_path


def height(line) -> float:
    """Of a polygon of a line that slants by 3 %, without the rise, as a median over its points."""
    level = line.polygon[:, 1] - 0.03 * line.polygon[:, 0]
    upper = level < (level.min() + level.max()) / 2
    return float(np.median(level[~upper]) - np.median(level[upper]))


def test_polygons_are_squeezed_and_cut_down(folder):
    lines = read_truth(folder / "enbook__a__01.json").lines
    for line in lines:
        assert crops.spoiled(line, "given") is line
        squeezed, cut = (crops.spoiled(line, name) for name in ("squeezed", "x-height"))
        assert height(squeezed) == pytest.approx(0.6 * height(line), abs=2)
        assert height(cut) < 0.55 * height(line)
        for other in (squeezed, cut):
            assert np.ptp(other.polygon[:, 0]) > np.ptp(line.polygon[:, 0]) - 2 * crops.STEP


def test_the_table_has_a_row_for_each_kind_and_sort_of_polygon(folder, monkeypatch, capsys):
    save_bundle(tiny_bundle(), folder / "tiny.safetensors")
    monkeypatch.setitem(crops.MODELS, "enbook", str(folder / "tiny.safetensors"))
    crops.main([str(folder)])
    head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head[:7] == ["polygons", "kind", "lines", "auto", "polygon", "baseline", "box"]
    assert [row[:3] for row in rows] == [[name, "enbook", "3"] for name in crops.POLYGONS]
    assert [row[-1] for row in rows] == ["0.0", "100.0", "100.0"]
    for row in rows[1:]:
        assert row[3] != row[4]  # another crop is read as another text
