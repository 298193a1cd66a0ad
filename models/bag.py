"""A linear model beside the network: which tokens a text holds, and what they speak for."""

import torch
from torch import Tensor, nn

from .log_ratios import LabelledTexts, LogRatios, distinct


class BagOfTokens(nn.Module):
    """Ids (B, T) or (B, T, N) -> logits (B, num_labels). Each id counts once, in whatever order.

    The evidence of an id is its log-ratio (see `LogRatios`). It is weighed twice: `weighed` has a
    trained weight for each id and a loss of its own; what speaks for no label hardly moves there,
    however rare it is. `summed` has one weight for each run length, trained together with the
    network beside it.

    Args:
        input_size: ids there are; id 0 is nothing.
        num_labels: labels to tell apart.
        runs: N, ids a step.
        initial_weight: of every id before training, that is naive Bayes, toned down.
        scale: of the trained numbers against the weights: how fast these are learned.
        folds: parts of the training texts; what `summed` sees in training is counted on the others.
    """

    def __init__(
        self,
        input_size: int,
        num_labels: int,
        runs: int = 1,
        initial_weight: float = 0.01,
        scale: float = 0.3,
        folds: int = 8,
    ):
        super().__init__()
        self.input_size, self.num_labels, self.runs = input_size, num_labels, runs
        self.initial_weight, self.scale, self.folds = initial_weight, scale, folds
        self.ratios = LogRatios(input_size, num_labels, folds)
        self.table = nn.Embedding(input_size, 1, padding_idx=0)
        with torch.no_grad():
            self.table.weight.fill_(initial_weight / scale)
        self.trust = nn.Parameter(torch.full((runs,), 0.1))
        self.bias = nn.Parameter(torch.zeros(2, num_labels))

    def count(self, texts: LabelledTexts) -> None:
        """Count the training texts, before training."""
        self.ratios.count(texts)

    def weighed(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        ids = distinct(inputs, lengths)
        return (self.scale * self.table(ids) * self.ratios.whole[ids]).sum(1) + self.bias[0]

    def summed(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        columns = inputs.unsqueeze(2) if inputs.ndim == 2 else inputs
        if columns.shape[2] != self.runs:
            raise ValueError(
                f"{columns.shape[2]} ids a step, but the bag has runs: {self.runs}; give both the "
                "same number (data.source.ngrams)"
            )
        logits, text = self.bias[1].expand(len(inputs), -1), distinct(inputs, lengths)
        for trust, column in zip(self.trust, columns.unbind(2), strict=True):
            logits = logits + trust * self.ratios(distinct(column, lengths), text).sum(1)
        return logits

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return self.weighed(inputs, lengths) + self.summed(inputs, lengths)
