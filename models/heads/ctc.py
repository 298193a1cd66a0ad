"""Connectionist temporal classification (CTC): a string from a longer sequence of features."""

from itertools import groupby

import torch
from torch import Tensor, nn

from ..recurrent.layer import padding_mask
from .labels import IGNORED, Head, Text


class CTCHead(Head):
    """Connectionist temporal classification (Graves et al. 2006): a string shorter than the input.

    Logits (B, T, num_labels + 1); the blank is the last class, `num_labels`. Targets may hold, from
    num_labels + 1 on, places in `pairs`: either of two labels is right there, at each step.
    """

    def __init__(self, input_size: int, num_labels: int, dropout: float = 0.0):
        super().__init__(input_size, num_labels)
        self.dropout, self.blank = dropout, num_labels
        self.linear = nn.Linear(input_size, num_labels + 1)
        self.register_buffer("pairs", None, persistent=False)  # (P, 2) labels

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.linear(nn.functional.dropout(features, self.dropout, self.training))

    def required_steps(self, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """One step per symbol, and one blank between equal neighbours."""
        if targets.shape[1] < 2:
            return target_lengths
        repeats = (targets[:, 1:] == targets[:, :-1]) & (targets[:, 1:] != IGNORED)
        return target_lengths + repeats.sum(1)

    def loss(
        self, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """Mean over samples of -log p(string) divided by its number of symbols.

        Raises ValueError for a string that cannot fit into its steps.
        """
        required = self.required_steps(targets, target_lengths)
        short = (required > lengths).nonzero().flatten().tolist()
        if short:
            i = short[0]
            raise ValueError(
                f"{len(short)} transcripts do not fit; the first, sample {i} of the batch, needs "
                f"{int(required[i])} steps but the encoder leaves {int(lengths[i])}: "
                "widen the image or pool less"
            )
        if not logits.shape[1]:  # all sequences are empty, but ctc_loss needs a step
            logits = nn.functional.pad(logits, (0, 0, 0, 1))
        log_probabilities = logits.float().log_softmax(2).transpose(0, 1)  # (T, B, labels)
        if self.pairs is not None and (targets > self.blank).any():
            either = torch.logaddexp(*(log_probabilities[..., ids] for ids in self.pairs.T))
            log_probabilities = torch.cat([log_probabilities, either], 2)
        losses = nn.functional.ctc_loss(
            log_probabilities, targets, lengths, target_lengths, self.blank, reduction="none"
        )
        return (losses / target_lengths.clamp(min=1)).mean()

    def decode(self, logits: Tensor, lengths: Tensor) -> list[Text]:
        """Greedy decoding: take the best class of each step, merge repeats, drop blanks."""
        best, ids = logits.float().softmax(2).max(2)  # (B, T); of equal classes the lowest
        best = best.masked_fill(padding_mask(lengths, best.shape[1]), 1.0)
        confidences = best.log().sum(1).exp().tolist()
        rows = zip(ids.tolist(), best.tolist(), lengths.tolist(), confidences, strict=True)
        return [self._collapse(row[:n], p[:n], confidence) for row, p, n, confidence in rows]

    def _collapse(self, row: list[int], best: list[float], confidence: float) -> Text:
        """Merge repeats and drop blanks of the best class and its probability of each step."""
        ids, confidences, steps = [], [], []
        start = 0
        for symbol, run in groupby(row):
            end = start + len(list(run))
            if symbol != self.blank:
                ids.append(symbol)
                confidences.append(max(best[start:end]))
                steps.append((start, end - 1))
            start = end
        return Text(ids, confidences, steps, confidence)
