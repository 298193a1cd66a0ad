"""Recurrences over time: any cell step by step, and the linear one h_t = a_t h_{t-1} + b_t at once.

For a linear recurrence autograd would keep a graph of T nodes; its backward pass is the same
recurrence read from the end, so one Function does both without a graph.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Step = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]


def unroll(step: Step, inputs: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """`state = step(x_t, state)` over inputs (B, T, ...) -> each part of the state as (B, T, H)."""
    if torch.compiler.is_exporting():  # a graph has no loop of unknown length but this one
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
    """h_t = a_t h_{t-1} + b_t: a, b (B, T, H), h_0 = initial (B, H) -> all h (B, T, H)."""
    if torch.compiler.is_exporting():

        def step(terms: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            times, plus = terms.chunk(2, 1)
            return (times * state[0] + plus,)

        return unroll(step, torch.cat([a, b], 2), (initial,))[0]
    return LinearRecurrence.apply(a, b, initial)


class LinearRecurrence(torch.autograd.Function):
    """With g_t = dL/dh_t + a_{t+1} g_{t+1}: dL/db_t = g_t, dL/da_t = g_t h_{t-1} and
    dL/dh_0 = a_1 g_1.

    Differentiable once.
    """

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        outputs = recur(a, b, initial)
        ctx.save_for_backward(a, outputs, initial)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, outputs, initial = ctx.saved_tensors
        # read from the end, the factor before step t is a_{t+1}; the last step has none
        factors = torch.cat([torch.zeros_like(a[:, :1]), a[:, 1:].flip(1)], 1)
        g = recur(factors, gradient.flip(1), torch.zeros_like(initial)).flip(1)
        before = torch.cat([initial.unsqueeze(1), outputs[:, :-1]], 1)
        return g * before, g, a[:, 0] * g[:, 0]


def recur(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """A processor walks; a device with thousands of cores takes log2 T wide steps instead."""
    return walk(a, b, initial) if b.device.type == "cpu" else double(a, b, initial)


def walk(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """One step after another: T small operations, the fewest additions."""
    outputs, state = torch.empty_like(b), initial
    for factor, plus, out in zip(a.unbind(1), b.unbind(1), outputs.unbind(1), strict=True):
        state = torch.addcmul(plus, factor, state, out=out)
    return outputs


def double(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """Each pass joins every step with the one 1, 2, 4... before it (Hillis and Steele 1986)."""
    b = torch.cat([(b[:, :1] + a[:, :1] * initial.unsqueeze(1)), b[:, 1:]], 1)
    span = 1
    while span < b.shape[1]:
        joined = torch.addcmul(b[:, span:], a[:, span:], b[:, :-span])
        b = torch.cat([b[:, :span], joined], 1)
        a = torch.cat([a[:, :span], a[:, span:] * a[:, :-span]], 1)
        span *= 2
    return b
