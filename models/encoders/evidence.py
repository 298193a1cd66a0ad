"""What each word and run of words spoke for elsewhere, beside its vector, for an LSTM to weigh."""

import torch
from torch import Tensor, nn

from ..recurrent.stack import padding_mask
from .images import Encoder
from .log_ratios import LabelledTexts, LogRatios, distinct_ids
from .tokens import TokenEmbedding


class TokenEvidence(Encoder):
    """Ids (B, T) or (B, T, N) -> their summed vector, and each id's log-ratio of every label but
    the first: (B, T, D) with D = embedding_size + runs * (num_labels - 1).

    The ratios are naive Bayes' (see `LogRatios`): in training each text sees those that were
    counted without its own fold, so that the network learns how far to trust them.

    Args:
        input_size: ids there are; id 0 is nothing.
        embedding_size, dropout, word_dropout, initial_scale, rows: of the table of vectors, see
            `TokenEmbedding`.
        runs: N, ids a step.
        num_labels: labels of the texts that are counted.
        folds: parts of the training texts.
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
        self.ratios = LogRatios(input_size, num_labels, folds)
        self.output_size = embedding_size + runs * (num_labels - 1)

    def count(self, texts: LabelledTexts) -> None:
        """Count the training texts, before training."""
        self.ratios.count(texts)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        vectors, lengths = self.embedding(inputs, lengths)
        ids = inputs.unsqueeze(2) if inputs.ndim == 2 else inputs
        if ids.shape[2] != self.runs:
            raise ValueError(
                f"{ids.shape[2]} ids a step, but the encoder has runs: {self.runs}; give both the "
                "same number (data.source.ngrams)"
            )
        ids = ids.masked_fill(padding_mask(lengths, inputs.shape[1]).unsqueeze(2), 0)
        ratios = self.ratios(ids, distinct_ids(inputs, lengths))[..., 1:]  # (B, T, N, labels - 1)
        ratios = nn.functional.dropout(ratios.flatten(2), self.evidence_dropout, self.training)
        return torch.cat([vectors, ratios.to(vectors.dtype)], 2), lengths
