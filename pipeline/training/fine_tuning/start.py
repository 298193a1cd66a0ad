"""The start bundle of a training: its options and weights before it, and two reports after it."""

from collections.abc import Iterator
from pathlib import Path

from datasets import SequenceDataModule

from ...evaluation.improvement import Improvement
from ...reading.bundle import load_bundle, part_spec
from ...reading.bundle_files import find_bundle
from ...reading.bundle_schema import describe_part
from ...scoring.seen_samples import SeenSamples
from ..defaults.choice import take_reader_options
from ..recognizer import SequenceRecognizer
from .alphabets import choose_alphabet
from .forgetting import Forgetting
from .initialization import initialize_from


class StartBundle:
    """The bundle of `--init_from`, whose reader options and alphabet the parsed options take over.

    Args:
        options: all parsed options of `fit`; those of `data.source` are changed in place.
        given: the options that were given, as `given_options` returns them; these stay.
    Raises FileNotFoundError or ValueError for a bundle that cannot be read.
    """

    def __init__(self, options, given: dict):
        self.name, self.remember = options.init_from, options.remember
        self.bundle = load_bundle(self.name)
        self.improvement: Improvement | None = None
        self.forgetting: Forgetting | None = None
        data, path = given.get("data") or {}, str(find_bundle(self.name))
        take_reader_options(options.data.source, data.get("source"), self.bundle, path)
        head = type(self.bundle.model.head).__name__
        if options.model.head.class_path.rpartition(".")[2] == head:
            choose_alphabet(options.data.source, self.bundle.labels, options.alphabet)

    @property
    def seen(self) -> SeenSamples:
        """What the bundle has learned from."""
        return self.bundle.seen or SeenSamples(complete=False)

    def initialize(self, module: SequenceRecognizer, data: SequenceDataModule) -> list[str]:
        """Copy the weights into a network and return a summary by lines; see `initialize_from`.

        Raises ValueError if the bundle prepares its input in another way than the data.
        """
        ours, theirs = part_spec(data.source.reader), part_spec(self.bundle.reader)
        if ours != theirs:
            raise ValueError(
                f"--init_from: the bundle prepares its input with {describe_part(theirs)}, the "
                f"data with {describe_part(ours)}; give both the same options"
            )
        summary = initialize_from(module.model, module.labels, self.bundle)
        same_labels = module.labels == self.bundle.labels
        if getattr(data.source, "vocabulary", None) and same_labels:
            module.model.keep_ratios()
        return summary

    def score(self, module: SequenceRecognizer, data: SequenceDataModule) -> None:
        """Score the bundle before the training, whose run may replace its file."""
        if len(data.split("validation")):
            self.improvement = Improvement(self.name, data, module.model.head)
        if self.remember:
            self.forgetting = Forgetting(self.name, self.remember)

    def reports(self, best: Path) -> Iterator[str]:
        """Yield lines on what the new bundle forgot, and on what the fine-tuning bought."""
        if self.forgetting is not None:
            yield self.forgetting.report(best)
        if self.improvement is not None:
            yield from self.improvement.report(best)
