"""Token vectors joined with naive Bayes log-ratios of words and n-grams, as input of an LSTM."""

import torch
from torch import Tensor, nn

from ..recurrent.layer import padding_mask
from .images import Encoder
from .log_ratios import LabelledTexts, LogRatios, distinct_ids
from .tokens import TokenEmbedding


class TokenEvidence(Encoder):
    """Ids (B, T) or (B, T, N) -> their summed vectors, joined with the log-ratios of each id.

    Features are (B, T, D) with D = embedding_size + runs * (num_labels - 1): the ratios are of
    every label but the first. They are naive Bayes' (see `LogRatios`): in training each text gets
    those counted without its own fold, so that the network learns how reliable they are.

    Args:
        input_size: number of ids; id 0 is padding.
        embedding_size, dropout, word_dropout, initial_scale, rows: of the table of vectors, see
            `TokenEmbedding`.
        runs: N, ids per step.
        num_labels: labels of the texts that are counted.
        folds: number of parts of the training texts.
        evidence_dropout: dropout of the ratios, in training.
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
            input_size, embedding_size, dropout, word_dropout=word_dropout,
            initial_scale=initial_scale, rows=rows,
        )  # fmt: skip
        self.ratios = LogRatios(input_size, num_labels, folds)
        self.output_size = embedding_size + runs * (num_labels - 1)

    def count(self, texts: LabelledTexts) -> None:
        """Count the training texts, before training."""
        self.ratios.count(texts)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, T) or (B, T, N) -> features (B, T, D). Raises ValueError for another N."""
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
