"""The linear recurrence against a plain loop."""

import pytest
import torch
from torch.testing import assert_close

from models.recurrent.scan import double, scan, unroll, walk

every_way = pytest.mark.parametrize("solve", [scan, walk, double])


def terms(steps: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(steps)
    a, b = torch.rand(2, 3, steps, 4, dtype=torch.float64)
    return a, b, torch.randn(3, 4, dtype=torch.float64)


def loop(a: torch.Tensor, b: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    found = []
    for step in range(a.shape[1]):
        state = a[:, step] * state + b[:, step]
        found.append(state)
    return torch.stack(found, 1)


@every_way
@pytest.mark.parametrize("steps", [1, 2, 7, 8, 33])
def test_scan_equals_the_loop(solve, steps):
    given = terms(steps)
    assert_close(solve(*given), loop(*given), rtol=0, atol=1e-12)


def test_half_a_scan_continued_is_the_whole():
    a, b, initial = terms(9)
    first = scan(a[:, :4], b[:, :4], initial)
    rest = scan(a[:, 4:], b[:, 4:], first[:, -1])
    assert_close(torch.cat([first, rest], 1), scan(a, b, initial), rtol=0, atol=0)


@pytest.mark.parametrize("steps", [1, 6])
def test_gradients_of_the_scan(steps):
    given = [t.requires_grad_() for t in terms(steps)]
    assert torch.autograd.gradcheck(scan, given)
    weights = torch.randn(3, steps, 4, dtype=torch.float64)
    found = torch.autograd.grad((scan(*given) * weights).sum(), given)
    assert_close(found, torch.autograd.grad((loop(*given) * weights).sum(), given))


def test_a_step_sees_its_input_and_the_state_before():
    inputs = torch.tensor([[[1.0], [2.0], [3.0]]])  # (B, T, 1)
    total, count = unroll(
        lambda x, state: (state[0] + x, state[1] + 1), inputs, (torch.zeros(1, 1),) * 2
    )
    assert total.flatten().tolist() == [1, 3, 6]
    assert count.flatten().tolist() == [1, 2, 3]
