"""Base class of the encoders, and convolutional encoders of text-line images and video frames."""

from abc import abstractmethod
from functools import reduce
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ..recurrent.layer import padding_mask


class Encoder(nn.Module):
    """Inputs (B, T, ...), lengths (B,) -> features (B, T', D), zero on padding, and their lengths.

    input_size: what the reader gives: ids of words, channels of frames, rows of lines.
    output_size: D. context: number of earlier inputs that a step's features depend on, for streams.
    Every constructor argument is kept as an attribute of the same name, for the bundle.
    """

    input_size: int
    output_size: int
    context: int = 0

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Number of steps left of inputs of these lengths."""
        return lengths

    @abstractmethod
    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]: ...


def halvings(reduction: int, blocks: int, option: str) -> list[int]:
    """Pooling stride of each block: the first ones reduce by `reduction` in total.

    Raises ValueError for a reduction that is impossible. option: its name in the message.
    """
    if reduction not in (2**count for count in range(blocks + 1)):
        raise ValueError(
            f"{option} {reduction}: give a power of two up to 2**{blocks} (one per block)"
        )
    return [2 if 2**block < reduction else 1 for block in range(blocks)]


class ConvBlock(nn.Module):
    """Convolution, batch normalisation (if `norm`), ReLU, and max pooling with this stride.

    strided: use the stride in the convolution instead of pooling. kernel: both sides are odd.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: tuple[int, int],
        strided: bool = False,
        kernel: tuple[int, int] = (3, 3),
        norm: bool = True,
    ):
        super().__init__()
        steps = stride if strided else 1
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, steps, padding, bias=not norm)
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.stride, self.strided = stride, strided

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        if self.strided:
            return torch.relu(self.norm(self.conv(images)))
        # pooling before the ReLU is equivalent and leaves it a quarter of the values
        return torch.relu(max_pool(self.norm(self.conv(images)), self.stride))

    def fold_norm(self) -> None:
        """Fold the normalisation into the convolution: the same function in one pass less."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = nn.utils.fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 whose output is added to their input (He et al. 2016), and ReLU.

    The output starts at 0, so that a new block changes nothing (Goyal et al. 2017).
    """

    def __init__(self, channels: int, norm: bool = True):
        super().__init__()
        self.first = ConvBlock(channels, channels, (1, 1), norm=norm)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        for parameter in (self.norm if norm else self.conv).parameters():
            nn.init.zeros_(parameter)

    def forward(self, images: Tensor, lengths: Tensor) -> Tensor:
        """Images (B, C, T, H), zero from `lengths` on -> the same shape, not zero there."""
        hidden = clear_padding(self.first(images), lengths)
        return torch.relu(images + self.norm(self.conv(hidden)))

    def fold_norm(self) -> None:
        """See `ConvBlock.fold_norm`."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = nn.utils.fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


def max_pool(images: Tensor, stride: tuple[int, int]) -> Tensor:
    """Maximum over windows of 1 or 2 rows and columns; an odd last one is dropped."""
    if torch.is_grad_enabled() and max(stride) > 1:
        return nn.functional.max_pool2d(images, stride)
    # without gradients the elementwise maximum of the halves is 6 times as fast on a CPU
    for axis, step in zip((2, 3), stride, strict=True):
        if step == 2:
            pairs = images.narrow(axis, 0, images.shape[axis] // 2 * 2).unflatten(axis, (-1, 2))
            images = torch.maximum(pairs.select(axis + 1, 0), pairs.select(axis + 1, 1))
    return images


class LineCNN(Encoder):
    """A text-line image, dark on light -> one feature vector every `width_reduction` pixels.

    Args:
        input_size: height of the line in pixels.
        channels: output channels of each convolution block.
        width_reduction: pixels of width that become one step: 2, 4, 8, ...
        height_reduction: factor by which pooling divides the height before the rows are joined.
        rows: `max` takes the maximum over the remaining rows (Retsinas et al. 2022), `concat` keeps
            them all.
        dropout: of whole channels of the features, in training.
        kernel_widths: kernel width of each block in columns, odd numbers; all kernels are 3 rows
            high. null: 3 columns each.
        block_dropout: of whole channels after each block but the last, in training.
        norm: batch normalisation in each block.
        residual: number of residual blocks of two convolutions after each block; null: none.
    """

    def __init__(
        self,
        input_size: int = 40,
        channels: tuple[int, ...] = (24, 48, 96, 96, 128),
        width_reduction: int = 4,
        height_reduction: int = 8,
        rows: Literal["max", "concat"] = "max",
        dropout: float = 0.0,
        kernel_widths: tuple[int, ...] | None = None,
        block_dropout: float = 0.0,
        norm: bool = True,
        residual: tuple[int, ...] | None = None,
    ):
        super().__init__()
        self.input_size, self.channels = input_size, channels
        self.rows, self.dropout = rows, dropout
        self.width_reduction, self.height_reduction = width_reduction, height_reduction
        widths = halvings(width_reduction, len(channels), "width_reduction")
        heights = halvings(height_reduction, len(channels), "height_reduction")
        self.kernel_widths, self.block_dropout, self.norm = kernel_widths, block_dropout, norm
        spans = kernel_widths or (3,) * len(channels)
        if len(spans) != len(channels) or any(span < 1 or span % 2 == 0 for span in spans):
            raise ValueError(
                f"kernel_widths {list(spans)}: give {len(channels)} odd numbers, one per block"
            )
        self.residual = residual
        added = residual or (0,) * len(channels)
        if len(added) != len(channels) or min(added) < 0:
            raise ValueError(
                f"residual {list(added)}: give {len(channels)} numbers from 0 on, one per block"
            )
        strides = zip(widths, heights, strict=True)
        self.blocks = nn.ModuleList(
            ConvBlock(*sizes, stride, kernel=(span, 3), norm=norm)
            for sizes, stride, span in zip(pairwise([1, *channels]), strides, spans, strict=True)
        )
        self.residual_blocks = nn.ModuleList(
            nn.ModuleList(ResidualBlock(size, norm) for _ in range(count))
            for size, count in zip(channels, added, strict=True)
        )
        self.rows_left = input_size // height_reduction
        if not self.rows_left:
            raise ValueError(
                f"height {input_size} is gone after pooling by {height_reduction}; pool less"
            )
        self.output_size = channels[-1] * (self.rows_left if rows == "concat" else 1)

    def output_lengths(self, lengths: Tensor) -> Tensor:
        return lengths // self.width_reduction

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Line images (B, W, 1, H) -> features (B, T, D), with T = W // width_reduction."""
        if inputs.shape[1] < self.width_reduction:  # no step is left
            empty = inputs.new_zeros(inputs.shape[0], 0, self.output_size, dtype=torch.float32)
            return empty, self.output_lengths(lengths)
        images = inputs.transpose(1, 2)  # (B, 1, W, H): time before height, so no copy at the end
        if not images.is_floating_point():
            images = 1.0 - images.float() / 255.0  # ink 1, paper 0: what convolution pads with
        images = images.contiguous(memory_format=torch.channels_last)
        images = clear_padding(images, lengths)
        for block, residual_blocks in zip(self.blocks, self.residual_blocks, strict=True):
            if block is not self.blocks[0]:
                images = nn.functional.dropout2d(images, self.block_dropout, self.training)
            images = block(images)
            lengths = lengths // block.stride[0]
            images = clear_padding(images, lengths)  # the next kernel reads the padding
            for residual_block in residual_blocks:
                images = clear_padding(residual_block(images, lengths), lengths)
        images = nn.functional.dropout2d(images, self.dropout, self.training)
        if self.rows == "max":
            return strongest_row(images), lengths
        return images.permute(0, 2, 3, 1).flatten(2), lengths  # (B, T, H' D)


def strongest_row(images: Tensor) -> Tensor:
    """(B, D, T, H) -> (B, T, D): the maximum over the rows of each channel."""
    return reduce(torch.maximum, images.unbind(3)).transpose(1, 2)  # 6 times as fast as amax here


def clear_padding(images: Tensor, lengths: Tensor) -> Tensor:
    """Zero (B, D, T, H) from each length on."""
    mask = padding_mask(lengths, images.shape[2])
    return images.masked_fill(mask.view(mask.shape[0], 1, -1, 1), 0.0)


class FrameCNN(Encoder):
    """Encode each frame separately: convolutions, then means over a coarse grid.

    Args:
        input_size: channels of a frame: 1 grey, 3 RGB.
        channels: output channels of each block; every block halves height and width.
        grid: the image is averaged in grid x grid cells, which preserves coarse positions.
        dropout: on the features, in training.
        difference: the difference to the previous frame (0 at the first) is added to the channels:
            the cheapest cue to motion.
        strided: halve by the convolution's stride instead of by pooling: 3 to 5 times as fast to
            train.
    """

    def __init__(
        self,
        input_size: int = 1,
        channels: tuple[int, ...] = (16, 32, 64),
        grid: int = 4,
        dropout: float = 0.0,
        difference: bool = False,
        strided: bool = False,
    ):
        super().__init__()
        self.input_size, self.channels = input_size, channels
        self.grid, self.dropout = grid, dropout
        self.difference, self.strided = difference, strided
        self.context = 1 if difference else 0
        sizes = [input_size * (2 if difference else 1), *channels]
        self.blocks = nn.Sequential(
            *(ConvBlock(*pair, (2, 2), strided) for pair in pairwise(sizes))
        )
        self.output_size = channels[-1] * grid * grid

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, T, C, H, W) -> features (B, T, D)."""
        if min(inputs.shape[3:]) < 2 ** len(self.channels):
            raise ValueError(
                f"frames of {inputs.shape[4]} x {inputs.shape[3]} pixels are gone after "
                f"{len(self.channels)} halvings; use larger frames or fewer channels"
            )
        real = ~padding_mask(lengths, inputs.shape[1])
        # (N, C, H, W): padded frames are neither computed nor in the batch statistics
        frames = to_unit_range(inputs[real])
        if self.difference:
            previous = torch.cat([inputs[:, :1], inputs[:, :-1]], 1)
            frames = torch.cat([frames, frames - to_unit_range(previous[real])], 1)
        frames = frames.contiguous(memory_format=torch.channels_last)
        pooled = nn.functional.adaptive_avg_pool2d(self.blocks(frames), self.grid).flatten(1)
        pooled = nn.functional.dropout(pooled, self.dropout, self.training)
        features = pooled.new_zeros(*inputs.shape[:2], self.output_size)
        features[real] = pooled
        return features, lengths


def to_unit_range(frames: Tensor) -> Tensor:
    """Convert uint8 to floats from 0 to 1; floating point is returned unchanged."""
    return frames if frames.is_floating_point() else frames.float() / 255.0
