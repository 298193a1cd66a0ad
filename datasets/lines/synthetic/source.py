"""Endless printed lines, typeset and degraded, for training and for trying things out."""

import string
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np

from ...batch import Sample
from ...source import Problem, SequenceDataset, Source, Split
from ...vocabulary import Vocabulary
from ..reader import LineReader
from .degradation import Look, cut, degrade, distort, rule, thin, unsteady
from .fonts import Font, find_fonts
from .texts import TextMaker, read_texts
from .typesetting import plain, render_line

Kind = Literal["prose", "title", "capitals", "receipt", "letter", "reference", "names", "symbols"]
# text kind: (share, {look: share})
KINDS: dict[Kind, tuple[float, dict[Look, float]]] = {
    "prose": (0.40, {"book": 0.62, "letter": 0.18, "clean": 0.1, "receipt": 0.1}),
    "title": (0.04, {"book": 0.6, "letter": 0.2, "receipt": 0.2}),
    "capitals": (0.10, {"book": 0.6, "letter": 0.2, "receipt": 0.2}),
    "receipt": (0.22, {"receipt": 0.9, "clean": 0.1}),
    "letter": (0.08, {"letter": 0.9, "book": 0.1}),
    "reference": (0.11, {"book": 0.9, "clean": 0.1}),
    "names": (0.02, {"book": 1.0}),
    "symbols": (0.03, {"book": 0.4, "receipt": 0.4, "clean": 0.2}),
}
LENGTHS = {  # text kind: fewest and most letters planned, and the power that bends the uniform draw
    "prose": (3, 90, 0.6),
    "title": (5, 45, 1.5),
    "capitals": (4, 45, 1.5),
    "receipt": (1, 36, 1.5),
    "letter": (6, 40, 1.5),
    "reference": (18, 75, 1.5),
    "names": (10, 60, 1.5),
    "symbols": (2, 24, 1.5),
}
FACES: dict[Look, dict[str, float]] = {  # look: {face kind: share}
    "book": {"serif": 0.95, "sans": 0.03, "script": 0.02},
    "receipt": {"mono": 0.5, "sans": 0.42, "serif": 0.06, "script": 0.02},
    "letter": {"mono": 0.66, "script": 0.2, "serif": 0.08, "sans": 0.06},
    "clean": {"serif": 0.4, "sans": 0.4, "mono": 0.2},
}
SCAN_HEIGHT = {
    "book": (30, 60),
    "receipt": (16, 50),
    "letter": (36, 64),
    "clean": (24, 60),
}  # pixels
ASPECT = {"book": 0.42, "receipt": 0.47, "letter": 0.5, "clean": 0.44}  # letter width / line height
MIN_ASPECT = 0.18  # narrower letters would leave CTC too few steps
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
FEWEST_FAMILIES = 10  # from here on, validation and test are set in families of their own


def scan_line(
    rng: np.random.Generator, text: str, face: Font, italic: Font | None = None, look: Look = "book"
) -> np.ndarray:
    """Marked text -> a degraded line (H, W) uint8, as cut from a scan; H within SCAN_HEIGHT."""
    size = 44
    written = face.kind == "script" and look == "letter"
    # mostly none: letters set one by one have no ligatures
    tracking = rng.normal(0, 0.02) if rng.random() < 0.3 else 0.0
    if text.isupper() and rng.random() < 0.2:
        tracking = rng.uniform(0.03, 0.3)
    image = render_line(
        rng,
        text,
        face,
        italic,
        size,
        gap=0.0 if face.kind == "mono" else rng.uniform(-0.06, 0.9 if written else 0.45),
        tracking=tracking,
        jitter=abs(rng.normal(0, 0.025)) if face.kind == "mono" and look == "letter" else 0.0,
        thin=rng.uniform(0.05, 0.25) if look == "book" and rng.random() < 0.5 else 0.0,
        old_style=look == "book" and rng.random() < 0.6,
    )
    if written:
        image = thin(rng, image) if rng.random() < 0.5 else image
        image = unsteady(rng, image, size)
        if rng.random() < 0.2:  # ruled paper
            image = rule(rng, image, round(rng.uniform(1.45, 1.8) * size))
    slant = 0.2 if face.kind == "script" else 0.08 if face.kind == "mono" else 0.04
    image = cut(rng, distort(rng, image, 0.0 if written else slant), size)
    height = int(rng.integers(*SCAN_HEIGHT[look]))
    stretch = rng.uniform(0.62, 1.15) if look == "receipt" else rng.uniform(0.88, 1.14)
    if written:  # hands run wide
        stretch = rng.uniform(0.8, 2.0)
    aspect = max(image.shape[1] / image.shape[0] * stretch, MIN_ASPECT * len(plain(text)))
    scan = cv2.resize(image, (max(round(aspect * height), 1), height), interpolation=cv2.INTER_AREA)
    return degrade(rng, scan, look)


def choose_fonts(rng: np.random.Generator, faces: list[Font], look: Look, count: int) -> np.ndarray:
    """(count,) places in `faces`: kinds by FACES, families alike, mostly regular weights."""
    families: dict[str, set[str]] = defaultdict(set)
    family_weight: dict[str, float] = defaultdict(float)
    weights = np.array([(0.35 if f.italic else 1.0) * (0.25 if f.bold else 1.0) for f in faces])
    for face, weight in zip(faces, weights, strict=True):
        families[face.kind].add(face.family)
        family_weight[face.kind + face.family] += weight
    for i, face in enumerate(faces):
        # never 0: a machine may lack every face of a wanted kind
        share = FACES[look].get(face.kind, 0.0) + 1e-6
        weights[i] *= share / family_weight[face.kind + face.family] / len(families[face.kind])
    return rng.choice(len(faces), count, p=weights / weights.sum())


class SyntheticLineDataset(SequenceDataset):
    """One split. A sample's kind, look, face and length are fixed; `epoch` changes the rest.

    epoch: set it to get a fresh train split; validation and test stay as they are.
    augmentation: applied to each grey image (H, W) before it is scaled to the model's height.
    sizes: estimates, from the planned letters and ASPECT.
    """

    def __init__(self, source: "SyntheticLines", split: Split, faces: list[Font], count: int):
        self.source, self.split = source, split
        self.epoch = 0
        self.augmentation: Callable[[np.ndarray], np.ndarray] | None = None
        rng = np.random.default_rng([source.seed, SPLITS.index(split)])
        shares = np.array([KINDS[kind][0] for kind in source.kinds])
        kinds = rng.choice(source.kinds, count, p=shares / shares.sum())
        looks, places = np.empty(count, dtype=object), np.empty(count, dtype=int)
        self.lengths = np.empty(count, dtype=int)
        for kind, (_, shares) in KINDS.items():
            of_kind = np.flatnonzero(kinds == kind)
            if source.look is None:
                looks[of_kind] = rng.choice(list(shares), len(of_kind), p=list(shares.values()))
            else:
                looks[of_kind] = source.look
            low, high, power = LENGTHS[kind]
            self.lengths[of_kind] = np.rint(low + (high - low) * rng.random(len(of_kind)) ** power)
        for look in FACES:
            of_look = np.flatnonzero(looks == look)
            places[of_look] = choose_fonts(rng, faces, look, len(of_look))
        self.kinds, self.looks = kinds.tolist(), looks.tolist()
        self.faces = [faces[place] for place in places]
        self.italics = {f.family: f for f in reversed(faces) if f.italic and not f.bold}
        aspects = np.array([ASPECT[look] for look in self.looks])
        self.sizes = np.maximum(np.rint(self.lengths * aspects * source.height), 1).astype(int)
        self.names = [f"synthetic {split} {i}" for i in range(count)]
        self.groups = [face.family for face in self.faces]

    def draw(self, index: int) -> tuple[str, np.ndarray]:
        """(text, grey image (H, W) uint8): a pure function of seed, split, index and epoch."""
        index = range(len(self))[index]
        epoch = self.epoch if self.split == "train" else 0
        rng = np.random.default_rng([self.source.seed, SPLITS.index(self.split), index, epoch])
        face, look, length = self.faces[index], self.looks[index], int(self.lengths[index])
        text = self.source.make_text(rng, self.kinds[index], length, look, face)
        return plain(text), scan_line(rng, text, face, self.italics.get(face.family), look)

    def read(self, index: int) -> Sample:
        text, image = self.draw(index)
        if self.augmentation is not None:
            image = self.augmentation(image)
        target = self.source.vocabulary.encode(text, self.names[index])
        return Sample(self.source.reader.prepare(image, self.names[index]), target)


class SyntheticLines(Source):
    """Printed lines made on the fly: books, receipts, letters and commentaries.

    With ten font families or more, validation and test are set in families that train never shows
    (a tenth each; none for an empty split); with fewer, all splits share them.

    Args:
        count: train lines an epoch; each epoch brings new ones.
        texts: .txt files (a passage a line) and .parquet files (column `text`) to cut prose from;
            without any, sentences without sense are made from common words.
        alphabet: characters that may occur, in the order of their ids.
        height: pixels high.
        fonts: font files, folders, or names of files among the machine's fonts (`yfrak.otf`);
            without any, the system's.
        kinds: of text, in their usual proportions.
        look: of all lines; without one, each kind has its own.
        long_s: s becomes ſ as in old print, if the alphabet has it.
    """

    def __init__(
        self,
        count: int = 2000,
        texts: list[str] | None = None,
        alphabet: str = string.digits + string.ascii_letters + string.punctuation + " ",
        height: int = 40,
        fonts: list[str] | None = None,
        seed: int = 0,
        validation: int = 200,
        test: int = 200,
        kinds: Sequence[Kind] = tuple(KINDS),
        look: Look | None = None,
        long_s: bool = False,
    ):
        if not kinds:
            raise ValueError(f"kinds: none are left to draw; name some of {', '.join(KINDS)}")
        self.kinds, self.look = list(dict.fromkeys(kinds)), look
        self.labels = list(dict.fromkeys(unicodedata.normalize("NFC", alphabet)))
        if not "".join(self.labels).strip():
            raise ValueError(
                f"alphabet: {alphabet!r} has nothing to draw; name at least one character"
            )
        self.vocabulary = Vocabulary(self.labels)
        self.input_size = self.height = height
        self.reader = LineReader(height)
        self.problems: list[Problem] = []
        self.seed = seed
        self.counts: dict[Split, int] = {"train": count, "validation": validation, "test": test}
        self.make_text = TextMaker(self.labels, read_texts(texts or []), long_s)
        self.faces = find_fonts("".join(self.labels), fonts)

    def split(self, name: Split) -> SyntheticLineDataset:
        families = sorted({face.family for face in self.faces})
        if len(families) < FEWEST_FAMILIES:
            return SyntheticLineDataset(self, name, self.faces, self.counts[name])
        families = np.random.default_rng(self.seed).permutation(families).tolist()
        tenth, parts = len(families) // 10, {}
        for held in SPLITS[1:]:
            cut_at = tenth if self.counts[held] else 0
            parts[held], families = families[:cut_at], families[cut_at:]
        own = set(parts.get(name) or families)
        faces = [face for face in self.faces if face.family in own]
        return SyntheticLineDataset(self, name, faces, self.counts[name])
