"""Evaluation of forgetting for `--remember`: error on old lines before and after fine-tuning."""

from pathlib import Path

from datasets.source import Reader

from ...evaluation.validation_lines import FolderLines, config_lines, folder_lines
from ...reading.bundle import load_bundle, save_bundle
from ...reading.bundle_files import bundle_name
from ...reading.prediction import Recognizer
from ...scoring.metrics import Normalization, compute_scores, tally_texts
from ...scoring.readings import text_of


class Forgetting:
    """Character error rate (CER) on old lines before fine-tuning, to compare with that after it.

    Args:
        bundle: the bundle that the training starts from.
        lines: a folder of lines, a label file, or a config of real lines: of each of its folders
            the lines kept for validation.
    Raises ValueError or OSError if there are no such lines, or the bundle does not read lines.
    """

    def __init__(self, bundle: str, lines: str):
        self.bundle = bundle_name(bundle)
        reader = load_bundle(bundle).reader
        reads = type(reader).__name__
        if reads != "LineReader":
            raise ValueError(f"--remember scores lines, but {bundle} has a {reads}; leave it out")
        self.sets = old_lines(lines, reader)
        self.before = error_rates(bundle, self.sets)

    def report(self, path: Path) -> str:
        """Score the fine-tuned bundle, store both rates of each set in it and return a summary."""
        rates = error_rates(str(path), self.sets)
        bundle, changes = load_bundle(str(path)), []
        for old, before, after in zip(self.sets, self.before, rates, strict=True):
            bundle.scores |= {f"old/{old.name}/cer_before": before, f"old/{old.name}/cer": after}
            changes.append(f"{old.name} ({len(old.paths)} lines) {before:.2f} -> {after:.2f} % CER")
        bundle.card["forgetting"] = f"{self.bundle}: {'; '.join(changes)}"
        save_bundle(bundle, path)
        return f"forgetting: {bundle.card['forgetting']}"


def old_lines(lines: str, reader: Reader) -> list[FolderLines]:
    """The lines of a folder or label file, or of a config: one set of validation lines a folder."""
    if Path(lines).suffix in (".yaml", ".yml"):
        return config_lines(lines, reader).kept
    return [folder_lines(lines)]


def error_rates(bundle: str, sets: list[FolderLines]) -> list[float]:
    """CER in percent of each set under greedy decoding; an unreadable line counts as an empty text.

    A beam search would hide forgetting: only the bundle before fine-tuning has a language model.
    """
    recognizer, rates = Recognizer(load_bundle(bundle)), []
    recognizer.bundle.decoder = None
    labels = recognizer.bundle.labels
    for lines in sets:
        readings = [reading for _, reading in recognizer.read(lines.paths)]
        texts = ["" if isinstance(r, str) else text_of(r, labels) for r in readings]
        tally = tally_texts(texts, lines.texts, lines.groups, Normalization(lines.any_case))
        rates.append(round(compute_scores(tally)["cer"].value, 3))
    return rates
