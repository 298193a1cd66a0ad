"""Labelled data of reviews: texts of a table, folder or archive with one label each."""

from collections.abc import Sequence

import numpy as np

from datasets import TextReader
from datasets.files import resolve_data_path
from datasets.source import Problem
from datasets.text.files import find_reviews
from models.heads.labels import Label

from ..reading.inputs import text_item
from .labelled import LabelledData, label_ids


def labelled_reviews(reader: TextReader, labels: Sequence[str], options) -> LabelledData:
    """Load the reviews of a table, or of one split of a folder or archive.

    Raises ValueError if there is no labelled review, or no test split where it is asked for.
    """
    files = find_reviews(options.data, options.group)
    single = (
        resolve_data_path(options.data).is_file() and not files.own_test
    )  # a table without splits
    split = options.split or "test"
    if split == "test" and not (single or files.own_test):
        raise ValueError(f"{options.data}: no test reviews; add test.parquet, or --split train")
    all_rows = list(files.rows("train" if single else split))
    rows = [row for row in all_rows if not isinstance(row, Problem)]
    if not rows:
        raise ValueError(f"{options.data}: no labelled review to score")
    targets = label_ids([row.label for row in rows], labels, options.data)
    return LabelledData(
        items=[text_item(row.text, reader, row.name) for row in rows],
        targets=[np.array(target, dtype=np.int64) for target in targets],
        groups=[row.group for row in rows],
        labels=list(labels),
        nothing=Label(-1, 0.0),
        unit="reviews",
        unscored=[f"{row.reason}; not scored" for row in all_rows if isinstance(row, Problem)],
        passed_over=files.passed_over(),
    )
