"""--remember: what a fine-tuned bundle has unlearned of the lines that it started from."""

from pathlib import Path

from datasets.source import Reader

from ..evaluation.validation_lines import KeptLines, config_lines, folder_lines
from ..reading.bundle import load_bundle, save_bundle
from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, scores, tally_texts
from ..scoring.readings import text_of


class Forgetting:
    """The character error rate of old lines before a training, to be set beside that after it.

    Args:
        bundle: what the training starts from.
        given: a folder of lines, a label file, or a config of real lines: of each of its folders
            the lines kept for validation.
    Raises ValueError or OSError if there are no such lines, or the bundle reads none.
    """

    def __init__(self, bundle: str, given: str):
        self.bundle = Path(bundle).stem
        reader = load_bundle(bundle).reader
        reads = type(reader).__name__
        if reads != "LineReader":
            raise ValueError(f"--remember scores lines, but {bundle} has a {reads}; leave it out")
        self.sets = old_lines(given, reader)
        self.before = error_rates(bundle, self.sets)

    def note(self, path: Path) -> str:
        """Score the bundle that came out, write both figures into it and tell them."""
        after = error_rates(str(path), self.sets)
        bundle, told = load_bundle(str(path)), []
        for old, was, now in zip(self.sets, self.before, after, strict=True):
            bundle.scores |= {f"old/{old.name}/cer_before": was, f"old/{old.name}/cer": now}
            told.append(f"{old.name} ({len(old.paths)} lines) {was:.2f} -> {now:.2f} % CER")
        bundle.card["forgetting"] = f"{self.bundle}: {'; '.join(told)}"
        save_bundle(bundle, path)
        return f"forgetting: {bundle.card['forgetting']}"


def old_lines(given: str, reader: Reader) -> list[KeptLines]:
    """Sets of lines: of a config, each folder's that are kept for validation."""
    if Path(given).suffix in (".yaml", ".yml"):
        return config_lines(given, reader).kept
    return [folder_lines(given)]


def error_rates(bundle: str, sets: list[KeptLines]) -> list[float]:
    """CER in percent of each set, read greedily; a line that cannot be read counts as read empty.

    A search would hide what the network forgot: only the bundle before has a language model.
    """
    recognizer, rates = Recognizer(load_bundle(bundle)), []
    recognizer.bundle.decoder = None
    labels = recognizer.bundle.labels
    for old in sets:
        answers = [reading for _, reading in recognizer.read(old.paths)]
        said = ["" if isinstance(a, str) else text_of(a, labels) for a in answers]
        tally = tally_texts(said, old.texts, old.groups, Normalization())
        rates.append(round(scores(tally)["cer"].value, 3))
    return rates
