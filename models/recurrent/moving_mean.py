"""The mean over neighbouring steps in the place of recurrence: what an LSTM has to beat."""

import torch
from torch import Tensor

from .stack import RecurrentStack, State, padding_mask


class MovingMean(RecurrentStack):
    """Features (B, T, D) -> each step's mean with its neighbours (B, T, D), zero on padding.

    Nothing is learned. Near an end, the mean is over the steps there are.

    Args:
        input_size: D, handed over by the encoder.
        window: steps, centred: an odd number. 1: each step by itself, null: the mean of all steps
            at every step.
    """

    def __init__(self, input_size: int, window: int | None = None):
        if window is not None and (window < 1 or not window % 2):
            raise ValueError(
                f"window {window} has no step in its middle; give an odd number, or null for the "
                "mean of all steps"
            )
        alone = window == 1
        super().__init__(input_size, num_layers=0, direction="forward" if alone else "both")
        self.window = window
        # without weights, but not without effect: who reads a stream must not leave it out
        self.num_layers = 0 if alone else 1

    def run(
        self, features: Tensor, lengths: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """As `RecurrentStack.run`, without a state."""
        if self.window == 1:
            return features, []
        steps = features.shape[1]
        padding = padding_mask(lengths, steps)
        # float64: the difference of two long sums must not lose the short one between them
        kept = features.masked_fill(padding.unsqueeze(2), 0.0).double()
        sums = torch.nn.functional.pad(kept.cumsum(1), (0, 0, 1, 0))  # (B, T + 1, D)
        reach = steps if self.window is None else self.window // 2
        here = torch.arange(steps, device=features.device)
        first, end = (here - reach).clamp(min=0), (here + reach + 1).clamp(max=steps)
        count = torch.minimum(end, lengths.unsqueeze(1)) - first  # (B, T) real steps in each window
        means = (sums[:, end] - sums[:, first]) / count.clamp(min=1).unsqueeze(2)
        return means.masked_fill(padding.unsqueeze(2), 0.0).to(features.dtype), []

    def step(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Each step by itself, or a ValueError: a mean needs steps that a stream has not seen."""
        if self.window != 1:
            wanted = "all steps" if self.window is None else f"{self.window // 2} later steps"
            raise ValueError(
                f"a mean over window {self.window or 'null'} needs {wanted} before it can answer; "
                "read the whole, or take window: 1"
            )
        return features, []
