"""The scan of a linear recurrence and `unroll` against plain loops."""

import pytest
import torch
from torch.testing import assert_close

from models.recurrent.scan import scan, solve_by_doubling, solve_sequentially, unroll

every_algorithm = pytest.mark.parametrize("solve", [scan, solve_sequentially, solve_by_doubling])


def terms(steps: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(steps)
    a, b = torch.rand(2, 3, steps, 4, dtype=torch.float64)
    return a, b, torch.randn(3, 4, dtype=torch.float64)


def loop(a: torch.Tensor, b: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    states = []
    for step in range(a.shape[1]):
        state = a[:, step] * state + b[:, step]
        states.append(state)
    return torch.stack(states, 1)


@every_algorithm
@pytest.mark.parametrize("steps", [1, 2, 7, 8, 33])
def test_scan_equals_the_loop(solve, steps):
    arguments = terms(steps)
    assert_close(solve(*arguments), loop(*arguments), rtol=0, atol=1e-12)


def test_half_a_scan_continued_is_the_whole():
    a, b, initial = terms(9)
    first = scan(a[:, :4], b[:, :4], initial)
    rest = scan(a[:, 4:], b[:, 4:], first[:, -1])
    assert_close(torch.cat([first, rest], 1), scan(a, b, initial), rtol=0, atol=0)


@pytest.mark.parametrize("steps", [1, 6])
def test_gradients_of_the_scan(steps):
    arguments = [t.requires_grad_() for t in terms(steps)]
    assert torch.autograd.gradcheck(scan, arguments)
    weights = torch.randn(3, steps, 4, dtype=torch.float64)
    gradients = torch.autograd.grad((scan(*arguments) * weights).sum(), arguments)
    assert_close(gradients, torch.autograd.grad((loop(*arguments) * weights).sum(), arguments))


def test_a_step_sees_its_input_and_the_state_before():
    inputs = torch.tensor([[[1.0], [2.0], [3.0]]])  # (B, T, 1)
    total, count = unroll(
        lambda x, state: (state[0] + x, state[1] + 1), inputs, (torch.zeros(1, 1),) * 2
    )
    assert total.flatten().tolist() == [1, 3, 6]
    assert count.flatten().tolist() == [1, 2, 3]
