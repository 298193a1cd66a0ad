"""Networks from parts that still wait for their sizes, as a config describes them."""

from collections.abc import Callable

from torch import nn

from models import BagOfTokens, Encoder, Head, RecurrentStack, SequenceModel


def connect(
    input_size: int,
    num_labels: int,
    encoder: Callable[[int], Encoder],
    recurrent: Callable[[int], RecurrentStack],
    head: Callable[[int, int], Head],
    shortcut: Callable[[int, int], Head] | None = None,
    shortcut_weight: float = 0.1,
    wide: Callable[[int, int], BagOfTokens] | None = None,
) -> SequenceModel:
    """Each part is made in the order and with the sizes that a training makes it."""
    first = encoder(input_size)
    second = recurrent(first.output_size)
    return SequenceModel(
        first,
        second,
        head(second.output_size, num_labels),
        shortcut(first.output_size, num_labels) if shortcut else None,
        shortcut_weight,
        wide(input_size, num_labels) if wide else None,
    )


def scrambled(part: nn.Module) -> nn.Module:
    """Normalisations with random statistics, as after training: zeros do not stay zeros."""
    for module in part.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0.0, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return part.eval()
