"""`RealLines`: line images with transcripts from folders, split by page, book or writer."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..batch import Sample
from ..digests import digest_all, digest_array
from ..mixture import DrawnDataset
from ..pages.crops.modes import Crop
from ..progress import track
from ..source import Problem, SequenceDataset, Source, Split
from ..vocabulary import Vocabulary
from .bidi import Order, choose_order
from .cache import LineCache, StoredLine
from .exclusions import names_in_list, note_unknown_names, read_exclusions
from .folders import LineFolder, joint_splits, note_divided
from .listing import ListedLines, lines_passed_over, list_images, read_lines
from .reader import LineReader


class Line(NamedTuple):
    """A usable line.

    stored: its image. any_case: see `LineFolder`. folder: the place of its folder among those of
    the source.
    """

    path: str
    text: str
    group: str
    stored: StoredLine
    any_case: bool = False
    folder: int = 0


class LineDataset(SequenceDataset):
    """The lines of one split.

    training: encode letters of lines of any case by their pairs (`Vocabulary.encode`). any_case: of
    each line, see `LineFolder`. augmentation: if set, a function of the image (H, W), applied
    before scaling.
    """

    def __init__(
        self, lines: list[Line], vocabulary: Vocabulary, reader: LineReader, training: bool
    ):
        self.lines, self.reader = lines, reader
        self.names = self.files = [line.path for line in lines]
        self.groups = [line.group for line in lines]
        self.texts = [line.text for line in lines]
        self.sizes = np.array([line.stored.width for line in lines], dtype=np.int64)
        self.any_case = [line.any_case for line in lines]
        self.targets = [
            vocabulary.encode(line.text, line.path, training and line.any_case) for line in lines
        ]
        self.augmentation: Callable[[np.ndarray], np.ndarray] | None = None

    def digests(self) -> np.ndarray:
        """Those of the images as they are stored, see `cache.line_digests`."""
        return digest_all(self.lines, lambda line: digest_array(line.stored.load()))

    def read(self, index: int) -> Sample:
        line = self.lines[index]
        image = line.stored.load()
        if self.augmentation is not None:
            image = self.augmentation(image)
        return Sample(self.reader.prepare(image, line.path), self.targets[index])


class RealLines(Source):
    """Line images from one or more folders.

    Args:
        folders: the folders, and the groups of their validation and test splits.
        alphabet: characters to read, in the order of their ids; a line with any other character is
            left out and named. null: the characters of the training and validation transcripts.
        height: height in pixels that the lines are scaled to.
        max_width: maximum number of columns at that height; a wider image is left out and named.
        order: see LineReader. null: `visual` if the alphabet has right-to-left characters.
        crop: see LineReader.
        temperature: of the shares that folders have of an epoch: weight x number of training lines
            to the power of 1 / temperature. Above 1 small folders are read more often than large
            ones, while an epoch keeps its number of lines (Conneau et al. 2020 draw languages so).
        cache: folder for the images; null: strand/lines in $XDG_CACHE_HOME or ~/.cache.
        limit: number of training lines to use, to see what more would buy; whole groups, in a fixed
            order, so that a smaller number takes some of the groups of a larger one. null: all.

    lines: the usable lines of each split, once each.

    Raises ValueError if there is no line to train on, or if a list of lines to leave out has no
    line of its folders; a list with some unknown names is reported in `notes`.
    """

    def __init__(
        self,
        folders: list[LineFolder],
        alphabet: str | None = None,
        height: int = 40,
        max_width: int = 12000,
        order: Order | None = None,
        crop: Crop = "auto",
        temperature: float = 1.0,
        cache: str | None = None,
        limit: int | None = None,
    ):
        if limit is not None and limit < 1:
            raise ValueError(f"limit {limit}: give the number of training lines, 1 or more")
        if temperature < 1:
            raise ValueError(f"temperature {temperature}: give 1 or more")
        self.folders, self.temperature = folders, temperature
        self.reader = LineReader(height, max_width, crop=crop)
        self.cache = LineCache(self.reader, cache)
        self.input_size = height
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.passed_over: list[str] = []
        self.lines: dict[Split, list[Line]] = {"train": [], "validation": [], "test": []}
        known: defaultdict[str, set[str]] = defaultdict(set)  # names that a list may contain
        found = [read_lines(folder) for folder in folders]
        splits, moved = joint_splits(folders, [lines.listed for lines in found])
        for place, lines, own in zip(range(len(folders)), found, splits, strict=True):
            self._add(place, lines, own, known)
        self.notes += moved
        unknown = [note_unknown_names(path, names) for path, names in known.items()]
        self.notes += [note for note in unknown if note]
        texts = [line.text for split in ("train", "validation") for line in self.lines[split]]
        self.reader.order = choose_order(alphabet or set("".join(texts)), order)
        if alphabet is None:
            self.vocabulary = Vocabulary.of(texts, self.reader.order)
        else:
            self.vocabulary = Vocabulary(alphabet, self.reader.order)
        self.labels = self.vocabulary.symbols
        self.lines = {split: self._encodable(lines) for split, lines in self.lines.items()}
        if limit is not None:
            self.lines["train"] = first_groups(self.lines["train"], limit)
        if not self.lines["train"]:
            reasons = "".join(f"\n  {p.reason}" for p in self.problems[:3])
            raise ValueError(
                f"no line to train on in {', '.join(f.root for f in folders)}{reasons}"
            )

    def _add(
        self,
        place: int,
        found: ListedLines,
        splits: dict[str, Split],
        known: dict[str, set[str]],
    ) -> None:
        folder = self.folders[place]
        excluded = read_exclusions(folder.leave_out)
        self.notes += found.notes
        rows, lines = [], []
        for row in found.rows:
            name = next((n for n in names_in_list(row[0], folder.root) if n in excluded), None)
            if name is None and row[1].strip():
                rows.append(row)
            elif name is None:
                self._report(row[0], "the transcript is empty; type it or remove the line")
            else:
                self._report(row[0], f"left out by {folder.leave_out}: {excluded[name]}")
        self.problems += found.problems
        if folder.leave_out:
            images = [row[0] for row in found.rows] + [Path(p.name) for p in found.problems]
            for image in images + list_images(folder):
                known[folder.leave_out].update(names_in_list(image, folder.root))
        self.passed_over += lines_passed_over(folder)
        stored = self.cache.store([str(path) for path, *_ in rows])
        images = track(stored, f"checking {folder.root}", len(rows))
        for (path, text, group), image in zip(rows, images, strict=True):
            if isinstance(image, Problem):
                self.problems.append(image)
            else:
                lines.append(Line(str(path), text, group, image, folder.any_case, place))
        if lines:
            self.notes += note_divided(folder, ((row[0], row[2]) for row in found.rows), splits)
            for line in lines:
                split = splits[line.group]
                if not line.stored.blank:
                    self.lines[split].append(line)
                    continue
                told = f"{line.path}: no ink in it for its text; crop it again"
                if split == "train":
                    self.problems.append(Problem(line.path, told))
                else:  # that it is read as nothing is an error, which scores count
                    self.lines[split].append(line)
                    self.notes.append(Problem(line.path, f"{told}; scored as it is"))

    def _report(self, image: Path, reason: str) -> None:
        self.problems.append(Problem(str(image), f"{image}: {reason}"))

    def _encodable(self, lines: list[Line]) -> list[Line]:
        refused = set()
        for line in lines:
            try:
                self.vocabulary.encode(line.text, line.path)
            except ValueError as error:
                refused.add(line)
                self.problems.append(Problem(line.path, str(error)))
        return [line for line in lines if line not in refused]

    def split(self, name: Split) -> LineDataset | DrawnDataset:
        lines = LineDataset(self.lines[name], self.vocabulary, self.reader, name == "train")
        sizes = np.bincount([line.folder for line in lines.lines], minlength=len(self.folders))
        counts = self._epoch_counts(sizes)
        if name != "train" or counts == sizes.tolist():
            return lines
        return DrawnDataset(lines, sizes.tolist(), lambda epoch: counts)

    def _epoch_counts(self, sizes: np.ndarray) -> list[int]:
        """How many training lines an epoch has of each folder, given how many there are."""
        weights = np.array([folder.weight for folder in self.folders])
        shares = weights * sizes ** (1 / self.temperature)
        return np.round(shares * (weights @ sizes / max(shares.sum(), 1))).astype(int).tolist()


def first_groups(lines: list[Line], limit: int) -> list[Line]:
    """The lines of whole groups in a fixed random order, as many as come nearest to `limit`.

    Groups are a folder's own here: pages of one name in two folders are two groups.
    """
    sizes = Counter((line.folder, line.group) for line in lines)
    order = sorted(sizes, key=lambda key: zlib.crc32(f"{key[0]} {key[1]}".encode()))
    totals = np.cumsum([sizes[key] for key in order])
    kept = set(order[: int(np.abs(totals - limit).argmin()) + 1] if order else ())
    return [line for line in lines if (line.folder, line.group) in kept]
