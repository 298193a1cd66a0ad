"""The character language model: probabilities by hand, vectorised lookup, storage."""

import math

import numpy as np
import pytest
from torch import zeros

from models.decoding.character_counts import fit_character_lm
from models.decoding.character_lm import STEP, CharacterLM, check_order

A, B, END = 0, 1, 2


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    lines = [np.append(rng.integers(0, 5, rng.integers(1, 9)), 5) for _ in range(200)]
    return fit_character_lm(np.concatenate(lines), 5, order=4)


def some_contexts(model):
    contexts = [model.start]
    for symbol in (0, 3, 3, 1, 4, 2, 0):
        contexts.append(model.follow(contexts[-1], symbol))
    return np.array(contexts)


def test_witten_bell_by_hand():
    """Lines ab, aa, b. Order 1: a 3, b 2, end 3 of 8, 3 symbols: p = (count + 3/3) / 11. After a:
    b 1, a 1, end 1, so C = 3, T = 3 and p(b | a) = (1 + 3 * 3/11) / 6.
    """
    model = fit_character_lm(np.array([A, B, END, A, A, END, B, END]), 2, order=2)
    assert model.log_probability(A, B) == pytest.approx(math.log((1 + 3 * 3 / 11) / 6), abs=STEP)
    # after b only the end was seen, twice: what is left, 1 of 3, goes to order 1
    assert model.log_probability(B, A) == pytest.approx(math.log(1 / 3 * 4 / 11), abs=STEP)
    assert model.log_probability(model.start, A) == pytest.approx(
        math.log((2 + 2 * 4 / 11) / 5), abs=STEP
    )


def test_a_distribution_after_every_context(model):
    sums = np.exp(model.next_log_probabilities(some_contexts(model))).sum(1)
    np.testing.assert_allclose(sums, 1, atol=0.03)  # each is rounded to 1/32 nat


def test_one_at_a_time_equals_many(model):
    contexts = some_contexts(model)
    many = model.next_log_probabilities(contexts)
    one = [[model.log_probability(int(c), s) for s in range(6)] for c in contexts]
    np.testing.assert_allclose(many, one, atol=1e-6)


def test_a_line_is_its_symbols_and_its_end(model):
    scores = model.line_log_probabilities(np.array([0, 3]))
    after = model.follow(model.start, 0)
    expected = [
        model.log_probability(model.start, 0),
        model.log_probability(after, 3),
        model.log_probability(model.follow(after, 3), model.end),
    ]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_its_tensors_give_it_back(model):
    restored = CharacterLM.from_tensors(5, model.tensors())
    for own, other in zip(model.orders, restored.orders, strict=True):
        for left, right in zip(own, other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_many_symbols_need_wider_tensors():
    line = np.array([0, 299, 120, 299, 300])
    model = CharacterLM.from_tensors(300, fit_character_lm(line, 300, order=3).tensors())
    after = model.follow(model.follow(model.start, 0), 299)
    assert np.argmax(model.next_log_probabilities(np.array([after]))) == 120


def test_damaged_tensors_are_named(model):
    tensors = model.tensors()
    with pytest.raises(ValueError, match="3-grams have 7 costs"):
        CharacterLM.from_tensors(5, tensors | {"3.costs": zeros(7)})
    with pytest.raises(ValueError, match=r"damaged language model.*2\.children"):
        CharacterLM.from_tensors(5, {k: v for k, v in tensors.items() if k != "2.children"})


def test_an_order_that_no_number_holds():
    check_order(8, 141)
    with pytest.raises(ValueError, match="up to order 8"):
        check_order(9, 141)
