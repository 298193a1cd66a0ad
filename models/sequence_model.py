"""encoder -> recurrent -> head:

the network that is trained, shipped in a bundle, exported and run.
"""

from collections.abc import Callable

from torch import Tensor, nn

from .encoders.bag import BagOfTokens
from .encoders.evidence import TokenEvidence
from .encoders.images import Encoder
from .encoders.log_ratios import LabelledTexts
from .heads.labels import Head, SequenceClassificationHead
from .recurrent.stack import RecurrentStack

WIDE_RATIOS = "wide.ratios.whole"


class SequenceModel(nn.Module):
    """Inputs (B, T, ...) and lengths (B,) -> logits, by three parts one after the other.

    Args:
        encoder, recurrent, head: each part takes as many features as the one before gives.
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
        encoder: Encoder,
        recurrent: RecurrentStack,
        head: Head,
        shortcut: Head | None = None,
        shortcut_weight: float = 0.1,
        wide: BagOfTokens | None = None,
    ):
        super().__init__()
        if wide is not None and not isinstance(head, SequenceClassificationHead):
            raise ValueError(
                f"wide gives one label for the whole, the head, a {type(head).__name__}, does "
                "not; use models.SequenceClassificationHead, or leave wide out"
            )
        self.encoder, self.recurrent, self.head = encoder, recurrent, head
        self.head.read_after(recurrent.backward_size)
        self.shortcut, self.shortcut_weight = shortcut, shortcut_weight
        self.wide = wide
        if isinstance(encoder, TokenEvidence) and wide is not None:
            wide.share(encoder.ratios)

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

    def without_copies(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict without what older versions kept twice: the ratios of a shared count."""
        copied = self.wide is not None and self.wide.ratios is None
        return {k: w for k, w in weights.items() if not (copied and k.endswith(WIDE_RATIOS))}

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
