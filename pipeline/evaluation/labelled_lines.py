"""Labelled data of text lines: images and their transcripts."""

from collections.abc import Sequence
from functools import partial

from datasets.lines.cache import line_digests
from datasets.lines.folders import LineFolder, split_finder
from datasets.lines.listing import lines_passed_over, read_lines
from datasets.lines.reader import LineReader
from datasets.source import Split
from models.heads.labels import Text

from .labelled import LabelledData, choose_split, encode_texts


def labelled_lines(
    reader: LineReader, labels: Sequence[str], options, prefer: Sequence[Split]
) -> LabelledData:
    """Load line images and their transcripts, which may contain symbols outside the labels.

    Of folders of splits, the lines of --split, or of the first that is there of `prefer`. Raises
    ValueError if no line has a transcript.
    """
    folder = LineFolder(options.data, options.group_pattern, group=options.group)
    found, split_of = read_lines(folder), split_finder(folder)
    splits = [split_of(image) for image, *_ in found.rows]
    split = choose_split(set(splits) - {None}, options, prefer)
    rows = [row for row, own in zip(found.rows, splits, strict=True) if own == split]
    with_text = [row for row in rows if row[1].strip()]
    if not with_text:
        raise ValueError(f"{options.data}: all {len(rows)} transcripts are empty; type them")
    paths, texts, groups = zip(*with_text, strict=True)
    paths = list(map(str, paths))
    empty = [path for path, text, _ in rows if not text.strip()]
    symbols, targets = encode_texts(texts, labels)
    return LabelledData(
        items=paths,
        targets=targets,
        groups=list(groups),
        labels=symbols,
        nothing=Text([], [], [], 0.0),
        unit="lines",
        unscored=[f"{path}: the transcript is empty, so not scored" for path in empty]
        + [f"{problem.reason}; not scored" for problem in found.problems],
        changed=[note.reason for note in found.notes],
        passed_over=lines_passed_over(folder),
        digests=partial(line_digests, paths, reader),
    )
