"""Losses, gradients and weights must be finite: what is not spoils all weights in one step."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

NAMED = 8  # samples in a message


class DivergenceError(ArithmeticError):
    """A loss, gradient or weight is nan or infinite."""


def clip_gradients(
    optimizer: torch.optim.Optimizer, limit: float | None, algorithm: str | None
) -> Tensor:
    """Clip by norm, or by value if the algorithm is "value"; returns the norm () before.

    limit: null or 0 clips nothing.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if algorithm != "value":
        return nn.utils.clip_grad_norm_(parameters, limit or math.inf)
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    nn.utils.clip_grad_value_(parameters, limit or math.inf)
    return norm


def check_step(
    where: str, losses: Sequence[Tensor], norm: Tensor, names: Sequence[str], learning_rate: float
) -> None:
    """Raise DivergenceError unless the losses and the gradient norm of a step are finite.

    where: the step, in words. names: of its samples.
    """
    values = torch.stack([norm.detach().float(), *(loss.float() for loss in losses)])
    if values.isfinite().all():  # waits for the GPU once
        return
    norm, *losses = values.tolist()
    shown = ", ".join(f"{loss:g}" for loss in losses)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    raise DivergenceError(
        f"{where}: the loss is {shown}, the gradient norm {norm:g}, the learning rate "
        f"{learning_rate:g}; its samples: {', '.join(names[:NAMED])}{more}; look at these samples, "
        "or lower model.learning_rate"
    )


def check_weights_finite(module: nn.Module) -> None:
    """Raise DivergenceError unless all weights are finite, also in a bundle's float16."""
    weights = module.state_dict()
    broken = [name for name, w in weights.items() if not w.half().isfinite().all()]
    if broken:
        raise DivergenceError(
            f"{len(broken)} of {len(weights)} weights are not finite ({', '.join(broken[:2])}); "
            "lower model.learning_rate"
        )
