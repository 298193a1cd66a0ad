"""Texts whose label a bundle surely contradicts."""

from collections.abc import Iterator, Sequence

import numpy as np

from datasets.labels import fold_label
from datasets.output.text import print_error
from datasets.progress import track
from datasets.text.tokens import TextReader
from models import SequenceClassificationHead
from models.heads.labels import Label

from ...evaluation.labelled import label_ids
from ...evaluation.seen import describe_unknown
from ...reading.bundle import Bundle, load_bundle
from ...reading.prediction import Recognizer
from ...reading.text_items import text_item
from .checks import ListedText, TextFinding

SURE = 0.95  # calibrated probability of another label, from which a label is suspect


def load_text_recognizer(model: str) -> Recognizer:
    """Load a bundle of texts with one label each. Raises ValueError for any other."""
    bundle = load_bundle(model)
    one_label = isinstance(bundle.model.head, SequenceClassificationHead)
    if not (isinstance(bundle.reader, TextReader) and one_label):
        raise ValueError(
            f"--model {model}: reads no texts with one label each; give a bundle such as reviews-en"
        )
    return Recognizer(bundle)


def suspect_findings(
    recognizer: Recognizer, texts: Sequence[ListedText], where: str
) -> Iterator[TextFinding]:
    """Yield the texts that the bundle reads as another label with a confidence of at least SURE.

    The surest come first. where: names the data. Raises ValueError for labels that it does not
    know.
    """
    bundle = recognizer.bundle
    targets = label_ids([one.label for one in texts], bundle.labels, where)
    items = [text_item(one.text, bundle.reader, one.name) for one in texts]
    answers = list(track(recognizer.answers(items), "reading", len(items)))
    found = []
    for one, target, answer in zip(texts, targets, answers, strict=True):
        if not isinstance(answer.reading, Label):
            print_error(answer.reading)
        elif answer.reading.id != target and answer.reading.confidence >= SURE:
            found.append((answer.reading.confidence, one, bundle.labels[answer.reading.id]))
    for confidence, one, label in sorted(found, key=lambda row: -row[0]):
        reason = f"{fold_label(one.label)!r} is read as {label!r}, {100 * confidence:.1f} % sure"
        yield TextFinding("suspect", one, reason, reading=label, score=confidence)


def describe_trained(bundle: Bundle, digests: np.ndarray) -> list[str]:
    """A line if the bundle has learned some of these labels, wrong ones too, or may have."""
    count = 0 if bundle.seen is None else bundle.seen.roles_of(digests).count("train")
    if count:
        return [
            f"{count:,} of these {len(digests):,} texts were in the bundle's training: it has "
            "learned their labels, wrong ones, too; one that was trained on others finds more"
        ]
    unknown = describe_unknown(bundle)
    return [f"{unknown}; in texts of its training it finds fewer wrong labels"] if unknown else []
