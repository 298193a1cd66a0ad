"""Whether a checkpoint was trained on such labels and inputs as the data has now."""

from collections.abc import Sequence

from datasets.labels import same_labels
from datasets.source import Reader

from ...reading.bundle import part_spec
from ...reading.bundle_schema import default_options, describe_part

MAX_LABELS = 12  # shown in an error message


def check_checkpoint(checkpoint: dict, labels: Sequence[str], reader: Reader) -> None:
    """Raise ValueError if the labels of a checkpoint, or how its input was prepared, differ."""
    if not same_labels(checkpoint["labels"], labels):
        raise ValueError(
            f"the checkpoint's labels {shorten(checkpoint['labels'])} differ from the data's "
            f"{shorten(labels)}; use the data, or the alphabet, that it was trained with"
        )
    ours = part_spec(reader)
    theirs = checkpoint.get("reader", ours)  # absent from older checkpoints
    if theirs["class"] == ours["class"]:  # options that older ones lack have their defaults
        theirs = theirs | {"options": default_options(reader) | theirs["options"]}
    if ours != theirs:
        raise ValueError(
            f"the checkpoint's input was prepared by {describe_part(theirs)}, the data's is by "
            f"{describe_part(ours)}; use the data, and its options, that it was trained with"
        )


def shorten(labels: Sequence[str]) -> str:
    """The list as text, cut after MAX_LABELS."""
    rest = f" ... ({len(labels)} in all)" if len(labels) > MAX_LABELS else ""
    return f"{list(labels[:MAX_LABELS])}{rest}"
