"""encoder -> recurrent -> head:

the network that is trained, shipped in a bundle, exported and run.
"""

from collections.abc import Callable

from torch import Tensor, nn

from .encoders.bag import BagOfTokens
from .encoders.images import Encoder
from .encoders.log_ratios import LabelledTexts
from .heads.labels import Head, SequenceClassificationHead
from .recurrent.stack import RecurrentStack


class SequenceModel(nn.Module):
    """Sizes flow one way: the data's input size into the encoder, each part's output size into the
    next.

    Args:
        input_size: what the encoder must know of the data: pixels high, channels, or words in the
            table.
        num_labels: labels that the head tells apart.
        encoder, recurrent, head: each part, still waiting for its sizes.
        shortcut: a second head straight on the encoder's features, trained along and then dropped:
            it makes the encoder's features speak for themselves (Retsinas et al. 2022, "CTC
            shortcut").
        shortcut_weight: its share in the loss.
        wide: a linear model on the inputs themselves, whose logits are added to the head's (wide &
            deep, Cheng et al. 2016): a bag of words and their runs beside what an LSTM reads in
            their order. Each learns by a loss of its own, so that neither leans on the other.
    """

    def __init__(
        self,
        input_size: int,
        num_labels: int,
        encoder: Callable[[int], Encoder],
        recurrent: Callable[[int], RecurrentStack],
        head: Callable[[int, int], Head],
        shortcut: Callable[[int, int], Head] | None = None,
        shortcut_weight: float = 0.1,
        wide: Callable[[int, int], BagOfTokens] | None = None,
    ):
        super().__init__()
        self.encoder = encoder(input_size)
        self.recurrent = recurrent(self.encoder.output_size)
        self.head = head(self.recurrent.output_size, num_labels)
        self.head.read_after(self.recurrent.backward_size)
        self.shortcut = shortcut(self.encoder.output_size, num_labels) if shortcut else None
        self.shortcut_weight = shortcut_weight
        self.wide = wide(input_size, num_labels) if wide else None
        if self.wide is not None and not isinstance(self.head, SequenceClassificationHead):
            raise ValueError(
                f"wide gives one label for the whole, the head, a {type(self.head).__name__}, does "
                "not; use models.SequenceClassificationHead, or leave wide out"
            )

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """inputs (B, T, ...), lengths (B,) -> the logits and their lengths."""
        features, left = self.encoder(inputs, lengths)
        logits = self.head(self.recurrent(features, left), left)
        if self.wide is not None:
            logits = logits + self.wide(inputs, lengths)
        return logits, left

    def count(self, texts: Callable[[], LabelledTexts]) -> None:
        """Before training: let the parts that count do so. texts: makes an iterator over them."""
        for part in (self.encoder, self.wide, self.head, self.shortcut):
            if hasattr(part, "count"):
                part.count(texts())

    def loss(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> the loss to step on, the logits and their lengths."""
        features, left = self.encoder(inputs, lengths)
        logits = self.head(self.recurrent(features, left), left)
        if self.wide is not None:
            counted = self.wide(inputs, lengths)
            both = logits + counted
            parts = (logits, counted) if self.training else (both,)
            loss = sum(self.head.loss(part, left, targets, target_lengths) for part in parts)
            logits = both
        else:
            loss = self.head.loss(logits, left, targets, target_lengths)
        if self.shortcut is not None and self.training:
            direct = self.shortcut(features, left)
            extra = self.shortcut.loss(direct, left, targets, target_lengths)
            loss = loss + self.shortcut_weight * extra
        return loss, logits, left
