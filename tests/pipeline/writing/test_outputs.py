"""Which file each input gets: below the output, never another's, whatever the inputs are called."""

import csv
import json
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from pipeline.writing import outputs
from pipeline.writing.outputs import file_name, holds_several, output_paths
from tests.support.pages import transkribus
from tests.support.small import noise_line, write_image

SUFFIXES = {"text": ".txt", "page": ".xml", "alto": ".xml", "hocr": ".hocr", "pdf": ".pdf",
            "html": ".html"}  # fmt: skip


def test_numbers_of_pages_have_the_digits_of_the_last(tmp_path):
    with pikepdf.new() as pdf:
        for _ in range(1000):
            pdf.add_blank_page(page_size=(9, 9))
        pdf.save(tmp_path / "long.pdf")
    names = [file_name(f"{tmp_path}/long.pdf#page={n}") for n in (9, 999, 1000)]
    assert names == [f"{tmp_path}/long-p{n}.pdf" for n in ("0009", "0999", "1000")]
    assert sorted(names) == names
    assert file_name("gone.tif#page=3") == "gone-p003.tif"


def test_one_page_line_or_record_is_not_several(tmp_path):
    (tmp_path / "x.lmdb").mkdir()
    for name in ("book.pdf", "p.xml"):
        (tmp_path / name).touch()
    for name in ("book.pdf", "book.pdf#page=3", "p.xml#l3", "x.lmdb#image-000000001"):
        assert not holds_several([f"{tmp_path}/{name}"]), name
    for names in (["x.lmdb"], ["*.pdf"], ["-"], ["book.pdf#page=3", "p.xml"]):
        assert holds_several([f"{tmp_path}/{name}" for name in names]), names


def test_files_lie_below_the_folder_as_the_inputs_do(tmp_path):
    names = [str(tmp_path / name) for name in ("in/a.mp4", "in/x/a.mp4", "in/x/b.c.avi")]
    targets = output_paths(names, "out", ".srt")
    assert list(targets.values()) == [Path("out/a.srt"), Path("out/x/a.srt"), Path("out/x/b.c.srt")]
    assert output_paths(names[:1], "one.txt", ".srt") == {names[0]: Path("one.txt")}
    folder = tmp_path / "there"
    folder.mkdir()
    assert output_paths(names[:1], str(folder), ".srt") == {names[0]: folder / "a.srt"}


def test_no_file_is_written_over_another_or_over_an_input(tmp_path):
    with pytest.raises(ValueError, match=r"out/a\.mp4\.srt: would be written for \./a\.mp4"):
        output_paths(["a.mp4", "./a.mp4"], "out", ".srt")
    with pytest.raises(ValueError, match="the input itself"):
        output_paths(["a.mp4"], "a.mp4", ".mp4")
    with pytest.raises(ValueError, match="the input itself"):
        output_paths([str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")], str(tmp_path), ".mp4")
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ValueError, match="a file, but 2 inputs need a folder"):
        output_paths(["a.mp4", "b.mp4"], str(tmp_path / "file"), ".srt")


@pytest.mark.parametrize("folder", ["Box #1", "Fonds #3/scans", "x.xml#y", "d#image-1", "b.pdf#p"])
@pytest.mark.parametrize("name", ["a.png", "page #1 a.png", "x.xml#l1.png"])
def test_a_sharp_in_a_name_splits_nothing(tmp_path, monkeypatch, folder, name):
    monkeypatch.chdir(tmp_path)
    path = f"{folder}/{name}"
    Path(folder).mkdir(parents=True)
    if name != "x.xml#l1.png":  # which, while it is missing, is the line of a page
        assert file_name(path) == path
    write_image(Path(path), noise_line(0))
    assert file_name(path) == path
    (target,) = output_paths([path], "o/", ".xml").values()
    assert target == Path("o", name).with_suffix(".xml")
    assert holds_several([folder])


def test_a_folder_beside_one_of_the_same_beginning_is_several(tmp_path):
    for name in ("Box", "Box#1"):
        (tmp_path / name).mkdir()
    assert holds_several([f"{tmp_path}/Box#1"])


def test_no_part_leads_out_of_the_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.xml").touch()
    names = ["p.xml#a/../../b", "p.xml#../c"]
    assert [*output_paths(names, "o", ".txt").values()] == [
        Path("o/p-a_.._.._b.txt"), Path("o/p-.._c.txt"),
    ]  # fmt: skip
    monkeypatch.setattr(outputs.os.path, "relpath", lambda *_: "../x.png")
    with pytest.raises(ValueError, match=r"the output of a\.png would lie outside of o"):
        output_paths(["a.png"], "o/", ".xml")


def test_inputs_that_differ_in_their_suffix_only_keep_it():
    names = ["in/a.jpg", "in/a.png", "in/b.png", "in/x/a.jpg"]
    targets = [Path("o", name) for name in ("a.jpg.xml", "a.png.xml", "b.xml", "x/a.xml")]
    assert [*output_paths(names, "o", ".xml").values()] == targets
    assert output_paths(names[::-1], "o", ".xml") == dict(zip(names, targets, strict=True))
    names = ["a.jpg", "a.png", "a.jpg.png"]  # the long name of one is the short one of another
    found = output_paths(names, "o", ".xml").values()
    assert [*map(str, found)] == ["o/a.jpg.xml", "o/a.png.xml", "o/a.jpg.png.xml"]


def test_all_pages_of_a_document_are_called_alike():
    names = ["b.pdf#page=1", "b.pdf#page=2", "b.tif#page=1", "c.pdf#page=1"]
    found = [*map(str, output_paths(names, "o", ".xml").values())]
    assert found == ["o/b-p001.pdf.xml", "o/b-p002.pdf.xml", "o/b-p001.tif.xml", "o/c-p001.xml"]


@pytest.fixture
def boxes(tmp_path, monkeypatch) -> Path:
    """Folders with a sharp in their names, and what they do not hold beside them."""
    monkeypatch.chdir(tmp_path)
    for folder in ("Box #1", "x.xml#y/d#image-1"):
        write_image(Path(folder, "a.png"), noise_line(0))
        write_image(Path(folder, "b #2.png"), noise_line(1))
    return tmp_path


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize("folder", ["Box #1", "x.xml#y", "x.xml#y/d#image-1"])
def test_predict_writes_below_its_output(command, bundle_file, boxes, kind, folder):
    before = {path for path in boxes.rglob("*") if path.is_file()}
    options = "--model", bundle_file, "--format", kind, "--output", "deep/o/"
    assert command("predict", folder, *options).code == 0
    new = {path for path in boxes.rglob("*") if path.is_file()} - before
    assert {path.relative_to(boxes / "deep/o").name for path in new} == {
        f"a{SUFFIXES[kind]}", f"b #2{SUFFIXES[kind]}",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_tables_name_the_files_as_they_are_called(command, bundle_file, boxes, kind):
    options = "--model", bundle_file, "--format", kind, "--output", "o"
    assert command("predict", "Box #1", *options).code == 0
    lines = Path("o").read_text("utf-8").splitlines()
    rows = map(json.loads, lines) if kind == "jsonl" else csv.DictReader(lines)
    assert [row["input"] for row in rows] == ["Box #1/a.png", "Box #1/b #2.png"]


def test_page_files_and_documents_lie_in_such_folders_too(command, bundle_file, boxes):
    transkribus(boxes / "Box #1" / "p #1.xml")
    scan = Image.open("Box #1/a.png").convert("L")
    scan.save("Box #1/book #7.pdf", save_all=True, append_images=[scan])
    options = "--model", bundle_file, "--format", "text", "--output", "o/", "--layout", "line"
    inputs = "Box #1/p #1.xml", "Box #1/p #1.xml#l1", "Box #1/book #7.pdf#page=2"
    command("predict", *inputs, *options)
    assert {path.name for path in Path("o").iterdir()} >= {"p #1.txt", "p #1-l1.txt"}
    assert {path.name for path in boxes.iterdir()} == {"Box #1", "x.xml#y", "o"}


def test_images_of_one_name_are_both_answered_and_resumed_alike(
    command, bundle_file, boxes, monkeypatch
):
    Image.open("Box #1/a.png").convert("L").save("Box #1/a.jpg")
    options = "--model", bundle_file, "--format", "page", "--output", "o", "--resume"
    for _ in range(2):
        assert command("predict", "Box #1", *options).code == 0
        names = sorted(path.name for path in Path("o").iterdir())
        assert names == ["a.jpg.xml", "a.png.xml", "b #2.xml"]
    for name in names[:2]:
        assert name.removesuffix(".xml") in Path("o", name).read_text("utf-8")
