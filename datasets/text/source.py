"""Reviews and other labelled texts as a data source, split by group (film, company or author)."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..labels import fold_label, twin_notes
from ..progress import track
from ..source import Problem, Source, Split
from ..splits import assign_splits
from ..splits.parts import parts_of, split_notes
from .dataset import ReviewDataset, TokenizedReview, pack_reviews
from .files import find_reviews
from .token_cache import Entry, cache_folder, fingerprint, key_of, load_entry, store_entry
from .tokens import Keep, TextReader, Tokenizer, choose_symbols, read_symbols


class Reviews(Source):
    """Reviews, or any texts with one label each. Tokenised once and cached.

    Args:
        root: a table (.parquet, .csv, .tsv), or a folder with train.csv and optionally
            validation.csv and test.csv; a folder for each label with a .txt file for each review,
            as it is or under train/, validation/ and test/; the folder aclImdb or its .tar.gz; as
            given or under $STRAND_DATA. Tables have columns text and label, optionally id and a
            group.
        validation: fraction of the training reviews held out for model selection, in whole groups,
            or the names of groups, unless there are files for it.
        test: likewise held out for testing, for data that has no test files of its own.
        stratify: where the draw for a fraction leaves a split far from its share of some label,
            draw again by labels; false: never.
        labels: names of the labels 0, 1, ...; or the labels as written in the files, in the desired
            order. null takes them as written, sorted.
        vocabulary_size: number of tokens that get an id: those in the most training reviews.
        min_count: minimal number of training reviews that contain such a token.
        tokenizer: see TextReader, as for ngrams, max_length and keep.
        ngram_size: number of n-grams that get an id, for each order from 2 on.
        ngram_min_count: minimal number of training reviews that contain such an n-gram.
        group: column of the group; null takes the first of group, movie, company, author, and
            without one each review is a group. "folder", for texts in files: the first folder
            inside that of the label, which is the group by default where there is one.
        limit: train on this many reviews only, drawn at random.
        seed: of the splits and of the draw.
        cache: folder for the ids; null: strand/reviews in $XDG_CACHE_HOME or ~/.cache.
        vocabulary: a bundle, a .safetensors file, whose tokens and n-grams get the ids; null: the
            most frequent of the training reviews.
    """

    def __init__(
        self,
        root: str,
        validation: list[str] | float = 0.1,
        test: list[str] | float = 0.0,
        labels: list[str] | None = None,
        vocabulary_size: int = 30000,
        min_count: int = 2,
        tokenizer: Tokenizer = "unicode_words",
        ngrams: int = 1,
        ngram_size: int = 100000,
        ngram_min_count: int = 3,
        max_length: int | None = 400,
        keep: Keep = "end",
        group: str | None = None,
        limit: int | None = None,
        seed: int = 0,
        cache: str | None = None,
        vocabulary: str | None = None,
        stratify: bool = True,
    ):
        self.root, self.validation, self.test, self.limit = root, validation, test, limit
        self.stratify = stratify
        self.seed, self.cache = seed, cache_folder(cache)
        self.sizes = [vocabulary_size] + [ngram_size] * (ngrams - 1)
        self.least = [min_count] + [ngram_min_count] * (ngrams - 1)
        self._check()
        self.files = find_reviews(root, group)
        if test and "test" in self.files.parts:
            raise ValueError(f"{root}: has test reviews of its own; remove test={test}")
        splitter = TextReader([], None, tokenizer, ngrams)
        self.vocabulary, self._symbols = vocabulary, read_symbols(vocabulary)
        options = [tokenizer, self.sizes, self.least, group, validation, test, limit, seed]
        options += [stratify, *([self._symbols] if vocabulary else [])]
        self._key = key_of(options, fingerprint(self._training_files()))
        folder = self.cache / self._key
        self._entry = load_entry(folder) or store_entry(folder, *self._prepare(splitter))
        facts = self._entry.facts
        self.found: list[str] = facts["labels"]
        named = named_labels(self.found, labels and list(map(fold_label, labels)), root)
        self.labels = [fold_label(label) for label in labels or named]
        self._ids = np.array([self.labels.index(label) for label in named])
        self.reader = TextReader(facts["symbols"], max_length, tokenizer, ngrams, keep)
        self.input_size = self.reader.input_size
        self.problems = [Problem(*problem) for problem in facts["problems"]]
        self.passed_over = self.files.passed_over()
        self.unread = ["test"] if "test" in self.files.parts else []
        shares = {"validation": validation, "test": test}
        shares = {name: share for name, share in shares.items() if name not in self.files.parts}
        self.notes = twin_notes(self.label_counts("train"), root)
        self.notes += split_notes(parts_of(self, self.unread), shares, root)

    def _check(self) -> None:
        """Raise ValueError for options out of range."""
        for name, value, minimum in (
            ("vocabulary_size", self.sizes[0], 1),
            ("min_count", self.least[0], 1),
            ("ngram_size", self.sizes[-1], 1),
            ("ngram_min_count", self.least[-1], 1),
            ("limit", 2 if self.limit is None else self.limit, 2),
        ):
            if value < minimum:
                raise ValueError(f"Reviews: {name}={value}; give at least {minimum}")
        for name, share in (("validation", self.validation), ("test", self.test)):
            if isinstance(share, float | int) and not 0 <= share < 1:
                raise ValueError(f"Reviews: {name}={share} is no share; give 0 or more, below 1")

    def _training_files(self) -> list[Path]:
        """The files that are read before training: all but those of the test split."""
        return [file for part in self._training_parts() for file in self.files.files(part)]

    def _training_parts(self) -> list[Split]:
        return [part for part in ("train", "validation") if part in self.files.parts]

    def _prepare(self, splitter: TextReader) -> tuple[dict, dict[str, np.ndarray]]:
        """Read, split, count and look up all but the test file -> the cache entry's content."""
        rows, tokens, problems = self._tokenise(self._training_parts(), splitter)
        for item in [item for item in rows if not len(item.tokens)]:
            problems.append(
                Problem(item.row.name, f"{self.root}: {item.row.name}: no words; remove the review")
            )
        splits = self._assign([item for item in rows if len(item.tokens)])
        labels = sorted_labels({i.row.label for s in ("train", "validation") for i in splits[s]})
        train = [item.tokens for item in splits["train"]]
        if len({item.row.label for item in splits["train"]}) < 2:
            only = labels[0] if labels else "none"
            raise ValueError(
                f"{self.root}: {len(train)} reviews to train on, all of one label ({only}); there "
                "must be two labels or more: check the column label and the group"
            )
        texts = np.repeat(np.arange(len(train)), [len(t) for t in train])
        symbols = self._symbols or choose_symbols(
            tokens, np.concatenate(train), texts, splitter.tokenizer, self.sizes, self.least
        )
        reader = TextReader(symbols, None, splitter.tokenizer, splitter.ngrams)
        facts = {"labels": labels, "symbols": symbols, "splits": {}}
        arrays: dict[str, np.ndarray] = {}
        for split, items in splits.items():
            known = [item for item in items if item.row.label in labels]
            problems += self._unknown_labels(items, labels)
            facts["splits"][split], split_arrays = pack_reviews(known, tokens, reader, labels)
            arrays |= {f"{split}_{name}": array for name, array in split_arrays.items()}
        return facts | {"problems": problems}, arrays

    def _tokenise(
        self, parts: Sequence[Split], splitter: TextReader
    ) -> tuple[list[TokenizedReview], list[str], list[Problem]]:
        """The rows of some parts, their sorted distinct tokens, and problems of unusable rows."""
        index: defaultdict[str, int] = defaultdict()
        index.default_factory = index.__len__
        problems, items = [], []
        for part in parts:
            rows = list(track(self.files.rows(part), f"reading {self.root} ({part})", None))
            title = f"tokenising {self.root} ({part})"
            for number, row in enumerate(track(rows, title, len(rows))):
                if isinstance(row, Problem):
                    problems.append(row)
                    continue
                tokens = np.array([index[word] for word in splitter.split(row.text)], np.int32)
                items.append(TokenizedReview(number, row, tokens, part))
        names = sorted(index)
        order = np.empty(len(names), dtype=np.int64)
        order[[index[name] for name in names]] = np.arange(len(names))
        return [item._replace(tokens=order[item.tokens]) for item in items], names, problems

    def _assign(self, rows: list[TokenizedReview]) -> dict[Split, list[TokenizedReview]]:
        """Assign the rows to the splits by their groups; limit the training split."""
        splits: dict[Split, list[TokenizedReview]] = {"train": [], "validation": [], "test": []}
        groups = [item.row.group for item in rows]
        if rows:
            own = "validation" in self.files.parts
            given = [item.part if own else None for item in rows]
            shares = self.validation, self.test
            labels = [[item.row.label] for item in rows] if self.stratify else None
            assigned = assign_splits(groups, given, *shares, self.root, self.seed, labels)
            for item in rows:
                splits[assigned[item.row.group]].append(item)
        train = splits["train"]
        if self.limit is not None and self.limit < len(train):
            drawn = random.Random(self.seed).sample(range(len(train)), self.limit)
            splits["train"] = [train[i] for i in sorted(drawn)]
        return splits

    def _unknown_labels(self, items: list[TokenizedReview], labels: list[str]) -> list[Problem]:
        """A problem for each review whose label no training review has."""
        return [
            Problem(
                item.row.name,
                f"{self.root}: {item.row.name}: no training review has its label "
                f"'{item.row.label}'; correct it or remove the review",
            )
            for item in items
            if item.row.label not in labels
        ]

    def _test_entry(self) -> Entry:
        """The cache entry of the test split; reviews without words stay, since they are scored."""
        if "test" not in self.files.parts:
            return self._entry
        folder = self.cache / key_of(self._key, fingerprint(self.files.files("test")))
        entry = load_entry(folder)
        if entry is None:
            reader = TextReader(
                self.reader.symbols, None, self.reader.tokenizer, self.reader.ngrams
            )
            rows, tokens, problems = self._tokenise(["test"], reader)
            problems += self._unknown_labels(rows, self.found)
            known = [item for item in rows if item.row.label in self.found]
            facts, arrays = pack_reviews(known, tokens, reader, self.found)
            entry = store_entry(
                folder,
                {"splits": {"test": facts}, "problems": problems},
                {f"test_{name}": array for name, array in arrays.items()},
            )
        reported = set(self.problems)
        new = (Problem(*problem) for problem in entry.facts["problems"])
        self.problems += [problem for problem in new if problem not in reported]
        return entry

    def split(self, name: Split) -> ReviewDataset:
        """Return a split. The test file is read when its split is first requested."""
        entry = self._test_entry() if name == "test" else self._entry
        return ReviewDataset(entry, name, self.reader, self._ids)

    def labels_by_group(self, name: Split) -> dict[str, Counter[str]]:
        """How many reviews of each group have each label."""
        reviews = self.split(name)
        groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for group, label in zip(reviews.groups, reviews.labels.tolist(), strict=True):
            groups[group][self.labels[label]] += 1
        return dict(groups)

    def texts(self, name: Split) -> tuple[list[str], list[int]]:
        """The texts of a split as written in the files, and the ids of their labels."""
        dataset = self.split(name)
        part = name if name in self.files.parts else "train"
        rows = list(self.files.rows(part))
        return [rows[row].text for row in dataset.rows], dataset.labels.tolist()


def sorted_labels(labels: set[str]) -> list[str]:
    """Labels sorted by name; whole numbers by value."""
    return sorted(labels, key=int) if all(label.isdecimal() for label in labels) else sorted(labels)


def named_labels(found: list[str], names: list[str] | None, root: str) -> list[str]:
    """The name of each label found, in its order. Raises ValueError if the names do not fit."""
    if names is None or sorted(names) == sorted(found):
        return found
    if found == [str(i) for i in range(len(names))] and len(set(names)) == len(names):
        return list(names)
    raise ValueError(
        f"{root}: labels={json.dumps(names)} do not fit the labels that are there, "
        f"{json.dumps(found)}; name as many, for the labels 0, 1, ..., or leave it out"
    )
