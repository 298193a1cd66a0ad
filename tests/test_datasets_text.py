"""Words in, ids out, by one table that the bundle carries."""

import numpy as np
import pytest

from datasets import TextReader
from datasets.text import PADDING, UNKNOWN


@pytest.fixture
def reader() -> TextReader:
    return TextReader(["good", "film", "don't", "!", "é"])


def test_words_and_marks_are_told_apart(reader):
    assert reader.split("A GOOD-ish film, don't miss!") == [
        "a", "good", "-", "ish", "film", ",", "don't", "miss", "!",
    ]  # fmt: skip
    assert reader.split("Don\u2019t  \n\tgo...") == ["don\u2019t", "go", ".", ".", "."]
    assert reader.split("E\u0301") == ["é"] and reader.split(" \n") == []


def test_ids_leave_room_for_padding_and_the_unknown(reader):
    ids = reader.read("Good FILM ! bad \u00c9")
    assert ids.tolist() == [2, 3, 5, UNKNOWN, 6] and ids.dtype == np.int64
    assert PADDING not in ids and reader.input_size == 7 == max(ids) + 1
    assert reader.read("").tolist() == []


def test_of_a_long_text_the_end_is_kept():
    reader = TextReader(["a", "b", "c"], max_length=2)
    assert reader.read("a b c").tolist() == [3, 4]
    assert reader.read("a").tolist() == [2]


def test_a_txt_file_is_read(reader, tmp_path):
    path = tmp_path / "r.txt"
    path.write_text("good\nfilm", encoding="utf-8")
    assert reader.read(str(path)).tolist() == [2, 3]
    path.write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match=r"r\.txt: not UTF-8 at byte 0; save it as UTF-8"):
        reader.read(str(path))
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        reader.read(str(tmp_path / "none.txt"))


def test_a_byte_order_mark_is_no_word(reader, tmp_path):
    (tmp_path / "r.txt").write_bytes(b"\xef\xbb\xbfgood film")
    assert reader.read(str(tmp_path / "r.txt")).tolist() == [2, 3]
