"""A network from parts that still wait for their sizes, as a config describes them."""

from collections.abc import Callable

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
