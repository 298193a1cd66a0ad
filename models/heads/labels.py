"""Base class of the heads, and heads for one label per sequence or a label for every step."""

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
    """A decoded string.

    ids: its labels. confidences: the highest probability of each label. steps: (first, last) step
    of each. confidence: probability of the best path, the product of the highest probabilities of
    all steps. alternatives: of a beam search, if requested: strings with their shares of the total
    score, best (this one) first.
    """

    ids: list[int]
    confidences: list[float]
    steps: list[tuple[int, int]]
    confidence: float
    alternatives: Sequence[tuple[list[int], float]] = ()


class Label(NamedTuple):
    """The label predicted for a whole sequence."""

    id: int
    confidence: float


class StepLabels(NamedTuple):
    """The labels predicted for each step, and their probability.

    One label a step, or any number from multi-label heads.
    """

    ids: list[list[int]]
    confidences: list[float]


class Head(nn.Module):
    """Features (B, T, D) and lengths (B,) -> logits; `loss` and `decode` take these logits.

    features: zero on padding. backward_size: how many of the last features were read right to left,
    -1 where both directions are mixed; set by `SequenceModel` through `read_after`. context,
    lookahead: of heads that label steps, the number of earlier and later steps whose features a
    step's logits depend on: code that reads a stream must repeat and await them. Every constructor
    argument is kept as an attribute of the same name, for the bundle.
    """

    backward_size: int = 0
    context: int = 0
    lookahead: int = 0

    def __init__(self, input_size: int, num_labels: int):
        super().__init__()
        self.input_size, self.num_labels = input_size, num_labels

    def read_after(self, backward_size: int) -> None:
        """Set how the features were read. Raises ValueError if this head cannot use them."""
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
        """Minimum number of steps (B,) with which a sequence can be trained on its target."""
        return torch.ones_like(target_lengths)


class SequenceClassificationHead(Head):
    """One label per sequence: pooling over the steps and a linear layer. Logits (B, num_labels).

    Args:
        pooling: `last` joins the last forward and the first backward step, which have both seen the
            whole sequence; `attention` weights the steps by a learned score; `max_mean` and
            `last_max_mean` concatenate several. Padding is ignored.
        dropout: on the pooled features, in training.
        label_smoothing: probability distributed over the other labels in the loss.
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
        """(B, T, D) -> (B, D), or a multiple of D for joined poolings; 0 for an empty sequence."""
        if self.score is not None:
            return attention_pool(features, self.score(features), lengths)
        return pool(features, lengths, self.pooling, self.backward_size)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        if not features.shape[1]:  # empty sequences get the logits of zero features: the bias
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
    """A label for every step, or with `multi_label` any number of them. Logits (B, T, num_labels).

    Targets (B, T), or (B, T, num_labels) of 0 and 1 if multi-label; -100 is ignored.

    Args:
        dropout: on the features, in training.
        label_smoothing: probability distributed over the other labels in the loss (single label
            only).
        class_weight_power: in training, each step's loss is weighted by (number of steps with its
            label in the training data) ** -power: 0 weights all steps equally, 1 all labels
            equally, 0.5 is in between. The mean weight is 1. Single label only.
        smoothing: weight in the loss of `smoothing_loss`, which penalises rapidly changing labels;
            MS-TCN uses 0.15 (Farha & Gall 2019). It includes unlabelled steps. Single label only.
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
        # (L,) used in training only, hence not saved, and recomputed when a training is resumed
        self.class_weights: Tensor | None = None
        self.linear = nn.Linear(input_size, num_labels)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.linear(nn.functional.dropout(features, self.dropout, self.training))

    def required_steps(self, targets: Tensor, target_lengths: Tensor) -> Tensor:
        return target_lengths

    def count(self, texts: LabelledTexts) -> None:
        """Compute the class weights, if any, from the training samples."""
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
        """Mean over the labelled steps; zero, with zero gradients, if no step is labelled.

        Raises ValueError if the number of labels of a sample is not its number of steps, and for
        targets of several labels a step if the head gives one, or the other way.
        """
        if (targets.dim() == 3) != self.multi_label:
            found = "several labels" if targets.dim() == 3 else "one label"
            raise ValueError(
                f"the head has multi_label={self.multi_label}, but the data has {found} a step; "
                "set multi_label alike in the head and in the data's source"
            )
        unequal = (lengths != target_lengths).nonzero().flatten().tolist()
        if unequal:
            first = unequal[0]
            raise ValueError(
                f"sample {first} of the batch has {int(target_lengths[first])} labels for "
                f"{int(lengths[first])} steps; label every step, or use an encoder that keeps them"
            )
        labelled = targets != IGNORED
        logits = logits.float()
        if self.multi_label:
            losses = nn.functional.binary_cross_entropy_with_logits(
                logits, targets.clamp(min=0).float(), reduction="none"
            )
            return losses.masked_fill(~labelled, 0.0).sum() / labelled.sum().clamp(min=1)
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none",
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        if self.training and self.class_weights is not None:
            losses = losses * self.class_weights.to(losses.device)[targets.flatten().clamp(min=0)]
        loss = losses.sum() / labelled.sum().clamp(min=1)
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
