"""Near-duplicate texts: all pairs by brute force, spellings that do not matter, and linear time."""

import random
import time

import pytest

from pipeline.doctor.text_duplicates import ALIKE, jaccard, near_duplicates, shingles_of

WORDS = [f"{a}{b}" for a in "bdfgklm" for b in ("an", "el", "ix", "or", "um")]


def text_of(seed: int, count: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def test_a_changed_copy_is_found_and_nothing_else():
    texts = [text_of(seed) for seed in range(200)]
    changed = texts[7].split()
    changed[10] = "other"
    texts.append(" ".join(changed))  # 4 of 57 shingles differ
    texts.append(texts[30] + " and a few words more")
    texts.append(texts[7].upper().replace(" ", "\n", 3))
    assert near_duplicates(texts) == [[7, 200, 202], [30, 201]]


def test_groups_are_those_of_all_pairs():
    texts = []
    for seed in range(40):
        words = text_of(seed).split()
        for changes in (0, 1, 2, 9, 15):
            copy = list(words)
            for place in random.Random(changes).sample(range(60), changes):
                copy[place] = "x"
            texts.append(" ".join(copy))
    own = list(map(shingles_of, texts))
    groups = {index: group for group in near_duplicates(texts) for index in group}
    for a in range(len(texts)):
        for b in range(a):
            alike = jaccard(own[a], own[b])
            if alike >= ALIKE + 0.05:
                assert groups.get(a) is groups[b]
            elif alike == 0:
                assert a not in groups or groups[a] is not groups.get(b)


def test_short_and_empty_texts():
    texts = ["Good!", "", "good !", "  ", "good", "a b c", "a b c d", "漢字かな", "漢字かな"]
    assert near_duplicates(texts) == [[0, 2], [7, 8]]
    assert near_duplicates([]) == [] == near_duplicates(["a"])


@pytest.mark.slow
def test_time_grows_with_the_number_of_texts():
    """Also if all of them are equal, where all pairs would be compared."""
    times = []
    for count in (500, 4000):
        texts = [text_of(seed, 100) for seed in range(count // 2)] + ["the same text again"] * (
            count // 2
        )
        start = time.perf_counter()
        assert len(near_duplicates(texts)) == 1
        times.append(time.perf_counter() - start)
    assert times[1] < 30 * times[0]
