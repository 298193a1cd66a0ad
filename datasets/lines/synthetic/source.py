"""`SyntheticLines`: text lines that are typeset and degraded on the fly."""

import string
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np

from ...batch import Sample
from ...source import SPLITS, Problem, SequenceDataset, Source, Split
from ...vocabulary import Vocabulary
from ..bidi import has_right_to_left
from ..reader import LineReader
from .degradation import Look, crop_line, degrade, distort, draw_rule, thin_strokes, vary_letters
from .fonts import Font, find_fonts
from .texts import TextGenerator, read_texts
from .typesetting import plain, render_line

Kind = Literal[
    "prose", "title", "capitals", "receipt", "letter", "reference", "catalogue", "names", "symbols"
]
# text kind: (share of the lines, {look: share of the kind})
KINDS: dict[Kind, tuple[float, dict[Look, float]]] = {
    "prose": (0.34, {"book": 0.54, "letter": 0.16, "clean": 0.2, "receipt": 0.1}),
    "title": (0.06, {"book": 0.4, "letter": 0.2, "receipt": 0.2, "clean": 0.2}),
    "capitals": (0.08, {"book": 0.5, "letter": 0.2, "receipt": 0.2, "clean": 0.1}),
    "receipt": (0.22, {"receipt": 0.9, "clean": 0.1}),
    "letter": (0.08, {"letter": 0.9, "book": 0.1}),
    "reference": (0.11, {"book": 0.9, "clean": 0.1}),
    "catalogue": (0.06, {"book": 0.8, "clean": 0.2}),
    "names": (0.02, {"book": 1.0}),
    "symbols": (0.03, {"book": 0.4, "receipt": 0.4, "clean": 0.2}),
}
# text kind: minimum and maximum number of characters, and the power applied to the uniform draw
LENGTHS = {
    "prose": (3, 90, 0.6),
    "title": (5, 45, 1.5),
    "capitals": (4, 45, 1.5),
    "receipt": (1, 36, 1.5),
    "letter": (6, 40, 1.5),
    "reference": (18, 75, 1.5),
    "catalogue": (6, 60, 1.0),
    "names": (10, 60, 1.5),
    "symbols": (2, 24, 1.5),
}
FONT_SHARES: dict[Look, dict[str, float]] = {  # look: {font kind: share}
    "book": {"serif": 0.95, "sans": 0.03, "script": 0.02},
    "receipt": {"mono": 0.5, "sans": 0.42, "serif": 0.06, "script": 0.02},
    "letter": {"mono": 0.66, "script": 0.2, "serif": 0.08, "sans": 0.06},
    "clean": {"serif": 0.4, "sans": 0.4, "mono": 0.2},
}
# pixels
SCAN_HEIGHT = {"book": (30, 60), "receipt": (16, 50), "letter": (36, 64), "clean": (24, 60)}
# mean width of a character / height of the line
ASPECT = {"book": 0.42, "receipt": 0.47, "letter": 0.5, "clean": 0.44}
MIN_ASPECT = 0.18  # narrower characters would leave CTC too few steps
MIN_FAMILIES = 10  # font families needed to give validation and test families of their own


def render_scan(
    rng: np.random.Generator, text: str, font: Font, italic: Font | None = None, look: Look = "book"
) -> np.ndarray:
    """Render marked text as a degraded line (H, W) uint8, as cut from a scan, H in SCAN_HEIGHT."""
    size = 44
    handwritten = font.kind == "script" and look == "letter"
    # mostly 0, since tracking disables ligatures
    tracking = rng.normal(0, 0.02) if rng.random() < 0.3 else 0.0
    if text.isupper() and rng.random() < 0.2:
        tracking = rng.uniform(0.03, 0.3)
    image = render_line(
        rng,
        text,
        font,
        italic,
        size,
        gap=0.0 if font.kind == "mono" else rng.uniform(-0.06, 0.9 if handwritten else 0.45),
        tracking=tracking,
        jitter=abs(rng.normal(0, 0.025)) if font.kind == "mono" and look == "letter" else 0.0,
        thin=rng.uniform(0.05, 0.25) if look == "book" and rng.random() < 0.5 else 0.0,
        old_style=look == "book" and rng.random() < 0.6,
    )
    if handwritten:
        image = thin_strokes(rng, image) if rng.random() < 0.5 else image
        image = vary_letters(rng, image, size)
        if rng.random() < 0.2:  # ruled paper
            image = draw_rule(rng, image, round(rng.uniform(1.45, 1.8) * size))
    slant = 0.2 if font.kind == "script" else 0.08 if font.kind == "mono" else 0.04
    image = crop_line(rng, distort(rng, image, 0.0 if handwritten else slant), size)
    height = int(rng.integers(*SCAN_HEIGHT[look]))
    stretch = rng.uniform(0.62, 1.15) if look == "receipt" else rng.uniform(0.88, 1.14)
    if handwritten:
        stretch = rng.uniform(0.8, 2.0)
    aspect = max(image.shape[1] / image.shape[0] * stretch, MIN_ASPECT * len(plain(text)))
    scan = cv2.resize(image, (max(round(aspect * height), 1), height), interpolation=cv2.INTER_AREA)
    return degrade(rng, scan, look)


def draw_fonts(rng: np.random.Generator, fonts: list[Font], look: Look, count: int) -> np.ndarray:
    """Draw (count,) indices of fonts.

    Kinds have the shares of FONT_SHARES, the families of a kind are equally likely, italic and bold
    fonts are rare.
    """
    families: dict[str, set[str]] = defaultdict(set)
    family_weight: dict[str, float] = defaultdict(float)
    weights = np.array([(0.35 if f.italic else 1.0) * (0.25 if f.bold else 1.0) for f in fonts])
    for font, weight in zip(fonts, weights, strict=True):
        families[font.kind].add(font.family)
        family_weight[font.kind + font.family] += weight
    for i, font in enumerate(fonts):
        # not 0, since a machine may lack all fonts of the kinds with a share
        share = FONT_SHARES[look].get(font.kind, 0.0) + 1e-6
        weights[i] *= share / family_weight[font.kind + font.family] / len(families[font.kind])
    return rng.choice(len(fonts), count, p=weights / weights.sum())


class SyntheticLineDataset(SequenceDataset):
    """One split. Kind, look, font and length of a sample are fixed, the rest depends on `epoch`.

    epoch: set it to change the train split; validation and test do not depend on it.
    augmentation: applied to each grey image (H, W) before it is scaled to the model's height.
    sizes: estimates, from the planned lengths and ASPECT.
    """

    def __init__(self, source: "SyntheticLines", split: Split, fonts: list[Font], count: int):
        self.source, self.split = source, split
        self.epoch = 0
        self.augmentation: Callable[[np.ndarray], np.ndarray] | None = None
        rng = np.random.default_rng([source.seed, SPLITS.index(split)])
        shares = np.array([KINDS[kind][0] for kind in source.kinds])
        kinds = rng.choice(source.kinds, count, p=shares / shares.sum())
        looks, font_indices = np.empty(count, dtype=object), np.empty(count, dtype=int)
        self.lengths = np.empty(count, dtype=int)
        for kind, (_, shares) in KINDS.items():
            of_kind = np.flatnonzero(kinds == kind)
            if source.look is None:
                looks[of_kind] = rng.choice(list(shares), len(of_kind), p=list(shares.values()))
            else:
                looks[of_kind] = source.look
            low, high, power = LENGTHS[kind]
            self.lengths[of_kind] = np.rint(low + (high - low) * rng.random(len(of_kind)) ** power)
        for look in FONT_SHARES:
            of_look = np.flatnonzero(looks == look)
            font_indices[of_look] = draw_fonts(rng, fonts, look, len(of_look))
        self.kinds, self.looks = kinds.tolist(), looks.tolist()
        self.fonts = [fonts[i] for i in font_indices]
        self.italics = {f.family: f for f in reversed(fonts) if f.italic and not f.bold}
        aspects = np.array([ASPECT[look] for look in self.looks])
        self.sizes = np.maximum(np.rint(self.lengths * aspects * source.height), 1).astype(int)
        self.names = [f"synthetic {split} {i}" for i in range(count)]
        self.groups = [font.family for font in self.fonts]

    def draw(self, index: int) -> tuple[str, np.ndarray]:
        """Return (text, grey image (H, W) uint8), determined by seed, split, index and epoch."""
        index = range(len(self))[index]
        epoch = self.epoch if self.split == "train" else 0
        rng = np.random.default_rng([self.source.seed, SPLITS.index(self.split), index, epoch])
        font, look, length = self.fonts[index], self.looks[index], int(self.lengths[index])
        text = self.source.make_text(rng, self.kinds[index], length, look, font)
        return plain(text), render_scan(rng, text, font, self.italics.get(font.family), look)

    def read(self, index: int) -> Sample:
        text, image = self.draw(index)
        if self.augmentation is not None:
            image = self.augmentation(image)
        target = self.source.vocabulary.encode(text, self.names[index])
        return Sample(self.source.reader.prepare(image, self.names[index]), target)


class SyntheticLines(Source):
    """Printed lines rendered on the fly: books, receipts, letters, catalogues and commentaries.

    With at least ten font families, validation and test use families that train does not (a tenth
    each; none for an empty split); with fewer, all splits share them.

    Args:
        count: number of train lines per epoch; each epoch has new ones.
        texts: .txt files (a passage per line) and .parquet files (column `text`) to cut prose from;
            null: meaningless sentences of common words.
        alphabet: characters that may occur, in the order of their ids.
        height: height in pixels.
        fonts: font files, folders, or names of files among the machine's fonts (`yfrak.otf`); null:
            those of the system.
        seed: random seed of all samples.
        validation: number of validation lines.
        test: number of test lines.
        kinds: kinds of text to draw, in their default proportions.
        look: degradation of all lines; null: drawn for each line, depending on its kind.
        long_s: replace s by ſ as in old print, if the alphabet has it.
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
        if has_right_to_left(self.labels):
            raise ValueError(
                "alphabet: has right-to-left characters, and SyntheticLines sets words from left "
                "to right; leave them out, or train on images of such lines (datasets.RealLines)"
            )
        self.vocabulary = Vocabulary(self.labels)
        self.input_size = self.height = height
        self.reader = LineReader(height)
        self.problems: list[Problem] = []
        self.seed = seed
        self.counts: dict[Split, int] = {"train": count, "validation": validation, "test": test}
        self.make_text = TextGenerator(self.labels, read_texts(texts or []), long_s)
        self.faces = find_fonts("".join(self.labels), fonts)

    def split(self, name: Split) -> SyntheticLineDataset:
        families = sorted({face.family for face in self.faces})
        if len(families) < MIN_FAMILIES:
            return SyntheticLineDataset(self, name, self.faces, self.counts[name])
        families = np.random.default_rng(self.seed).permutation(families).tolist()
        tenth, parts = len(families) // 10, {}
        for held_out in SPLITS[1:]:
            share = tenth if self.counts[held_out] else 0
            parts[held_out], families = families[:share], families[share:]
        own = set(parts.get(name) or families)
        fonts = [font for font in self.faces if font.family in own]
        return SyntheticLineDataset(self, name, fonts, self.counts[name])
