"""Pooling: features (B, T, D), zero on padding -> (B, D); zeros for a sequence of no steps."""

from typing import Literal

import torch
from torch import Tensor

from ..recurrent.stack import last_step, padding_mask

# joined names are joined poolings; [last, max, mean] is ULMFiT's (Howard & Ruder 2018)
Pooling = Literal["last", "mean", "max", "max_mean", "last_max_mean", "attention"]


def last_pool(features: Tensor, lengths: Tensor, backward_size: int) -> Tensor:
    """The last step; of the last `backward_size` features, read right to left, the first step."""
    forward = last_step(features, lengths)
    if not backward_size:
        return forward
    first = features[:, 0].masked_fill((lengths == 0).unsqueeze(1), 0.0)
    return torch.cat([forward[:, :-backward_size], first[:, -backward_size:]], 1)


def mean_pool(features: Tensor, lengths: Tensor) -> Tensor:
    """Padding is zero, so the plain sum is that of the real steps, without a masked copy."""
    mean = features.sum(1) / lengths.clamp(min=1).unsqueeze(1)
    return mean.masked_fill((lengths == 0).unsqueeze(1), 0.0)


def max_pool(features: Tensor, lengths: Tensor) -> Tensor:
    # a sum needs no mask of its own for the gradient, and of equal maxima `max` gives the gradient
    # to one: a third of the time of masked_fill and amax on a CPU
    padding = padding_mask(lengths, features.shape[1]).unsqueeze(2)
    lowest = torch.zeros_like(padding, dtype=features.dtype).masked_fill(padding, float("-inf"))
    strongest = (features + lowest).max(1).values
    return strongest.masked_fill((lengths == 0).unsqueeze(1), 0.0)


def attention_pool(features: Tensor, scores: Tensor, lengths: Tensor) -> Tensor:
    """Mean of the steps, weighted by the softmax of their scores (B, T, 1)."""
    empty = (lengths == 0).unsqueeze(1)
    padding = padding_mask(lengths, features.shape[1]) & ~empty  # of -inf alone softmax is nan
    weights = scores.float().masked_fill(padding.unsqueeze(2), float("-inf")).softmax(1)
    return (features * weights.to(features.dtype)).sum(1).masked_fill(empty, 0.0)


def pool(features: Tensor, lengths: Tensor, pooling: Pooling, backward_size: int) -> Tensor:
    """All poolings but attention; (B, D), or (B, 2 D), (B, 3 D) of joined ones."""
    pooled = []
    for name in pooling.split("_"):
        if name == "last":
            pooled.append(last_pool(features, lengths, backward_size))
        else:
            pooled.append({"mean": mean_pool, "max": max_pool}[name](features, lengths))
    return torch.cat(pooled, 1)
