"""TableAdamW: AdamW with one second moment for each table."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from models import RecurrentStack, SequenceClassificationHead, SequenceModel, TokenEmbedding
from pipeline.training.optimizer import TableAdamW, make_optimizer
from tests.support.networks import connect


def small_model() -> SequenceModel:
    torch.manual_seed(0)
    return connect(
        6,
        2,
        lambda size: TokenEmbedding(size, 3),
        lambda size: RecurrentStack(size, 4),
        SequenceClassificationHead,
    )


def train(model: SequenceModel, optimizer: torch.optim.Optimizer, steps: int = 5) -> None:
    for step in range(steps):
        ids = torch.tensor([[2, 3, 2], [4, 1, 0]]) if step % 2 else torch.tensor([[2, 5, 1]] * 2)

        def closure(ids=ids) -> torch.Tensor:
            optimizer.zero_grad()
            lengths = torch.tensor([3, 2])
            loss = model.loss(ids, lengths, torch.tensor([0, 1]), torch.ones(2).long())[0]
            loss.backward()
            return loss

        optimizer.step(closure)


def test_without_a_rate_for_tables_it_is_adamw():
    ours, theirs = small_model(), small_model()
    train(ours, make_optimizer(ours, 0.01, 0.1, None))
    decayed = [p for p in theirs.parameters() if p.ndim > 1]
    spared = [p for p in theirs.parameters() if p.ndim <= 1]
    groups = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
    train(theirs, torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1))
    assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=1e-7)


def test_only_tables_are_stepped_otherwise():
    ours, plain = small_model(), small_model()
    train(ours, make_optimizer(ours, 0.01, 0.1, 0.01), 1)
    train(plain, make_optimizer(plain, 0.01, 0.1, None), 1)
    for name, weight in ours.named_parameters():
        equal = torch.equal(weight, plain.get_parameter(name))
        assert equal == ("table" not in name), name


def test_a_table_step_by_hand():
    """Moments computed step by step, with rows that do not have a gradient in every step."""
    table = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=torch.float64))
    group = {"params": [table], "table": True, "lr": 0.1, "weight_decay": 0.5}
    optimizer = TableAdamW([group], betas=(0.9, 0.99))
    expected, mean, square = table.detach().clone(), torch.zeros(3, 2, dtype=torch.float64), 0.0
    gradients = [[[1, 2], [0, 0], [0, 0]], [[0, 0], [3, -1], [1, 1]], [[0, 0], [0, 0], [0, 4]]]
    for step, gradient in enumerate(gradients, 1):
        gradient = torch.tensor(gradient, dtype=torch.float64)
        rows = int(gradient.any(1).sum())
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * float(gradient.square().sum()) / (2 * rows)
        size = (square / (1 - 0.99**step)) ** 0.5
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * mean / (1 - 0.9**step) / size
        table.grad = gradient
        optimizer.step()
        assert_close(table.detach(), expected, rtol=0, atol=1e-9)


def test_a_row_moves_in_proportion_to_its_gradients():
    """Four times as many gradients, four times as far; AdamW moves both rows about equally."""
    moved = {}
    for rate in (None, 0.01):
        table = nn.Embedding(3, 1)
        nn.init.zeros_(table.weight)
        optimizer = make_optimizer(nn.Sequential(table), 0.01, 0.0, rate)
        for step in range(40):
            optimizer.zero_grad()
            ids = torch.tensor([0, 1] if step % 4 == 0 else [0])
            table(ids).sum().backward()
            optimizer.step()
        moved[rate] = float(table.weight[0].detach() / table.weight[1].detach())
    assert moved[0.01] == pytest.approx(4, rel=0.15)
    assert moved[None] < 2.5


def test_it_resumes_from_its_state_dict():
    whole, parts = small_model(), small_model()
    train(whole, make_optimizer(whole, 0.01, 0.1, 0.02), 4)
    first = make_optimizer(parts, 0.01, 0.1, 0.02)
    train(parts, first, 2)
    second = make_optimizer(parts, 0.01, 0.1, 0.02)
    second.load_state_dict(first.state_dict())
    train(parts, second, 2)
    assert_close(parts.state_dict(), whole.state_dict(), rtol=0, atol=1e-7)


def test_a_table_without_a_gradient_stays():
    table = nn.Embedding(3, 2)
    before = table.weight.detach().clone()
    make_optimizer(nn.Sequential(table), 0.01, 0.1, 0.1).step()
    assert torch.equal(table.weight, before)
