"""A linear model beside the network: which tokens a text holds, and what they speak for."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .recurrent import padding_mask


def distinct(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Ids (B, T) or (B, T, N) -> those of each text once, in order, (B, M); elsewhere 0."""
    ended = padding_mask(lengths, inputs.shape[1])
    if inputs.ndim == 3:
        ended = ended.unsqueeze(2)
    ids = inputs.masked_fill(ended, 0).flatten(1).sort(1).values
    again = torch.zeros_like(ids, dtype=torch.bool)
    again[:, 1:] = ids[:, 1:] == ids[:, :-1]
    return ids.masked_fill(again, 0)


def fold_of(ids: Tensor, folds: int) -> Tensor:
    """`distinct` ids (B, M) -> (B,) a fold for each text, by what is in it."""
    return ids.sum(1) % folds


def count_texts(
    batches: Iterable[tuple[Tensor, Tensor, Tensor]], size: int, num_labels: int, folds: int
) -> Tensor:
    """(folds, num_labels, size): in how many texts of a fold and label each id is."""
    counts = torch.zeros(folds * num_labels, size, dtype=torch.float64)
    for inputs, lengths, targets in batches:
        ids = distinct(inputs, lengths)
        place = fold_of(ids, folds) * num_labels + targets
        for row in place.unique().tolist():
            counts[row] += torch.bincount(ids[place == row].flatten(), minlength=size)
    return counts.view(folds, num_labels, size)


def log_ratios(counts: Tensor) -> Tensor:
    """Counts (..., num_labels, size) -> log of: an id's share in the texts of a label (each count
    plus 1), over its share in those of all other labels. 0 for id 0, which is nothing.
    """
    counts = counts + 1.0
    counts[..., 0] = 0.0
    others = counts.sum(-2, keepdim=True) - counts
    shares = counts / counts.sum(-1, keepdim=True), others / others.sum(-1, keepdim=True)
    ratios = shares[0].log() - shares[1].log()
    ratios[..., 0] = 0.0
    return ratios


class BagOfTokens(nn.Module):
    """Ids (B, T) or (B, T, N) -> logits (B, num_labels). Each id counts once, in whatever order.

    The evidence of an id for a label is its naive Bayes log-count ratio (Wang & Manning 2012),
    counted on the training data. It is weighed twice: `weighed` has a trained weight for each id
    and a loss of its own; what speaks for no label hardly moves there, however rare it is.
    `summed` has one weight for each run length, trained together with the network beside it.

    Args:
        input_size: ids there are; id 0 is nothing.
        num_labels: labels to tell apart.
        runs: N, ids a step.
        initial_weight: of every id before training, that is naive Bayes, toned down.
        scale: of the trained numbers against the weights: how fast these are learned.
        folds: parts of the training texts; in training `summed` sees the ratios that were counted
            without the text's own fold, as unsure as those of new texts.
    """

    def __init__(
        self,
        input_size: int,
        num_labels: int,
        runs: int = 1,
        initial_weight: float = 0.01,
        scale: float = 0.15,
        folds: int = 8,
    ):
        super().__init__()
        if num_labels < 2 or folds < 2:
            raise ValueError(f"num_labels {num_labels}, folds {folds}: give at least 2 of each")
        self.input_size, self.num_labels, self.runs = input_size, num_labels, runs
        self.initial_weight, self.scale, self.folds = initial_weight, scale, folds
        self.table = nn.Embedding(input_size, 1, padding_idx=0)
        with torch.no_grad():
            self.table.weight.fill_(initial_weight / scale)
        self.trust = nn.Parameter(torch.full((runs,), 0.1))
        self.bias = nn.Parameter(torch.zeros(2, num_labels))
        self.register_buffer("ratios", torch.zeros(input_size, num_labels))
        # without the texts of each fold; for training only, and counted anew when it is resumed
        self.register_buffer("elsewhere", torch.zeros(0), persistent=False)

    def count(self, batches: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Set the ratios from labelled texts: batches of inputs, lengths and targets (B,)."""
        counts = count_texts(batches, self.input_size, self.num_labels, self.folds)
        total = counts.sum(0)
        self.ratios.copy_(log_ratios(total).T)
        self.elsewhere = log_ratios(total - counts).transpose(1, 2).to(self.ratios)

    def weighed(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        ids = distinct(inputs, lengths)
        return (self.scale * self.table(ids) * self.ratios[ids]).sum(1) + self.bias[0]

    def summed(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        columns = inputs.unsqueeze(2) if inputs.ndim == 2 else inputs
        if columns.shape[2] != self.runs:
            raise ValueError(
                f"{columns.shape[2]} ids a step, but the bag has runs: {self.runs}; give both the "
                "same number (data.source.ngrams)"
            )
        logits = self.bias[1].expand(len(inputs), -1)
        fold = fold_of(distinct(inputs, lengths), self.folds).unsqueeze(1)
        for trust, column in zip(self.trust, columns.unbind(2), strict=True):
            ids = distinct(column, lengths)
            held_out = self.training and self.elsewhere.numel()
            ratios = self.elsewhere[fold, ids] if held_out else self.ratios[ids]
            logits = logits + trust * ratios.sum(1)
        return logits

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return self.weighed(inputs, lengths) + self.summed(inputs, lengths)
