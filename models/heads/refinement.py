"""Refinement: labels of steps that are read again, as a whole, and corrected."""

import torch
from torch import Tensor, nn

from ..recurrent.stack import padding_mask
from .labels import TokenClassificationHead


class DilatedLayer(nn.Module):
    """x + a convolution over three steps, `dilation` apart: x's own and its neighbours.

    causal: its own and two earlier ones instead.
    """

    def __init__(self, channels: int, dilation: int, dropout: float, causal: bool):
        super().__init__()
        self.around = (2 * dilation, 0) if causal else (dilation, dilation)
        self.dropout = dropout
        self.conv = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, states: Tensor, padding: Tensor) -> Tensor:
        """(B, C, T), which is zero where padding (B, 1, T) is True, -> the same."""
        seen = torch.relu(self.conv(nn.functional.pad(states, self.around)))
        change = nn.functional.dropout(self.mix(seen), self.dropout, self.training)
        return (states + change).masked_fill(padding, 0.0)  # the next layer reaches over the end


class RefinementStage(nn.Module):
    """Probabilities (B, T, L) -> better logits (B, T, L): dilations 1, 2, 4, ..."""

    def __init__(self, num_labels: int, channels: int, layers: int, dropout: float, causal: bool):
        super().__init__()
        self.enter = nn.Conv1d(num_labels, channels, 1)
        self.layers = nn.ModuleList(
            DilatedLayer(channels, 2**layer, dropout, causal) for layer in range(layers)
        )
        self.leave = nn.Conv1d(channels, num_labels, 1)

    def forward(self, probabilities: Tensor, lengths: Tensor) -> Tensor:
        padding = padding_mask(lengths, probabilities.shape[1]).unsqueeze(1)
        states = self.enter(probabilities.transpose(1, 2)).masked_fill(padding, 0.0)
        for layer in self.layers:
            states = layer(states, padding)
        return self.leave(states).transpose(1, 2)


class RefinedTokenHead(TokenClassificationHead):
    """A label for every step, whose probabilities are then corrected by stages of dilated temporal
    convolutions, each reading those of the stage before: MS-TCN (Farha & Gall 2019), with a
    recurrent stack as its first stage. Mends runs that are cut into pieces.

    Logits (B, T, num_labels) are the last stage's; in training forward gives those of all stages,
    (1 + stages, B, T, num_labels), and the loss is the sum of theirs.

    Args:
        multi_label, label_smoothing, class_weight_power: see `TokenClassificationHead`.
        smoothing: see there; 0.15 is MS-TCN's.
        dropout: on the features, and in the convolutions' layers, in training.
        stages: how often the labels are corrected.
        refinement_channels: of the convolutions.
        refinement_layers: of each stage; n of them see 2**n - 1 steps to either side.
        causal: look at earlier steps only, twice as many (Czempiel et al. 2020, TeCNO), so that a
            stream can be labelled as it comes.
    """

    def __init__(
        self,
        input_size: int,
        num_labels: int,
        multi_label: bool = False,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        class_weight_power: float = 0.0,
        smoothing: float = 0.15,
        stages: int = 3,
        refinement_channels: int = 64,
        refinement_layers: int = 10,
        causal: bool = False,
    ):
        super().__init__(
            input_size,
            num_labels,
            multi_label,
            dropout,
            label_smoothing,
            class_weight_power,
            smoothing,
        )
        if stages < 1 or refinement_layers < 1:
            raise ValueError(
                f"stages {stages}, refinement_layers {refinement_layers}: give at least 1 of each; "
                "without refinement use TokenClassificationHead"
            )
        self.refinement_channels, self.refinement_layers = refinement_channels, refinement_layers
        self.stages, self.causal = stages, causal
        self.refinements = nn.ModuleList(
            RefinementStage(num_labels, refinement_channels, refinement_layers, dropout, causal)
            for _ in range(stages)
        )
        reach = stages * (2**refinement_layers - 1)
        self.context, self.lookahead = (2 * reach, 0) if causal else (reach, reach)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        said = [super().forward(features, lengths)]
        for stage in self.refinements:
            if features.shape[1]:  # a convolution over no steps is an error
                chances = said[-1].sigmoid() if self.multi_label else said[-1].softmax(2)
                said.append(stage(chances, lengths))
            else:
                said.append(said[-1])
        return torch.stack(said) if self.training else said[-1]

    def loss(
        self, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """Of logits (B, T, L), or the sum over stages of (1 + stages, B, T, L)."""
        stages = logits if logits.ndim == 4 else logits.unsqueeze(0)
        plain = super().loss
        return sum(plain(stage, lengths, targets, target_lengths) for stage in stages)
