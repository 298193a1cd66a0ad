"""AdamW with one second moment for a whole embedding table, and the parameter groups for it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

EPSILON = 1.0e-12


class TableAdamW(torch.optim.AdamW):
    """AdamW, but parameters (N, D) of groups with `table: True` have one scalar second moment.

    AdamW normalizes each weight's step by the size of its own gradients, so a word that occurs ten
    times moves as far as one that occurs ten thousand times, and rare words are memorized.
    With one second moment (the mean over the rows that have a gradient; as in Adam-mini, Zhang et
    al. 2024, with the whole table as one block) a row moves in proportion to its gradients.
    """

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group.get("table"):
                for table in group["params"]:
                    self._step_table(table, group)
        super().step()
        return loss

    @torch.no_grad()
    def _step_table(self, table: Tensor, group: dict) -> None:
        """Update a table (N, D) and remove its gradient, so that AdamW's own step skips it."""
        gradient, table.grad = table.grad, None
        if gradient is None:
            return
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(table)
            state["exp_avg_sq"] = table.new_zeros(())
        beta1, beta2 = group["betas"]
        state["step"] += 1
        numbers = gradient.abs().amax(1).count_nonzero().clamp(min=1) * table.shape[1]
        state["exp_avg"].lerp_(gradient, 1 - beta1)
        state["exp_avg_sq"].lerp_(gradient.square().sum() / numbers, 1 - beta2)
        step = float(state["step"])
        denominator = (state["exp_avg_sq"] / (1 - beta2**step)).sqrt() + EPSILON
        table.mul_(1 - group["lr"] * group["weight_decay"])
        table.sub_(state["exp_avg"] * (group["lr"] / (1 - beta1**step) / denominator))


def make_optimizer(
    model: nn.Module, learning_rate: float, weight_decay: float, table_learning_rate: float | None
) -> TableAdamW:
    """Make the optimizer: weight decay on matrices and kernels only, and embedding tables in a
    group of their own if table_learning_rate is given.
    """
    tables = []
    if table_learning_rate is not None:
        tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
    others = [p for p in model.parameters() if not any(p is table for table in tables)]
    groups = [
        {"params": [p for p in others if p.ndim > 1]},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if tables:
        groups.append({"params": tables, "table": True, "lr": table_learning_rate})
    return TableAdamW(groups, lr=learning_rate, weight_decay=weight_decay)
