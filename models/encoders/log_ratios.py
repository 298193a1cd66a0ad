"""What each token speaks for: naive Bayes log-count ratios, counted on labelled texts."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..recurrent.stack import padding_mask

# inputs (B, T[, N]), lengths (B,), targets (B,) and the group of each text (B,), as numbers
LabelledTexts = Iterable[tuple[Tensor, Tensor, Tensor, Tensor]]


def distinct_ids(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Ids (B, T) or (B, T, N) -> those of each text once, in order, (B, M); elsewhere 0."""
    ended = padding_mask(lengths, inputs.shape[1])
    if inputs.ndim == 3:
        ended = ended.unsqueeze(2)
    ids = inputs.masked_fill(ended, 0).flatten(1).sort(1).values
    again = torch.zeros_like(ids, dtype=torch.bool)
    again[:, 1:] = ids[:, 1:] == ids[:, :-1]
    return ids.masked_fill(again, 0)


def fingerprint(ids: Tensor) -> Tensor:
    """`distinct` ids (B, M) -> (B,) a number that tells one text from another."""
    return (ids * ids).sum(1) * 1_000_003 + ids.sum(1)


def log_ratios(counts: Tensor) -> Tensor:
    """Texts that hold each id, (..., num_labels, size) -> log of: an id's share in the texts of a
    label (each count plus 1) over its share in those of all other labels (Wang & Manning 2012).
    0 for id 0, which is nothing.
    """
    counts = counts + 1.0
    counts[..., 0] = 0.0
    others = counts.sum(-2, keepdim=True) - counts
    shares = counts / counts.sum(-1, keepdim=True), others / others.sum(-1, keepdim=True)
    ratios = shares[0].log() - shares[1].log()
    ratios[..., 0] = 0.0
    return ratios


class LogRatios(nn.Module):
    """ratio[id, label] of all training texts; for a training text itself, of all others.

    A run of words that occurs in one film's reviews only would give their label away. So each group
    is put into a fold, and in training a text gets the ratios that were counted without its fold:
    as unsure as those of a new text. Only the ratios of all texts are kept in a bundle.

    Args:
        size: ids there are.
        num_labels: labels of the texts.
        folds: parts of the training texts.
    """

    def __init__(self, size: int, num_labels: int, folds: int = 8):
        super().__init__()
        if num_labels < 2 or folds < 2:
            raise ValueError(f"num_labels {num_labels}, folds {folds}: give at least 2 of each")
        self.size, self.num_labels, self.folds = size, num_labels, folds
        self.register_buffer("whole", torch.zeros(size, num_labels))
        # for training only, so no part of the weights, and counted anew when a training is resumed:
        # ratios without each fold (folds, size, labels); fingerprints of the texts, and their folds
        self.elsewhere: Tensor | None = None
        self.known: Tensor | None = None
        self.fold: Tensor | None = None

    def count(self, texts: LabelledTexts) -> None:
        counts = torch.zeros(self.folds * self.num_labels, self.size, dtype=torch.float64)
        known, folds = [], []
        for inputs, lengths, targets, groups in texts:
            ids = distinct_ids(inputs, lengths)
            known.append(fingerprint(ids))
            folds.append(groups % self.folds)
            place = folds[-1] * self.num_labels + targets
            for row in place.unique().tolist():
                counts[row] += torch.bincount(ids[place == row].flatten(), minlength=self.size)
        counts = counts.view(self.folds, self.num_labels, self.size)
        total = counts.sum(0)
        device = self.whole.device
        self.whole.copy_(log_ratios(total).T)
        self.elsewhere = log_ratios(total - counts).transpose(1, 2).to(self.whole)
        self.known, order = torch.cat(known).to(device).sort()
        self.fold = torch.cat(folds).to(device)[order]

    def forward(self, ids: Tensor, text: Tensor) -> Tensor:
        """ids (B, ...) of texts that are known by their `distinct` ids (B, M) -> (B, ..., labels).

        In training a text that was not counted gets the ratios of all.
        """
        if not self.training or self.elsewhere is None:
            return self.whole[ids]
        key = fingerprint(text)
        place = torch.searchsorted(self.known, key).clamp(max=len(self.known) - 1)
        fold = self.fold[place].view(-1, *[1] * (ids.ndim - 1))
        new = (self.known[place] != key).view(-1, *[1] * ids.ndim)
        return torch.where(new, self.whole[ids], self.elsewhere[fold, ids])
