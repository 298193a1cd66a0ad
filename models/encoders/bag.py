"""A linear bag-of-tokens model used beside the network: weighted naive Bayes log-ratios."""

import torch
from torch import Tensor, nn

from .log_ratios import LabelledTexts, LogRatios, distinct_ids


class BagOfTokens(nn.Module):
    """Ids (B, T) or (B, T, N) -> logits (B, num_labels) from the set of distinct ids, in any order.

    logits = bias + sum of weight[id] * ratio[id]: the log-ratios of Wang & Manning (2012, see
    `LogRatios`), times one trained weight per id. Ids that indicate no label contribute little,
    however rare they are.

    Args:
        input_size: number of ids; id 0 is padding.
        num_labels: number of labels.
        initial_weight: of every id before training; this is a scaled-down naive Bayes.
        scale: factor from the trained parameters to the weights: sets their effective learning
            rate.
    """

    def __init__(
        self,
        input_size: int,
        num_labels: int,
        initial_weight: float = 0.01,
        scale: float = 0.3,
    ):
        super().__init__()
        self.input_size, self.num_labels = input_size, num_labels
        self.initial_weight, self.scale = initial_weight, scale
        self.ratios = LogRatios(input_size, num_labels)
        self.table = nn.Embedding(input_size, 1, padding_idx=0)
        with torch.no_grad():
            self.table.weight.fill_(initial_weight / scale)
        self.bias = nn.Parameter(torch.zeros(num_labels))

    def share(self, ratios: LogRatios) -> None:
        """Use the ratios that another module counts and stores."""
        self.ratios = None
        self._shared = (ratios,)  # in a tuple: not registered, so not stored twice

    def count(self, texts: LabelledTexts) -> None:
        """Count the training texts before training, unless another module does."""
        if self.ratios is not None:
            self.ratios.count(texts)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        ids = distinct_ids(inputs, lengths)
        ratios = self.ratios if self.ratios is not None else self._shared[0]
        return (self.scale * self.table(ids) * ratios.whole[ids]).sum(1) + self.bias
