"""A string from a longer sequence of features: connectionist temporal classification."""

from torch import Tensor, nn

from ..recurrent.stack import padding_mask
from .labels import IGNORED, Head, Text


class CTCHead(Head):
    """A string, shorter than the sequence: connectionist temporal classification (Graves et al.
    2006).

    logits (B, T, num_labels + 1); the blank is the last class, `num_labels`.
    """

    def __init__(self, input_size: int, num_labels: int, dropout: float = 0.0):
        super().__init__(input_size, num_labels)
        self.dropout, self.blank = dropout, num_labels
        self.linear = nn.Linear(input_size, num_labels + 1)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.linear(nn.functional.dropout(features, self.dropout, self.training))

    def required_steps(self, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """One step a symbol, and one blank between equal neighbours."""
        if targets.shape[1] < 2:
            return target_lengths
        repeats = (targets[:, 1:] == targets[:, :-1]) & (targets[:, 1:] != IGNORED)
        return target_lengths + repeats.sum(1)

    def loss(
        self, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """Mean over samples of -log p(string), a symbol.

        Raises ValueError for a string that cannot fit.
        """
        required = self.required_steps(targets, target_lengths)
        short = (required > lengths).nonzero().flatten().tolist()
        if short:
            at = short[0]
            raise ValueError(
                f"{len(short)} transcripts do not fit; the first, sample {at} of the batch, needs "
                f"{int(required[at])} steps but the encoder leaves {int(lengths[at])}: "
                "widen the image or pool less"
            )
        if not logits.shape[1]:  # only empty sequences; torch needs a step of padding
            logits = nn.functional.pad(logits, (0, 0, 0, 1))
        log_probabilities = logits.float().log_softmax(2).transpose(0, 1)  # (T, B, labels)
        losses = nn.functional.ctc_loss(
            log_probabilities, targets, lengths, target_lengths, self.blank, reduction="none"
        )
        return (losses / target_lengths.clamp(min=1)).mean()

    def decode(self, logits: Tensor, lengths: Tensor) -> list[Text]:
        """Greedy: best class a step (of equal ones the lowest), repeats merged, blanks dropped."""
        best, ids = logits.float().softmax(2).max(2)  # (B, T)
        best = best.masked_fill(padding_mask(lengths, best.shape[1]), 1.0)
        whole = best.log().sum(1).exp().tolist()
        rows = zip(ids.tolist(), best.tolist(), lengths.tolist(), whole, strict=True)
        return [self._collapse(row[:n], p[:n], sure) for row, p, n, sure in rows]

    def _collapse(self, row: list[int], best: list[float], whole: float) -> Text:
        ids, confidences, steps = [], [], []
        previous = self.blank
        for step, (symbol, probability) in enumerate(zip(row, best, strict=True)):
            if symbol != self.blank and symbol == previous:
                confidences[-1] = max(confidences[-1], probability)
                steps[-1] = (steps[-1][0], step)
            elif symbol != self.blank:
                ids.append(symbol)
                confidences.append(probability)
                steps.append((step, step))
            previous = symbol
        return Text(ids, confidences, steps, whole)
