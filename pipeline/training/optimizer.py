"""AdamW, with one step size for a whole table of vectors."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

EPSILON = 1.0e-12


class TableAdamW(torch.optim.AdamW):
    """AdamW, but groups with `table: True` have one second moment for a matrix (N, D), not N D.

    AdamW divides each number's step by the size of its own gradients, so a word that occurs ten
    times moves as far as one that occurs ten thousand times, and rare words are learned by heart.
    With one second moment (the mean over the rows that have a gradient; as in Adam-mini, Zhang et
    al. 2024, a block is the whole table) a row moves in proportion to its evidence.
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
        """One step on (N, D); its gradient is taken away, so that AdamW leaves it alone."""
        gradient, table.grad = table.grad, None
        if gradient is None:
            return
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(table)
            state["exp_avg_sq"] = table.new_zeros(())
        first, second = group["betas"]
        state["step"] += 1
        seen = gradient.abs().amax(1).count_nonzero().clamp(min=1) * table.shape[1]
        state["exp_avg"].lerp_(gradient, 1 - first)
        state["exp_avg_sq"].lerp_(gradient.square().sum() / seen, 1 - second)
        count = float(state["step"])
        size = (state["exp_avg_sq"] / (1 - second**count)).sqrt() + EPSILON
        table.mul_(1 - group["lr"] * group["weight_decay"])
        table.sub_(state["exp_avg"] * (group["lr"] / (1 - first**count) / size))


def make_optimizer(
    model: nn.Module, learning_rate: float, weight_decay: float, table_learning_rate: float | None
) -> TableAdamW:
    """Decay on matrices and kernels only; tables (nn.Embedding) at their own rate if given."""
    tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding)]
    if table_learning_rate is None:
        tables = []
    own = {id(table) for table in tables}
    others = [p for p in model.parameters() if id(p) not in own]
    groups = [
        {"params": [p for p in others if p.ndim > 1]},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if tables:
        groups.append({"params": tables, "table": True, "lr": table_learning_rate})
    return TableAdamW(groups, lr=learning_rate, weight_decay=weight_decay)
