"""Synthetic texts: labels follow from the grammar, and word counts do not reveal them."""

from collections import Counter
from random import Random

import numpy as np
import pytest

from datasets.text.synthetic import (
    ADJECTIVES,
    ASPECTS,
    NOUNS,
    POSITIVE,
    TAGS,
    VERBS,
    VERDICTS,
    SyntheticReviews,
    SyntheticTags,
    opinion,
)

SOURCES = (SyntheticReviews, SyntheticTags)
NEGATIONS = {"not", "never", "hardly", "far", "nobody"}
POLARITY = {w: p for table in (ADJECTIVES, VERBS) for p in (0, 1) for w in table[p]}


def source(kind, count=300, **options):
    return kind(count=count, validation=100, test=100, **options)


def sentences(words):
    return [part.split() for part in " ".join(words).split(" .") if part]


def clause_polarity(words):
    """Polarity of the opinion in a clause: an odd number of negations reverses it."""
    (stated,) = [POLARITY[word] for word in words if word in POLARITY]
    return stated ^ sum(word in NEGATIONS for word in words) % 2


def read_review(words):
    """The verdict's polarity, or that of the main clause."""
    for sentence in sentences(words):
        if " ".join(sentence).startswith(VERDICTS):
            return clause_polarity(sentence)
    for sentence in sentences(words):
        if "although" in sentence or "but" in sentence:
            return clause_polarity(sentence[sentence.index(",") :])
    raise AssertionError(f"no verdict in {words}")


@pytest.mark.parametrize("kind", SOURCES)
def test_a_sample_depends_on_seed_split_and_index_alone(kind):
    few, many = source(kind, 10).split("train"), source(kind, 20).split("train")
    assert few.texts == many.texts[:10]
    for index in (9, 0):
        np.testing.assert_array_equal(few.read(index).inputs, many.read(index).inputs)
        np.testing.assert_array_equal(few.read(index).target, many.read(index).target)
    other = source(kind, 10, seed=1).split("train")
    assert all(a != b for a, b in zip(few.texts, other.texts, strict=True))


@pytest.mark.parametrize("kind", SOURCES)
def test_splits_share_no_text_and_no_author(kind):
    splits = [source(kind, 3000).split(name) for name in ("train", "validation", "test")]
    texts = [{" ".join(words) for words in split.texts} for split in splits]
    groups = [set(split.groups) for split in splits]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not texts[a] & texts[b]
        assert not groups[a] & groups[b]
    assert len(groups[1]) == 25
    assert splits[2].names[17] == "synthetic test 17"


@pytest.mark.parametrize("kind", SOURCES)
def test_words_have_the_promised_form(kind):
    data = source(kind)
    split = data.split("train")
    assert data.input_size == data.reader.input_size
    assert split.sizes.min() >= 5
    assert len(set(split.sizes.tolist())) > 20
    for index, sample in (split[i] for i in range(len(split))):
        steps = split.sizes[index]
        assert sample.inputs.shape == (steps,)
        assert (sample.inputs.dtype, sample.target.dtype) == (np.int64, np.int64)
        assert sample.target.shape == (() if kind is SyntheticReviews else (steps,))
        assert sample.inputs.min() >= 1
        assert sample.inputs.max() < data.input_size


@pytest.mark.parametrize("kind", SOURCES)
def test_only_made_up_names_are_unknown_and_every_symbol_is_used(kind):
    data = source(kind, 1500)
    split = data.split("train")
    known, unknown = set(), set()
    for index, words in enumerate(split.texts):
        for word, number in zip(words, split.read(index).inputs, strict=True):
            (unknown if number == 1 else known).add(word)
    assert known == set(data.reader.symbols)
    assert len(unknown) > 100
    assert all(len(name) in (6, 9) for name in unknown)  # two or three syllables


@pytest.mark.parametrize("kind", SOURCES)
def test_a_text_typed_by_a_user_reads_the_same(kind):
    data = source(kind)
    for words in data.split("test").texts:
        assert data.reader.split(" ".join(words).replace(" .", ".").capitalize()) == words


@pytest.mark.parametrize("polarity", [0, 1])
def test_a_negation_turns_the_adjective(polarity):
    random = Random(5)
    seen = Counter()
    for _ in range(300):
        words = opinion(random, polarity, ASPECTS)
        negations = sum(word in NEGATIONS for word in words)
        seen[negations] += 1
        adjectives = ADJECTIVES[polarity if negations in (0, 2) else 1 - polarity]
        assert words[-1] in adjectives, words
    assert set(seen) == {0, 1, 2}
    assert min(seen.values()) > 20


def test_a_reviews_label_is_its_verdict():
    split = source(SyntheticReviews, 1000).split("train")
    labels = [int(split.read(i).target) for i in range(len(split))]
    assert [read_review(words) for words in split.texts] == labels
    assert sum(labels) == 500


def test_counting_good_and_bad_words_does_not_give_the_label_away():
    split = source(SyntheticReviews, 2000).split("train")
    balance = [sum(2 * POLARITY[w] - 1 for w in words if w in POLARITY) for words in split.texts]
    decided = [i for i, value in enumerate(balance) if value]
    right = [(balance[i] > 0) == (split.read(i).target == POSITIVE) for i in decided]
    assert len(decided) > 1000
    assert np.mean(right) < 0.65


def test_tags_are_well_formed():
    data = source(SyntheticTags)
    assert data.labels == ["O", "B-KEY", "I-KEY"]
    split = data.split("train")
    pairs = Counter()
    for i in range(len(split)):
        tags = [TAGS[t] for t in split.read(i).target]
        pairs.update(zip(["O", *tags], tags, strict=False))
    assert ("O", "I-KEY") not in pairs
    assert min(pairs["O", "B-KEY"], pairs["B-KEY", "I-KEY"], pairs["I-KEY", "I-KEY"]) > 50


def test_no_word_is_a_keyword_by_itself():
    split = source(SyntheticTags, 2000).split("train")
    inside, outside = Counter(), Counter()
    for i, words in enumerate(split.texts):
        for word, tag in zip(words, split.read(i).target, strict=True):
            (inside if tag else outside)[word] += 1
    for noun in NOUNS:
        assert 0.3 < inside[noun] / (inside[noun] + outside[noun]) < 0.7, noun


def test_unusable_options_are_refused():
    with pytest.raises(ValueError, match="SyntheticTags: validation=-1; give at least 0"):
        SyntheticTags(count=10, validation=-1, test=0)
