"""Naive Bayes log-count ratios of tokens, counted on labelled texts."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..recurrent.layer import padding_mask

# inputs (B, T[, N]), lengths (B,), targets (B,) and the group of each text (B,), as numbers
LabelledTexts = Iterable[tuple[Tensor, Tensor, Tensor, Tensor]]


def distinct_ids(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Ids (B, T) or (B, T, N) -> the distinct ids of each text, ascending, (B, M); 0 elsewhere."""
    padding = padding_mask(lengths, inputs.shape[1])
    if inputs.ndim == 3:
        padding = padding.unsqueeze(2)
    ids = inputs.masked_fill(padding, 0).flatten(1).sort(1).values
    repeated = torch.zeros_like(ids, dtype=torch.bool)
    repeated[:, 1:] = ids[:, 1:] == ids[:, :-1]
    return ids.masked_fill(repeated, 0)


def fingerprint(ids: Tensor) -> Tensor:
    """`distinct_ids` (B, M) -> a number per text (B,) that distinguishes it from others."""
    return (ids * ids).sum(1) * 1_000_003 + ids.sum(1)


def log_ratios(counts: Tensor) -> Tensor:
    """Counts of texts that hold each id (..., num_labels, size) -> log-ratios of the same shape.

    The ratio is an id's share among the ids of a label (each count plus 1) over its share among
    those of all other labels (Wang & Manning 2012). 0 for id 0, the padding.
    """
    counts = counts + 1.0
    counts[..., 0] = 0.0
    rest = counts.sum(-2, keepdim=True) - counts
    share, rest_share = (c / c.sum(-1, keepdim=True) for c in (counts, rest))
    ratios = share.log() - rest_share.log()
    ratios[..., 0] = 0.0
    return ratios


class LogRatios(nn.Module):
    """Log-ratios (id, label) of all training texts; for a training text itself, of other folds.

    An n-gram that occurs only in the reviews of one film would reveal their label. So each group is
    assigned to a fold, and in training a text gets the ratios counted without its fold, which are
    as uncertain as those of a new text. Only the ratios of all texts are stored in a bundle.

    Args:
        size: number of ids.
        num_labels: labels of the texts.
        folds: number of parts of the training texts.
    """

    def __init__(self, size: int, num_labels: int, folds: int = 8):
        super().__init__()
        if num_labels < 2 or folds < 2:
            raise ValueError(f"num_labels {num_labels}, folds {folds}: give at least 2 of each")
        self.size, self.num_labels, self.folds = size, num_labels, folds
        self.register_buffer("whole", torch.zeros(size, num_labels))
        # used in training only, hence not saved, and recomputed when a training is resumed:
        # ratios without each fold (folds, size, labels); fingerprints of the texts, and their folds
        self.kept = False  # whether the ratios are those of another training, counted on more texts
        self.elsewhere: Tensor | None = None
        self.known: Tensor | None = None
        self.fold: Tensor | None = None

    def count(self, texts: LabelledTexts) -> None:
        """Count the labelled training texts and compute all ratios, unless they are `kept`."""
        if self.kept:
            return
        counts = torch.zeros(self.folds * self.num_labels, self.size, dtype=torch.float64)
        known, folds = [], []
        for inputs, lengths, targets, groups in texts:
            ids = distinct_ids(inputs, lengths)
            known.append(fingerprint(ids))
            folds.append(groups % self.folds)
            cell = folds[-1] * self.num_labels + targets
            for row in cell.unique().tolist():
                counts[row] += torch.bincount(ids[cell == row].flatten(), minlength=self.size)
        counts = counts.view(self.folds, self.num_labels, self.size)
        total = counts.sum(0)
        device = self.whole.device
        self.whole.copy_(log_ratios(total).T)
        self.elsewhere = log_ratios(total - counts).transpose(1, 2).to(self.whole)
        self.known, order = torch.cat(known).to(device).sort()
        self.fold = torch.cat(folds).to(device)[order]

    def forward(self, ids: Tensor, text: Tensor) -> Tensor:
        """Look up the ratios (B, ..., labels) of ids (B, ...). text: their `distinct_ids` (B, M).

        In training a text that was not counted gets the ratios of all texts.
        """
        if not self.training or self.elsewhere is None:
            return self.whole[ids]
        key = fingerprint(text)
        index = torch.searchsorted(self.known, key).clamp(max=len(self.known) - 1)
        fold = self.fold[index].view(-1, *[1] * (ids.ndim - 1))
        new = (self.known[index] != key).view(-1, *[1] * ids.ndim)
        return torch.where(new, self.whole[ids], self.elsewhere[fold, ids])
