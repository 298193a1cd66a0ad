"""Regularisation of recurrent layers: dropout with one mask for all steps, and zoneout."""

from torch import Tensor
from torch.nn.functional import dropout


def drop(features: Tensor, rate: float, locked: bool, training: bool) -> Tensor:
    """Dropout on (B, T, D); locked: one mask for all steps (Gal & Ghahramani 2016)."""
    if not locked:
        return dropout(features, rate, training)
    mask = features.new_ones(features.shape[0], 1, features.shape[2])
    return features * dropout(mask, rate, training)


def kept_share(like: Tensor, rate: float, training: bool) -> Tensor | float:
    """Zoneout's share of the old state in the new one (Krueger et al. 2017).

    In training 1 with probability `rate`, else 0, for each unit; in evaluation its expectation
    `rate`.
    """
    return like.new_empty(like.shape).bernoulli_(rate) if training else rate


def zone_out(new: Tensor, old: Tensor, rate: float, training: bool) -> Tensor:
    """Zoneout of a state (B, H): some units keep their old value."""
    share = kept_share(new, rate, training)
    return share * old + (1 - share) * new
