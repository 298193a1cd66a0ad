"""Labelled reviews that a bundle is scored on."""

from collections.abc import Sequence

import numpy as np

from datasets import TextReader
from datasets.paths import resolve
from datasets.source import Problem
from datasets.text.files import find_reviews
from models.heads.labels import Label

from ..reading.inputs import from_text
from .labelled import LabelledData, label_ids


def labelled_reviews(reader: TextReader, labels: Sequence[str], options) -> LabelledData:
    """The rows of a table, or of one part of a folder or archive of reviews."""
    files = find_reviews(options.data)
    whole = resolve(options.data).is_file() and not files.own_test  # one table has no parts
    if options.split == "test" and not (whole or files.own_test):
        raise ValueError(f"{options.data}: no test reviews; add test.parquet, or --split train")
    found = list(files.rows("train" if whole else options.split))
    rows = [row for row in found if not isinstance(row, Problem)]
    if not rows:
        raise ValueError(f"{options.data}: no labelled review to score")
    targets = label_ids([row.label for row in rows], labels, options.data)
    return LabelledData(
        items=[from_text(row.text, reader, row.name) for row in rows],
        targets=[np.array(target, dtype=np.int64) for target in targets],
        groups=[row.group for row in rows],
        labels=list(labels),
        nothing=Label(-1, 0.0),
        unit="reviews",
        unscored=[f"{p.reason}; not scored" for p in found if isinstance(p, Problem)],
    )
