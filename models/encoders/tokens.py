"""Encoders of token ids: an embedding table, and convolutions over its vectors. Id 0 is padding."""

from functools import reduce
from math import prod

import torch
from torch import Tensor, nn

from ..recurrent.layer import padding_mask
from .images import Encoder


class TokenEmbedding(Encoder):
    """Embedding table: ids (B, T) -> vectors (B, T, D). Id 0 is padding: a vector of zeros.

    A step may hold several ids, (B, T, N): the word, the bigram that ends here, and so on. Their
    vectors are summed (Joulin et al. 2016, fastText).

    Args:
        input_size: number of ids.
        embedding_size: D.
        dropout: of the vectors' elements, in training.
        locked: one dropout mask for all steps of a sample (Gal & Ghahramani 2016), instead of one
            per step.
        word_dropout: of rows of the table, in training: a dropped word is removed from the whole
            batch, the vectors of the others are scaled up (Gal & Ghahramani 2016; Merity et al.
            2018, "embedding dropout").
        initial_scale: standard deviation of the vectors before training.
        zero_from: rows from this id on are zero before training: n-grams that follow the words in
            one table then only add what the words do not express.
        rows: rows of the table, if fewer than input_size: higher ids are treated as padding
            (n-grams that only a `BagOfTokens` uses).
    """

    def __init__(
        self,
        input_size: int,
        embedding_size: int = 128,
        dropout: float = 0.0,
        locked: bool = False,
        word_dropout: float = 0.0,
        initial_scale: float = 1.0,
        zero_from: int | None = None,
        rows: int | None = None,
    ):
        super().__init__()
        self.input_size, self.embedding_size, self.dropout = input_size, embedding_size, dropout
        self.locked, self.word_dropout = locked, word_dropout
        self.initial_scale, self.zero_from, self.rows = initial_scale, zero_from, rows
        size = input_size if rows is None else min(rows, input_size)
        for option, probability in (("dropout", dropout), ("word_dropout", word_dropout)):
            if not 0 <= probability <= 1:
                raise ValueError(f"{option} {probability}: a probability; give 0 (none) to 1")
        if size < 1:
            raise ValueError(f"rows {rows}: give at least 1")
        if zero_from is not None and zero_from < 1:
            raise ValueError(f"zero_from {zero_from}: give the id of the first n-gram, at least 1")
        self.table = nn.Embedding(size, embedding_size, padding_idx=0)
        with torch.no_grad():
            self.table.weight.mul_(initial_scale)
            self.table.weight[zero_from or size :] = 0.0
        self.output_size = embedding_size

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, T) or (B, T, N) -> vectors (B, T, D)."""
        masked = padding_mask(lengths, inputs.shape[1])
        if inputs.ndim == 3:
            masked = masked.unsqueeze(2)
        scale, size = 1.0, self.table.num_embeddings
        if size < self.input_size:
            masked = masked | (inputs >= size)
        if self.training and self.word_dropout:
            dropped = torch.rand(self.input_size, device=inputs.device) < self.word_dropout
            masked = masked | dropped[inputs]
            scale = 1.0 / (1.0 - self.word_dropout) if self.word_dropout < 1 else 0.0
        # masked ids become 0 before the look-up: D times cheaper than masking vectors
        vectors = self.table(inputs.masked_fill(masked, 0))
        if inputs.ndim == 3:
            vectors = vectors.sum(2)
        if self.training and self.dropout:
            batch, steps, size = vectors.shape
            shape = (batch, 1 if self.locked else steps, size)
            return vectors * dropout_mask(shape, self.dropout, vectors).mul_(scale), lengths
        return vectors if scale == 1.0 else vectors * scale, lengths


def dropout_mask(shape: tuple[int, ...], dropout: float, like: Tensor) -> Tensor:
    """0 with this probability (to 2**-16), else 1 / (1 - dropout), which keeps the mean.

    Uses 16 random bits per element: four times as fast on a CPU as torch's bernoulli_.
    """
    count, levels = prod(shape), 2**16
    dropped = max(1, round(dropout * levels))
    words = torch.empty(count // 4 + 1, dtype=torch.int64, device=like.device)
    bits = words.random_(-(2**63), None).view(torch.int16)[:count].view(shape)
    return (bits > dropped - levels // 2 - 1).to(like.dtype).mul_(levels / max(1, levels - dropped))


def same_padding(kernel_size: int) -> tuple[int, int]:
    """Padding before and after that keeps the length; an even kernel gets one more after."""
    return (kernel_size - 1) // 2, kernel_size // 2


class TokenCNN(Encoder):
    """Convolutions of several widths over token vectors in parallel (Kim 2014), then ReLU.

    Kernels see zeros outside of a sample. An even kernel looks one step further ahead than back.
    With `pool` a recurrent stack reads fewer, richer steps (the CNN-LSTM of Keras' examples).

    Args:
        input_size: rows of the table.
        embedding_size: size of a token's vector.
        channels: features of each kernel size.
        kernel_sizes: widths of the kernels in tokens; their features are concatenated.
        dropout: of the vectors' elements, in training.
        word_dropout, initial_scale: see `TokenEmbedding`.
        pool: maximum over so many steps; the last window may be shorter.
    """

    def __init__(
        self,
        input_size: int,
        embedding_size: int = 128,
        channels: int = 128,
        kernel_sizes: tuple[int, ...] = (3, 4, 5),
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        initial_scale: float = 1.0,
        pool: int = 1,
    ):
        super().__init__()
        self.input_size, self.embedding_size, self.channels = input_size, embedding_size, channels
        self.kernel_sizes, self.dropout = kernel_sizes, dropout
        self.word_dropout, self.initial_scale, self.pool = word_dropout, initial_scale, pool
        if not kernel_sizes or min(kernel_sizes) < 1 or pool < 1:
            raise ValueError(
                f"kernel_sizes {list(kernel_sizes)}, pool {pool}: give one or more kernels, each "
                "of 1 token or more, and a pool of 1 step (none) or more"
            )
        self.embedding = TokenEmbedding(
            input_size, embedding_size, dropout, word_dropout=word_dropout,
            initial_scale=initial_scale,
        )  # fmt: skip
        # of height 1: the two-dimensional convolution takes (B, T, E) without a copy and needs a
        # fifth less time on a CPU than the one-dimensional
        self.convolutions = nn.ModuleList(
            nn.Conv2d(embedding_size, channels, (1, size)) for size in kernel_sizes
        )
        self.output_size = channels * len(kernel_sizes)

    def output_lengths(self, lengths: Tensor) -> Tensor:
        return (lengths + self.pool - 1) // self.pool

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, T) or (B, T, N) -> features (B, T', D), with T' = T / pool, rounded up."""
        if not inputs.shape[1]:  # nothing to convolve
            empty = self.convolutions[0].weight.new_zeros(len(inputs), 0, self.output_size)
            return empty, self.output_lengths(lengths)
        vectors, _ = self.embedding(inputs, lengths)
        padding = padding_mask(lengths, inputs.shape[1])
        features = self._convolve(vectors).masked_fill(padding.unsqueeze(2), 0.0)
        if self.pool > 1:  # zeros on padding do not matter, since the ReLU follows
            missing = -features.shape[1] % self.pool
            windows = nn.functional.pad(features, (0, 0, 0, missing)).unflatten(1, (-1, self.pool))
            features = reduce(torch.maximum, windows.unbind(2))
        return torch.relu(features), self.output_lengths(lengths)

    def _convolve(self, vectors: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, D)."""
        rows = vectors.transpose(1, 2).unsqueeze(2)  # (B, E, 1, T)
        convolved = [
            convolution(nn.functional.pad(rows, same_padding(convolution.kernel_size[1])))
            for convolution in self.convolutions
        ]
        return torch.cat(convolved, 1).squeeze(2).transpose(1, 2)
