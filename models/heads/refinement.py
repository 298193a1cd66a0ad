"""Multi-stage refinement of step labels by dilated temporal convolutions (MS-TCN)."""

import torch
from torch import Tensor, nn

from ..recurrent.layer import padding_mask
from .labels import TokenClassificationHead


class DilatedLayer(nn.Module):
    """Residual convolution over three steps `dilation` apart: the step itself and its neighbours.

    causal: the step itself and two earlier ones instead.
    """

    def __init__(self, channels: int, dilation: int, dropout: float, causal: bool):
        super().__init__()
        self.padding = (2 * dilation, 0) if causal else (dilation, dilation)
        self.dropout = dropout
        self.conv = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, states: Tensor, padding: Tensor) -> Tensor:
        """Map (B, C, T), zero where padding (B, 1, T) is True, to the same shape."""
        hidden = torch.relu(self.conv(nn.functional.pad(states, self.padding)))
        residual = nn.functional.dropout(self.mix(hidden), self.dropout, self.training)
        return (states + residual).masked_fill(padding, 0.0)  # the next layer sees padding


class RefinementStage(nn.Module):
    """Probabilities (B, T, L) -> refined logits (B, T, L), with dilations 1, 2, 4, ..."""

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
    """A label for every step, refined by dilated convolutions: MS-TCN (Farha & Gall 2019).

    Each stage reads the probabilities of the stage before; the recurrent stack takes the place of
    the first stage. Reduces over-segmentation. Logits (B, T, num_labels) are the last stage's; in
    training `forward` returns those of all stages, (1 + stages, B, T, num_labels), and the loss is
    the sum of their losses.

    Args:
        multi_label, label_smoothing, class_weight_power: see `TokenClassificationHead`.
        smoothing: see `TokenClassificationHead`; MS-TCN uses 0.15.
        dropout: on the features, and in the convolutional layers, in training.
        stages: number of refinement stages.
        refinement_channels: channels of the convolutions.
        refinement_layers: layers of each stage; n layers see 2**n - 1 steps to either side.
        causal: look at earlier steps only, twice as many (Czempiel et al. 2020, TeCNO), so that a
            stream can be labelled as it arrives.
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
            input_size, num_labels, multi_label, dropout, label_smoothing, class_weight_power,
            smoothing,
        )  # fmt: skip
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
        """(B, T, D), (B,) -> the logits: of all stages in training, of the last one otherwise."""
        outputs = [super().forward(features, lengths)]
        for stage in self.refinements:
            if features.shape[1]:  # a convolution over no steps is an error
                probs = outputs[-1].sigmoid() if self.multi_label else outputs[-1].softmax(2)
                outputs.append(stage(probs, lengths))
            else:
                outputs.append(outputs[-1])
        return torch.stack(outputs) if self.training else outputs[-1]

    def loss(
        self, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """Loss of logits (B, T, L), or the sum over the stages of (1 + stages, B, T, L)."""
        stages = logits if logits.ndim == 4 else logits.unsqueeze(0)
        stage_loss = super().loss
        return sum(stage_loss(stage, lengths, targets, target_lengths) for stage in stages)
