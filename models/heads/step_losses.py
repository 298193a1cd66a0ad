"""Additions to the cross entropy of labelled steps: class weights and a smoothing loss."""

import torch
from torch import Tensor

from ..recurrent.layer import padding_mask

MAX_SQUARE = 16.0  # where a squared log-probability difference is clipped (Farha & Gall 2019)


def weigh_classes(counts: Tensor, power: float) -> Tensor:
    """Counts of the labels (L,) -> their weights (L,), proportional to count ** -power.

    The mean over the counted steps is 1, so that the scale of the loss does not change. A label
    that does not occur gets the weight of one that occurs once: finite, and not zero.
    """
    weights = counts.clamp(min=1).double() ** -power
    total = (counts * weights).sum()
    return (weights * counts.sum() / total if total else torch.ones_like(weights)).float()


def smoothing_loss(logits: Tensor, lengths: Tensor) -> Tensor:
    """Truncated mean squared error of neighbouring steps' log-probabilities; logits (B, T, L).

    As in MS-TCN (Farha & Gall 2019), the gradient moves each step towards the one before, not vice
    versa; the sum over all pairs of real steps is divided by the number of real steps and of
    labels.
    """
    log_probabilities = logits.float().log_softmax(2)
    differences = log_probabilities[:, 1:] - log_probabilities[:, :-1].detach()
    squares = differences.square().clamp(max=MAX_SQUARE)
    padding = padding_mask(lengths, logits.shape[1])[:, 1:]
    total = squares.masked_fill(padding.unsqueeze(2), 0.0).sum()
    return total / (lengths.sum().clamp(min=1) * logits.shape[2])
