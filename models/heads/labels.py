"""Heads: features (B, T, D) -> logits, the loss against targets, and what the logits say."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..encoders.log_ratios import LabelledTexts
from ..recurrent.stack import MIXED
from .pooling import Pooling, attention_pool, pool
from .step_losses import smoothing_loss, weigh_classes

IGNORED = -100


class Text(NamedTuple):
    """A string.

    ids: its labels. confidences: each label's best probability. steps: (first, last) of each.
    confidence: of the best path, the product of all steps' best probabilities. alternatives: of a
    search, if asked for: strings with their shares of its score, the best (this one) first.
    """

    ids: list[int]
    confidences: list[float]
    steps: list[tuple[int, int]]
    confidence: float
    alternatives: Sequence[tuple[list[int], float]] = ()


class Label(NamedTuple):
    """One label for the whole sequence."""

    id: int
    confidence: float


class StepLabels(NamedTuple):
    """The labels of each step (one, or with multi-label heads any number) and their probability."""

    ids: list[list[int]]
    confidences: list[float]


class Head(nn.Module):
    """(features (B, T, D), lengths (B,)) -> logits; `loss` and `decode` take these logits.

    features: zero on padding. backward_size: how many of the last features were read right to
    left, -1 where both directions are mixed; `SequenceModel` tells it by `read_after`.
    context, lookahead: earlier and later steps' features that a step's logits depend on, of heads
    that label steps: who reads a stream must show them again, and wait for them.
    Every constructor argument is kept as an attribute of the same name, for the bundle.
    """

    backward_size: int = 0
    context: int = 0
    lookahead: int = 0

    def __init__(self, input_size: int, num_labels: int):
        super().__init__()
        self.input_size, self.num_labels = input_size, num_labels

    def read_after(self, backward_size: int) -> None:
        """Learn how the features are read. Raises ValueError if this head cannot use them."""
        self.backward_size = backward_size

    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> Tensor: ...

    @abstractmethod
    def loss(
        self, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor: ...

    @abstractmethod
    def decode(self, logits: Tensor, lengths: Tensor) -> list: ...

    def required_steps(self, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """(B,) steps that a sequence must have to carry its target; fewer can't be trained on."""
        return torch.ones_like(target_lengths)


class SequenceClassificationHead(Head):
    """One label for the whole sequence: pool the steps, then a linear layer. logits (B,
    num_labels).

    Args:
        pooling: `last` joins the last forward and the first backward step, so both have read
            everything; `attention` weights the steps by a learned score; `max_mean` and
            `last_max_mean` join several. Padding takes no part in any.
        dropout: on the pooled features, in training.
        label_smoothing: probability spread over the other labels in the loss.
    """

    def __init__(
        self,
        input_size: int,
        num_labels: int,
        pooling: Pooling = "last",
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
    ):
        super().__init__(input_size, num_labels)
        self.pooling, self.dropout, self.label_smoothing = pooling, dropout, label_smoothing
        self.score = nn.Linear(input_size, 1) if pooling == "attention" else None
        self.linear = nn.Linear(input_size * len(pooling.split("_")), num_labels)

    def read_after(self, backward_size: int) -> None:
        if backward_size == MIXED and "last" in self.pooling:
            raise ValueError(
                f"pooling '{self.pooling}' needs the last step of each direction, but this "
                "recurrent stack merges both into the same features; merge by concat, or choose "
                "pooling mean, max, max_mean or attention"
            )
        super().read_after(backward_size)

    def pool(self, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, D) -> (B, D), or D of each joined pooling; zeros for a sequence of no steps."""
        if self.score is not None:
            return attention_pool(features, self.score(features), lengths)
        return pool(features, lengths, self.pooling, self.backward_size)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        if not features.shape[1]:  # a batch of empty sequences still gets an answer: the bias
            features = features.new_zeros(features.shape[0], 1, self.input_size)
        pooled = self.pool(features, lengths)
        return self.linear(nn.functional.dropout(pooled, self.dropout, self.training))

    def loss(
        self, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor:
        return nn.functional.cross_entropy(
            logits.float(), targets, label_smoothing=self.label_smoothing
        )

    def required_steps(self, targets: Tensor, target_lengths: Tensor) -> Tensor:
        return torch.zeros_like(target_lengths)

    def decode(self, logits: Tensor, lengths: Tensor) -> list[Label]:
        best, ids = logits.float().softmax(1).max(1)
        return [Label(i, p) for i, p in zip(ids.tolist(), best.tolist(), strict=True)]


class TokenClassificationHead(Head):
    """A label for every step, or with `multi_label` any number of them. logits (B, T, num_labels).

    Targets (B, T), or (B, T, num_labels) of 0 and 1 if multi-label; -100 is not counted.

    Args:
        dropout: on the features, in training.
        label_smoothing: probability spread over the other labels in the loss (single label only).
        class_weight_power: in training, each step's loss counts in proportion to (steps of its
            label in the training data) ** -power: 0 all alike, 1 all labels alike, 0.5 between.
            The mean weight is 1. Single label only.
        smoothing: weight in the loss of `smoothing_loss`, which calms labels that flicker; MS-TCN's
            is 0.15 (Farha & Gall 2019). It takes unlabelled steps too. Single label only.
    """

    def __init__(
        self,
        input_size: int,
        num_labels: int,
        multi_label: bool = False,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        class_weight_power: float = 0.0,
        smoothing: float = 0.0,
    ):
        super().__init__(input_size, num_labels)
        self.multi_label, self.dropout = multi_label, dropout
        self.label_smoothing, self.smoothing = label_smoothing, smoothing
        self.class_weight_power = class_weight_power
        for option in ("label_smoothing", "class_weight_power", "smoothing"):
            if multi_label and getattr(self, option):
                raise ValueError(f"{option} works with single labels only; set it to 0")
            if getattr(self, option) < 0:
                raise ValueError(f"{option} {getattr(self, option)}: give 0 (none) or more")
        # for training only, so no part of the weights, and counted anew when one is resumed: (L,)
        self.class_weights: Tensor | None = None
        self.linear = nn.Linear(input_size, num_labels)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.linear(nn.functional.dropout(features, self.dropout, self.training))

    def required_steps(self, targets: Tensor, target_lengths: Tensor) -> Tensor:
        return target_lengths

    def count(self, texts: LabelledTexts) -> None:
        """Count the labels of the training steps, before training; nothing is read in vain."""
        if not self.class_weight_power:
            return
        counts = torch.zeros(self.num_labels, dtype=torch.int64)
        for _, _, targets, _ in texts:
            labelled = targets[targets != IGNORED].cpu()
            counts += torch.bincount(labelled, minlength=self.num_labels)
        weights = weigh_classes(counts, self.class_weight_power)
        self.class_weights = weights.to(self.linear.weight.device)

    def loss(
        self, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """Mean over the labelled steps. Zero, with a gradient of zero, if no step is labelled."""
        unequal = (lengths != target_lengths).nonzero().flatten().tolist()
        if unequal:
            at = unequal[0]
            raise ValueError(
                f"sample {at} of the batch has {int(target_lengths[at])} labels for "
                f"{int(lengths[at])} steps; label every step, or use an encoder that keeps them"
            )
        counted = targets != IGNORED
        logits = logits.float()
        if self.multi_label:
            losses = nn.functional.binary_cross_entropy_with_logits(
                logits, targets.clamp(min=0).float(), reduction="none"
            )
            return losses.masked_fill(~counted, 0.0).sum() / counted.sum().clamp(min=1)
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none",
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        if self.training and self.class_weights is not None:
            losses = losses * self.class_weights.to(losses.device)[targets.flatten().clamp(min=0)]
        loss = losses.sum() / counted.sum().clamp(min=1)
        if self.smoothing:
            loss = loss + self.smoothing * smoothing_loss(logits, lengths)
        return loss

    def decode(self, logits: Tensor, lengths: Tensor) -> list[StepLabels]:
        if self.multi_label:
            probabilities = logits.float().sigmoid()
            best = torch.maximum(probabilities, 1 - probabilities).amin(2)
            chosen = (probabilities > 0.5).tolist()
            ids = [[[i for i, on in enumerate(step) if on] for step in row] for row in chosen]
        else:
            best, single = logits.float().softmax(2).max(2)
            ids = [[[i] for i in row] for row in single.tolist()]
        rows = zip(ids, best.tolist(), lengths.tolist(), strict=True)
        return [StepLabels(row[:n], p[:n]) for row, p, n in rows]
