"""The complete network: its wide part and its shortcut."""

import pytest
import torch
from torch.testing import assert_close

from models import (
    BagOfTokens,
    RecurrentStack,
    SequenceClassificationHead,
    SequenceModel,
    TokenClassificationHead,
    TokenEmbedding,
)
from tests.support.networks import connect

IDS, LENGTHS = torch.tensor([[4, 2, 3], [1, 0, 0]]), torch.tensor([3, 1])
TARGETS = torch.tensor([1, 0]), torch.tensor([1, 1])


def pooled(pooling: str):
    return lambda size, labels: SequenceClassificationHead(size, labels, pooling)


def model_of(**options) -> SequenceModel:
    torch.manual_seed(0)
    parts = {
        "encoder": lambda size: TokenEmbedding(size, 6),
        "recurrent": lambda size: RecurrentStack(size, 5, 1),
        "head": pooled("max"),
    }
    return connect(7, 2, **parts | options).double()


def counted(size: int, labels: int) -> BagOfTokens:
    wide = BagOfTokens(size, labels)
    wide.count([(IDS, LENGTHS, TARGETS[0], torch.tensor([0, 1]))])
    return wide


def test_the_wide_part_adds_its_logits():
    model = model_of(wide=counted).eval()
    assert not any("wide" in name for name in model_of().state_dict())
    logits, lengths = model(IDS, LENGTHS)
    assert torch.equal(lengths, LENGTHS)
    features, _ = model.encoder(IDS, LENGTHS)
    deep_logits = model.head(model.recurrent(features, LENGTHS), LENGTHS)
    wide_logits = model.wide(IDS, LENGTHS)
    assert wide_logits.abs().max() > 1e-3
    assert_close(logits, deep_logits + wide_logits, rtol=0, atol=1e-10)
    loss, same, _ = model.loss(IDS, LENGTHS, *TARGETS)
    assert_close(same, logits, rtol=0, atol=1e-10)
    assert_close(loss, model.head.loss(logits, LENGTHS, *TARGETS))


def test_the_wide_part_and_the_deep_one_learn_by_losses_of_their_own():
    """Neither changes the gradient of the other."""
    model, plain = model_of(wide=counted).train(), model_of().train()
    plain.load_state_dict(model.state_dict(), strict=False)
    plain.loss(IDS, LENGTHS, *TARGETS)[0].backward()
    model.loss(IDS, LENGTHS, *TARGETS)[0].backward()
    for name, weight in plain.named_parameters():
        assert_close(model.get_parameter(name).grad, weight.grad, rtol=0, atol=1e-12)
    wide = torch.nn.functional.cross_entropy(model.wide(IDS, LENGTHS).float(), TARGETS[0])
    table = model.wide.table.weight
    assert_close(table.grad, torch.autograd.grad(wide, table)[0])


def test_a_wide_part_beside_labels_of_steps_is_refused():
    with pytest.raises(ValueError, match="one label for the whole, the head, a TokenClassifi"):
        model_of(head=TokenClassificationHead, wide=counted)


def test_the_shortcut_serves_in_training_only():
    model, plain = model_of(shortcut=pooled("mean"), shortcut_weight=0.3), model_of()
    plain.load_state_dict(model.state_dict(), strict=False)
    alone = plain.loss(IDS, LENGTHS, *TARGETS)[0]
    direct = model.shortcut(model.encoder(IDS, LENGTHS)[0], LENGTHS)
    extra = model.shortcut.loss(direct, LENGTHS, *TARGETS)
    assert extra.item() > 0.1
    assert_close(model.train().loss(IDS, LENGTHS, *TARGETS)[0], alone + 0.3 * extra)
    assert torch.equal(model.eval().loss(IDS, LENGTHS, *TARGETS)[0], alone)
    assert torch.equal(model.train()(IDS, LENGTHS)[0], plain(IDS, LENGTHS)[0])


def test_heads_that_weigh_rare_labels_count_before_training():
    def weighing(size: int, labels: int) -> TokenClassificationHead:
        return TokenClassificationHead(size, labels, class_weight_power=1.0)

    model = model_of(head=weighing, shortcut=weighing)
    steps = torch.tensor([[0, 0, 0], [1, -100, -100]])
    model.count(lambda: iter([(IDS, LENGTHS, steps, torch.tensor([0, 1]))]))
    for head in (model.head, model.shortcut):
        assert head.class_weights.tolist() == pytest.approx([2 / 3, 2.0])


def test_mixed_directions_are_refused_when_the_network_is_built():
    class Merged(RecurrentStack):
        """Both directions summed: no feature has a clean last step."""

        def __init__(self, size: int):
            super().__init__(size, 5, 1)
            self.backward_size = -1

    with pytest.raises(ValueError, match="pooling 'last' needs the last step of each direction"):
        model_of(recurrent=Merged, head=pooled("last"))
    assert model_of(recurrent=Merged, head=pooled("max")).head.backward_size == -1
