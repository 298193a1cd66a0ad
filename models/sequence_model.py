"""The complete network, encoder -> recurrent core -> head: what is trained, bundled, exported and
run.
"""

from collections.abc import Callable

from torch import Tensor, nn

from .encoders.bag import BagOfTokens
from .encoders.evidence import TokenEvidence
from .encoders.images import Encoder
from .encoders.log_ratios import LabelledTexts, LogRatios
from .heads.labels import Head, SequenceClassificationHead
from .recurrent.stack import RecurrentStack

WIDE_RATIOS = "wide.ratios.whole"


class SequenceModel(nn.Module):
    """Inputs (B, T, ...) and lengths (B,) -> logits, through encoder, recurrent core and head.

    Args:
        encoder, recurrent, head: the parts in this order; each takes as many features as the one
            before gives.
        shortcut: an auxiliary head on the encoder's features, used in training only: it makes the
            encoder learn features that are useful without the recurrent core (Retsinas et al. 2022,
            "CTC shortcut").
        shortcut_weight: weight of the auxiliary loss.
        wide: a linear model on the inputs themselves, whose logits are added to the head's (wide &
            deep, Cheng et al. 2016): a bag of words and n-grams beside what an LSTM reads in order.
            Each is trained by a loss of its own, so that neither depends on the other.
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
        """Inputs (B, T, ...) and lengths (B,) -> the logits and their lengths."""
        features, steps = self.encoder(inputs, lengths)
        logits = self.head(self.recurrent(features, steps), steps)
        if self.wide is not None:
            logits = logits + self.wide(inputs, lengths)
        return logits, steps

    def count(self, texts: Callable[[], LabelledTexts]) -> None:
        """Collect the training statistics of the parts that need them, before training.

        texts: returns a new iterator over the labelled training samples.
        """
        for part in (self.encoder, self.wide, self.head, self.shortcut):
            if hasattr(part, "count"):
                part.count(texts())

    def keep_ratios(self) -> None:
        """Let `count` leave log-ratios as they were loaded: fine-tuning on a few other texts."""
        for module in self.modules():
            if isinstance(module, LogRatios):
                module.kept = True

    def without_copies(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict without the shared log-ratios that older versions stored twice."""
        shared = self.wide is not None and self.wide.ratios is None
        return {k: w for k, w in weights.items() if not (shared and k.endswith(WIDE_RATIOS))}

    def loss(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the training loss, the logits and their lengths."""
        features, steps = self.encoder(inputs, lengths)
        logits = self.head(self.recurrent(features, steps), steps)
        separate = [logits]  # each with a loss of its own in training
        if self.wide is not None:
            separate.append(self.wide(inputs, lengths))
            logits = logits + separate[1]
        terms = separate if self.training else [logits]
        loss = sum(self.head.loss(term, steps, targets, target_lengths) for term in terms)
        if self.shortcut is not None and self.training:
            auxiliary = self.shortcut(features, steps)
            auxiliary_loss = self.shortcut.loss(auxiliary, steps, targets, target_lengths)
            loss = loss + self.shortcut_weight * auxiliary_loss
        return loss, logits, steps
