"""Texts with a label for each token, from CoNLL and Parquet files."""

import pyarrow as pa
import pytest
from pyarrow import parquet

from datasets.source import Problem
from datasets.text.tagged import TaggedText, find_tagged

CONLL = """-DOCSTART- -X- O O

EU NNP B-ORG
rejects VBZ O
. . O

-DOCSTART- -X- O O

Peter NNP B-PER
Blackburn
x y O

Bonn NNP B-LOC"""


def rows(root) -> list:
    files = find_tagged(str(root))
    return list(files.rows(next(iter(files.files))))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_conll(tmp_path, ends):
    path = tmp_path / "a.conll"
    path.write_bytes(b"\xef\xbb\xbf" + CONLL.replace("\n", ends).encode())
    first, fault, last = rows(path)
    name = "a.conll sentence"
    assert first == TaggedText(f"{name} 1", ["EU", "rejects", "."], ["B-ORG", "O", "O"],
                               "document 1")  # fmt: skip
    assert isinstance(fault, Problem) and fault.name == f"{name} 2"
    assert fault.reason == f"{path}, line 10: 'Blackburn' without a label; add it"
    assert last == TaggedText(f"{name} 3", ["Bonn"], ["B-LOC"], "document 2")


def test_tabs_separate_where_there_are_some(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("New York\tB-LOC\nis\tO\n \n\n\nbig\t\n", encoding="utf-8")
    first, fault = rows(path)
    assert first == TaggedText("a.tsv sentence 1", ["New York", "is"], ["B-LOC", "O"], first.name)
    assert "line 6: 'big' without a label" in fault.reason


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    tokens, labels = [["a", "b"], ["c"], None, []], [["O", "B"], ["O", "O"], ["O"], []]
    parquet.write_table(pa.table({"Tokens": tokens, "labels": labels}), path)
    first, *faults = rows(path)
    assert first == TaggedText("a.parquet row 1", ["a", "b"], ["O", "B"], "a.parquet row 1")
    assert [fault.reason.split(": ", 2)[2] for fault in faults] == [
        "1 tokens and 2 labels; label every token",
        "tokens and labels must be lists",
        "0 tokens and 0 labels; label every token",
    ]


def test_a_folder_has_a_file_for_each_split(tmp_path):
    for name in ("train", "val", "other"):
        (tmp_path / f"{name}.conll").write_text(f"{name} O\n")
    files = find_tagged(str(tmp_path))
    assert files.divided and set(files.files) == {"train", "validation"}
    assert next(files.rows("validation")).tokens == ["val"]


def test_what_is_no_such_file_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"neither test\.conll nor test\.parquet"):
        find_tagged(str(tmp_path))
    (tmp_path / "a.csv").write_text("text,label\n")
    with pytest.raises(ValueError, match=r"a\.csv: tagged texts come as \.parquet"):
        find_tagged(str(tmp_path / "a.csv"))
    parquet.write_table(pa.table({"tokens": [["a"]]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="no column 'labels'; it has tokens"):
        rows(tmp_path / "a.parquet")
    (tmp_path / "b.conll").write_bytes(b"\xff O\n")
    with pytest.raises(ValueError, match="not UTF-8"):
        rows(tmp_path / "b.conll")
