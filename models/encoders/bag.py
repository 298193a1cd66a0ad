"""A linear model beside the network: which tokens a text holds, and what they speak for."""

import torch
from torch import Tensor, nn

from .log_ratios import LabelledTexts, LogRatios, distinct_ids


class BagOfTokens(nn.Module):
    """Ids (B, T) or (B, T, N) -> logits (B, num_labels). Each id counts once, in whatever order.

    logits = bias + sum of weight[id] * ratio[id]: the log-ratios of Wang & Manning (2012, see
    `LogRatios`), times one trained weight for each id. What speaks for no label hardly moves,
    however rare it is.

    Args:
        input_size: ids there are; id 0 is nothing.
        num_labels: labels to tell apart.
        initial_weight: of every id before training, that is naive Bayes, toned down.
        scale: of the trained numbers against the weights: how fast these are learned.
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
        """Take the ratios that another part counts and keeps."""
        self.ratios = None
        self._shared = (ratios,)  # in a tuple: no submodule, so no second copy among the weights

    def count(self, texts: LabelledTexts) -> None:
        """Count the training texts, before training, unless another part does."""
        if self.ratios is not None:
            self.ratios.count(texts)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        ids = distinct_ids(inputs, lengths)
        ratios = self.ratios if self.ratios is not None else self._shared[0]
        return (self.scale * self.table(ids) * ratios.whole[ids]).sum(1) + self.bias
