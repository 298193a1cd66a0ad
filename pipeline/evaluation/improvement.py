"""What a fine-tuning bought: scores of the start bundle and of the new one on the same samples."""

from pathlib import Path

from datasets import SequenceDataModule
from models import CTCHead, SequenceClassificationHead
from models.heads.labels import Head

from ..reading.bundle import load_bundle
from ..reading.bundle_files import bundle_name
from ..reading.prediction import Recognizer
from ..scoring.metrics import compute_scores, describe_score, join_tallies
from .split_scores import METRICS, tallies


class Improvement:
    """Score of the start bundle on the validation samples, to compare with the new one's.

    Taken before the training, as its run may replace the start bundle's file.

    Args:
        start: the bundle that the training starts from.
        data: with at least one validation sample.
        head: of the new network.
    """

    def __init__(self, start: str, data: SequenceDataModule, head: Head):
        self.name, self.data = bundle_name(start), data
        given = load_bundle(start)
        self.has_decoder = given.decoder is not None
        told, needed = output_kind(given.model.head), output_kind(head)
        several = getattr(head, "multi_label", False) and given.labels != data.labels
        if told != needed:
            self.reason = f"it gives {told}, the data have {needed}"
        elif set(given.labels).isdisjoint(data.labels):
            self.reason = "it knows none of the data's labels"
        elif several:
            self.reason = "several labels a step, and others than the data's"
        else:
            self.reason = ""
        self.before = "" if self.reason else self._score(start)

    def _score(self, bundle: str) -> str:
        """The first of METRICS, with its interval, read greedily."""
        recognizer, dataset = Recognizer(load_bundle(bundle)), self.data.split("validation")
        recognizer.bundle.decoder = None  # the new bundle has no language model yet
        labels = self.data.labels if recognizer.bundle.labels != self.data.labels else ()
        title = f"{bundle_name(bundle)}: validation"
        scores = compute_scores(join_tallies(tallies(recognizer, dataset, title, labels)))
        metric = next(name for name in METRICS if name in scores)
        return describe_score(metric, scores[metric])

    def report(self, path: Path) -> list[str]:
        """Lines that compare the start bundle with the fine-tuned one at `path`."""
        count = len(self.data.split("validation"))
        lines = [f"what it bought, on the {count} validation samples (they chose the epoch):"]
        before = self.before or f"not scored: {self.reason}"
        without = ", without its language model or lexicon" if self.has_decoder else ""
        lines.append(f"  before ({self.name}{without}): {before}")
        lines.append(f"  after ({bundle_name(path)}): {self._score(str(path))}")
        return lines


def output_kind(head: Head) -> str:
    """What a head says about a sequence."""
    if isinstance(head, CTCHead):
        return "a string"
    return "one label" if isinstance(head, SequenceClassificationHead) else "a label for each step"
