"""Encoding and decoding are inverse; unknown characters and words raise an error."""

import unicodedata

import numpy as np
import pytest

from datasets import Vocabulary
from datasets.vocabulary import WordVocabulary, case_pairs


@pytest.mark.parametrize("seed", range(20))
def test_decoding_gives_back_the_composed_text(seed):
    """Any code points but surrogates, among them combining marks and jamo."""
    rng = np.random.default_rng(seed)
    points = [*rng.integers(0x20, 0x370, 20), *rng.integers(0x1100, 0xD7FF, 5), 0x1F600]
    text = "".join(map(chr, rng.permutation(points)))
    vocabulary = Vocabulary.of([text])
    composed = unicodedata.normalize("NFC", text)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == composed
    assert len(ids) == len(composed) and ids.dtype == "int64"
    assert sorted(set(ids.tolist())) == list(range(len(vocabulary)))


def test_ids_follow_the_order_given():
    vocabulary = Vocabulary("zaé ")
    assert vocabulary.encode("a zé").tolist() == [1, 3, 0, 2]
    assert vocabulary.decode([2, 0]) == "éz" and vocabulary.encode("").tolist() == []
    assert Vocabulary.of(["cab", "é"]).symbols == ["a", "b", "c", "é"]


def test_only_composition_is_normalised():
    """Compatibility forms, case and accents without a composed form stay what they are."""
    kept = "\u017f \ufb01 \u00b2 \u2167 \u212f A a q\u0301 \u00a0"
    vocabulary = Vocabulary.of([kept])
    assert vocabulary.decode(vocabulary.encode(kept)) == kept
    assert vocabulary.symbols == sorted(set(kept))
    assert Vocabulary("é").encode("e\u0301").tolist() == [0]


def test_what_cannot_be_encoded_is_named_with_its_sample():
    message = (
        r"page 3: cannot encode 'x' \(U\+0078\) '\u0305' \(U\+0305\): not in the alphabet of 2"
    )
    with pytest.raises(ValueError, match=message):
        Vocabulary("ab").encode("axb\u0305x", "page 3")


@pytest.mark.parametrize("symbol", ["ab", "", "e\u0301", "\u212b"])
def test_a_symbol_is_one_composed_character(symbol):
    with pytest.raises(ValueError, match="is not one NFC character; remove or compose it"):
        Vocabulary(["c", symbol])


def test_a_symbol_is_named_once():
    with pytest.raises(ValueError, match="alphabet: 'ab' occur more than once; name each one once"):
        Vocabulary("abcab")


def test_words_are_parted_by_white_space():
    words = WordVocabulary.of(["set red", "bin  red\n"])
    assert words.symbols == ["bin", "red", "set"]
    assert words.encode(" set bin ").tolist() == [2, 0] and words.encode("").tolist() == []
    assert WordVocabulary(["e\u0301"]).encode("é").tolist() == [0]


@pytest.mark.parametrize("symbols", [["a", "a"], ["a b"], [""], ["é", "e\u0301"]])
def test_words_are_given_once_and_whole(symbols):
    with pytest.raises(ValueError, match="give each one once"):
        WordVocabulary(symbols)


def test_an_unknown_word_is_named_with_its_sample():
    with pytest.raises(ValueError, match=r"clip7: cannot encode 'blue', 'sad'.*1 words"):
        WordVocabulary(["red"]).encode("sad red blue", "clip7")


def test_letters_of_any_case_have_the_ids_of_their_pairs():
    vocabulary = Vocabulary("baXBé Aſßx1É")
    assert case_pairs(vocabulary.symbols) == [(0, 3), (1, 6), (4, 11), (9, 2)]
    assert vocabulary.encode("Bab", any_case=True).tolist() == [13, 14, 13]
    assert vocabulary.encode("1 ſßéX", any_case=True).tolist() == [10, 5, 7, 8, 15, 16]
    assert vocabulary.encode("Bab").tolist() == [3, 1, 0]
    assert case_pairs(["a", "B", "1", " "]) == []
