"""What a loss over labelled steps adds to cross entropy: weights of rare labels, and calm."""

import torch
from torch import Tensor

from ..recurrent.stack import padding_mask

LARGEST = 16.0  # of a squared difference of log-probabilities (Farha & Gall 2019: 4 squared)


def weigh_classes(counts: Tensor, power: float) -> Tensor:
    """Steps of each label, (L,) -> each label's weight, proportional to count ** -power.

    The mean over the counted steps is 1, so that the loss keeps its scale. A label that was never
    seen is as rare as one seen once: should it turn up nevertheless, it is neither ignored nor
    infinitely dear.
    """
    weights = counts.clamp(min=1).double() ** -power
    weighed = (counts * weights).sum()
    return (weights * counts.sum() / weighed if weighed else torch.ones_like(weights)).float()


def smoothing_loss(logits: Tensor, lengths: Tensor) -> Tensor:
    """Truncated mean squared error of neighbouring log-probabilities, of logits (B, T, L).

    MS-TCN's (Farha & Gall 2019): each step is pulled towards the one before, which itself stays;
    the sum over all pairs of real steps, divided by real steps and labels.
    """
    said = logits.float().log_softmax(2)
    jumps = (said[:, 1:] - said[:, :-1].detach()).square().clamp(max=LARGEST)
    behind = padding_mask(lengths, logits.shape[1])[:, 1:]
    total = jumps.masked_fill(behind.unsqueeze(2), 0.0).sum()
    return total / (lengths.sum().clamp(min=1) * logits.shape[2])
