"""What each word and run of words spoke for elsewhere, beside its vector, for an LSTM to weigh."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .bag import count_texts, distinct, fold_of, log_ratios
from .encoders import Encoder
from .recurrent import padding_mask
from .token_encoders import TokenEmbedding


class TokenEvidence(Encoder):
    """Ids (B, T) or (B, T, N) -> their summed vector, and each id's log-ratio of every label but
    the first: (B, T, D) with D = embedding_size + runs * (num_labels - 1).

    The ratios are counted on the training texts (naive Bayes, see `BagOfTokens`). In training each
    text sees those that were counted without its own fold: a rare run of words that occurs in this
    very text would otherwise give its label away, and the network would learn to trust such runs.

    Args:
        input_size: ids there are; id 0 is nothing.
        embedding_size, dropout, word_dropout, initial_scale, rows: of the table of vectors, see
            `TokenEmbedding`.
        runs: N, ids a step.
        num_labels: labels of the texts that are counted.
        folds: parts of the training texts, told apart by what is in them.
        evidence_dropout: of the ratios, in training.
    """

    def __init__(
        self,
        input_size: int,
        embedding_size: int = 64,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        initial_scale: float = 1.0,
        rows: int | None = None,
        runs: int = 1,
        num_labels: int = 2,
        folds: int = 8,
        evidence_dropout: float = 0.0,
    ):
        super().__init__()
        if folds < 2 or num_labels < 2 or runs < 1:
            raise ValueError(
                f"folds {folds}, num_labels {num_labels}, runs {runs}: give at least 2, 2 and 1"
            )
        self.input_size, self.embedding_size, self.dropout = input_size, embedding_size, dropout
        self.word_dropout, self.initial_scale, self.rows = word_dropout, initial_scale, rows
        self.runs, self.num_labels, self.folds = runs, num_labels, folds
        self.evidence_dropout = evidence_dropout
        self.embedding = TokenEmbedding(
            input_size,
            embedding_size,
            dropout,
            word_dropout=word_dropout,
            initial_scale=initial_scale,
            rows=rows,
        )
        self.register_buffer("ratios", torch.zeros(input_size, num_labels - 1))
        # without the texts of each fold; for training only, and counted anew when it is resumed
        self.register_buffer("elsewhere", torch.zeros(0), persistent=False)
        self.output_size = embedding_size + runs * (num_labels - 1)

    def count(self, batches: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Set the ratios from labelled texts: batches of inputs, lengths and targets (B,)."""
        counts = count_texts(batches, self.input_size, self.num_labels, self.folds)
        total = counts.sum(0)
        self.ratios.copy_(log_ratios(total)[1:].T)
        self.elsewhere = log_ratios(total - counts)[:, 1:].transpose(1, 2).to(self.ratios)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        vectors, lengths = self.embedding(inputs, lengths)
        ids = inputs.unsqueeze(2) if inputs.ndim == 2 else inputs
        if ids.shape[2] != self.runs:
            raise ValueError(
                f"{ids.shape[2]} ids a step, but the encoder has runs: {self.runs}; give both the "
                "same number (data.source.ngrams)"
            )
        ids = ids.masked_fill(padding_mask(lengths, inputs.shape[1]).unsqueeze(2), 0)
        if self.training and self.elsewhere.numel():
            fold = fold_of(distinct(inputs, lengths), self.folds).view(-1, 1, 1)
            ratios = self.elsewhere[fold, ids]  # (B, T, N, labels - 1)
        else:
            ratios = self.ratios[ids]
        ratios = nn.functional.dropout(ratios.flatten(2), self.evidence_dropout, self.training)
        return torch.cat([vectors, ratios.to(vectors.dtype)], 2), lengths
