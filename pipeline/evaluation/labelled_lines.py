"""Labelled text lines that a bundle is scored on."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from datasets.lines.containers import container_problems
from datasets.lines.folders import LineFolder, transcripts, unlabelled
from datasets.paths import resolve
from models.heads.labels import Text

from .labelled import LabelledData


def labelled_lines(labels: Sequence[str], options) -> LabelledData:
    """Line images and their transcripts, which may hold characters that the bundle cannot read."""
    folder = LineFolder(options.data, options.group_pattern)
    rows = list(transcripts(folder))
    texts = [unicodedata.normalize("NFC", text) for _, text, _ in rows]
    symbols = [*labels, *sorted(set("".join(texts)).difference(labels))]
    ids = {symbol: place for place, symbol in enumerate(symbols)}
    return LabelledData(
        items=[str(path) for path, _, _ in rows],
        targets=[np.array([ids[c] for c in text], dtype=np.int64) for text in texts],
        groups=[group for *_, group in rows],
        labels=symbols,
        nothing=Text([], [], [], 0.0),
        unit="lines",
        unscored=[f"{path}: no transcript, so not scored" for path in unlabelled(folder)]
        + [f"{p.reason}; not scored" for p in container_problems(resolve(options.data))],
    )
