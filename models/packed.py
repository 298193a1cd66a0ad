"""A line network as a CPU with bfloat16 multiplies it fastest: weights laid out once, for reading.

Under autocast every call casts the weights, brings them into oneDNN's order, passes over each
block's output once more to clear what is behind the ends, and takes the slowest kernel for the
first block, whose one channel looks the same in either layout. Here each of these is done once or
not at all. The answer is autocast's, but for the rounding of the first block's weights.
"""

import platform

import torch
from torch import Tensor, nn

from .encoders.images import LineCNN, max_pool, strongest_row
from .recurrent.layer import RecurrentLayer
from .recurrent.stack import RecurrentStack, padding_mask
from .sequence_model import SequenceModel

TYPE = torch.bfloat16
WIDTH = 32  # widths are rounded up to its multiples: oneDNN writes kernels for every new shape
LSTM = 2  # the number that mkldnn_rnn_layer has for this cell


def can_pack(model: SequenceModel) -> bool:
    """A line CNN and a stack of plain LSTM layers in both directions, on an x86 CPU."""
    stack, x86 = model.recurrent, platform.machine().lower() in ("x86_64", "amd64")
    plain = type(stack) is RecurrentStack and not (stack.projection or stack.segment)
    return (
        x86
        and type(model.encoder) is LineCNN
        and model.wide is None
        and plain
        and (stack.cell, stack.direction, stack.merge, stack.skip)
        == ("lstm", "both", "concat", "none")
        and not stack.zoneout
        and all(weight.device.type == "cpu" for weight in model.parameters())
    )


class PackedModel:
    """`SequenceModel.forward` on a copy of the weights, without gradients.

    Raises ValueError for a model that `can_pack` refuses.
    """

    def __init__(self, model: SequenceModel):
        if not can_pack(model):
            raise ValueError(
                "packed weights are for a LineCNN and a RecurrentStack of lstm layers in both "
                "directions on an x86 CPU; call the model itself"
            )
        self.head, self.output_size = model.head, model.recurrent.output_size
        with torch.inference_mode():
            self.encoder = PackedLineCNN(model.encoder)
            self.layers = [PackedLayer(layer) for layer in model.recurrent.layers]

    @torch.inference_mode()
    def __call__(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Line columns (B, W, 1, H), lengths (B,) -> the logits and their lengths."""
        with torch.autocast("cpu", enabled=False):  # it would cast what is cast already
            left, steps = (self.encoder.output_lengths(n) for n in (lengths, inputs.shape[1]))
            if steps:
                features = self.read(self.encoder(inputs, lengths), left)[:, :steps]
                features = features.contiguous()  # else the head rounds by the batch's size
            else:
                features = inputs.new_zeros(len(inputs), 0, self.output_size, dtype=TYPE)
        with torch.autocast("cpu", TYPE):
            return self.head(features, left), left

    def read(self, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, 2 H), zero on padding."""
        padding = padding_mask(lengths, features.shape[1]).unsqueeze(2)
        features, column = features.transpose(0, 1), padding.transpose(0, 1).to(TYPE)
        for layer in self.layers:  # time first, as the kernel leaves it
            features = layer(features, column)
        return features.transpose(0, 1).masked_fill(padding, 0.0)


class PackedLineCNN:
    """`LineCNN.forward`, in evaluation."""

    def __init__(self, encoder: LineCNN):
        self.rows, self.output_lengths = encoder.rows, encoder.output_lengths
        # the first block reads ink from 0 to 255, which bfloat16 holds exactly
        self.blocks = [
            PackedConv(block.conv, block.norm, block.stride, 1 / 255 if i == 0 else 1.0)
            for i, block in enumerate(encoder.blocks)
        ]

    def __call__(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Line columns (B, W, 1, H) -> features (B, T, D), of the width rounded up to WIDTH."""
        ends = lengths.tolist()
        images = ink_of(inputs, ends).transpose(1, 2)  # (B, 1, W, H)
        for block in self.blocks:
            images = block(images)  # (B, C, W, H)
            ends = [end // block.stride[0] for end in ends]
            clear_behind(images.transpose(1, 2), ends)
        if self.rows == "max":
            return strongest_row(images)
        return images.permute(0, 2, 3, 1).flatten(2)


class PackedConv:
    """A block's convolution with its normalisation and ReLU in one kernel, then its pooling."""

    def __init__(self, conv: nn.Conv2d, norm: nn.Module, stride: tuple[int, int], scale: float):
        if isinstance(norm, nn.BatchNorm2d):
            conv = nn.utils.fuse_conv_bn_eval(conv, norm)
        self.stride, self.bias = stride, conv.bias.to(TYPE)
        weight = (conv.weight * scale).to(TYPE).contiguous(memory_format=torch.channels_last)
        self.padding, one = list(conv.padding), [1, 1]  # one: stride and dilation
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(
            weight, self.padding, one, one, 1, [16, weight.shape[1], 128, 8]
        )

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C, W, H) -> (B, C', W', H'), channels last in memory."""
        images = torch.ops.mkldnn._convolution_pointwise(
            images.contiguous(memory_format=torch.channels_last), self.weight, self.bias,
            self.padding, [1, 1], [1, 1], 1, "relu", [], "",
        )  # fmt: skip
        return max_pool(images, self.stride)


class PackedLayer:
    """One LSTM layer in both directions, gated as `RecurrentLayer` is."""

    def __init__(self, layer: RecurrentLayer):
        self.hidden_size, self.weights = layer.hidden_size, []
        for direction in range(2):
            own = layer.weights(direction)
            column = layer.padding_column(own["weight_ih"])
            kernels = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
                torch.cat([own["weight_ih"], column], 1).to(TYPE), own["weight_hh"].to(TYPE),
                layer.hidden_size, direction == 1, True, True,
            )  # fmt: skip
            self.weights.append([*kernels, own["bias_ih"].to(TYPE), own["bias_hh"].to(TYPE)])

    def __call__(self, features: Tensor, column: Tensor) -> Tensor:
        """(T, B, D), (T, B, 1) that is 1 on padding -> (T, B, 2 H)."""
        inputs = torch.cat([features, column], 2)
        zero = inputs.new_zeros(1, inputs.shape[1], self.hidden_size)
        # after the direction: no packed sequence; then one layer with biases that is part of two
        # directions, time first, not in training
        outputs = [
            torch.ops.aten.mkldnn_rnn_layer(
                inputs, *weights, zero, zero, backward, [], LSTM, self.hidden_size, 1, True, True,
                False, False,
            )[0]
            for backward, weights in zip((False, True), self.weights, strict=True)
        ]  # fmt: skip
        return torch.cat(outputs, 2)


def ink_of(inputs: Tensor, ends: list[int]) -> Tensor:
    """Line columns (B, W, 1, H) -> ink from 0 to 255 (B, W', 1, H), none behind each end."""
    width = -(-inputs.shape[1] // WIDTH) * WIDTH
    ink = inputs.new_zeros(len(inputs), width, *inputs.shape[2:], dtype=TYPE)
    for row, line, end in zip(ink, inputs, ends, strict=True):
        line = line[:end]
        row[:end] = line * 255.0 if line.is_floating_point() else 255 - line
    return ink


def clear_behind(images: Tensor, ends: list[int]) -> Tensor:
    """(B, W, ...) with zeros from each end on, in place: most of a batch is no padding."""
    for image, end in zip(images, ends, strict=True):
        if end < len(image):
            image[end:] = 0
    return images
