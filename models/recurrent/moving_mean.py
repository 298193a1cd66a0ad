"""A moving average over steps in place of the recurrent stack: a baseline without parameters."""

import torch
from torch import Tensor

from .layer import padding_mask
from .stack import RecurrentStack, State


class MovingMean(RecurrentStack):
    """Features (B, T, D) -> the mean of each step and its neighbours (B, T, D), zero on padding.

    Has no parameters. Near the ends, the mean is over the steps that exist.

    Args:
        input_size: D, set by the encoder.
        window: steps in the mean, centred: an odd number. 1: each step alone, null: the mean of all
            steps at every step.
    """

    def __init__(self, input_size: int, window: int | None = None):
        if window is not None and (window < 1 or not window % 2):
            raise ValueError(
                f"window {window} has no step in its middle; give an odd number, or null for the "
                "mean of all steps"
            )
        pointwise = window == 1
        super().__init__(input_size, num_layers=0, direction="forward" if pointwise else "both")
        self.window = window
        # no weights, yet not the identity: streaming code must not skip it as an empty stack
        self.num_layers = 0 if pointwise else 1

    def run(
        self, features: Tensor, lengths: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """As `RecurrentStack.run`; the list of states is empty."""
        if self.window == 1:
            return features, []
        steps = features.shape[1]
        padding = padding_mask(lengths, steps)
        # float64: the window is a difference of two long cumulative sums
        masked = features.masked_fill(padding.unsqueeze(2), 0.0).double()
        sums = torch.nn.functional.pad(masked.cumsum(1), (0, 0, 1, 0))  # (B, T + 1, D)
        radius = steps if self.window is None else self.window // 2
        positions = torch.arange(steps, device=features.device)
        first, end = (positions - radius).clamp(min=0), (positions + radius + 1).clamp(max=steps)
        count = torch.minimum(end, lengths.unsqueeze(1)) - first  # (B, T) real steps in each window
        means = (sums[:, end] - sums[:, first]) / count.clamp(min=1).unsqueeze(2)
        return means.masked_fill(padding.unsqueeze(2), 0.0).to(features.dtype), []

    def step(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the features unchanged. Raises ValueError for a window that needs other steps."""
        if self.window != 1:
            wanted = "all steps" if self.window is None else f"{self.window // 2} later steps"
            raise ValueError(
                f"a mean over window {self.window or 'null'} needs {wanted} before it can answer; "
                "read the whole, or take window: 1"
            )
        return features, []
