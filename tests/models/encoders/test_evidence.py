"""TokenEvidence: the log-ratios of words joined with their vectors."""

import pytest
import torch
from torch.testing import assert_close

from models import TokenEvidence

IDS = torch.tensor([[2, 3, 0], [2, 2, 2], [3, 4, 3], [4, 0, 0]])
LENGTHS, LABELS = torch.tensor([2, 3, 3, 1]), torch.tensor([0, 0, 1, 1])
GROUPS = torch.arange(4)


@pytest.fixture
def encoder() -> TokenEvidence:
    torch.manual_seed(0)
    encoder = TokenEvidence(5, 4, folds=4)
    encoder.count([(IDS, LENGTHS, LABELS, GROUPS)])
    return encoder


def test_vectors_and_the_ratio_of_each_step(encoder):
    features, lengths = encoder.eval()(IDS, LENGTHS)
    assert features.shape == (4, 3, 5) and torch.equal(lengths, LENGTHS)
    expected = encoder.ratios.whole[:, 1][IDS]
    expected[torch.arange(3) >= LENGTHS.unsqueeze(1)] = 0.0
    assert torch.equal(features[..., 4], expected)
    assert torch.equal(features[..., :4], encoder.embedding(IDS, LENGTHS)[0])
    assert expected[0, 0] < 0 < expected[3, 0]


def test_in_training_a_text_sees_what_others_said(encoder):
    """Only the third and the fourth text hold id 4: the fourth gets the third's count alone."""
    features, _ = encoder.train()(IDS, LENGTHS)
    others = TokenEvidence(5, 4)
    others.count([(IDS[:3], LENGTHS[:3], LABELS[:3], GROUPS[:3])])
    assert_close(features[3, 0, 4], others.ratios.whole[4, 1])
    assert features[3, 0, 4] < encoder.ratios.whole[4, 1]


def test_three_labels_and_two_ids_a_step():
    encoder = TokenEvidence(6, 2, runs=2, num_labels=3, rows=4).eval()
    texts = torch.tensor([[[2, 0], [3, 5]], [[2, 0], [2, 4]], [[3, 0], [3, 5]]])
    twos = torch.tensor([2, 2, 2])
    encoder.count([(texts, twos, torch.tensor([0, 1, 2]), twos)])
    features, _ = encoder(texts, twos)
    assert features.shape == (3, 2, 2 + 2 * 2) and encoder.output_size == 6
    second = torch.cat([encoder.ratios.whole[3, 1:], encoder.ratios.whole[5, 1:]])
    assert torch.equal(features[0, 1, 2:], second)
    # id 4 is in one text of label 1 and in none of label 2
    assert encoder.ratios.whole[4, 1] > 0 > encoder.ratios.whole[4, 2]


def test_dropout_is_of_the_ratios_in_training_only(encoder):
    encoder.evidence_dropout = 1.0
    assert not encoder.train()(IDS, LENGTHS)[0][..., 4].any()
    assert encoder.eval()(IDS, LENGTHS)[0][..., 4].any()


def test_another_number_of_ids_a_step_is_refused():
    with pytest.raises(ValueError, match=r"2 ids a step, but the encoder has runs: 3"):
        TokenEvidence(5, runs=3)(torch.ones(1, 4, 2, dtype=torch.int64), torch.tensor([4]))
