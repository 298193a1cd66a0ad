"""Label files and transcripts: headers, dialects, line ends, odd spaces, and unusable rows."""

import unicodedata
from pathlib import Path

import pytest

from datasets import LineFolder, RealLines
from datasets.lines.listing import read_lines, transcripts
from datasets.lines.tables import find_label_file, read_table
from pipeline.doctor.line_checks import text_findings
from pipeline.doctor.line_files import list_folder
from pipeline.training.fine_tuning.alphabets import transcript_alphabet
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


def problems_of(root: Path) -> list[str]:
    return [problem.reason for problem in read_lines(LineFolder(str(root))).problems]


def test_a_row_with_other_columns_is_named_and_the_others_are_read(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text("a.png\tone\n\nb.png two\nc.png\tone\tg\tmore\nd.png\tfour\n")
    assert [text for _, text, _ in transcripts_of(tmp_path)] == ["one", "four"]
    third, fourth = problems_of(tmp_path)
    assert third.startswith(f"{path}, line 3: 1 columns, expected 2 or 3 between tabs")
    assert fourth.startswith(f"{path}, line 4: 4 columns, expected 2 or 3")


def test_the_tail_of_a_text_with_a_tab_is_no_group(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text("a__1.png\tone\nb__1.png\ttwo\tpounds\nc__1.png\tthree\t\n")
    rows = [(image.name, text, group) for image, text, group in transcripts_of(tmp_path)]
    assert rows == [("a__1.png", "one", "a"), ("c__1.png", "three", "c")]
    (problem,) = problems_of(tmp_path)
    assert "line 2: 3 columns, but most rows have 2: is there a tab in its text?" in problem
    path.write_text("a__1.png\tone\tg\nb__1.png\ttwo\tg\nc__1.png\tthree\n")
    assert [group for *_, group in transcripts_of(tmp_path)] == ["g", "g", "c"]


@pytest.mark.parametrize("name", ["labels.csv", "labels.tsv", "mine.csv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_header_names_the_columns_in_any_order(tmp_path, name, delimiter):
    rows = [["text", "File", "group", ""], ['"a, b; c"', "x__1.png", "g", ""], ["d", "y__1.png"]]
    rows[2] += ["", ""]
    (tmp_path / name).write_text("".join(delimiter.join(row) + "\n" for row in rows))
    root = tmp_path / name if name.startswith("mine") else tmp_path
    given = '"a, b; c"' if delimiter == "\t" else "a, b; c"  # between tabs a quote is a quote
    assert transcripts_of(root) == [
        (tmp_path / "x__1.png", given, "g"),
        (tmp_path / "y__1.png", "d", "y"),
    ]
    assert find_label_file(root) == tmp_path / name and list_folder(LineFolder(str(root)), True)


def test_surplus_cells_under_a_header_are_no_group_and_no_text(tmp_path):
    (tmp_path / "labels.csv").write_text("file,text\na.png,one\nb.png,Slow at first, then dull\n")
    assert [text for _, text, _ in transcripts_of(tmp_path)] == ["one"]
    assert "labels.csv, line 3: 3 cells under 2 columns; put quotes" in problems_of(tmp_path)[0]


def test_the_end_of_a_text_under_a_header_is_no_group(tmp_path):
    (tmp_path / "labels.csv").write_text("File;Text;Group\n1.png;by sea; too\n2.png;b;g\n")
    for number in (1, 2):
        write_image(tmp_path / f"{number}.png", noise_line(number))
    found = read_lines(LineFolder(str(tmp_path)))
    assert [(text, group) for _, text, group in found.rows] == [("b", "g")]
    assert "line 2: its group ' too' begins with a space: is it the end" in str(found.problems)


def test_a_table_in_utf16_is_refused(tmp_path):
    write_image(tmp_path / "1.png", noise_line(1))
    (tmp_path / "labels.csv").write_text("file,text\n1.png,a\n", encoding="utf-16")
    with pytest.raises(ValueError, match=r"labels\.csv: not UTF-8 .* save it as UTF-8"):
        read_lines(LineFolder(str(tmp_path)))


def test_a_csv_without_header_is_refused_and_one_of_clips_is_none_of_lines(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a.png,one\n")
    with pytest.raises(ValueError, match=r"mine\.csv: its first line must be file,text or"):
        transcripts_of(path)
    (tmp_path / "labels.csv").write_text("clip,label\na.mp4,run\n")
    assert find_label_file(tmp_path) is None


def test_a_second_label_file_is_named(tmp_path):
    (tmp_path / "labels.tsv").write_text("a.png\tone\n")
    (tmp_path / "labels.csv").write_text("file,text\nb.png,two\n")
    assert [text for _, text, _ in transcripts_of(tmp_path)] == ["one"]
    assert "labels.csv: not read, for labels.tsv is beside it" in problems_of(tmp_path)[0]


def test_a_transcript_that_is_not_utf8_costs_one_line(tmp_path):
    """The same in a row of a table and in a `.gt.txt`; a folder of such lines only is refused."""
    latin = "café\n".encode("latin-1")
    (tmp_path / "labels.tsv").write_bytes(b"a.png\t" + latin + b"b.png\tfine\n")
    assert transcripts_of(tmp_path) == [(tmp_path / "b.png", "fine", "b")]
    assert "labels.tsv, line 1: not UTF-8 at its byte 9; save" in problems_of(tmp_path)[0]
    (tmp_path / "labels.tsv").unlink()
    (tmp_path / "a.gt.txt").write_bytes(latin)
    with pytest.raises(ValueError, match=r"a\.gt\.txt: not UTF-8 at byte 3; save it as UTF-8"):
        transcripts_of(tmp_path)
    (tmp_path / "b.gt.txt").write_text("fine\n")
    assert transcripts_of(tmp_path) == [(tmp_path / "b.png", "fine", "b")]
    (problem,) = read_lines(LineFolder(str(tmp_path))).problems
    assert problem.name == str(tmp_path / "a.png") and "a.gt.txt: not UTF-8" in problem.reason


def test_a_line_break_or_control_inside_a_transcript_costs_one_line(tmp_path):
    texts = {"a": "one\ntwo", "b": "fine\r\n\r\n", "c": "x\x07y", "d": "one\u2028two"}
    for name, text in texts.items():
        (tmp_path / f"{name}.gt.txt").write_bytes(text.encode())
    assert [text for _, text, _ in transcripts_of(tmp_path)] == ["fine"]
    first, second, third = problems_of(tmp_path)
    assert f"{tmp_path / 'a.png'}: a line break inside the transcript; give each" in first
    assert "control characters in the transcript: U+0007" in second and "line break" in third
    kinds = [
        [finding.kind for finding in text_findings(line)]
        for line in list_folder(LineFolder(str(tmp_path)), True).lines
    ]
    assert kinds == [["breaks or controls"], [], ["breaks or controls"], ["breaks or controls"]]


def test_tabs_and_unusual_spaces_are_read_as_plain_ones_and_said(tmp_path):
    texts = ["a\tb\u00a0c", "d\u2009e", "\ufefff\u200bg", "plain one", "u\u200cv"]
    for index, text in enumerate(texts):
        write_image(tmp_path / f"{index}.png", noise_line(index))
        (tmp_path / f"{index}.gt.txt").write_text("\ufeff" + text + "\n", encoding="utf-8")
    found = read_lines(LineFolder(str(tmp_path)))
    assert [row[1] for row in found.rows] == ["a b c", "d e", "fg", "plain one", "u\u200cv"]
    (note,) = found.notes
    assert "3 transcripts with tabs or unusual spaces (" in note.reason
    assert "1 x U+0009" in note.reason and "0.png" in note.reason
    source = RealLines([LineFolder(str(tmp_path))], height=16, max_width=500)
    assert source.notes == [note] and not {"\t", "\u00a0", "\u2009"} & {*source.labels}
    assert transcript_alphabet([LineFolder(str(tmp_path))]) == source.labels


def test_a_refused_transcript_does_not_move_others_to_another_split(tmp_path):
    for index in range(20):
        write_image(tmp_path / f"p{index}__.png", noise_line(index))
        (tmp_path / f"p{index}__.gt.txt").write_text("ab")
    folder = LineFolder(str(tmp_path), validation=0.3)
    before = RealLines([folder], height=16, max_width=500).split("validation").names
    assert len(before) == 6
    refused = [*before[:2], str(tmp_path / "p19__.png"), str(tmp_path / "p8__.png")]
    for name in refused:
        Path(name).with_suffix(".gt.txt").write_text("a\nb")
    after = RealLines([folder], height=16, max_width=500).split("validation").names
    assert after == [name for name in before if name not in refused]
