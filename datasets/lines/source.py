"""`RealLines`: line images with transcripts from folders, split by page, book or writer."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..batch import Sample
from ..environment import raise_if_machine
from ..images import decode_grey
from ..pages.crops.modes import Crop
from ..pages.layout import split_page_line_name
from ..progress import track
from ..source import Problem, SequenceDataset, Source, Split
from ..vocabulary import Vocabulary
from .bidi import Order, choose_order
from .exclusions import names_in_list, note_unknown_names, read_exclusions
from .folders import LineFolder, group_splits, note_divided
from .listing import lines_passed_over, list_images, read_lines
from .reader import LineReader, load_line, load_normal_line


class Line(NamedTuple):
    """A usable line; its image has `width` columns at the reader's height.

    packed: the image as PNG, if it was cut from a page. blank: whether no ink was found in it.
    """

    path: str
    text: str
    group: str
    width: int
    packed: bytes | None = None
    blank: bool = False


class LineDataset(SequenceDataset):
    """The lines of one split.

    augmentation: if set, a function of the image (H, W), applied before scaling.
    """

    def __init__(self, lines: list[Line], vocabulary: Vocabulary, reader: LineReader):
        self.lines, self.reader = lines, reader
        self.names = self.files = [line.path for line in lines]
        self.groups = [line.group for line in lines]
        self.texts = [line.text for line in lines]
        self.sizes = np.array([line.width for line in lines], dtype=np.int64)
        self.targets = [vocabulary.encode(line.text, line.path) for line in lines]
        self.augmentation: Callable[[np.ndarray], np.ndarray] | None = None

    def read(self, index: int) -> Sample:
        line = self.lines[index]
        image = load_line(line.path) if line.packed is None else decode_grey(line.packed, line.path)
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
    ):
        self.reader = LineReader(height, max_width, crop=crop)
        self.input_size = height
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.passed_over: list[str] = []
        self._lines: dict[Split, list[Line]] = {"train": [], "validation": [], "test": []}
        known: defaultdict[str, set[str]] = defaultdict(set)  # names that a list may contain
        for folder in folders:
            self._add(folder, known)
        unknown = [note_unknown_names(path, names) for path, names in known.items()]
        self.notes += [note for note in unknown if note]
        texts = [line.text for split in ("train", "validation") for line in self._lines[split]]
        self.reader.order = choose_order(alphabet or set("".join(texts)), order)
        if alphabet is None:
            self.vocabulary = Vocabulary.of(texts, self.reader.order)
        else:
            self.vocabulary = Vocabulary(alphabet, self.reader.order)
        self.labels = self.vocabulary.symbols
        self._lines = {split: self._encodable(lines) for split, lines in self._lines.items()}
        if not self._lines["train"]:
            reasons = "".join(f"\n  {p.reason}" for p in self.problems[:3])
            raise ValueError(
                f"no line to train on in {', '.join(f.root for f in folders)}{reasons}"
            )

    def _add(self, folder: LineFolder, known: dict[str, set[str]]) -> None:
        found, excluded = read_lines(folder), read_exclusions(folder.leave_out)
        self.notes += found.notes
        rows, lines = [], []
        for row in found.rows:
            name = next((n for n in names_in_list(row[0], folder.root) if n in excluded), None)
            if name is None:
                rows.append(row)
            else:
                self._report(row[0], f"left out by {folder.leave_out}: {excluded[name]}")
        self.problems += found.problems
        if folder.leave_out:
            images = [row[0] for row in found.rows] + [Path(p.name) for p in found.problems]
            for image in images + list_images(folder):
                known[folder.leave_out].update(names_in_list(image, folder.root))
        self.passed_over += lines_passed_over(folder)
        with ThreadPoolExecutor() as pool:  # OpenCV decodes outside the interpreter lock
            checked = track(pool.map(self._check, rows), f"checking {folder.root}", len(rows))
            for line in checked:
                (lines if isinstance(line, Line) else self.problems).append(line)
        if lines:
            splits = group_splits(folder, found.listed)
            self.notes += note_divided(folder, ((row[0], row[2]) for row in found.rows), splits)
            for line in lines:
                split = splits[line.group]
                if not line.blank:
                    self._lines[split] += [line] * (folder.repeat if split == "train" else 1)
                    continue
                told = f"{line.path}: no ink in it for its text; crop it again"
                if split == "train":
                    self.problems.append(Problem(line.path, told))
                else:  # that it is read as nothing is an error, which scores count
                    self._lines[split].append(line)
                    self.notes.append(Problem(line.path, f"{told}; scored as it is"))

    def _report(self, image: Path, reason: str) -> None:
        self.problems.append(Problem(str(image), f"{image}: {reason}"))

    def _check(self, row: tuple[Path, str, str]) -> Line | Problem:
        path, text, group = row
        name = str(path)
        if not text.strip():
            return Problem(name, f"{name}: the transcript is empty; type it or remove the line")
        try:
            image, blank, _ = load_normal_line(name, self.reader.crop)
            width = self.reader.width(image, name)
            return Line(name, text, group, width, pack_line(name, image, self.reader), blank)
        except (OSError, ValueError) as error:
            raise_if_machine(error, name)
            return Problem(name, str(error))

    def _encodable(self, lines: list[Line]) -> list[Line]:
        refused = set()
        for line in dict.fromkeys(lines):  # repeated lines once
            try:
                self.vocabulary.encode(line.text, line.path)
            except ValueError as error:
                refused.add(line)
                self.problems.append(Problem(line.path, str(error)))
        return [line for line in lines if line not in refused]

    def split(self, name: Split) -> LineDataset:
        return LineDataset(self._lines[name], self.vocabulary, self.reader)


def pack_line(name: str, image: np.ndarray, reader: LineReader) -> bytes | None:
    """Encode the line of a page as PNG, so that reading it again does not decode the whole page.

    Returns None for a line with an image file or record of its own. To save memory, an image above
    the reader's height is shrunk to it, exactly as the reader would.
    """
    if split_page_line_name(name) is None:
        return None
    if image.shape[0] > reader.height:
        size = (reader.width(image, name), reader.height)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()
