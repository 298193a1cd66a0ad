"""Labelled texts in their usual layouts -> rows: tables, one file per review, archives of these."""

import gzip
import re
import tarfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from ..labels import fold_label
from ..paths import resolve_data_path
from ..source import Problem
from .tables import TABLES, Row, read_reviews

Part = Literal["train", "test"]
ARCHIVES = (".tar.gz", ".tgz")
LABELS = {"neg": "negative", "pos": "positive"}  # of aclImdb's folder names
REVIEW = re.compile(r"(?:.*/)?(train|test)/([^/]+)/([^/.][^/]*)\.txt")
MOVIES = re.compile(r"(?:.*/)?(train|test)/urls_([^/]+)\.txt")
MOVIE = re.compile(r"tt\d+")


class ReviewFiles(ABC):
    """Source of rows. own_test: whether there are test rows separate from the training rows."""

    own_test: bool

    @abstractmethod
    def rows(self, part: Part) -> Iterator[Row | Problem]:
        """Iterate over the rows, in a fixed order, and a Problem for each unusable one.

        Raises ValueError naming the file if it is damaged or of a wrong kind.
        """

    @abstractmethod
    def files(self, part: Part) -> list[Path]:
        """The files that `rows` reads."""


def find_reviews(root: str, group: str | None = None) -> ReviewFiles:
    """Find the reviews in a file or folder, as given or under $STRAND_DATA.

    Raises FileNotFoundError or ValueError that lists what was looked for.
    """
    path = resolve_data_path(root)
    if path.is_file():
        if path.name.endswith(ARCHIVES):
            return ReviewArchive(path)
        return ReviewTables({"train": path}, group)
    tables = {p: path / (p + s) for p in ("test", "train") for s in TABLES[::-1]
              if (path / (p + s)).exists()}  # fmt: skip
    if "train" in tables:
        return ReviewTables(tables, group)
    for folder in (path, path / "aclImdb"):
        if (folder / "train").is_dir():
            return ReviewFolder(folder)
    archives = sorted(p for p in path.glob("aclImdb*") if p.name.endswith(ARCHIVES))
    if archives:
        return ReviewArchive(archives[0])
    raise ValueError(
        f"{path}: neither train.parquet, train.csv or train.tsv, nor a folder train/ with a folder "
        "for each label, nor aclImdb*.tar.gz; `python run.py fetch imdb` fetches the last"
    )


class ReviewTables(ReviewFiles):
    """Parquet, CSV or TSV files with the columns text and label, one table per part."""

    def __init__(self, tables: dict[Part, Path], group: str | None):
        self.tables, self.group = tables, group
        self.own_test = "test" in tables

    def files(self, part: Part) -> list[Path]:
        return [self.tables[part]] if part in self.tables else []

    def rows(self, part: Part) -> Iterator[Row | Problem]:
        for path in self.files(part):
            yield from read_reviews(path, self.group)


class ReviewFolder(ReviewFiles):
    """Files PART/LABEL/NUMBER_RATING.txt; line NUMBER of PART/urls_LABEL.txt is the film."""

    own_test = True

    def __init__(self, folder: Path):
        self.folder = folder

    def files(self, part: Part) -> list[Path]:
        return sorted((self.folder / part).glob("*/*.txt")) + sorted(
            (self.folder / part).glob("urls_*.txt")
        )

    def rows(self, part: Part) -> Iterator[Row | Problem]:
        named = ((p.relative_to(self.folder).as_posix(), p) for p in self.files(part))
        contents = ((name, path.read_bytes()) for name, path in named if is_needed(name, part))
        yield from text_rows(contents, str(self.folder))


class ReviewArchive(ReviewFiles):
    """The layout of `ReviewFolder` in a .tar.gz, read as a stream: nothing is unpacked to disk."""

    own_test = True

    def __init__(self, path: Path):
        self.path = path

    def files(self, part: Part) -> list[Path]:
        return [self.path]

    def rows(self, part: Part) -> Iterator[Row | Problem]:
        yield from text_rows(self._contents(part), str(self.path))

    def _contents(self, part: Part) -> Iterator[tuple[str, bytes]]:
        try:
            # gzip detects a truncated file; tarfile's own decompression may not
            with gzip.open(self.path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    if member.isfile() and is_needed(member.name, part):
                        yield member.name, archive.extractfile(member).read()
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{self.path}: damaged or cut off at {self.path.stat().st_size} bytes ({error}); "
                "fetch it again"
            ) from error


def is_needed(name: str, part: Part) -> bool:
    """Whether a name is a labelled review or a list of films of this part."""
    match = REVIEW.fullmatch(name) or MOVIES.fullmatch(name)
    return bool(match) and match[1] == part and match[2] != "unsup"


def text_rows(contents: Iterable[tuple[str, bytes]], where: str) -> Iterator[Row | Problem]:
    """Contents of files by name, in any order -> rows sorted by label, then number."""
    reviews: dict[tuple, tuple[str, bytes]] = {}
    movies: dict[str, list[str]] = {}
    for name, content in contents:
        movie_list, review = MOVIES.fullmatch(name), REVIEW.fullmatch(name)
        if movie_list:
            movies[movie_list[2]] = content.decode("utf-8", "replace").splitlines()
        elif review:
            digits = re.match(r"\d+", review[3])
            number = int(digits[0]) if digits else -1
            reviews[review[2], number, review[3]] = ("/".join(review.groups()), content)
    for (label, number, _), (name, content) in sorted(reviews.items()):
        urls = movies.get(label, [])
        url = urls[number] if 0 <= number < len(urls) else name
        movie = MOVIE.search(url)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            reason = f"{where}: {name}.txt: not UTF-8 at byte {error.start}; save it as UTF-8"
            yield Problem(name, reason)
            continue
        yield Row(name, text, fold_label(LABELS.get(label, label)), movie[0] if movie else url)
