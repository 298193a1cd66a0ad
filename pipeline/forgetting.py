"""--remember: what a fine-tuned bundle has unlearned of the lines that it started from."""

from pathlib import Path
from typing import NamedTuple

import yaml

from datasets.lines import LineFolder, RealLines, transcripts
from datasets.paths import resolve

from .bundle import load_bundle, save_bundle
from .metrics import Normalization, scores, tally_texts
from .prediction import Recognizer
from .scoring import text_of


class OldLines(NamedTuple):
    """N lines: their images, texts and groups."""

    name: str
    paths: list[str]
    texts: list[str]
    groups: list[str]


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
        reads = type(load_bundle(bundle).reader).__name__
        if reads != "LineReader":
            raise ValueError(f"--remember scores lines, but {bundle} has a {reads}; leave it out")
        self.sets = validation_lines(Path(given)) if is_config(given) else [all_lines(given)]
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


def is_config(given: str) -> bool:
    return Path(given).suffix in (".yaml", ".yml")


def all_lines(given: str) -> OldLines:
    paths, texts, groups = zip(*transcripts(LineFolder(given)), strict=True)
    place = resolve(given)
    name = place.parent.name if place.name == "labels.tsv" else place.stem
    return OldLines(name, [str(path) for path in paths], list(texts), list(groups))


def validation_lines(config: Path) -> list[OldLines]:
    """Of each folder of a config's source, or of the sources that it mixes."""
    source = yaml.safe_load(config.read_text(encoding="utf-8")).get("data", {}).get("source", {})
    options = source.get("init_args", {})
    parts = [options, *(part.get("init_args", {}) for part in options.get("sources", []))]
    folders = [LineFolder(**folder) for part in parts for folder in part.get("folders", [])]
    found = []
    for folder in folders:
        lines = RealLines([folder]).split("validation")
        if len(lines):
            name = resolve(folder.root).name
            found.append(OldLines(name, lines.names, lines.texts, lines.groups))
    if not found:
        raise ValueError(
            f"--remember {config}: no folder of lines with a validation split under data.source; "
            "give a folder of labelled lines"
        )
    return found


def error_rates(bundle: str, sets: list[OldLines]) -> list[float]:
    """CER in percent of each set; a line that cannot be read counts as read empty."""
    recognizer, rates = Recognizer(load_bundle(bundle)), []
    labels = recognizer.bundle.labels
    for old in sets:
        answers = [reading for _, reading in recognizer.read(old.paths)]
        said = ["" if isinstance(a, str) else text_of(a, labels) for a in answers]
        tally = tally_texts(said, old.texts, old.groups, Normalization())
        rates.append(round(scores(tally)["cer"].value, 3))
    return rates
