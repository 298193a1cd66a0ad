"""Label files: byte order marks, line ends, decomposed letters, and errors."""

import unicodedata
from pathlib import Path

import pytest

from datasets import LineFolder
from datasets.lines.folders import transcripts
from datasets.lines.tables import read_table
from tests.support.small import noise_line, write_image


def transcripts_of(root: Path) -> list:
    return list(transcripts(LineFolder(str(root))))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_and_windows_newlines_are_no_text(tmp_path, mark, newline):
    write_image(tmp_path / "a.png", noise_line(0))
    write_image(tmp_path / "b.png", noise_line(0))
    content = mark + f"a.png\té one{newline}b.png\ttwo{newline}".encode()
    (tmp_path / "labels.tsv").write_bytes(content)
    assert [text for _, text, _ in transcripts_of(tmp_path)] == ["é one", "two"]
    (tmp_path / "labels.tsv").unlink()
    (tmp_path / "a.gt.txt").write_bytes(mark + f"é one{newline}".encode())
    assert transcripts_of(tmp_path) == [(tmp_path / "a.png", "é one", "a")]


def test_decomposed_transcripts_are_composed(tmp_path):
    text = unicodedata.normalize("NFD", "Café Ångström")
    for table in (True, False):
        root = tmp_path / str(table)
        name, line = ("labels.tsv", f"a.png\t{text}\n") if table else ("a.gt.txt", text)
        write_image(root / "a.png", noise_line(0))
        (root / name).write_text(line, encoding="utf-8")
        assert transcripts_of(root)[0][1] == "Café Ångström" != text


def test_only_line_ends_end_a_line_of_a_table(tmp_path):
    """A form feed, U+0085 and U+2028 are characters; `splitlines` would cut there."""
    text = "a\x0cb\x85c\u2028d"
    (tmp_path / "t.tsv").write_text(f"a.png\t{text}\nb.png\tx\n", encoding="utf-8")
    assert read_table(tmp_path / "t.tsv", 2) == [["a.png", text], ["b.png", "x"]]


def test_a_table_with_other_columns_is_named_with_the_line(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text("a.png\tone\n\nb.png two\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"labels\.tsv, line 3: 1 columns, expected 2 or 3 betw"):
        transcripts_of(tmp_path)
    path.write_text("a.png\tone\tg\tmore\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"labels\.tsv, line 1: 4 columns, expected 2 or 3"):
        transcripts_of(tmp_path)


def test_text_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "labels.tsv").write_bytes("a.png\tcafé\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"labels\.tsv: not UTF-8 at byte 9; save it as UTF-8"):
        transcripts_of(tmp_path)
    (tmp_path / "labels.tsv").unlink()
    (tmp_path / "a.gt.txt").write_bytes("café\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.gt\.txt: not UTF-8 at byte 3; save it as UTF-8"):
        transcripts_of(tmp_path)
