"""Texts in two parts: equal ones, near ones, and those that only look alike."""

import random

from pipeline.doctor.splits.similar_texts import find_similar_texts

WORDS = [f"{a}{b}{c}" for a in "bdklmn" for b in "aeiou" for c in ("r", "st", "ng", "")]


def text(seed: int, words: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def test_texts_of_two_parts_are_found_word_for_word_and_nearly():
    long = text(0, 200)
    texts = [("train", f"t{seed}", text(seed)) for seed in range(1, 40)]
    texts += [("train", "long", long), ("train", "again", text(3))]
    texts += [
        ("test", "same", text(3).upper().replace(" ", "  ") + "!"),
        ("test", "edited", long.replace(" ", " xx ", 4)),
        ("test", "other", text(99)),
        ("validation", "short", "good"),
        ("test", "short too", "Good"),
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
