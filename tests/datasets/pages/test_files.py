"""Page files and their images: finding, checking, cutting into lines; images are decoded once."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import LineFolder, RealLines
from datasets.images import load_grey
from datasets.lines.listing import transcripts
from datasets.lines.reader import load_line
from datasets.pages import files as page_files
from datasets.pages import loading as page_loading
from datasets.pages.files import find_image, read_page
from tests.support.pages import TEXTS, escriptorium, set_page, tesseract, transkribus
from tests.support.small import noise_line, write_image


def load(root: Path, **options) -> RealLines:
    return RealLines([LineFolder(str(root), **options)], height=16, max_width=900)


@pytest.mark.parametrize("write", [transkribus, escriptorium, tesseract])
def test_every_tool_gives_the_ink_of_each_line(tmp_path, write):
    path = write(tmp_path / "p.xml")
    page, boxes = cv2.imread(str(tmp_path / "p.png"), 0), set_page(tmp_path / "again.png")
    rows = list(transcripts(LineFolder(str(path))))
    names = [f"{path}#{line.id}" for line in read_page(path).lines]
    assert [str(name) for name, *_ in rows] == names
    assert [row[1:] for row in rows] == [(text, "p") for text in TEXTS]
    for (name, *_), (left, top, right, bottom) in zip(rows, boxes, strict=True):
        cut, ink = load_line(str(name)), page[top:bottom, left:right]
        dark = [int((image < 128).sum()) for image in (cut, ink)]
        assert dark[0] >= 0.97 * dark[1] and cut.shape[0] <= ink.shape[0] + 4


def test_units_and_other_resolutions_cut_the_same(tmp_path):
    plain = tesseract(tmp_path / "a.xml")
    for name, unit, scale in (("b", "mm10", 254 / 300), ("c", "inch1200", 4), ("d", "pixel", 2)):
        other = tesseract(tmp_path / f"{name}.xml", unit=unit, scale=scale)
        for line in ("line_0", "line_3"):
            crops = [load_line(f"{path}#{line}") for path in (plain, other)]
            np.testing.assert_array_equal(*crops)


def test_a_page_image_is_decoded_once(tmp_path, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        page_loading, "load_grey", lambda path: decoded.append(path) or load_grey(path)
    )
    for name in "ab":
        transkribus(tmp_path / f"{name}.xml")
    source = load(tmp_path, validation=["b"])
    assert sorted(Path(path).name for path in decoded) == ["a.png", "b.png"]
    train = source.split("train")
    for i in (3, 0, 2, 0):
        _, sample = train[i]
        line = load_line(train.names[i])
        np.testing.assert_array_equal(sample.inputs, source.reader.prepare(line))
        assert train.lines[i].stored.shape == line.shape
    assert len(decoded) == 2
    assert (train.texts, set(train.groups)) == (TEXTS, {"a"})
    assert source.split("validation").names == [f"{tmp_path}/b.xml#l{i}" for i in range(4)]


def test_groups_are_pages_or_follow_the_pattern(tmp_path):
    for name in ("x__1", "x__2", "y"):
        transkribus(tmp_path / f"{name}.xml", ["a__b", "c"])
    groups = [group for *_, group in transcripts(LineFolder(str(tmp_path)))]
    assert groups == ["x"] * 4 + ["y"] * 2
    every = transcripts(LineFolder(str(tmp_path), group_pattern="none"))
    assert [group for *_, group in every] == ["x__1"] * 2 + ["x__2"] * 2 + ["y"] * 2


def test_problems_are_named_and_the_others_go_on(tmp_path):
    transkribus(tmp_path / "good.xml", ["a", None, "c", None])
    transkribus(tmp_path / "valid.xml")
    (tmp_path / "broken.xml").write_text("<PcGts><Page>", encoding="utf-8")
    (tmp_path / "mets.xml").write_text("<mets/>", encoding="utf-8")
    transkribus(tmp_path / "lost.xml", image="other.png")
    (tmp_path / "lost.png").unlink()
    transkribus(tmp_path / "text.xml")
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    turned = transkribus(tmp_path / "turned.xml")
    size = 'imageWidth="300" imageHeight="900"'
    content = turned.read_text(encoding="utf-8").replace('imageWidth="0" imageHeight="0"', size)
    turned.write_text(content, encoding="utf-8")
    (tmp_path / "empty.xml").write_text("<alto><Page/></alto>", encoding="utf-8")
    write_image(tmp_path / "empty.png", noise_line(0))
    source = load(tmp_path, validation=["valid"])
    assert source.split("train").texts == ["a", "c"]
    reasons = {str(Path(p.name).relative_to(tmp_path)): p.reason for p in source.problems}
    expected = {
        "broken.xml": "broken.xml: damaged XML",
        "lost.xml": "lost.xml: 'other.png' is neither beside it nor in the folder above",
        "text.xml": "text.png cannot be read",
        "turned.xml": "made for an image of 300 x 900 pixel",
        "empty.xml": "no text line in it",
        "good.xml#l1": "good.xml#l1: no text, so it is unlabelled",
        "good.xml#l3": "good.xml#l3: no text, so it is unlabelled",
    }
    assert reasons.keys() == expected.keys()
    assert all(message in reasons[name] for name, message in expected.items())


def test_the_same_page_twice_counts_once(tmp_path):
    first = transkribus(tmp_path / "a.xml")
    (tmp_path / "alto").mkdir()
    second = escriptorium(tmp_path / "alto/a.xml")
    (tmp_path / "alto/a.png").unlink()  # so that the image in the folder above is used
    pages, problems = page_files.read_pages(tmp_path)
    assert [page.path for page in pages] == [str(first)]
    reason = f"{second}: has the image of {first}; its lines are not taken a second time"
    assert problems == [(str(second), reason)]


@pytest.mark.parametrize("given", ["p.png", "scans/p.png", "C:\\scans\\p.png", "file:///x/p.png"])
@pytest.mark.parametrize("folder", ["", "page"])
def test_where_an_image_is_looked_for(tmp_path, given, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    path = transkribus(tmp_path / folder / "p.xml", image=given)
    image = (tmp_path / folder / "p.png").rename(tmp_path / "p.png")
    assert find_image(read_page(path)) == image


def test_an_image_called_as_its_file_is_found_without_a_name(tmp_path):
    path = transkribus(tmp_path / "p.xml", image="gone.tif")
    assert find_image(read_page(path)) == tmp_path / "p.png"
    (tmp_path / "p.png").unlink()
    with pytest.raises(ValueError, match=r"p\.xml: 'gone\.tif' is neither beside it"):
        page_files.check_image(read_page(path))


def test_only_broken_pages_say_why(tmp_path):
    (tmp_path / "broken.xml").write_text("<PcGts>", encoding="utf-8")
    with pytest.raises(ValueError, match=r"either\n  .*broken\.xml: damaged XML"):
        list(transcripts(LineFolder(str(tmp_path))))
    (tmp_path / "tei.xml").write_text("<TEI/>", encoding="utf-8")
    assert [Path(p.name).name for p in page_files.page_problems(tmp_path)] == ["broken.xml"]
    assert "neither PAGE" in page_files.page_problems(tmp_path / "tei.xml")[0].reason


def test_page_images_are_told_from_line_images(tmp_path):
    transkribus(tmp_path / "a.xml")
    (tmp_path / "broken.xml").write_text("<PcGts>", encoding="utf-8")
    (tmp_path / "mets.xml").write_text("<mets/>", encoding="utf-8")
    (tmp_path / "broken.png").touch()
    pages, images = page_files.pages_and_images(page_files.find_pages(tmp_path))
    assert [path.name for path in pages] == ["a.xml", "broken.xml"]
    assert tmp_path.resolve() / "a.png" in images and tmp_path.resolve() / "broken.png" in images
    assert tmp_path.resolve() / "mets.png" not in images


def test_a_line_that_is_not_there_is_named(tmp_path):
    path = transkribus(tmp_path / "p.xml")
    with pytest.raises(ValueError, match=r"p\.xml#l9: .*p\.xml has no line 'l9'"):
        load_line(f"{path}#l9")
    assert load_line(str(write_image(tmp_path / "a#b.png", noise_line(1)))).shape[0] == 16


def test_equal_ids_are_told_apart(tmp_path):
    path = transkribus(tmp_path / "p.xml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('id="l1"', 'id="l0"').replace('id="l3" ', ""), encoding="utf-8")
    names = [line.id for line in read_page(path).lines]
    assert len(set(names)) == 4 and {"l0", "l0_2", "l2"} < set(names)
