"""Labelled data of texts: reviews with one label each, and sentences with one for each token."""

from collections.abc import Sequence

import numpy as np

from datasets import TextReader
from datasets.batch import IGNORED
from datasets.digests import as_digests
from datasets.source import Problem, Split
from datasets.text.files import find_reviews
from datasets.text.tagged import find_tagged
from datasets.text.tokens import text_digest
from models.heads.labels import Label, StepLabels

from ..reading.text_items import tagged_item, text_item
from .labelled import LabelledData, choose_split, label_ids


def labelled_reviews(
    reader: TextReader, labels: Sequence[str], options, prefer: Sequence[Split]
) -> LabelledData:
    """Load the reviews of a table or a folder, or of one split of data that come in splits.

    prefer: the first of these that is there is the default of --split. Raises ValueError if there
    is no labelled review.
    """
    files = find_reviews(options.data, options.group)
    split = choose_split(files.parts if files.divided else [], options, prefer)
    all_rows = list(files.rows(split or "train"))
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
        digests=lambda: as_digests(text_digest(row.text) for row in rows),
    )


def labelled_tags(
    reader: TextReader, labels: Sequence[str], options, prefer: Sequence[Split]
) -> LabelledData:
    """Load sentences with a label for each token, of a file or of one of several for the splits.

    prefer: as of `labelled_reviews`. Raises ValueError if there is no labelled sentence, or a label
    that the bundle does not know.
    """
    files = find_tagged(options.data)
    split = choose_split(files.files if files.divided else [], options, prefer)
    all_rows = list(files.rows(split or "train"))
    rows = [row for row in all_rows if not isinstance(row, Problem)]
    problems = [row.reason for row in all_rows if isinstance(row, Problem)]
    if not rows:
        reasons = "".join(f"\n  {reason}" for reason in problems[:3])
        raise ValueError(f"{options.data}: no labelled sentence to score{reasons}")
    used = sorted({label for row in rows for label in row.labels} - set(options.ignore))
    ids = dict(zip(used, label_ids(used, labels, options.data), strict=True))
    return LabelledData(
        items=[tagged_item(row.tokens, reader, row.name) for row in rows],
        targets=[np.array([ids.get(label, IGNORED) for label in row.labels]) for row in rows],
        groups=[row.group for row in rows],
        labels=list(labels),
        nothing=StepLabels([], []),
        unit="sentences",
        unscored=[f"{reason}; not scored" for reason in problems],
        digests=lambda: as_digests(text_digest(" ".join(row.tokens)) for row in rows),
    )
