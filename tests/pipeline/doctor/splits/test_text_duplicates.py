"""Texts in two parts: equal ones, near ones, and those that only look alike."""

import random
import time

from pipeline.doctor.splits.text_duplicates import (
    find_similar_texts,
    normalize,
    similarity,
    sketch_of,
)

WORDS = [f"{a}{b}{c}" for a in "bdklmn" for b in "aeiou" for c in ("r", "st", "ng", "")]


def text(seed: int, words: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def test_texts_of_two_parts_are_found_word_for_word_and_nearly():
    long = text(0, 200)
    texts = [("train", f"t{seed}", text(seed)) for seed in range(1, 40)]
    texts += [("train", "long", long), ("train", "again", text(3))]
    texts += [
        ("test", "same", text(3).upper().replace(" ", ",  ") + "!"),
        ("test", "edited", long.replace(" ", " xx ", 4)),
        ("test", "other", text(99)),
        ("validation", "short", "good"),
        ("test", "short too", "Good."),
        ("validation", "halves", text(1, 30) + " " + text(98, 40)),
    ]
    for order, first in ((texts, "t3"), (texts[::-1], "again")):
        found = sorted(find_similar_texts(order))
        assert [warning.partition(";")[0] for warning in found] == [
            "1 text of test in train too, nearly: edited (long)",
            f"1 text of test in train too, word for word: same ({first})",
            "1 text of test in validation too, word for word: short too (short)",
        ]


def test_texts_without_spaces_are_compared_too():
    rng = random.Random(0)
    signs = "".join(chr(0x4E00 + rng.randrange(2000)) for _ in range(120))
    texts = [("train", "a", signs), ("test", "b", signs[:60] + "x" + signs[60:])]
    (warning,) = find_similar_texts(texts)
    assert "1 text of test in train too, nearly: b (a)" in warning


def test_the_similarity_is_that_of_the_sets_of_n_grams():
    for a, b in ((text(1, 20), text(1, 20) + " more words"), (text(1, 400), text(1, 300))):
        grams = [{plain[i : i + 8] for i in range(len(plain) - 7)} for plain in (a, b)]
        exact = len(grams[0] & grams[1]) / len(grams[0] | grams[1])
        error = abs(similarity(sketch_of(a), sketch_of(b)) - exact)
        assert error < (1e-9 if len(grams[0] | grams[1]) <= 128 else 0.12)
    assert normalize("  Don't_STOP,\nnow! ") == "don t stop now" and sketch_of("short") is None


def test_the_time_is_linear_in_the_number_of_texts():
    """Also where all texts begin alike and share their n-grams."""
    common = text(5, 30)

    def seconds(count: int) -> float:
        texts = [
            ("test" if i % 2 else "train", str(i), f"{common} {text(i, 20)}") for i in range(count)
        ]
        start = time.process_time()
        list(find_similar_texts(texts))
        return time.process_time() - start

    seconds(50)
    assert seconds(1000) < 12 * seconds(250)
