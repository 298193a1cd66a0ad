"""Which frame of an image a page file describes."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets import LineFolder, RealLines
from datasets.lines.reader import load_line
from datasets.pages import files as page_files
from datasets.pages.files import find_frame, find_image, read_page
from datasets.pages.frames import Mark, natural_order, split_mark
from tests.support.pages import TEXTS, transkribus
from tests.support.small import write_image


def write_scan(folder: Path, names: list[str], image: str = "scan.tif", frames: int = 0) -> list:
    """Page files that name a TIFF, whose frames are their pages -> their paths.

    names: of the page files. image: as they name it, with {} for the place among them. frames: of
    the TIFF, if not as many as page files.
    """
    paths, pages = [], []
    for place, name in enumerate(names):
        text = f"{'word ' * (place + 1)}"
        path = transkribus(folder / f"{name}.xml", [text, "end"], image.format(place))
        picture = path.with_suffix(".png")
        pages.append(np.pad(cv2.imread(str(picture), 0), ((0, 0), (0, 0))))
        picture.unlink()
        paths.append(path)
    high, wide = np.max([page.shape for page in pages], 0)
    pages = [np.pad(p, ((0, high - len(p)), (0, wide - p.shape[1])), "edge") for p in pages]
    count = frames or len(pages)
    cv2.imwritemulti(str(folder / "scan.tif"), (pages * count)[:count])
    return paths


def frames_of(paths: list[Path]) -> list[int]:
    pages = [read_page(path) for path in paths]
    return [find_frame(page, find_image(page)) for page in pages]


def ink_widths(paths: list[Path]) -> list[int]:
    """Columns with ink of the first line of each page: more, the later the page."""
    return [int((load_line(f"{path}#l0") < 128).any(0).sum()) for path in paths]


def test_as_many_page_files_as_frames_are_counted_by_name(tmp_path):
    paths = write_scan(tmp_path, ["p1", "p2", "p10"])
    assert frames_of(paths) == [1, 2, 3]
    assert len(set(ink_widths(paths))) == 3 and ink_widths(paths) == sorted(ink_widths(paths))
    pages, problems = page_files.read_pages(tmp_path)
    assert len(pages) == 3 and not problems
    source = RealLines([LineFolder(str(tmp_path), validation=["p2"])], height=16)
    assert sorted(set(source.split("train").groups)) == ["p1", "p10"]


@pytest.mark.parametrize("image", ["scan.tif#page={}", "scan.tif:{}"])
def test_a_frame_is_named_from_1_on(tmp_path, image):
    paths = write_scan(tmp_path, ["b", "c", "a"], image)
    for place, path in enumerate(paths):
        said = image.format(place)
        content = path.read_text(encoding="utf-8").replace(said, image.format(place + 1))
        path.write_text(content, encoding="utf-8")
    assert frames_of(paths) == [1, 2, 3]
    assert ink_widths(paths) == sorted(ink_widths(paths))


@pytest.mark.parametrize("image", ["scan.tif[{}]", "scan.tif:{}", "file://C:\\x\\scan.TIF[{}]"])
def test_a_frame_is_named_from_0_on(tmp_path, image):
    assert frames_of(write_scan(tmp_path, ["b", "c", "a"], image)) == [1, 2, 3]


@pytest.mark.parametrize("name", ["p.tif#page=2", "p.tif[7]"])
def test_an_image_may_be_called_as_a_frame_is(tmp_path, name):
    path = transkribus(tmp_path / "p.xml", image=name)
    (tmp_path / "p.png").rename(tmp_path / name)
    assert frames_of([path]) == [1] and load_line(f"{path}#l0").size


def test_a_frame_is_known_by_its_size(tmp_path):
    path = transkribus(tmp_path / "p.xml", image="scan.tif")
    page = cv2.imread(str(tmp_path / "p.png"), 0)
    cv2.imwritemulti(str(tmp_path / "scan.tif"), [cv2.resize(page, None, fx=0.5, fy=0.5), page])
    with pytest.raises(ValueError, match=r"has 2 frames, and 1 page files? "):
        frames_of([path])
    size = f'imageWidth="{page.shape[1]}" imageHeight="{page.shape[0]}"'
    content = path.read_text(encoding="utf-8").replace('imageWidth="0" imageHeight="0"', size)
    path.write_text(content, encoding="utf-8")
    assert frames_of([path]) == [2]
    kept = load_line(f"{path}#l0")
    write_image(tmp_path / "scan.tif", page)
    np.testing.assert_array_equal(load_line(f"{path}#l0"), kept)


def test_a_page_file_may_be_given_by_a_relative_name(tmp_path, monkeypatch):
    write_scan(tmp_path, ["p1", "p2", "p10"])
    monkeypatch.chdir(tmp_path)
    assert frames_of(["./p1.xml", "./p2.xml", "./p10.xml"]) == [1, 2, 3]


def test_the_page_files_beside_one_are_looked_at_once_for_its_lines(tmp_path, monkeypatch):
    paths = write_scan(tmp_path, ["p1", "p2", "p3"])
    load_line(f"{paths[0]}#l0")
    looked_at, stat = set(), os.stat
    monkeypatch.setattr(os, "stat", lambda path, **k: looked_at.add(str(path)) or stat(path, **k))
    load_line(f"{paths[0]}#l1")
    assert str(paths[0]) in looked_at and not looked_at & set(map(str, paths[1:]))
    monkeypatch.undo()
    write_scan(tmp_path, ["p0", "p1", "p2", "p3"])  # another page comes in
    assert frames_of(paths) == [2, 3, 4]


def write_pdf(folder: Path, names: list[str], image: str = "book.pdf#page={}") -> list[Path]:
    """Page files of the pages of a PDF, which are scans of 300 dpi -> their paths."""
    paths = [transkribus(folder / f"{n}.xml", TEXTS[i:], image.format(i + 1))
             for i, n in enumerate(names)]  # fmt: skip
    pages = [Image.open(path.with_suffix(".png")).convert("L") for path in paths]
    pages[0].save(folder / "book.pdf", save_all=True, append_images=pages[1:], resolution=300)
    return paths


def test_the_image_of_a_page_may_be_a_page_of_a_pdf(tmp_path):
    paths = write_pdf(tmp_path, ["a", "b"])
    drawn = [load_line(f"{path}#l0") for path in paths]
    for path in paths:
        path.with_suffix(".png").rename(path.with_suffix(".kept"))
    assert frames_of(paths) == [1, 2]
    pages, problems = page_files.read_pages(tmp_path)
    assert [page.path for page in pages] == list(map(str, paths)) and not problems
    for path, before in zip(paths, drawn, strict=True):
        image = load_line(f"{path}#l0")
        assert image.shape == before.shape
        assert np.abs(image.astype(int) - before).mean() < 8  # the PDF holds a JPEG
    assert RealLines([LineFolder(str(tmp_path), validation=["b"])], height=16).split("train").texts


def test_a_page_of_a_pdf_is_known_by_its_size(tmp_path):
    (path,) = write_pdf(tmp_path, ["a"], "book.pdf")
    page = cv2.imread(str(path.with_suffix(".png")), 0)
    other, page = Image.new("L", (400, 600)), Image.fromarray(page)
    other.save(tmp_path / "book.pdf", save_all=True, append_images=[page], resolution=300)
    size = f'imageWidth="{page.width}" imageHeight="{page.height}"'
    content = path.read_text("utf-8").replace('imageWidth="0" imageHeight="0"', size)
    path.write_text(content, "utf-8")
    path.with_suffix(".png").unlink()
    assert frames_of([path]) == [2]


UNCLEAR = [
    ("scan.tif", 3, r"scan\.tif has 3 frames, and 2 page files .* as scan\.tif#page=1"),
    ("scan.tif#page=0", 2, r"names 'scan\.tif#page=0', but .*scan\.tif has 2 frames"),
    ("scan.tif[2]", 2, r"names 'scan\.tif\[2\]', but .*scan\.tif has 2 frames"),
    ("scan.tif:1", 2, r"names 'scan\.tif:1', counted from 0 or from 1\? write scan\.tif#page=N"),
]


@pytest.mark.parametrize(("image", "frames", "message"), UNCLEAR)
def test_what_is_not_clear_is_refused(tmp_path, image, frames, message):
    paths = write_scan(tmp_path, ["a", "b"], image, frames)
    pages, problems = page_files.read_pages(tmp_path)
    assert not pages and [p.name for p in problems] == list(map(str, paths))
    for problem in problems:
        with pytest.raises(ValueError, match=message):
            raise ValueError(problem.reason)
    with pytest.raises(ValueError, match=message):
        load_line(f"{paths[0]}#l0")


def test_one_frame_twice_counts_once(tmp_path):
    first, second = write_scan(tmp_path, ["a", "b"], "scan.tif#page=2")
    pages, problems = page_files.read_pages(tmp_path)
    assert [page.path for page in pages] == [str(first)]
    assert f"{second}: has the image of {first}" in problems[0].reason


def test_names_are_split():
    assert split_mark("a/b.TIFF#page=12") == ("a/b.TIFF", Mark("#page=", 12))
    assert split_mark("b.gif[0]") == ("b.gif", Mark("[", 0))
    assert split_mark("b.tif:3") == ("b.tif", Mark(":", 3))
    for name in ("b.tif", "b.png:3", "b.tif#3", "b.tif[-1]", "b.tif:3x"):
        assert split_mark(name) == (name, None)
    assert sorted(["p10", "p2", "p1b", "p"], key=natural_order) == ["p", "p1b", "p2", "p10"]
