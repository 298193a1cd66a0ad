"""Noise that a recurrent stack learns to bear: locked dropout, dropped weights, zoneout."""

from torch import Tensor
from torch.nn.functional import dropout


def drop(features: Tensor, rate: float, locked: bool, training: bool) -> Tensor:
    """Dropout on (B, T, D); locked: one mask for all steps (Gal & Ghahramani 2016)."""
    if not locked:
        return dropout(features, rate, training)
    return features * dropout(
        features.new_ones(features.shape[0], 1, features.shape[2]), rate, training
    )


def kept_share(like: Tensor, rate: float, training: bool) -> Tensor | float:
    """Zoneout's share of the old state in the new (Krueger et al. 2017).

    In training 1 with probability `rate`, else 0, for each unit; in evaluation its expectation.
    """
    return like.new_empty(like.shape).bernoulli_(rate) if training else rate


def zone_out(new: Tensor, old: Tensor, rate: float, training: bool) -> Tensor:
    """(B, H) of which some units keep their old value."""
    share = kept_share(new, rate, training)
    return share * old + (1 - share) * new
