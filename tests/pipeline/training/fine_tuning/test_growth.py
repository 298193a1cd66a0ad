"""A larger network that starts as a smaller one: the same outputs, and new weights that learn."""

import pytest
import torch
from torch.testing import assert_close

from models import CTCHead, LineCNN, RecurrentStack, SequenceModel
from pipeline.training.fine_tuning.growth import grow
from tests.support.networks import connect, scrambled


def network(channels=(4, 6), hidden: int = 5, cnn: dict | None = None, **stack) -> SequenceModel:
    return scrambled(
        connect(
            16,
            3,
            lambda n: LineCNN(n, channels, 2, 4, **(cnn or {})),
            lambda n: RecurrentStack(n, hidden, **{"num_layers": 2} | stack),
            CTCHead,
        )
    ).eval()


def outputs(model: SequenceModel) -> torch.Tensor:
    lines = torch.randint(0, 256, (3, 37, 1, 16), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(lines.to(torch.uint8), torch.tensor([37, 20, 5]))[0]


@pytest.mark.parametrize(
    ("options", "larger"),
    [
        ({}, {"channels": (7, 9)}),
        ({}, {"hidden": 8}),
        ({"cnn": {"rows": "concat"}}, {"channels": (5, 11), "hidden": 7}),
        ({"cell": "gru"}, {"channels": (4, 8), "hidden": 9}),
        ({"cell": "rnn"}, {"hidden": 6}),
        ({"merge": "sum"}, {"hidden": 6}),
        ({"direction": "forward"}, {"hidden": 6}),
    ],
)
def test_a_grown_network_computes_the_same(options, larger):
    given, model = network(**options), network(**options | larger)
    grown = grow(given, model)
    assert grown is not given
    assert outputs(grown).shape == outputs(model).shape
    assert_close(outputs(grown), outputs(given), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(outputs(model), outputs(given), atol=1e-2)


def test_new_residual_blocks_change_nothing_until_they_learn():
    given = network()
    model = connect(
        16,
        3,
        lambda n: LineCNN(n, (5, 7), 2, 4, residual=(1, 2)),
        lambda n: RecurrentStack(n, 6, 2),
        CTCHead,
    )
    grown = grow(given, model)
    assert_close(outputs(grown.eval()), outputs(given), atol=1e-5, rtol=1e-5)
    grown.train()
    lines, lengths = torch.randint(0, 256, (2, 24, 1, 16), dtype=torch.uint8), torch.tensor([24, 9])
    loss, *_ = grown.loss(lines, lengths, torch.tensor([[0, 1], [2, -100]]), torch.tensor([2, 1]))
    loss.backward()
    learns = {
        key
        for key, weight in grown.named_parameters()
        if weight.grad is not None and weight.grad.abs().sum() > 0
    }
    for key in ("encoder.residual_blocks.1.1.norm.weight", "head.linear.weight"):
        assert key in learns
    new_columns = grown.head.linear.weight.grad[:, [5, 11]]  # of the sixth unit of each direction
    assert new_columns.abs().sum() > 0


@pytest.mark.parametrize(
    "model",
    [
        lambda: network(channels=(3, 6)),  # smaller
        lambda: network(channels=(3, 9)),  # smaller and larger
        lambda: network(num_layers=1),
        lambda: network(num_layers=3, hidden=8),
        lambda: network(cell="gru", hidden=8),
        lambda: network(hidden=8, projection=4),
        lambda: network(hidden=8, cnn={"rows": "concat"}),
        lambda: network(),  # the same sizes
    ],
)
def test_other_networks_do_not_grow(model):
    given = network()
    assert grow(given, model()) is given
