"""Pooling: features (B, T, D), zero on padding -> (B, D); zeros for an empty sequence."""

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from ..recurrent.layer import last_step, padding_mask

# names joined by _ are concatenated; last, max and mean are ULMFiT's (Howard & Ruder 2018)
Pooling = Literal["last", "mean", "max", "max_mean", "last_max_mean", "attention"]


def last_pool(features: Tensor, lengths: Tensor, backward_size: int) -> Tensor:
    """The last step; for the last `backward_size` features, read right to left, the first step."""
    last = last_step(features, lengths)
    if not backward_size:
        return last
    first = features[:, 0].masked_fill((lengths == 0).unsqueeze(1), 0.0)
    return torch.cat([last[:, :-backward_size], first[:, -backward_size:]], 1)


def mean_pool(features: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the real steps: padding is zero, so the plain sum needs no mask."""
    mean = features.sum(1) / lengths.clamp(min=1).unsqueeze(1)
    return mean.masked_fill((lengths == 0).unsqueeze(1), 0.0)


def max_pool(features: Tensor, lengths: Tensor) -> Tensor:
    """Maximum over the real steps."""
    # an additive mask needs no mask in the backward pass, and `max` gives the gradient to one of
    # several equal maxima: a third of the time of masked_fill and amax on a CPU
    padding = padding_mask(lengths, features.shape[1]).unsqueeze(2)
    offsets = torch.zeros_like(padding, dtype=features.dtype).masked_fill(padding, float("-inf"))
    maxima = (features + offsets).max(1).values
    return maxima.masked_fill((lengths == 0).unsqueeze(1), 0.0)


def attention_pool(features: Tensor, scores: Tensor, lengths: Tensor) -> Tensor:
    """Mean of the steps, weighted by the softmax of their scores (B, T, 1)."""
    empty = (lengths == 0).unsqueeze(1)
    padding = padding_mask(lengths, features.shape[1]) & ~empty  # softmax of -inf alone is nan
    weights = scores.float().masked_fill(padding.unsqueeze(2), float("-inf")).softmax(1)
    return (features * weights.to(features.dtype)).sum(1).masked_fill(empty, 0.0)


def pool(features: Tensor, lengths: Tensor, pooling: Pooling, backward_size: int) -> Tensor:
    """All poolings except attention -> (B, D), or (B, 2 D), (B, 3 D) for concatenated ones."""
    last = partial(last_pool, backward_size=backward_size)
    pools = {"last": last, "mean": mean_pool, "max": max_pool}
    return torch.cat([pools[name](features, lengths) for name in pooling.split("_")], 1)
