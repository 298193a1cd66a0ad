"""Text -> clean grey lines and pages, with Pillow, from the fonts that a machine has.

Text may carry marks (in Unicode's private use area: no alphabet has them): ITALIC or SMALL_CAPS
at a word's start set that word; RAISED in a word raises the rest, as a footnote's figure stands.
`plain` takes the marks off: that is the label.
"""

import io
import logging
import os
import re
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import matplotlib
import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont, features

ITALIC, SMALL_CAPS, RAISED = "\ue000", "\ue001", "\ue002"
BASELINE, LINE_HEIGHT = 1.5, 2.4  # of a rendered line, in em: room for neighbours above and below
SENTENCE_ENDS = {".", "!", "?"}
COVERAGE = 0.9  # the part of the alphabet that a face must have

FaceKind = Literal["serif", "sans", "mono", "script"]

NOT_TEXT = re.compile(
    r"(?i)symbol|dingbat|emoji|icons?\b|math|keyboard|keyfont|bullet|d050000|blankenburg|oldania|ecolier"
    r"|(?m:^cm(b|ex|mi|r|ss|sy|ti|tt)10)"  # TeX's own encoding: other glyphs than the cmap says
    r"|titling|style ?std|small ?caps"  # these draw small letters as capitals
)
NAMED: dict[FaceKind, str] = {  # for the many files whose Panose numbers say nothing
    "script": r"(?i)script|hand|kristi|breip|femke|kaushan|z003|chancery|rufs|isabella|joscelyn"
    r"|junkyard|domestic|abogado|penguin|wasn",
    "mono": r"(?i)mono|courier|typewriter|typist|ocr|console|compagnon",
    "sans": r"(?i)sans|bright|gothic|biolinum|cantarell|tuffy|roboto|lato|helvet|arial|univers"
    r"|tiresias|dustismo|junction|allerta|caliban|karla|solothurn|\bgo\b",
}

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of flaws that drawing never meets


class Face(NamedTuple):
    """One font file. characters: those of the alphabet that it has; features: OpenType's tags."""

    path: str
    family: str
    kind: FaceKind
    italic: bool
    bold: bool
    characters: frozenset[str]
    features: frozenset[str]


@cache
def has_raqm() -> bool:
    """Whether Pillow can shape: ligatures, small capitals and old-style figures need it."""
    return features.check("raqm")


def system_folders() -> list[Path]:
    """Where Linux, macOS and Windows keep fonts; DejaVu, which matplotlib ships, comes last."""
    home = Path.home()
    folders = {
        "darwin": [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"],
        "win32": [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"],
    }.get(sys.platform, [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts"])
    return [f for f in folders if f.is_dir()] + [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]


def drawn_characters(path: str, characters: Sequence[str]) -> set[str]:
    """Those that leave ink and differ from their capital: else a label would be a lie."""
    masks = {c: load_font(path, 16).getmask(c) for c in characters}
    drawn = {c: (mask.size, bytes(mask)) for c, mask in masks.items() if mask.getbbox()}
    return {c for c in drawn if not c.islower() or drawn[c] != drawn.get(c.upper())}


@lru_cache(maxsize=4096)
def inspect_font(path: str, alphabet: str) -> Face | str:
    """A font file's Face, or the reason why it cannot set this alphabet."""
    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            cmap = font.getBestCmap() or {}
            name = font["name"].getBestFamilyName() or Path(path).stem
            os2, fixed = font["OS/2"], font["post"].isFixedPitch
            panose, selection = os2.panose, os2.fsSelection
            records = font["GSUB"].table.FeatureList.FeatureRecord if "GSUB" in font else []
            tags = frozenset(r.FeatureTag for r in records) & {"smcp", "onum"}
        has = drawn_characters(path, [c for c in alphabet if ord(c) in cmap])
    except Exception as error:  # a broken table raises anything; the reason is kept and told
        return f"unreadable ({type(error).__name__}: {error})"
    needed = [c for c in alphabet if not c.isspace()]
    if NOT_TEXT.search(f"{name}\n{Path(path).stem}"):
        return "a symbol or display font"
    if len(has) < COVERAGE * len(needed):
        return f"has {len(has)} of the alphabet's {len(needed)} characters"
    kind: FaceKind = "sans" if panose.bFamilyType == 2 and panose.bSerifStyle >= 11 else "serif"
    kind = "script" if panose.bFamilyType == 3 else kind
    kind = "mono" if fixed or (panose.bFamilyType == 2 and panose.bProportion == 9) else kind
    kind = next((k for k, named in NAMED.items() if re.search(named, name)), kind)
    # bits 0 and 9 are italic and oblique, 5 is bold
    bold = bool(selection & 0x20) or os2.usWeightClass >= 600
    return Face(path, name, kind, bool(selection & 0x201), bold, frozenset(has | {" "}), tags)


def find_faces(alphabet: str, fonts: Sequence[str] | None = None) -> list[Face]:
    """Faces that can set the alphabet, from `fonts` (files or folders), else from the system."""
    places = system_folders() if fonts is None else [Path(f) for f in fonts]
    files: list[Path] = []
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"{place}: no such font file or folder")
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        files += [f for f in found if f.suffix.lower() in {".ttf", ".otf", ".ttc"}]
    looked = {str(f): inspect_font(str(f), alphabet) for f in files}
    faces = [face for face in looked.values() if isinstance(face, Face)]
    if not faces:
        reasons = "".join(f"; {Path(f).name} {why}" for f, why in list(looked.items())[:3])
        raise ValueError(
            f"{', '.join(map(str, places))}: none of {len(files)} font files (.ttf, .otf, .ttc) "
            f"can set the alphabet{reasons}; give a folder with text fonts in `fonts`"
        )
    return faces


@lru_cache(maxsize=64)
def load_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """Opened from memory, so that forked workers share no file handle."""
    engine = ImageFont.Layout.RAQM if has_raqm() else ImageFont.Layout.BASIC
    return ImageFont.truetype(io.BytesIO(Path(path).read_bytes()), size, layout_engine=engine)


def plain(text: str) -> str:
    """Marked text -> what it says."""
    return text.translate({ord(mark): None for mark in (ITALIC, SMALL_CAPS, RAISED)})


class Piece(NamedTuple):
    """Letters drawn at once. rise: above the baseline, in em."""

    letters: str
    face: Face
    scale: float
    rise: float
    tags: tuple[str, ...]


def split_word(word: str, face: Face, italic: Face | None, tags: tuple[str, ...]) -> list[Piece]:
    """A marked word -> its pieces. Small capitals are the face's own, else capitals at 0.78 em."""
    mark, word = (word[0], word[1:]) if word[:1] in (ITALIC, SMALL_CAPS) else ("", word)
    base, _, raised = word.partition(RAISED)
    face = (
        italic if italic and mark == ITALIC and set(word) - {RAISED} <= italic.characters else face
    )
    pieces = []
    if mark == SMALL_CAPS and not ("smcp" in face.features and has_raqm()):
        for run in re.findall(r"[^\W\d_A-Z]+|[\W\d_A-Z]+", base):
            small = run.islower() and set(run.upper()) <= face.characters
            pieces.append(Piece(run.upper() if small else run, face, 0.78 if small else 1, 0, tags))
    elif base:
        pieces.append(Piece(base, face, 1, 0, (*tags, "smcp") if mark == SMALL_CAPS else tags))
    if raised:
        pieces.append(Piece(raised, face, 0.62, 0.34, ()))
    return pieces


def render_line(
    rng: np.random.Generator,
    text: str,
    face: Face,
    italic: Face | None = None,
    size: int = 44,
    gap: float = 0.0,
    tracking: float = 0.0,
    jitter: float = 0.0,
    thin: float = 0.0,
    old_style: bool = False,
) -> np.ndarray:
    """Marked text -> (2.4 size, W) uint8, black on white, baseline 1.5 size down, half an em aside.

    italic: the face for words marked ITALIC. size: pixels an em. The rest is in em: gap is added to
    each word space, twice after a sentence; tracking to each letter; thin goes before ; : ! ? as
    old printers did; jitter moves letters up or down and varies their ink, as a typewriter does.
    old_style: old-style figures, if the face has them.
    """
    tags = ("onum",) if old_style and "onum" in face.features and has_raqm() else ()
    x, placed = size / 2, []
    for word in text.split(" "):
        for piece in split_word(word, face, italic, tags):
            font = load_font(piece.face.path, round(size * piece.scale))
            spaced = (
                list(piece.letters)
                if tracking or jitter
                else re.split(r"(?=[;:!?])", piece.letters)
            )
            shaping = {"features": list(piece.tags)} if piece.tags else {}
            for part in filter(None, spaced):
                x += thin * size if thin and part[0] in ";:!?" else 0
                rise, ink = piece.rise, 255
                if jitter:
                    rise += rng.normal(0, jitter)
                    ink = int(255 - min(abs(rng.normal(0, 1200 * jitter)), 130))
                placed.append((x, rise, part, font, ink, shaping))
                x += font.getlength(part, **shaping) + tracking * size
        x += load_font(face.path, size).getlength(" ") + gap * size * (
            2 if word[-1:] in SENTENCE_ENDS else 1
        )
    canvas = Image.new("L", (max(round(x + size / 2), 1), round(LINE_HEIGHT * size)))
    draw = ImageDraw.Draw(canvas)
    for x, rise, part, font, ink, shaping in placed:
        draw.text((x, size * (BASELINE - rise)), part, ink, font, "ls", **shaping)
    return 255 - np.asarray(canvas)


def ink_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of what is darker than mid-grey; the whole image if nothing is."""
    rows, columns = (np.flatnonzero((image < 128).any(axis)) for axis in (1, 0))
    if not len(rows):
        return 0, image.shape[0], 0, image.shape[1]
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def typeset_page(
    rng: np.random.Generator,
    texts: Sequence[str],
    face: Face,
    size: int = 44,
    leading: float = 1.35,
    **options,
) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Marked lines -> (page (H, W) uint8, each line's ink box (left, top, right, bottom)).

    leading: from baseline to baseline, in em. options: `render_line`'s.
    """
    lines = [render_line(rng, text, face, size=size, **options) for text in texts]
    margin, pitch = 2 * size, round(leading * size)
    height = 2 * margin + pitch * (len(lines) - 1) + round(LINE_HEIGHT * size)
    page = np.full((height, 2 * margin + max(line.shape[1] for line in lines)), 255, np.uint8)
    boxes = []
    for row, line in enumerate(lines):
        top = margin + row * pitch
        place = page[top : top + line.shape[0], margin : margin + line.shape[1]]
        np.minimum(place, line, out=place)
        y0, y1, x0, x1 = (int(v) for v in ink_box(line))
        boxes.append((margin + x0, top + y0, margin + x1, top + y1))
    return page, boxes
