"""encoder -> recurrent -> head:

the network that is trained, shipped in a bundle, exported and run.
"""

from collections.abc import Callable

from torch import Tensor, nn

from .encoders import Encoder
from .heads import Head
from .recurrent import RecurrentStack


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
    ):
        super().__init__()
        self.encoder = encoder(input_size)
        self.recurrent = recurrent(self.encoder.output_size)
        self.head = head(self.recurrent.output_size, num_labels)
        self.head.backward_size = self.recurrent.backward_size
        self.shortcut = shortcut(self.encoder.output_size, num_labels) if shortcut else None
        self.shortcut_weight = shortcut_weight

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """inputs (B, T, ...), lengths (B,) -> the head's logits and their lengths."""
        features, lengths = self.encoder(inputs, lengths)
        return self.head(self.recurrent(features, lengths), lengths), lengths

    def loss(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> the loss to step on, the logits and their lengths."""
        features, lengths = self.encoder(inputs, lengths)
        logits = self.head(self.recurrent(features, lengths), lengths)
        loss = self.head.loss(logits, lengths, targets, target_lengths)
        if self.shortcut is not None and self.training:
            direct = self.shortcut(features, lengths)
            extra = self.shortcut.loss(direct, lengths, targets, target_lengths)
            loss = loss + self.shortcut_weight * extra
        return loss, logits, lengths
