"""N-gram counting against a loop, and pruning of the language model."""

from collections import Counter

import numpy as np
import pytest

from models.decoding import character_counts
from models.decoding.character_counts import count_ngrams, fit_character_lm, pad_lines

END, BEGIN, BASE = 3, 4, 5
LINES = [[0, 1, 0, 1, 2], [0, 1], [2, -1, 0, 1]]
SYMBOLS = np.array([s for line in LINES for s in [*line, END]])


def count_plainly(n):
    counts = Counter()
    for line in LINES:
        padded = [BEGIN] * 2 + line + [END]
        for end in range(2, len(padded)):
            gram = padded[end - n + 1 : end + 1]
            counts[sum(s * BASE**p for p, s in enumerate(reversed(gram)))] += -1 not in gram
    return {key: count for key, count in counts.items() if count}


@pytest.mark.parametrize("at_once", [4, 1000])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_counts_are_those_of_a_loop(n, at_once, monkeypatch):
    monkeypatch.setattr(character_counts, "AT_ONCE", at_once)
    keys, counts = count_ngrams(pad_lines(SYMBOLS, 3, 3), n, BASE)
    assert (np.diff(keys) > 0).all()
    assert dict(zip(keys.tolist(), counts.tolist(), strict=True)) == count_plainly(n)


def test_cutting_the_rare_keeps_it_small_and_a_distribution():
    rng = np.random.default_rng(0)
    symbols = np.append(rng.zipf(1.6, 20_000) % 30, 30)
    symbols[::37] = 30
    sizes = {}
    for max_bytes in (20_000, 10**9):
        model = fit_character_lm(symbols, 30, order=5, most_bytes=max_bytes)
        sizes[max_bytes] = sum(tensor.nbytes for tensor in model.tensors().values())
        context = model.follow(model.follow(model.follow(model.start, 1), 1), 2)
        sums = np.exp(model.next_log_probabilities(np.array([context, model.start]))).sum(1)
        np.testing.assert_allclose(sums, 1, atol=0.03)
    assert sizes[20_000] <= 20_020 < sizes[10**9]


def test_a_symbol_that_no_line_has_is_unlikely_but_possible():
    model = fit_character_lm(np.array([0, 1, 0, 1, 3]), 3, order=3)
    scores = model.next_log_probabilities(np.array([model.start]))[0]
    assert -8 < scores[2] < scores[1] < scores[0]


def test_unfinished_lines_are_refused():
    with pytest.raises(ValueError, match="2 symbols hold no finished line"):
        fit_character_lm(np.array([0, 1]), 3, order=2)
