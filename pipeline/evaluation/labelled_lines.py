"""Labelled data of text lines: images and their transcripts."""

from collections.abc import Sequence

from datasets.lines.containers import container_problems
from datasets.lines.folders import (
    LineFolder,
    lines_passed_over,
    transcripts,
    unlabelled_images,
)
from datasets.paths import resolve_data_path
from models.heads.labels import Text

from .labelled import LabelledData, encode_texts


def labelled_lines(labels: Sequence[str], options) -> LabelledData:
    """Load line images and their transcripts, which may contain symbols outside the labels.

    Raises ValueError if no line has a transcript.
    """
    folder = LineFolder(options.data, options.group_pattern, group=options.group)
    listed = list(transcripts(folder))
    with_text = [row for row in listed if row[1].strip()]
    if not with_text:
        raise ValueError(f"{options.data}: all {len(listed)} transcripts are empty; type them")
    paths, texts, groups = zip(*with_text, strict=True)
    empty = [path for path, text, _ in listed if not text.strip()]
    symbols, targets = encode_texts(texts, labels)
    return LabelledData(
        items=list(map(str, paths)),
        targets=targets,
        groups=list(groups),
        labels=symbols,
        nothing=Text([], [], [], 0.0),
        unit="lines",
        unscored=[f"{path}: the transcript is empty, so not scored" for path in empty]
        + [f"{path}: {reason}; not scored" for path, reason in unlabelled_images(folder, paths)]
        + [f"{p.reason}; not scored" for p in container_problems(resolve_data_path(options.data))],
        passed_over=lines_passed_over(folder),
    )
