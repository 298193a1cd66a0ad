"""CSV and TSV files: each row is read, or reported with its line and the reason."""

import pytest

from datasets.tables import TableRow, UnusableRow, find_delimiter, named_rows, read_rows


def rows(tmp_path, content: str | bytes, *options) -> list:
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, *options))


def test_rows_carry_the_line_that_they_begin_in(tmp_path):
    read = rows(tmp_path, '\ufeffa,b\r\n\r\n"x\ny",2\n,\n', ",")
    assert read == [TableRow(1, ["a", "b"]), TableRow(3, ["x\ny", "2"]), TableRow(5, ["", ""])]


def test_without_quoting_a_quote_is_a_character(tmp_path):
    read = rows(tmp_path, 'a\t"so\nb\tsaid"\n', "\t", False)
    assert [row.cells for row in read] == [["a", '"so'], ["b", 'said"']]


def test_a_row_with_bad_quotes_is_named_and_the_next_ones_are_read(tmp_path):
    first, bad, last = rows(tmp_path, 'a,b\n"x"y,1\nc,d\n', ",")
    assert (first.line, last) == (1, TableRow(3, ["c", "d"]))
    assert isinstance(bad, UnusableRow) and bad.line == 2 and "correct its quotes" in bad.reason


def test_a_quote_that_is_never_closed_says_how_many_lines_it_took(tmp_path):
    _, bad = rows(tmp_path, 'a,b\n"x,1\nc,d\ne,f\n', ",")
    assert (bad.line, bad.lost) == (2, 2) and "and 2 lines after it" in bad.reason


def test_rows_are_named_by_the_header_or_say_how_many_cells_they_have():
    given = [TableRow(2, ["1", "2"]), TableRow(3, ["1"]), UnusableRow(4, "bad")]
    good, short, bad = named_rows(["a", "b"], given)
    assert good == (2, {"a": "1", "b": "2"}) and bad == given[2]
    assert short.line == 3 and short.reason.startswith("1 cells under 2 columns")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_the_one_that_the_first_line_has_most_of(tmp_path, delimiter):
    path = tmp_path / "t.csv"
    path.write_text(f"a{delimiter}b{delimiter}c\n1;1;1;1,1,1,1\n")
    assert find_delimiter(path) == delimiter


@pytest.mark.parametrize("before", [0, 7, 2**20 - 1, 2**20 + 5])
def test_a_file_that_is_no_utf8_is_named_with_the_place(tmp_path, before):
    with pytest.raises(ValueError, match=rf"t\.csv: not UTF-8 at byte {before}; save it as UTF-8"):
        rows(tmp_path, b"a" * before + b"\xe9,b\n", ",")
