"""TextReader: tokens and n-grams -> ids, and the choice of the vocabulary."""

import time

import numpy as np
import pytest

from datasets import TextReader
from datasets.text.tokens import PADDING, UNKNOWN, choose_symbols


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


def test_line_breaks_of_html_are_no_words(reader):
    assert reader.split("film<br /><br/>good<BR>!") == ["film", "good", "!"]
    assert reader.split("<b>br</b>") == ["<", "b", ">", "br", "<", "/", "b", ">"]
    assert TextReader([], tokenizer="characters").split("a<br />b") == ["a", " ", "b"]


def test_characters_are_symbols_and_white_space_is_one():
    reader = TextReader(["a", " ", "é", "영"], tokenizer="characters")
    assert reader.split(" A\t\n  E\u0301 ") == ["a", " ", "é"]
    assert reader.read("영a b").tolist() == [5, 2, 3, UNKNOWN]


WORDS = ["a", "b", "c", "a b", "b c", "a b c", "x y", "a b c a"]


def by_hand(symbols: list[str], tokens: list[str], orders: int, separator: str) -> list[list[int]]:
    """The n-grams of each step, looked up one by one as strings."""
    ids = {symbol: index for index, symbol in enumerate(symbols, 2)}
    return [
        [ids.get(tokens[end - 1], 1)]
        + [ids.get(separator.join(tokens[end - n : end]), 0) if end >= n else 0
           for n in range(2, orders + 1)]
        for end in range(1, len(tokens) + 1)
    ]  # fmt: skip


def test_runs_end_at_their_step():
    ids = TextReader(WORDS, ngrams=3).read("a b c x y b")
    assert ids.tolist() == [
        [2, 0, 0], [3, 5, 0], [4, 6, 7], [UNKNOWN, 0, 0], [UNKNOWN, 8, 0], [3, 0, 0]
    ]  # fmt: skip
    assert ids.dtype == np.int64
    assert TextReader(WORDS, ngrams=3).read("").shape == (0, 3)


@pytest.mark.parametrize(("tokenizer", "between"), [("words", " "), ("characters", "")])
@pytest.mark.parametrize("orders", [2, 3, 4])
def test_runs_are_those_found_one_by_one(tokenizer, between, orders):
    rng = np.random.default_rng(orders)
    alphabet = list("abcde")
    symbols = {between.join(rng.choice(alphabet, n)) for n in (1, 2, 2, 3, 3, 3, 4) * 9}
    symbols = sorted(symbols - {"e"})  # a token that only runs know
    reader = TextReader(symbols, tokenizer=tokenizer, ngrams=orders)
    tokens = list(rng.choice([*alphabet, "z"], 500))
    expected = by_hand(symbols, tokens, orders, between)
    assert max(row[-1] for row in expected) > 0
    assert reader.read(between.join(tokens)).tolist() == expected


@pytest.mark.parametrize("ngrams", [1, 3])
@pytest.mark.parametrize("length", [1, 2, 4, 99])
def test_a_text_is_cut_after_its_runs_were_found(length, ngrams):
    text = "a b c a b c b"
    whole = TextReader(WORDS, ngrams=ngrams).read(text).tolist()
    end = TextReader(WORDS, length, ngrams=ngrams).read(text)
    start = TextReader(WORDS, length, ngrams=ngrams, keep="start").read(text)
    assert end.tolist() == whole[-length:] and start.tolist() == whole[:length]


@pytest.mark.parametrize("ngrams", [1, 3])
def test_two_million_words_are_read_in_seconds(ngrams):
    text = "a b c x " * 500_000
    started = time.process_time()
    ids = TextReader(WORDS, 400, ngrams=ngrams).read(text)
    assert time.process_time() - started < 10
    assert len(ids) == 400 and np.ravel(ids[-2])[-1] == {1: 4, 3: 7}[ngrams]


def test_odd_characters_are_unknown_tokens(reader):
    assert reader.read("good \0 film\0").tolist() == [2, UNKNOWN, 3, UNKNOWN]
    assert reader.read("good \ud800").tolist() == [2, UNKNOWN]
    for text in ("good \0.txt", "good \ud800.txt"):  # no file can be called so
        assert reader.read(text).tolist() == [2, UNKNOWN, UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"tokenizer": "bytes"}, r"tokenizer='bytes'; choose one of \('unicode_words', 'words'"),
        ({"keep": "middle"}, "keep='middle'"),
        ({"max_length": 0}, "max_length=0; give at least 1"),
        ({"ngrams": 0}, "ngrams=0"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option, says):
    with pytest.raises(ValueError, match=says):
        TextReader([], **option)


def test_symbols_are_the_runs_in_the_most_texts():
    texts = [["b", "a", "b", "b"], ["a", "b"], ["a", "b", "c"], ["c", "a"]]
    names = ["a", "b", "c"]
    tokens = np.array([names.index(t) for text in texts for t in text])
    numbers = np.repeat(np.arange(4), [len(t) for t in texts])
    # in how many texts: a 4, b 3, c 2; "a b" 3 (not 4), each other pair 1
    chosen = choose_symbols(names, tokens, numbers, "words", [2, 9], [1, 2])
    assert chosen == ["a", "b", "a b"]
    chosen = choose_symbols(names, tokens, numbers, "characters", [9, 3, 9], [3, 1, 2])
    assert chosen == ["a", "b", "ab", "ba", "bb"]
