"""TokenEvidence: the ratios of words beside their vectors, in training those of other texts."""

from math import log

import pytest
import torch
from torch.testing import assert_close

from models import TokenEvidence

TEXTS = torch.tensor([[2, 3, 0], [2, 2, 2], [3, 4, 3], [4, 0, 0]])
LENGTHS, LABELS = torch.tensor([2, 3, 3, 1]), torch.tensor([0, 0, 1, 1])
SETS = [{2, 3}, {2}, {3, 4}, {4}]


@pytest.fixture
def encoder() -> TokenEvidence:
    torch.manual_seed(0)
    encoder = TokenEvidence(5, 4, folds=3)
    encoder.count([(TEXTS[:3], LENGTHS[:3], LABELS[:3]), (TEXTS[3:], LENGTHS[3:], LABELS[3:])])
    return encoder


def ratios(without: set[int]) -> list[float]:
    """Log-ratios of label 1 to label 0 of ids 0 to 4, counted in plain Python."""
    counts = [[1 + sum(i in s and label == wanted and t not in without
                       for t, (s, label) in enumerate(zip(SETS, LABELS.tolist(), strict=True)))
               for i in range(1, 5)] for wanted in (0, 1)]  # fmt: skip
    shares = [[c / sum(row) for c in row] for row in counts]
    return [0.0] + [log(b / a) for a, b in zip(*shares, strict=True)]


def test_in_use_all_texts_count(encoder):
    features, lengths = encoder.eval()(TEXTS, LENGTHS)
    assert features.shape == (4, 3, 5) and torch.equal(lengths, LENGTHS)
    expected = torch.tensor(ratios(set()))[TEXTS]
    expected[torch.arange(3) >= LENGTHS.unsqueeze(1)] = 0.0
    assert_close(features[..., 4], expected, rtol=0, atol=1e-6)
    assert_close(features[..., :4], encoder.embedding(TEXTS, LENGTHS)[0])
    assert expected.abs().max() > 0.3


def test_in_training_a_text_sees_what_was_counted_in_other_folds(encoder):
    folds = [sum(s) % 3 for s in SETS]  # 2, 2, 1, 1
    assert folds == [2, 2, 1, 1]
    features, _ = encoder.train()(TEXTS, LENGTHS)
    for text, fold in enumerate(folds):
        without = {t for t, other in enumerate(folds) if other == fold}
        expected = torch.tensor(ratios(without))[TEXTS[text, : LENGTHS[text]]]
        assert_close(features[text, : LENGTHS[text], 4], expected, rtol=0, atol=1e-6)
    assert ratios({0, 1})[2] != pytest.approx(ratios(set())[2])


def test_a_text_does_not_tell_its_own_label():
    """Words that occur in one text only: counted with it they give it away, without it they say
    nothing that differs from one such text to the next.
    """
    texts = torch.arange(2, 42).unsqueeze(1)
    labels, ones = torch.arange(40) % 2, torch.ones(40, dtype=torch.int64)
    encoder = TokenEvidence(42, 1, folds=5)
    encoder.count([(texts, ones, labels)])
    known = encoder.eval()(texts, ones)[0][:, 0, 1]
    assert ((known > 0) == (labels == 1)).all()
    elsewhere = encoder.train()(texts, ones)[0][:, 0, 1]
    for fold in range(5):
        assert len(elsewhere[texts[:, 0] % 5 == fold].unique()) == 1


def test_three_labels_and_two_ids_a_step():
    encoder = TokenEvidence(6, 2, runs=2, num_labels=3, rows=4).eval()
    texts = torch.tensor([[[2, 0], [3, 5]], [[2, 0], [2, 4]], [[3, 0], [3, 5]]])
    encoder.count([(texts, torch.tensor([2, 2, 2]), torch.tensor([0, 1, 2]))])
    features, _ = encoder(texts, torch.tensor([2, 2, 2]))
    assert features.shape == (3, 2, 2 + 2 * 2) and encoder.output_size == 6
    second = torch.cat([encoder.ratios[3], encoder.ratios[5]])
    assert_close(features[0, 1, 2:], second)
    # id 4 is in one text of label 1 and in none of label 2
    assert encoder.ratios[4, 0] > 0 > encoder.ratios[4, 1]


def test_only_the_whole_ratios_are_kept(encoder):
    assert sorted(encoder.state_dict()) == ["embedding.table.weight", "ratios"]


def test_mistakes():
    with pytest.raises(ValueError, match="folds 1, num_labels 2, runs 1: give at least 2, 2 and 1"):
        TokenEvidence(5, folds=1)
    with pytest.raises(ValueError, match=r"2 ids a step, but the encoder has runs: 3"):
        TokenEvidence(5, runs=3)(torch.ones(1, 4, 2, dtype=torch.int64), torch.tensor([4]))
