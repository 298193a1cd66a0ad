"""Cutting lines out of a page: extent, masking, straightening, and polygons that cut letters."""

import re

import cv2
import numpy as np
import pytest

from datasets.lines.reader import load_line
from datasets.pages.crops.cutting import crop_line, cut_letters
from datasets.pages.layout import PageLine
from tests.support.pages import bent_page, transkribus

PAPER = 230


def line(polygon=None, baseline=None, box=None) -> PageLine:
    points = (None if p is None else np.array(p, dtype=float) for p in (polygon, baseline))
    return PageLine("l", "r", None, *points, box)


def stroke(points, thickness=3) -> np.ndarray:
    """A page (300, 500) with one dark stroke along these points."""
    image = np.full((300, 500), PAPER, np.uint8)
    cv2.polylines(image, [np.array(points, np.int32)], False, 20, thickness)
    return image


BENT = {
    "level": lambda x: 0 * x,
    "skewed": lambda x: 0.08 * x - 12,
    "curved": lambda x: 30 * np.sin(x / 130),
}


def share_held(path, inks, crop: str) -> list[float]:
    """Dark pixels of each line's crop, relative to those of its own letters on the page."""
    crops = [load_line(f"{path}#l{place}", crop) for place in range(len(inks))]
    return [float((cut < 128).sum() / ink.sum()) for cut, ink in zip(crops, inks, strict=True)]


def test_a_box_gets_a_margin_of_a_twentieth():
    image = np.arange(300 * 500, dtype=np.uint32).reshape(300, 500).astype(np.uint8)
    cut = crop_line(image, line(box=(10, 20, 110, 60)))
    np.testing.assert_array_equal(cut, image[18:62, 8:112])
    np.testing.assert_array_equal(crop_line(image, line(box=(0, 0, 600, 40))), image[:42])


def test_a_drop_capital_stands_before_its_line_as_high_as_a_capital():
    image = np.full((300, 500), PAPER, np.uint8)
    image[100:190, 20:80] = 20  # the capital
    image[100:130, 100:400] = 90  # the line
    rest = line([(100, 100), (400, 100), (400, 130), (100, 130)])
    cut, alone = (
        crop_line(image, each) for each in (rest._replace(initial=(20, 100, 80, 190)), rest)
    )
    wide = cut.shape[1] - alone.shape[1]
    assert len(cut) == len(alone) and 0.5 < (wide / len(cut)) / (60 / 90) < 0.9
    np.testing.assert_array_equal(cut[:, wide:], alone)
    dark = (cut[:, :wide] < 60).any(1)
    assert 0.55 * len(cut) < dark.sum() < 0.75 * len(cut) and not dark[-len(cut) // 5 :].any()


def test_outside_of_a_polygon_is_paper():
    image = np.full((300, 500), PAPER, np.uint8)
    image[100:110, 50:300] = 20  # the line
    image[90:98, 200:300] = 20  # a neighbour that reaches into the bounding box
    steps = [(40, 85), (190, 85), (190, 99), (310, 99), (310, 115), (40, 115)]
    cut = crop_line(image, line(steps, [(50, 110), (300, 110)]))
    expected = np.full((300, 500), PAPER, np.uint8)
    expected[100:110, 50:300] = 20
    np.testing.assert_array_equal(cut, expected[85:115, 40:310])
    assert image[90, 250] == 20  # the page itself is as it was


@pytest.mark.parametrize("slope", [0.1, -0.2, 0.7])
@pytest.mark.parametrize("known", ["polygon", "baseline", "both"])
def test_a_slanted_line_comes_out_level(slope, known):
    ends = np.array([[60, 150 - 180 * slope], [420, 150 + 180 * slope]])
    image = stroke(ends)
    normal = np.array([-slope, 1]) / np.hypot(1, slope)
    polygon = [*(ends - 14 * normal), *(ends[::-1] + 8 * normal)]
    made = line(polygon if known != "baseline" else None, ends if known != "polygon" else None)
    cut = crop_line(image, made, gap=20)
    length = np.hypot(*(ends[1] - ends[0]))
    above, below = (0.35 * 20, 0.1 * 20) if known == "baseline" else (14, 8)
    assert abs(cut.shape[1] - length) < 14 and -2 < cut.shape[0] - (above + below) < 4
    rows = np.array([np.argmin(cut[:, x]) for x in range(12, cut.shape[1] - 12)])
    assert np.ptp(rows) <= 2  # 360 pixels long, and level to the pixel
    assert abs(rows.mean() - above) < 2


def test_a_curved_baseline_is_straightened():
    x = np.arange(40, 461, 20)
    arch = np.stack([x, 200 - 60 * np.sin((x - 40) / 420 * np.pi)], 1)
    cut = crop_line(stroke(arch), line(baseline=arch), gap=24)
    rows = np.array([np.argmin(cut[:, x]) for x in range(20, cut.shape[1] - 20)])
    assert np.ptp(rows) <= 4 and cut.shape[0] < 32
    with_polygon = np.concatenate([arch - (0, 15), np.add(arch[::-1], (0, 8))])
    cut = crop_line(stroke(arch), line(with_polygon, arch))
    assert cut.shape[0] < 30 and (cut.min(0)[10:-10] < 100).all()


def test_a_baseline_drawn_from_the_right_is_not_read_upside_down():
    image = stroke([(60, 150), (420, 150)])
    image[120:140, 60:70] = 20  # above the left end
    forth, back = ([(60, 155), (420, 158)], [(420, 158), (60, 155)])
    crops = [crop_line(image, line(baseline=ends), gap=60) for ends in (forth, back)]
    np.testing.assert_array_equal(*crops)
    high, wide = crops[0].shape
    assert crops[0][: high // 2, : wide // 4].min() < 100


def test_text_that_climbs_is_laid_down():
    image = np.full((300, 500), PAPER, np.uint8)
    image[50:250, 200:210] = 20
    image[245:250, 180:200] = 20  # at its start, above it
    cut = crop_line(image, line(baseline=[(210, 250), (210, 50)]), gap=40)
    assert cut.shape == (41, 220) or abs(cut.shape[1] - 220) <= 2
    assert cut[8:18, 8:16].mean() < 100 < cut[8:18, 40:].min()


def test_a_lone_baseline_takes_a_tenth_of_its_length():
    image = np.full((300, 500), PAPER, np.uint8)
    image[120:150, 60:440:8] = 20  # reaches 30 above the baseline, of 40 that there may be
    image[30:90, 60:440:8] = 20
    cut = crop_line(image, line(baseline=[(50, 150), (450, 150)]))
    assert cut.shape[1] == 420 and abs(cut.shape[0] - 1.2 * 30) < 3


@pytest.mark.parametrize("drawn", [-6, 0, 5])
def test_a_band_holds_the_letters_wherever_the_baseline_is_drawn(tmp_path, drawn):
    inks = bent_page(tmp_path / "p.xml", BENT["curved"], cut=True)
    text = (tmp_path / "p.xml").read_text(encoding="utf-8")
    lower = re.compile(r'(?<=<Baseline points=")[^"]*')
    points = [
        " ".join(f"{x},{int(y) + drawn}" for x, y in (p.split(",") for p in found.split()))
        for found in lower.findall(text)
    ]
    moved = lower.sub(lambda _: points.pop(0), text)
    (tmp_path / "p.xml").write_text(moved, encoding="utf-8")
    for share in share_held(tmp_path / "p.xml", inks, "baseline"):
        assert 0.95 < share < 1.05


def test_a_box_beats_a_level_baseline_and_loses_to_a_slanted_one():
    image, box = stroke([(50, 150), (450, 150)]), (50, 100, 450, 200)
    assert crop_line(image, line(baseline=[(50, 150), (450, 151)], box=box)).shape == (110, 410)
    assert crop_line(image, line(baseline=[(50, 110), (450, 190)], box=box), 20).shape[0] < 30


UNUSABLE = [
    (line(), "no polygon, baseline or box"),
    (line(baseline=[(5, 5), (5, 5)]), "no polygon, baseline or box"),
    (line([(600, 10), (700, 10), (700, 40)]), "outside of its image of 500 x 300"),
    (line(box=(600, 10, 700, 40)), "outside of its image of 500 x 300"),
    (line(box=(-50, -90, -10, -40)), "outside of its image of 500 x 300"),
]


@pytest.mark.parametrize(("unusable", "message"), UNUSABLE)
def test_a_line_that_cannot_be_cut_out_is_named(unusable, message):
    with pytest.raises(ValueError, match=f"a.xml#l: .*{message}"):
        crop_line(np.full((300, 500), PAPER, np.uint8), unusable, name="a.xml#l")


def test_far_coordinates_do_not_fill_the_memory():
    outline = [(-1e9, 10), (1e9, 10), (1e9, 40), (-1e9, 40)]
    page = np.full((300, 500), PAPER, np.uint8)
    assert crop_line(page, line(outline, [(-400, 30), (900, 80)])).size < 500 * 700
    with pytest.raises(ValueError, match=r"line: coordinates up to 1e\+09 in an image"):
        crop_line(page, line(outline, [(-1e9, 30), (1e9, 2e8)]))


@pytest.mark.parametrize("baselines", [True, False])
@pytest.mark.parametrize("bend", BENT)
def test_a_polygon_that_cuts_letters_is_not_used(tmp_path, bend, baselines):
    inks = bent_page(tmp_path / "p.xml", BENT[bend], cut=True, baselines=baselines)
    assert max(share_held(tmp_path / "p.xml", inks, "polygon")) < 0.9
    for share in share_held(tmp_path / "p.xml", inks, "auto"):
        assert 0.95 < share < 1.05  # all of its letters, and nothing of its neighbours


@pytest.mark.parametrize("baselines", [True, False])
@pytest.mark.parametrize("bend", BENT)
def test_a_polygon_around_whole_letters_is_used(tmp_path, bend, baselines):
    path = tmp_path / "p.xml"
    inks = bent_page(path, BENT[bend], cut=False, baselines=baselines)
    assert all(0.95 < share < 1.05 for share in share_held(path, inks, "auto"))
    for name in ("l0", "l1", "l2"):
        crops = [load_line(f"{path}#{name}", crop) for crop in ("auto", "polygon")]
        np.testing.assert_array_equal(*crops)


def test_each_shape_can_be_asked_for(tmp_path):
    path = tmp_path / "p.xml"
    inks = bent_page(path, BENT["level"], cut=True)
    heights = {c: load_line(f"{path}#l1", c).shape[0] for c in ("auto", "polygon", "baseline")}
    assert heights["auto"] == heights["baseline"] > 2 * heights["polygon"]
    whole = tmp_path / "whole.xml"
    bent_page(whole, BENT["skewed"], cut=False)
    box = load_line(f"{whole}#l1", "box")
    assert box.shape[0] > 1.5 * load_line(f"{whole}#l1", "polygon").shape[0]
    assert (box < 128).sum() > 1.05 * inks[1].sum()  # its neighbours are in the corners
    bent_page(whole, BENT["level"], cut=False, baselines=False)
    crops = [load_line(f"{whole}#l1", crop) for crop in ("baseline", "polygon")]
    np.testing.assert_array_equal(*crops)  # it has no baseline


def test_ink_outside_that_is_none_of_its_letters_does_not_count():
    image = np.full((300, 500), PAPER, np.uint8)
    image[100:120, 60:440:20] = 20  # letters
    image[92:96, 60:440] = 20  # a stroke that touches none of them
    made = line([(50, 98), (450, 98), (450, 122), (50, 122)], [(50, 120), (450, 120)])
    assert cut_letters(image, made, 50) is None
    image[96:100, 60:440:20] = 20
    assert cut_letters(image, made, 50).lost_by_polygon > 0.1
    assert cut_letters(image, made, None) is None  # nobody knows how high its letters may be


def test_a_shadow_is_no_ink():
    image = np.tile(np.linspace(250, 90, 500), (300, 1)).astype(np.uint8)
    image[:, 250:] -= 40
    made = line([(50, 110), (450, 110), (450, 118), (50, 118)], [(50, 120), (450, 120)])
    assert cut_letters(image, made, 50) is None


@pytest.mark.parametrize("slope", [0.0, 0.05])
def test_outside_of_an_outline_light_text_has_its_dark_ground(slope):
    """The mirror image of what dark text gets."""
    image = stroke([(60, 110), (200, 95), (440, 110 + 380 * slope)])
    outline = [(50, 80), (450, 80 + 400 * slope), (450, 130 + 400 * slope), (50, 120)]
    dark, light = (crop_line(page, line(outline)) for page in (image, 255 - image))
    assert dark.max() == PAPER
    np.testing.assert_array_equal(light, 255 - dark)


def test_the_image_of_a_dark_page_is_inverted(tmp_path):
    for name in ("light", "dark"):
        page = transkribus(tmp_path / f"{name}.xml")
        if name == "dark":
            image = cv2.imread(str(page.with_suffix(".png")), 0)
            cv2.imwrite(str(page.with_suffix(".png")), 255 - image)
    for i in range(4):
        light, dark = (load_line(f"{tmp_path}/{name}.xml#l{i}") for name in ("light", "dark"))
        np.testing.assert_array_equal(light, dark)
