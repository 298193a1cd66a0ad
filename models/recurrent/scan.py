"""Recurrences over time: any cell step by step, and h_t = a_t h_{t-1} + b_t as a scan.

For a linear recurrence autograd would keep a graph of T nodes; its backward pass is the same
recurrence in reverse, so a single autograd Function computes both without a graph.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Step = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]


def unroll(step: Step, inputs: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Apply `state = step(x_t, state)` to inputs (B, T, ...) -> the parts of all states (B, T,
    H).
    """
    if torch.compiler.is_exporting():  # the only loop of unknown length that a graph can hold
        from torch._higher_order_ops.scan import scan as exported_scan

        def body(carried: list[Tensor], x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            new = step(x, tuple(carried))
            return list(new), [part.clone() for part in new]

        _, parts = exported_scan(body, list(state), inputs.transpose(0, 1))
        return tuple(part.transpose(0, 1) for part in parts)
    history = []
    for x in inputs.unbind(1):
        state = step(x, state)
        history.append(state)
    return tuple(torch.stack(part, 1) for part in zip(*history, strict=True))


def scan(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """Solve h_t = a_t h_{t-1} + b_t for a, b (B, T, H), h_0 = initial (B, H) -> all h (B, T, H)."""
    if torch.compiler.is_exporting():

        def step(terms: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            factor, summand = terms.chunk(2, 1)
            return (factor * state[0] + summand,)

        return unroll(step, torch.cat([a, b], 2), (initial,))[0]
    return LinearRecurrence.apply(a, b, initial)


class LinearRecurrence(torch.autograd.Function):
    """`scan` with its gradient; differentiable once.

    With g_t = dL/dh_t + a_{t+1} g_{t+1}: dL/db_t = g_t, dL/da_t = g_t h_{t-1} and dL/dh_0 = a_1
    g_1.
    """

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        outputs = solve(a, b, initial)
        ctx.save_for_backward(a, outputs, initial)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, outputs, initial = ctx.saved_tensors
        # in reverse order the factor at step t is a_{t+1}; the last step has none
        factors = torch.cat([torch.zeros_like(a[:, :1]), a[:, 1:].flip(1)], 1)
        g = solve(factors, gradient.flip(1), torch.zeros_like(initial)).flip(1)
        previous = torch.cat([initial.unsqueeze(1), outputs[:, :-1]], 1)
        return g * previous, g, a[:, 0] * g[:, 0]


def solve(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """Solve sequentially on a CPU, by log2 T parallel steps on a device with thousands of cores."""
    algorithm = solve_sequentially if b.device.type == "cpu" else solve_by_doubling
    return algorithm(a, b, initial)


def solve_sequentially(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """One step after another: T small operations, the fewest additions."""
    outputs, state = torch.empty_like(b), initial
    for factor, summand, out in zip(a.unbind(1), b.unbind(1), outputs.unbind(1), strict=True):
        state = torch.addcmul(summand, factor, state, out=out)
    return outputs


def solve_by_doubling(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """Each pass joins every step with the one 1, 2, 4, ... before it (Hillis & Steele 1986)."""
    b = torch.cat([b[:, :1] + a[:, :1] * initial.unsqueeze(1), b[:, 1:]], 1)
    span = 1
    while span < b.shape[1]:
        combined = torch.addcmul(b[:, span:], a[:, span:], b[:, :-span])
        b = torch.cat([b[:, :span], combined], 1)
        a = torch.cat([a[:, :span], a[:, span:] * a[:, :-span]], 1)
        span *= 2
    return b
