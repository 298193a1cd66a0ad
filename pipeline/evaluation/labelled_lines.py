"""Labelled data of text lines: images and their transcripts."""

from collections.abc import Sequence

from datasets.lines.folders import LineFolder, lines_passed_over, read_lines
from models.heads.labels import Text

from .labelled import LabelledData, encode_texts


def labelled_lines(labels: Sequence[str], options) -> LabelledData:
    """Load line images and their transcripts, which may contain symbols outside the labels.

    Raises ValueError if no line has a transcript.
    """
    folder = LineFolder(options.data, options.group_pattern, group=options.group)
    found = read_lines(folder)
    with_text = [row for row in found.rows if row[1].strip()]
    if not with_text:
        raise ValueError(f"{options.data}: all {len(found.rows)} transcripts are empty; type them")
    paths, texts, groups = zip(*with_text, strict=True)
    empty = [path for path, text, _ in found.rows if not text.strip()]
    symbols, targets = encode_texts(texts, labels)
    return LabelledData(
        items=list(map(str, paths)),
        targets=targets,
        groups=list(groups),
        labels=symbols,
        nothing=Text([], [], [], 0.0),
        unit="lines",
        unscored=[f"{path}: the transcript is empty, so not scored" for path in empty]
        + [f"{problem.reason}; not scored" for problem in found.problems],
        changed=[note.reason for note in found.notes],
        passed_over=lines_passed_over(folder),
    )
