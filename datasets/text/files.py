"""Labelled texts in their usual layouts -> rows: tables, one file per review, archives of these."""

import gzip
import re
import tarfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from ..files import (
    find_files,
    has_suffix,
    no_data_kind,
    passed_over,
    resolve_data_path,
    scan_folder,
)
from ..labels import fold_label
from ..limits.opening import MAX_TEXT, BoundedStream, expanded_limit, read_bytes
from ..source import Problem, Split
from ..splits import (
    FOLDER,
    SPLIT_FOLDERS,
    called_as_splits,
    folder_of,
    folders_in,
    no_folder_error,
)
from .tables import TABLES, Row, read_reviews

ARCHIVES = (".tar.gz", ".tgz")
LABELS = {"neg": "negative", "pos": "positive"}  # of aclImdb's folder names
BAGS = {"labeledBow.feat", "unsupBow.feat"}  # counted words of the reviews, in aclImdb
PARTS = "(" + "|".join(f"(?i:{name})" for name in SPLIT_FOLDERS) + ")"
TEXT = r"([^/]+)/((?:[^/.][^/]*/)*[^/.][^/]*)\.(?i:txt)"
REVIEW = re.compile(rf"(?:.*/)?{PARTS}/{TEXT}")
UNDIVIDED = re.compile(rf"(){TEXT}")  # no folders of splits: all are to train on
MOVIES = re.compile(rf"(?:.*/)?{PARTS}/urls_([^/]+)\.txt")
MOVIE = re.compile(r"tt\d+")


class ReviewFiles(ABC):
    """Source of rows.

    parts: the splits that have files of their own, train among them. divided: whether names of
    files say so, as train.csv does; else train stands for all.
    """

    parts: Collection[Split]
    divided: bool

    @abstractmethod
    def rows(self, part: Split) -> Iterator[Row | Problem]:
        """Iterate over the rows, in a fixed order, and a Problem for each unusable one.

        Raises ValueError naming the file if it is damaged or of a wrong kind.
        """

    @abstractmethod
    def files(self, part: Split) -> list[Path]:
        """The files that `rows` reads."""

    def passed_over(self) -> list[str]:
        """Count by kind what lies beside these files: one line, or none."""
        return []


def find_reviews(root: str, group: str | None = None) -> ReviewFiles:
    """Find the reviews in a file or folder, as given or under $STRAND_DATA.

    group: column of a table; or "folder", for texts in files: the first folder inside that of the
    label. Raises FileNotFoundError or ValueError that lists what was looked for.
    """
    path = resolve_data_path(root)
    if path.is_file():
        if has_suffix(path, ARCHIVES):
            return ReviewArchive(path, group)
        return ReviewTables({"train": path}, group, own_folder=False)
    tables: dict[Split, Path] = {}
    for suffix in TABLES:
        for file in find_files(path, [suffix], below=False):
            if split := SPLIT_FOLDERS.get(file.stem.lower()):
                tables.setdefault(split, file)
    if "train" in tables:
        return ReviewTables(tables, group)
    for folder in (path, path / "aclImdb"):
        if "train" in called_as_splits(folders_in(folder)):
            return ReviewFolder(folder, group)
    archives = sorted(p for p in path.glob("aclImdb*") if has_suffix(p, ARCHIVES))
    if archives:
        return ReviewArchive(archives[0], group)
    if any(UNDIVIDED.fullmatch(f.relative_to(path).as_posix()) for f in find_files(path, [".txt"])):
        return ReviewFolder(path, group)
    raise ValueError(
        f"{path}: neither train.parquet, train.csv or train.tsv, nor a folder for each label with "
        ".txt files (in train/, if there are test/ or val/), nor aclImdb*.tar.gz; "
        "`python run.py fetch imdb` fetches the last"
    )


class ReviewTables(ReviewFiles):
    """Parquet, CSV or TSV files with the columns text and label, one table for each split.

    own_folder: whether their folder was given, not the table itself.
    """

    def __init__(self, tables: dict[Split, Path], group: str | None, own_folder: bool = True):
        self.tables, self.group, self.own_folder = tables, group, own_folder
        self.parts, self.divided = tables, own_folder

    def files(self, part: Split) -> list[Path]:
        return [self.tables[part]] if part in self.tables else []

    def passed_over(self) -> list[str]:
        folder, tables = next(iter(self.tables.values())).parent, self.tables.values()
        if not self.own_folder:
            return []
        files = scan_folder(folder, below=False)
        return passed_over(folder, lambda file: file in tables, files=files)

    def rows(self, part: Split) -> Iterator[Row | Problem]:
        for path in self.files(part):
            yield from read_reviews(path, self.group)


class ReviewFolder(ReviewFiles):
    """Files SPLIT/LABEL/NUMBER_RATING.txt; line NUMBER of SPLIT/urls_LABEL.txt is the film.

    A folder between LABEL and the file is the group. Without folders of splits: LABEL/NAME.txt.
    """

    def __init__(self, folder: Path, group: str | None = None):
        check_group(folder, group)
        self.folder, self.group = folder, group
        parts = called_as_splits(folders_in(folder))
        self.parts: dict[Split, list[Path]] = parts or {"train": [folder]}
        self.divided = bool(parts)
        self.pattern = REVIEW if parts else UNDIVIDED

    def files(self, part: Split) -> list[Path]:
        found = [file for folder in self.parts.get(part, []) for file in scan_folder(folder).files]
        named = {file: self._name(file) for file in found}
        reviews = [file for file, name in named.items() if self.pattern.fullmatch(name)]
        return reviews + [file for file, name in named.items() if MOVIES.fullmatch(name)]

    def labels(self) -> set[str]:
        """The names of the folders of labels."""
        names = (self._name(file) for part in self.parts for file in self.files(part))
        return {match[2] for match in map(self.pattern.fullmatch, names) if match}

    def _name(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()

    def passed_over(self) -> list[str]:
        used = {file for part in self.parts for file in self.files(part)}

        def known(file: Path) -> bool:
            return file in used or file.name in BAGS

        folders = [folder for folders in self.parts.values() for folder in folders]
        if self.divided:  # beside aclImdb's splits lie its lists; a folder may hold more reviews
            folders += [
                path for path in folders_in(self.folder)
                if path not in folders and not no_data_kind(path.name, True)
            ]  # fmt: skip
        return [line for folder in folders for line in passed_over(folder, known)]

    def rows(self, part: Split) -> Iterator[Row | Problem]:
        named = ((self._name(path), path) for path in self.files(part))
        kept = ((name, path) for name, path in named if is_needed(name, part, self.pattern))
        contents = ((name, read_bytes(path, MAX_TEXT)) for name, path in kept)
        yield from text_rows(contents, str(self.folder), self.group, self.pattern)


class ReviewArchive(ReviewFiles):
    """The layout of `ReviewFolder` in a .tar.gz, read as a stream: nothing is unpacked to disk."""

    def __init__(self, path: Path, group: str | None = None):
        check_group(path, group)
        self.path, self.group = path, group
        self.parts, self.divided = ("train", "validation", "test"), True  # some may be empty

    def files(self, part: Split) -> list[Path]:
        return [self.path]

    def rows(self, part: Split) -> Iterator[Row | Problem]:
        yield from text_rows(self._contents(part), str(self.path), self.group)

    def _contents(self, part: Split) -> Iterator[tuple[str, bytes]]:
        try:
            # gzip detects a truncated file; tarfile's own decompression may not
            limit = expanded_limit(self.path.stat().st_size)
            with gzip.open(self.path) as stream:
                bounded = BoundedStream(stream, self.path, limit)
                with tarfile.open(fileobj=bounded, mode="r|") as archive:
                    for member in archive:
                        if member.isfile() and is_needed(member.name, part):
                            check_size(self.path, member)
                            yield member.name, archive.extractfile(member).read()
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{self.path}: damaged or cut off at {self.path.stat().st_size} bytes ({error}); "
                "fetch it again"
            ) from error


def check_size(path: Path, member: tarfile.TarInfo) -> None:
    """Raise ValueError for a text of an archive that is too long for one."""
    if member.size > MAX_TEXT:
        raise ValueError(
            f"{path}: {member.name} has {member.size:,} bytes; a text has at most {MAX_TEXT:,}"
        )


def check_group(where: Path, group: str | None) -> None:
    """Raise ValueError for a group that only a table can have."""
    if group not in (None, FOLDER):
        raise ValueError(
            f"{where}: group={group!r} needs a table that has it; texts in files take {FOLDER!r}"
        )


def is_needed(name: str, part: Split, pattern: re.Pattern = REVIEW) -> bool:
    """Whether a name is a labelled review or a list of films of this split."""
    match = pattern.fullmatch(name) or MOVIES.fullmatch(name)
    if any(no_data_kind(folder, True) for folder in name.split("/")[:-1] if folder != "."):
        return False  # a folder __MACOSX may repeat all names
    split = match and SPLIT_FOLDERS.get(match[1].lower(), "train")
    return bool(match) and split == part and match[2] != "unsup"


def text_rows(
    contents: Iterable[tuple[str, bytes]],
    where: str,
    group: str | None = None,
    pattern: re.Pattern = REVIEW,
) -> Iterator[Row | Problem]:
    """Contents of files by name, in any order -> rows sorted by label, then number.

    pattern: of their names; its groups are split, label and the rest of the path. Raises
    ValueError if the folder is to be the group and a text lies in none.
    """
    reviews: dict[tuple, tuple[str, bytes]] = {}
    movies: dict[str, list[str]] = {}
    for name, content in contents:
        movie_list, review = MOVIES.fullmatch(name), pattern.fullmatch(name)
        if movie_list:
            movies[movie_list[2]] = content.decode("utf-8", "replace").splitlines()
        elif review:
            digits = re.match(r"\d+", review[3].rpartition("/")[2])
            number = int(digits[0]) if digits else -1
            reviews[review[2], number, review[3]] = (
                "/".join(filter(None, review.groups())),
                content,
            )
    loose = [f"{name}.txt" for (*_, path), (name, _) in sorted(reviews.items()) if "/" not in path]
    if group == FOLDER and loose:
        raise no_folder_error(where, loose)
    for (label, number, path), (name, content) in sorted(reviews.items()):
        urls = movies.get(label, [])
        url = urls[number] if 0 <= number < len(urls) else name
        movie = MOVIE.search(url)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            reason = f"{where}: {name}.txt: not UTF-8 at byte {error.start}; save it as UTF-8"
            yield Problem(name, reason)
            continue
        folder = folder_of(PurePosixPath(path))
        group = folder or (movie[0] if movie else url)
        yield Row(name, text, fold_label(LABELS.get(label.lower(), label)), group)
