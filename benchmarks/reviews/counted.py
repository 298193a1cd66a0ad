"""Counted words beside the networks: the same reviews, the same splits, no order beyond n-grams.

    python -m benchmarks.reviews.counted --data imdb [--split validation|test] [--json FILE]

TF-IDF with logistic regression, and the naive Bayes log-count ratios of Wang and Manning (2012),
with scikit-learn. Settings are the usual ones of the literature; the word pattern is the one that
the networks read with. A method is an unfitted scikit-learn pipeline: add it in `METHODS`.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from datasets.output.text import print_notes
from pipeline.scoring.metrics import Score, compute_scores, tally_labels

from ..table import aligned, score_cell

WORDS = r"\w+(?:['\u2019]\w+)*|[^\w\s]"  # single letters and punctuation marks count as well
COLUMNS = ["method", "accuracy % (95 %)", "features", "seconds"]


class Texts(NamedTuple):
    """N labelled texts: label ids, and the film (or company) of each."""

    texts: list[str]
    labels: list[int]
    groups: list[str]


class Row(NamedTuple):
    """One line of the table; seconds: fitting and predicting; features: what was counted."""

    name: str
    score: Score
    features: int
    seconds: float


class LogCountRatios(TransformerMixin, BaseEstimator):
    """0/1 counts (N, V) of two classes -> each column times its naive Bayes log-count ratio.

    r = log((p / |p|) / (q / |q|)), p and q: 1 + texts of class 1 and of class 0 that hold the
    n-gram, |p| and |q| their sums (Wang and Manning 2012, equation 4 with alpha = 1).
    """

    def fit(self, counts: sp.csr_matrix, labels: Sequence[int]) -> "LogCountRatios":
        positive = np.asarray(labels) == 1
        inside, outside = (
            1 + np.asarray(counts[rows].sum(0), float).ravel() for rows in (positive, ~positive)
        )
        self.ratios_ = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        return self

    def transform(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        return sp.csr_matrix(counts @ sp.diags(self.ratios_.astype(counts.dtype)))


class InterpolatedSVC(LinearSVC):
    """A linear SVM whose weights move towards their mean magnitude, that is, towards naive Bayes.

    w' = (1 - 0.25) |w| / V + 0.25 w on features that carry their ratio (equation 8).
    """

    INTERPOLATION = 0.25

    def fit(self, features: sp.csr_matrix, labels: Sequence[int]) -> "InterpolatedSVC":
        super().fit(features, labels)
        share, mean = self.INTERPOLATION, np.abs(self.coef_).mean()
        self.coef_ = (1 - share) * mean + share * self.coef_
        return self


def regression(strength: float) -> OneVsRestClassifier:
    """Logistic regression, each class against the rest; a smaller strength regularises more."""
    # the dual solver is several times as fast with more features than texts
    return OneVsRestClassifier(
        LogisticRegression(C=strength, solver="liblinear", dual=True, max_iter=1000)
    )


def tf_idf(longest: int, strength: float, analyzer: str = "word", once: int = 1) -> Pipeline:
    """Weights 1 + log tf of n-grams up to `longest` that at least `once` texts hold."""
    counted = TfidfVectorizer(
        token_pattern=WORDS if analyzer == "word" else None,
        analyzer=analyzer,
        ngram_range=(1, longest),
        min_df=once,
        sublinear_tf=True,
        dtype=np.float32,
    )
    return make_pipeline(counted, regression(strength))


def naive_bayes(longest: int, classifier: BaseEstimator) -> Pipeline:
    """Binary n-grams up to `longest`, their log-count ratios, and a classifier of those."""
    counted = CountVectorizer(
        token_pattern=WORDS, ngram_range=(1, longest), binary=True, dtype=np.float32
    )
    return make_pipeline(counted, OneVsRestClassifier(make_pipeline(LogCountRatios(), classifier)))


METHODS: dict[str, dict[str, Callable[[], Pipeline]]] = {
    "words": {
        "words, TF-IDF": lambda: tf_idf(1, 1),
        "1-2-grams, TF-IDF": lambda: tf_idf(2, 10),
        "NBSVM, 1-2-grams": lambda: naive_bayes(2, InterpolatedSVC(C=0.1)),
        "NB ratios, 1-3-grams, LR": lambda: naive_bayes(
            3, LogisticRegression(solver="liblinear", dual=True, max_iter=1000)
        ),
    },
    "characters": {
        "characters, TF-IDF": lambda: tf_idf(1, 1, "char"),
        "1-4-grams of characters, TF-IDF": lambda: tf_idf(4, 10, "char", once=2),
    },
}


def measure(name: str, method: Pipeline, train: Texts, held_out: Texts) -> Row:
    """Fit on one split, score on the other."""
    start = time.perf_counter()
    method.fit(train.texts, train.labels)
    predictions = method.predict(held_out.texts)
    seconds = time.perf_counter() - start
    classes = 1 + max([*train.labels, *held_out.labels])
    tally = tally_labels(predictions, held_out.labels, held_out.groups, classes)
    return Row(name, compute_scores(tally)["accuracy"], len(method[0].vocabulary_), seconds)


def records(rows: Sequence[Row]) -> list[dict[str, str | float | None]]:
    """What `run.py compare --beside FILE` reads; no interval (null) where there is one group."""
    note = f"counted, scikit-learn {sklearn.__version__}"
    found = []
    for name, score, _, seconds in rows:
        low, high = (None if np.isnan(end) else round(end, 3) for end in (score.low, score.high))
        value = round(score.value, 3)
        found.append({"name": name, "score": value, "low": low, "high": high})
        found[-1] |= {"seconds": round(seconds, 2), "note": note}
    return found


def format_table(rows: Sequence[Row], markdown: bool) -> str:
    """Aligned columns, or a Markdown table."""
    return aligned([COLUMNS, *map(row_cells, rows)], markdown)


def row_cells(row: Row) -> list[str]:
    return [row.name, score_cell(row.score), f"{row.features:,}", f"{row.seconds:.1f}"]


def read_split(data: str, split: str, train: str, tokenizer: str) -> tuple[Texts, Texts]:
    """`datasets.Reviews` -> the texts to fit on (train, or all: train and validation) and those
    held out: the networks' own split by whole films.
    """
    from datasets import Reviews
    from datasets.text.tokens import LINE_BREAK

    source = Reviews(data, tokenizer=tokenizer)

    def part(name: str) -> Texts:
        texts, labels = source.texts(name)
        return Texts([LINE_BREAK.sub(" ", t) for t in texts], labels, source.split(name).groups)

    parts = [part("train")] + ([part("validation")] if train == "all" else [])
    joined = Texts(*([*chain.from_iterable(columns)] for columns in zip(*parts, strict=True)))
    held_out = part(split)
    for problem in source.problems:
        print_notes(f"left out: {problem.reason}")
    return joined, held_out


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="imdb", help="as given, or under STRAND_DATA")
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument(
        "--train",
        choices=("all", "train"),
        help="fit on train, or on all: train and validation (default for test)",
    )
    parser.add_argument("--tokenizer", choices=METHODS, default="words")
    parser.add_argument("--json", type=Path, help="for run.py compare --beside FILE")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args(arguments)
    train = options.train or ("all" if options.split == "test" else "train")
    if train == "all" and options.split == "validation":
        parser.error("--train all holds the validation reviews; score those with --train train")
    fitted, held_out = read_split(options.data, options.split, train, options.tokenizer)
    rows = []
    for name, method in METHODS[options.tokenizer].items():
        print_notes(f"{name} ...")
        rows.append(measure(name, method(), fitted, held_out))
    if options.json:
        options.json.write_text(json.dumps(records(rows), indent=1) + "\n", encoding="utf-8")
    print(format_table(rows, options.format == "markdown"), end="\n\n")
    print(conditions(options.split, train, fitted, held_out))


def conditions(split: str, train: str, fitted: Texts, held_out: Texts) -> str:
    """What the figures were measured under."""
    whole = "train and validation" if train == "all" else "train without validation"
    return (
        f"Fitted on {len(fitted.texts):,} reviews ({whole}), scored on {len(held_out.texts):,} "
        f"({split}, {len(set(held_out.groups)):,} groups; interval: bootstrap over groups). "
        "The networks are fitted on train without validation.\n"
        f"Seconds: fit and predict, {os.cpu_count()} cores, scikit-learn {sklearn.__version__}."
    )


if __name__ == "__main__":
    main()
