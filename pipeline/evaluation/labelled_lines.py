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
    """Load line images and their transcripts, which may contain symbols outside the labels."""
    folder = LineFolder(options.data, options.group_pattern)
    paths, texts, groups = zip(*transcripts(folder), strict=True)
    symbols, targets = encode_texts(texts, labels)
    return LabelledData(
        items=list(map(str, paths)),
        targets=targets,
        groups=list(groups),
        labels=symbols,
        nothing=Text([], [], [], 0.0),
        unit="lines",
        unscored=[
            f"{path}: {reason}; not scored" for path, reason in unlabelled_images(folder, paths)
        ]
        + [f"{p.reason}; not scored" for p in container_problems(resolve_data_path(options.data))],
        passed_over=lines_passed_over(folder),
    )
