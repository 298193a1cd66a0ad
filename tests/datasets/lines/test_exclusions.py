"""Lists of lines to leave out: reading them, the names of lines, and the effect on the splits."""

from pathlib import Path

import pytest

from datasets import LineFolder, RealLines
from datasets.lines.exclusions import names_in_list, read_exclusions
from pipeline.doctor.line_files import assign_splits, list_folder
from pipeline.training.fine_tuning.alphabets import transcript_alphabet
from tests.support.small import noise_line, write_image


def test_a_list_is_names_with_reasons(tmp_path):
    path = tmp_path / "out.tsv"
    path.write_text("a.png\ttorn; blank\n\nb c.png\nd.png\tone\ttwo\n", encoding="utf-8-sig")
    assert read_exclusions(str(path)) == {
        "a.png": "torn; blank", "b c.png": "", "d.png": "one\ttwo"
    }  # fmt: skip
    assert read_exclusions(None) == {}
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"out\.tsv: no UTF-8 list"):
        read_exclusions(str(path))
    with pytest.raises(FileNotFoundError, match="no such data"):
        read_exclusions(str(tmp_path / "none.tsv"))


def test_a_line_has_three_names(tmp_path, monkeypatch):
    monkeypatch.setenv("STRAND_DATA", str(tmp_path))
    image = write_image(tmp_path / "lines" / "x" / "a.png", noise_line(0))
    assert names_in_list(image, "lines/") == ["x/a.png", str(image), "lines/x/a.png"]
    (tmp_path / "lines" / "labels.tsv").write_text("x/a.png\ta\n")
    assert names_in_list(image, "lines/labels.tsv")[::2] == ["x/a.png", "lines/x/a.png"]
    assert names_in_list(Path("/elsewhere/a.png"), "lines") == ["/elsewhere/a.png"]


def write_folder(root: Path, names: list[str]) -> None:
    for seed, name in enumerate(names):
        write_image(root / name, noise_line(seed))
    (root / "labels.tsv").write_text("".join(f"{name}\tab\n" for name in names))


@pytest.mark.parametrize("form", ["{name}", "{root}/{name}"])
def test_left_out_lines_are_reported_and_do_not_change_the_split(tmp_path, form):
    names = [f"p{page}__{line}.png" for page in range(10) for line in range(3)]
    write_folder(tmp_path, names)
    gone = [name for name in names if name < "p4"]
    rows = "".join(form.format(root=tmp_path, name=name) + "\tbad\n" for name in gone)
    (tmp_path / "out.tsv").write_text(rows)
    options = {"root": str(tmp_path), "validation": 0.3, "test": 0.2}
    whole = RealLines([LineFolder(**options)])
    part = RealLines([LineFolder(**options, leave_out=str(tmp_path / "out.tsv"))])
    for split in ("train", "validation", "test"):
        kept = [n for n in whole.split(split).names if Path(n).name not in gone]
        assert part.split(split).names == kept
    assert [Path(problem.name).name for problem in part.problems] == gone
    assert "out.tsv: bad" in part.problems[0].reason and not whole.problems


def test_leaving_out_broken_lines_does_not_change_the_split(tmp_path):
    """Ten groups; in two the images are damaged, one has an empty text, one image has none."""
    names = [f"g{group}__{line}.png" for group in range(10) for line in range(6)]
    broken = [name for name in names if name[1] in "47" and name < "g7__5"]
    write_folder(tmp_path, names)
    for name in broken:
        (tmp_path / name).write_bytes(b"no image")
    write_image(tmp_path / "g9__more.png", noise_line(0))
    texts = dict.fromkeys(names, "ab") | {"g1__0.png": " "}
    rows = "".join(f"{name}\t{text}{name[1]}\n" if text.strip() else f"{name}\t \n"
                   for name, text in texts.items())  # fmt: skip
    (tmp_path / "labels.tsv").write_text(rows)
    gone = [*broken, "g1__0.png", "g9__more.png"]
    (tmp_path / "out.tsv").write_text("".join(f"{name}\tbad\n" for name in gone))
    options = {"root": str(tmp_path), "validation": 0.1, "test": 0.2}
    folders = [LineFolder(**options), LineFolder(**options, leave_out=str(tmp_path / "out.tsv"))]
    sources = [RealLines([folder], alphabet="ab0123456789") for folder in folders]
    source_splits = ("train", "validation", "test")
    for folder, source in zip(folders, sources, strict=True):
        (listed,) = assign_splits([folder], [list_folder(folder, True)])
        for split in source_splits:
            used = source.split(split).names
            assert used == sources[0].split(split).names and used
            paths = {line.path for line in listed.lines if line.split == split}
            assert set(used) <= paths
            assert {Path(path).name for path in paths - set(used)} <= set(gone)
        digits = {split: {text[2] for text in source.split(split).texts} for split in source_splits}
        known = set(transcript_alphabet([folder]))
        assert digits["train"] | digits["validation"] <= known and not digits["test"] & known
        assert not source.notes


def test_unknown_names_are_reported(tmp_path):
    for root in "xy":
        write_folder(tmp_path / root, ["a__1.png", "a__2.png", "b__1.png"])
    options = {"validation": ["b"], "leave_out": str(tmp_path / "out.tsv")}
    folders = [LineFolder(str(tmp_path / root), **options) for root in "xy"]
    write_image(tmp_path / "x" / "unlabelled.png", noise_line(0))
    listed = ["x/a__1.png", "a__2.jpg"]
    (tmp_path / "out.tsv").write_text("".join(f"{name}\tbad\n" for name in listed))
    message = (
        r"2 of its 2 names are no line's, such as 'x/a__1\.png'; lines are called such as '.*a__1"
    )
    with pytest.raises(ValueError, match=rf"out\.tsv: {message}\.png'; write"):
        RealLines(folders)
    # an image without a text, and a line of one folder alone, are what a list may name
    listed[0] = f"{tmp_path}/x/a__1.png"
    (tmp_path / "out.tsv").write_text("".join(f"{n}\n" for n in [*listed, "unlabelled.png"]))
    source = RealLines(folders)
    (note,) = source.notes
    assert note.name == "a__2.jpg" and "out.tsv: 1 of its 3 names are no line's" in note.reason
    assert len(source.split("train")) == 3 and len(source.problems) == 2  # and unlabelled.png
    (tmp_path / "out.tsv").write_text("")
    assert not RealLines(folders).notes
