"""Labelled data of text lines: images and their transcripts."""

from collections.abc import Sequence

from datasets.lines.folders import LineFolder, read_lines
from models.heads.labels import Text

from .labelled import LabelledData, encode_texts


def labelled_lines(labels: Sequence[str], options) -> LabelledData:
    """Load line images and their transcripts, which may contain symbols outside the labels."""
    found = read_lines(LineFolder(options.data, options.group_pattern))
    paths, texts, groups = zip(*found.rows, strict=True)
    symbols, targets = encode_texts(texts, labels)
    return LabelledData(
        items=list(map(str, paths)),
        targets=targets,
        groups=list(groups),
        labels=symbols,
        nothing=Text([], [], [], 0.0),
        unit="lines",
        unscored=[f"{problem.reason}; not scored" for problem in found.problems],
        changed=[note.reason for note in found.notes],
    )
