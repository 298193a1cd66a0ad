"""Training texts of a language model: cut into lines, encoded, subsampled."""

import random

import pytest

from pipeline.fitting.language_texts import (
    cut_lines,
    encode_lines,
    read_prose,
    set_lines,
    subsample,
)


def test_lines_are_encoded_with_their_ends():
    encoded = encode_lines(["ab?a", "", " b€? "], ["a", "b", " "])
    assert encoded.symbols.tolist() == [0, 1, -1, 0, 3, 1, -1, -1, 3]
    assert encoded.unknown.most_common() == [("?", 2), ("€", 1)]


def test_composed_and_decomposed_letters_are_one():
    assert encode_lines(["e\u0301"], ["é"]).symbols.tolist() == [0, 1]


def test_words_as_labels_cannot_be_spelt():
    with pytest.raises(ValueError, match="cannot spell the label 'bin'"):
        encode_lines(["bin"], ["bin", "blue"])


def test_a_share_of_the_passages_comes_evenly_from_all():
    passages = [f"{n:04}" for n in range(1000)]
    chosen = subsample(passages, 1000)
    assert sum(map(len, chosen)) == 1000
    assert [int(passage) for passage in chosen[:3]] == [0, 4, 8] and int(chosen[-1]) == 996
    assert subsample(passages, 4000) == passages
    assert subsample(["a long passage"], 3) == ["a long passage"]


def test_cut_lines_hold_the_text_and_divide_some_words():
    text = " ".join(["letters", "and", "of", "sentences"] * 100)
    lines = list(cut_lines(text, 30, random.Random(0)))
    joined = "".join(line[:-1] if line.endswith("-") else line + " " for line in lines)
    assert joined.strip() == text
    assert max(map(len, lines)) == 31  # and the hyphen
    divided = sum(line.endswith("-") for line in lines)
    assert 0 < divided < len(lines) / 4


def test_a_word_longer_than_a_line_stays_whole():
    assert list(cut_lines("a" + "1" * 50 + " b", 20, random.Random(1))) == ["a" + "1" * 50, "b"]


def test_prose_is_quoted_as_the_transcripts_are():
    passage = ['He said <br />"no"--twice &amp; left.']
    assert next(set_lines(passage, ["“It’s,” said"])) == "He said “no”—twice &"
    assert next(set_lines(passage, ['"It\'s," said'])) == 'He said "no"—twice &'


def test_some_lines_come_in_capitals():
    lines = list(set_lines(["all small letters here. " * 300], ["x" * 24]))
    capitals = sum(line.isupper() for line in lines)
    assert 0 < capitals < len(lines) / 8


def test_files_of_passages_and_of_lines(tmp_path):
    (tmp_path / "p.txt").write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "l.tsv").write_text("a.png\tthree\nb.png\tfour\tpage\n", encoding="utf-8")
    assert read_prose([str(tmp_path / "p.txt"), str(tmp_path / "l.tsv")]) == (
        ["one", "two"],
        ["three", "four"],
    )
