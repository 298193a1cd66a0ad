"""Inference of a line-recognition network on x86 CPUs, with weights packed once for oneDNN.

In bfloat16, under autocast, every call casts the weights; in any type it reorders them for oneDNN,
clears the padding of each block's output in an additional pass, and runs the slowest kernel for the
first block, whose single channel makes both memory layouts look the same. Here each of these is
done once or not at all. The outputs are the model's, under autocast if in bfloat16, except for the
rounding of the first block's weights.
"""

import platform
from typing import Literal

import torch
from torch import Tensor, nn

from .encoders.images import LineCNN, max_pool, strongest_row
from .recurrent.layer import RecurrentLayer, padding_mask
from .recurrent.stack import RecurrentStack
from .sequence_model import SequenceModel

WIDTH = 32  # widths are rounded up to multiples of it: oneDNN compiles kernels for each new shape
LSTM = 2  # the code of this cell in mkldnn_rnn_layer


def can_pack(model: SequenceModel) -> bool:
    """Whether a model is a LineCNN and a bidirectional stack of plain LSTM layers on an x86 CPU."""
    stack = model.recurrent
    return (
        platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()
        and type(model.encoder) is LineCNN
        and model.wide is None
        and type(stack) is RecurrentStack
        and not (stack.projection or stack.segment or stack.zoneout)
        and [stack.cell, stack.direction, stack.merge, stack.skip]
        == ["lstm", "both", "concat", "none"]
        and all(weight.device.type == "cpu" for weight in model.parameters())
    )


class PackedModel:
    """`SequenceModel.forward` on packed copies of the weights, without gradients.

    dtype: torch.bfloat16, for a CPU that multiplies it natively, or torch.float32.
    Raises ValueError for a model that `can_pack` rejects.
    """

    def __init__(self, model: SequenceModel, dtype: torch.dtype = torch.bfloat16):
        if not can_pack(model):
            raise ValueError(
                "packed weights are for a LineCNN and a RecurrentStack of lstm layers in both "
                "directions on an x86 CPU; call the model itself"
            )
        self.head, self.output_size = model.head, model.recurrent.output_size
        self.dtype = dtype
        with torch.inference_mode():
            self.encoder = PackedLineCNN(model.encoder, dtype)
            self.layers = [PackedLayer(layer, dtype) for layer in model.recurrent.layers]

    @torch.inference_mode()
    def __call__(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Line images (B, W, 1, H) and their lengths (B,) -> the logits and their lengths."""
        with torch.autocast("cpu", enabled=False):  # the tensors are cast already
            steps, max_steps = (self.encoder.output_lengths(n) for n in (lengths, inputs.shape[1]))
            if max_steps:
                features = self._run_layers(self.encoder(inputs, lengths), steps)[:, :max_steps]
                features = features.contiguous()  # else the head's rounding depends on B
            else:
                features = inputs.new_zeros(len(inputs), 0, self.output_size, dtype=self.dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            return self.head(features, steps), steps

    def _run_layers(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Run the recurrent layers: (B, T, D) -> (B, T, 2 H), zero on padding."""
        padding = padding_mask(lengths, features.shape[1]).unsqueeze(2)
        features, mask = features.transpose(0, 1), padding.transpose(0, 1).to(self.dtype)
        for layer in self.layers:  # time first, as the kernel leaves it
            features = layer(features, mask)
        return features.transpose(0, 1).masked_fill(padding, 0.0)


class PackedLineCNN:
    """`LineCNN.forward` in evaluation mode."""

    def __init__(self, encoder: LineCNN, dtype: torch.dtype):
        self.dtype, self.rows = dtype, encoder.rows
        self.output_lengths = encoder.output_lengths
        # the first block takes ink values from 0 to 255, which bfloat16 represents exactly
        self.blocks = [
            PackedConv(
                block.conv, block.norm, dtype, block.stride, scale=1 / 255 if i == 0 else 1.0
            )
            for i, block in enumerate(encoder.blocks)
        ]
        self.residual_blocks = [
            [
                (
                    PackedConv(block.first.conv, block.first.norm, dtype),
                    PackedConv(block.conv, block.norm, dtype, activation="none"),
                )
                for block in blocks
            ]
            for blocks in encoder.residual_blocks
        ]

    def __call__(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Line images (B, W, 1, H) -> features (B, T, D), of the width rounded up to WIDTH."""
        ends = lengths.tolist()
        images = padded_ink(inputs, ends, self.dtype).transpose(1, 2)  # (B, 1, W, H)
        for block, residual_blocks in zip(self.blocks, self.residual_blocks, strict=True):
            images = block(images)  # (B, C, W, H)
            ends = [end // block.stride[0] for end in ends]
            clear_padding_(images.transpose(1, 2), ends)
            for first, second in residual_blocks:
                hidden = first(images)
                clear_padding_(hidden.transpose(1, 2), ends)
                images = second(hidden).add_(images).relu_()
                clear_padding_(images.transpose(1, 2), ends)
        if self.rows == "max":
            return strongest_row(images)
        return images.permute(0, 2, 3, 1).flatten(2)


class PackedConv:
    """Convolution, normalisation and activation in one kernel, followed by a block's pooling."""

    def __init__(
        self,
        conv: nn.Conv2d,
        norm: nn.Module,
        dtype: torch.dtype,
        stride: tuple[int, int] = (1, 1),
        scale: float = 1.0,
        activation: Literal["relu", "none"] = "relu",
    ):
        if isinstance(norm, nn.BatchNorm2d):
            conv = nn.utils.fuse_conv_bn_eval(conv, norm)
        self.stride, self.activation, self.bias = stride, activation, conv.bias.to(dtype)
        weight = (conv.weight * scale).to(dtype).contiguous(memory_format=torch.channels_last)
        self.padding, ones = list(conv.padding), [1, 1]  # ones: stride and dilation
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(
            weight, self.padding, ones, ones, 1, [16, weight.shape[1], 128, 8]
        )

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C, W, H) -> (B, C', W', H'), in channels-last memory format."""
        images = torch.ops.mkldnn._convolution_pointwise(
            images.contiguous(memory_format=torch.channels_last), self.weight, self.bias,
            self.padding, [1, 1], [1, 1], 1, self.activation, [], "",
        )  # fmt: skip
        return max_pool(images, self.stride)


class PackedLayer:
    """One bidirectional LSTM layer with the additional padding input of `RecurrentLayer`."""

    def __init__(self, layer: RecurrentLayer, dtype: torch.dtype):
        self.hidden_size, self.weights = layer.hidden_size, []
        for direction in range(2):
            own = layer.weights(direction)
            column = layer.padding_column(own["weight_ih"])
            kernels = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
                torch.cat([own["weight_ih"], column], 1).to(dtype), own["weight_hh"].to(dtype),
                layer.hidden_size, direction == 1, True, True,
            )  # fmt: skip
            self.weights.append([*kernels, own["bias_ih"].to(dtype), own["bias_hh"].to(dtype)])

    def __call__(self, features: Tensor, mask: Tensor) -> Tensor:
        """(T, B, D) and a padding mask (T, B, 1), 1 on padding -> (T, B, 2 H)."""
        inputs = torch.cat([features, mask], 2)
        zero = inputs.new_zeros(1, inputs.shape[1], self.hidden_size)
        # arguments after `backward`: batch_sizes, mode, hidden size, 1 layer, has_biases,
        # bidirectional, batch_first, train
        outputs = [
            torch.ops.aten.mkldnn_rnn_layer(
                inputs, *weights, zero, zero, backward, [], LSTM, self.hidden_size, 1, True, True,
                False, False,
            )[0]
            for backward, weights in zip((False, True), self.weights, strict=True)
        ]  # fmt: skip
        return torch.cat(outputs, 2)


def padded_ink(inputs: Tensor, ends: list[int], dtype: torch.dtype) -> Tensor:
    """Line images (B, W, 1, H) -> ink (B, W', 1, H), 0 to 255 and 0 after each end; WIDTH divides
    W'.
    """
    width = -(-inputs.shape[1] // WIDTH) * WIDTH
    ink = inputs.new_zeros(len(inputs), width, *inputs.shape[2:], dtype=dtype)
    for row, line, end in zip(ink, inputs, ends, strict=True):
        line = line[:end]
        row[:end] = line * 255.0 if line.is_floating_point() else 255 - line
    return ink


def clear_padding_(images: Tensor, ends: list[int]) -> None:
    """Zero (B, W, ...) from each end on, in place: cheap, since most of a batch is no padding."""
    for image, end in zip(images, ends, strict=True):
        if end < len(image):
            image[end:] = 0
