"""Lists of lines to leave out: how they are read, and how they name a line."""

from pathlib import Path

import pytest
from conftest import noise_line, write_image

from datasets import LineFolder, RealLines
from datasets.line_exclusions import names_of, read_exclusions


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
    assert names_of(image, "lines/") == ["x/a.png", str(image), "lines/x/a.png"]
    (tmp_path / "lines" / "labels.tsv").write_text("x/a.png\ta\n")
    assert names_of(image, "lines/labels.tsv")[::2] == ["x/a.png", "lines/x/a.png"]
    assert names_of(Path("/elsewhere/a.png"), "lines") == ["/elsewhere/a.png"]


@pytest.mark.parametrize("form", ["{name}", "{root}/{name}"])
def test_left_out_lines_are_counted_and_move_no_other(tmp_path, form):
    names = [f"p{page}__{line}.png" for page in range(10) for line in range(3)]
    for place, name in enumerate(names):
        write_image(tmp_path / name, noise_line(place))
    (tmp_path / "labels.tsv").write_text("".join(f"{name}\tab\n" for name in names))
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
