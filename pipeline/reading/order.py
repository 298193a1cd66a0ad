"""Between transcripts, in logical order, and the strings of line networks, in visual order.

A bundle's reader says in which order its network emits characters (`LineReader.order`). What users
see and what is scored is in logical order; what is compared with logits is in the network's.
"""

import unicodedata
from collections.abc import Sequence

from datasets.lines.bidi import is_control, reorder, to_visual
from datasets.source import Reader
from models.heads.labels import Text


def is_visual(reader: Reader) -> bool:
    """Whether a network emits the characters of a line from left to right, also of Hebrew."""
    return getattr(reader, "order", "logical") == "visual"


def network_texts(texts: Sequence[str], reader: Reader) -> list[str]:
    """Transcripts in the order in which the network emits their characters."""
    if not is_visual(reader):
        return list(texts)
    return [to_visual(unicodedata.normalize("NFC", text)) for text in texts]


def reorder_ids(ids: Sequence[int], labels: Sequence[str]) -> tuple[list[int], list[int]]:
    """Ids of single characters from logical to visual order, or back, and the index of each before.

    A mirrored character without a label keeps its id. Directional controls are left out.
    """
    places = [p for p in reorder("".join(labels[i] for i in ids)) if not is_control(p.symbol)]
    known = {label: i for i, label in enumerate(labels)}
    return [known.get(p.symbol, ids[p.index]) for p in places], [p.index for p in places]


def swap_order(ids: Sequence[int], labels: Sequence[str], reader: Reader) -> list[int]:
    """The ids of a text from logical order to that of the network, or back."""
    return reorder_ids(ids, labels)[0] if is_visual(reader) else list(ids)


def logical_readings(readings: list, labels: Sequence[str], reader: Reader) -> list:
    """Readings with their characters in logical order; confidences and steps go with them."""
    if not is_visual(reader):
        return readings
    return [logical_text(r, labels) if isinstance(r, Text) else r for r in readings]


def logical_text(reading: Text, labels: Sequence[str]) -> Text:
    """A reading of a network that emits visual order, in logical order."""
    ids, indices = reorder_ids(reading.ids, labels)
    alternatives = [(reorder_ids(other, labels)[0], score) for other, score in reading.alternatives]
    return reading._replace(
        ids=ids,
        confidences=[reading.confidences[i] for i in indices],
        steps=[reading.steps[i] for i in indices],
        alternatives=alternatives,
    )
