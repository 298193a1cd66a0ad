"""CSV and TSV files: the dialect is found, each row is read, or reported with its line."""

import pytest

from datasets.tables import (
    NONE,
    TABS,
    Dialect,
    TableRow,
    UnusableRow,
    find_dialect,
    header_names,
    named_rows,
    read_rows,
)


def rows(tmp_path, content: str | bytes, *options, name="t.csv") -> list:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, *options))


def test_rows_carry_the_line_that_they_begin_in(tmp_path):
    read = rows(tmp_path, '\ufeffa,b\r\n\r\n"x\ny",2\n,\n')
    assert read == [TableRow(1, ["a", "b"]), TableRow(3, ["x\ny", "2"]), TableRow(5, ["", ""])]


def test_without_quoting_a_quote_is_a_character(tmp_path):
    read = rows(tmp_path, 'a\t"so\nb\tsaid"\n', TABS)
    assert [row.cells for row in read] == [["a", '"so'], ["b", 'said"']]


def test_a_row_with_bad_quotes_is_named_and_the_next_ones_are_read(tmp_path):
    first, bad, last = rows(tmp_path, 'a,b\n"x"y,1\nc,d\n')
    assert (first.line, last) == (1, TableRow(3, ["c", "d"]))
    assert isinstance(bad, UnusableRow) and bad.line == 2 and "correct its quotes" in bad.reason


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path):
    _, bad, *others = rows(tmp_path, 'a,b\n"x,1\nc,d\ne,f\n')
    assert bad.line == 2 and "correct its quotes" in bad.reason
    assert others == [TableRow(3, ["c", "d"]), TableRow(4, ["e", "f"])]


@pytest.mark.parametrize("last", ['he said so",1', '"a new one",1'])
def test_rows_between_two_lone_quotes_are_not_swallowed(tmp_path, last):
    content = f'text,label\n"So it goes,1\ndull,0\n{last}\nfine,1\n'
    read = rows(tmp_path, content)
    unusable = {row.line for row in read if isinstance(row, UnusableRow)}
    assert unusable == ({2, 4} if last.startswith("he") else {2})
    assert {row.line for row in read} == {1, 2, 3, 4, 5}
    assert TableRow(3, ["dull", "0"]) in read and TableRow(5, ["fine", "1"]) in read


def test_a_cell_of_several_lines_with_commas_is_one_cell(tmp_path):
    assert rows(tmp_path, 'label,text\n1,"good film\nfine, too"\n')[1].cells[1].count("\n") == 1


def test_the_rest_of_a_row_with_bad_quotes_is_no_row(tmp_path):
    read = rows(tmp_path, 'text,label\n"He said "no" to\nme fine",1\nb,0\n')
    assert [type(row) for row in read] == [TableRow, UnusableRow, UnusableRow, TableRow]
    assert "end of the quotes of line 2" in read[2].reason


def test_a_tsv_with_lone_quotes_keeps_all_its_rows(tmp_path):
    texts = ['"So it goes', "plain", 'he said so"', '"All" of it', '5" disc', '"whole"', ""]
    content = "text\tlabel\n" + "".join(f"{text}\t{i}\n" for i, text in enumerate(texts))
    read = rows(tmp_path, content, name="t.tsv")
    assert [row.cells for row in read[1:]] == [[text, str(i)] for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    "content", ['t\tl\n"say ""no"""\t1\n', 't\tl\n"say ""no""\nx"\t1\n', '"t"\t"l"\n"a"\t"1"\n']
)
def test_a_tsv_whose_quotes_quote_is_read_so(tmp_path, content):
    assert '"' not in rows(tmp_path, content, name="t.tsv")[1].cells[0].replace('say "no"', "")
    assert find_dialect(tmp_path / "t.tsv") == Dialect("\t", True)


def test_a_row_that_is_not_utf8_is_named_and_the_others_are_read(tmp_path):
    read = rows(tmp_path, b"a,b\nok,1\ncaf\xe9,0\nlast,1\n")
    assert [row.line for row in read] == [1, 2, 3, 4]
    assert read[2] == UnusableRow(3, "not UTF-8 at its byte 3; save the file as UTF-8")


def test_utf16_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"t\.csv: not UTF-8 at byte 0, but UTF-16; save it as"):
        rows(tmp_path, "a,b\n".encode("utf-16"))


def test_rows_are_named_by_the_header_or_say_how_many_cells_they_have():
    given = [TableRow(2, ["1", "2"]), TableRow(3, ["1"]), UnusableRow(4, "bad")]
    good, short, bad = named_rows(["a", "b"], given)
    assert good == (2, {"a": "1", "b": "2"}) and bad == given[2]
    assert short.line == 3 and short.reason.startswith("1 cells under 2 columns")


def test_empty_columns_at_the_end_do_not_count_but_other_surplus_cells_do(tmp_path):
    """Excel writes the former; the latter come from a comma in a cell without quotes."""
    content = "text , label,,\nfine,1,,\n,,,\nslow at first, then dull,0,\n"
    header, *others = rows(tmp_path, content)
    names = header_names(header.cells)
    assert names == ["text", "label"]
    good, bad = named_rows(names, others)
    assert good == (2, {"text": "fine", "label": "1"})
    assert bad.line == 4 and "4 cells under 2 columns; put quotes" in bad.reason


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_the_one_that_the_first_line_has_most_of(tmp_path, delimiter):
    path = tmp_path / "t.csv"
    path.write_text(f'a{delimiter}"b;,;,;,"{delimiter}c\n1;1;1;1,1,1,1\n')
    assert find_dialect(path).delimiter == delimiter


def test_a_table_of_one_column_has_no_delimiter(tmp_path):
    read = rows(tmp_path, 'text\nslow at first, then dull\n"quoted, too"\n')
    assert [row.cells for row in read] == [["text"], ["slow at first, then dull"], ["quoted, too"]]
    assert find_dialect(tmp_path / "t.csv").delimiter == NONE


def test_excel_names_the_delimiter_in_a_first_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffsep=;\r\ntext;label\r\ngood, really;1\r\nbad\r\n".encode())
    rows = list(read_rows(path))
    assert [row.cells for row in rows] == [["text", "label"], ["good, really", "1"], ["bad"]]
    assert [row.line for row in rows] == [2, 3, 4]
