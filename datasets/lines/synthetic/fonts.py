"""Find and load the fonts of the machine that have the characters of an alphabet."""

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
from fontTools import agl
from fontTools.t1Lib import T1Font
from fontTools.ttLib import TTFont
from PIL import ImageFont, features

from ...environment import raise_if_machine
from ...files import find_files

COVERAGE = 0.9  # minimum share of the alphabet's characters that a font must have
NAMED_COVERAGE = 0.6  # the same for a font that the user gives by file

FONT_FILES = {".ttf", ".otf", ".ttc"}
TYPE_1 = ".pfb"  # used only if given by file: most of them are on the system as OpenType, too
TEX_FOLDERS = (
    Path("/usr/share/texlive/texmf-dist/fonts"),
    Path("/usr/share/texmf/fonts"),
    Path("/Library/TeX/Root/texmf-dist/fonts"),
)

FontKind = Literal["serif", "sans", "mono", "script"]

NOT_TEXT = re.compile(
    r"(?i)symbol|dingbat|emoji|icons?\b|math|keyboard|keyfont|bullet|d050000|blankenburg|oldania|ecolier"
    r"|(?m:^cm(b|ex|mi|r|ss|sy|ti|tt)10)"  # TeX's own encoding: other glyphs than the cmap says
    r"|titling|style ?std|small ?caps"  # these draw lower case as capitals
)
KIND_NAMES: dict[FontKind, str] = {  # for the many files without Panose numbers
    "script": r"(?i)script|hand|kristi|breip|femke|kaushan|z003|chancery|rufs|isabella|joscelyn"
    r"|junkyard|domestic|abogado|penguin|wasn|linostroke|boulevard|coronation|florencia|merry"
    r"|pandora|artiston|brushstroke|parisfrance|miama|cascade|havana|delphine|klee|seto|augie"
    r"|^frc|skrivana|svatba|auriocus|callig",
    "mono": r"(?i)mono|courier|typewriter|typist|ocr|console|compagnon",
    "sans": r"(?i)sans|bright|gothic|biolinum|cantarell|tuffy|roboto|lato|helvet|arial|univers"
    r"|tiresias|dustismo|junction|allerta|caliban|karla|solothurn|\bgo\b",
}

logging.getLogger("fontTools").setLevel(logging.ERROR)  # hide warnings that do not affect drawing


class Font(NamedTuple):
    """A font file.

    characters: those of the alphabet that it has. features: OpenType feature tags.
    """

    path: str
    family: str
    kind: FontKind
    italic: bool
    bold: bool
    characters: frozenset[str]
    features: frozenset[str]


@cache
def has_raqm() -> bool:
    """Whether Pillow has Raqm, needed for ligatures, small capitals and old-style figures."""
    return features.check("raqm")


def system_folders() -> list[Path]:
    """Return the font folders of Linux, macOS or Windows, and last that of matplotlib (DejaVu)."""
    home = Path.home()
    folders = {
        "darwin": [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"],
        "win32": [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"],
    }.get(sys.platform, [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts"])
    return [f for f in folders if f.is_dir()] + [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]


def drawn_characters(path: str, characters: Sequence[str]) -> set[str]:
    """Return the characters that leave ink and, if lower case, look different from their capital.

    Any other could not be read from the image, so the label would be wrong.
    """
    masks = {c: load_font(path, 16).getmask(c) for c in characters}
    drawn = {c: (mask.size, bytes(mask)) for c, mask in masks.items() if mask.getbbox()}
    return {c for c in drawn if not c.islower() or drawn[c] != drawn.get(c.upper())}


def drawn_features(path: str, tags: frozenset[str]) -> frozenset[str]:
    """Return those of the OpenType features whose glyphs leave ink: some are empty."""
    if not has_raqm():
        return frozenset()
    sample = {"onum": "3", "smcp": "a"}
    font = load_font(path, 16)
    return frozenset(t for t in tags if font.getmask(sample[t], features=[t]).getbbox())


class FontTables(NamedTuple):
    """Metadata of a font file. codes: code points with a glyph. kind: "serif" if not specified."""

    codes: set[int]
    name: str
    kind: FontKind
    italic: bool
    bold: bool
    features: frozenset[str] = frozenset()


def read_open_type(path: str) -> FontTables:
    """Read the metadata of an OpenType or TrueType font."""
    with TTFont(path, lazy=True, fontNumber=0) as font:
        name = font["name"].getBestFamilyName() or Path(path).stem
        os2, fixed = font["OS/2"], font["post"].isFixedPitch
        panose, selection = os2.panose, os2.fsSelection
        records = font["GSUB"].table.FeatureList.FeatureRecord if "GSUB" in font else []
        tags = frozenset(r.FeatureTag for r in records) & {"smcp", "onum"}
        codes = set(font.getBestCmap() or ())
    kind: FontKind = "sans" if panose.bFamilyType == 2 and panose.bSerifStyle >= 11 else "serif"
    kind = "script" if panose.bFamilyType == 3 else kind
    kind = "mono" if fixed or (panose.bFamilyType == 2 and panose.bProportion == 9) else kind
    # in fsSelection, bits 0 and 9 are italic and oblique, 5 is bold
    bold = bool(selection & 0x20) or os2.usWeightClass >= 600
    return FontTables(codes, name, kind, bool(selection & 0x201), bold, tags)


def read_type_1(path: str) -> FontTables:
    """Read the metadata of a PostScript Type 1 font; characters are found by glyph name."""
    file = T1Font(path)
    file.parse()
    info = {key: getattr(value, "value", value) for key, value in file.font["FontInfo"].items()}
    characters = {agl.toUnicode(glyph) for glyph in file.font["CharStrings"]}
    return FontTables(
        {ord(c) for c in characters if len(c) == 1},
        info.get("FamilyName") or Path(path).stem,
        "mono" if info.get("isFixedPitch") else "serif",
        bool(info.get("ItalicAngle")),
        "bold" in f"{info.get('Weight')}{info.get('FullName')}".lower(),
    )


@lru_cache(maxsize=4096)
def inspect_font(path: str, alphabet: str, named: bool = False) -> Font | str:
    """Read a font file, or return the reason why it cannot set the alphabet.

    named: whether the user gave this very file, so that a display font is accepted.
    """
    try:
        font = read_type_1(path) if path.lower().endswith(TYPE_1) else read_open_type(path)
        drawn = drawn_characters(path, [c for c in alphabet if ord(c) in font.codes])
        features = drawn_features(path, font.features)
    except Exception as error:  # a broken table may raise anything; the reason is reported
        raise_if_machine(error, path)
        return f"unreadable ({type(error).__name__}: {error})"
    needed = [c for c in alphabet if not c.isspace()]
    if not named and NOT_TEXT.search(f"{font.name}\n{Path(path).stem}"):
        return "a symbol or display font"
    if len(drawn) < (NAMED_COVERAGE if named else COVERAGE) * len(needed):
        return f"has {len(drawn)} of the alphabet's {len(needed)} characters"
    kind = next((k for k, names in KIND_NAMES.items() if re.search(names, font.name)), font.kind)
    characters = frozenset(drawn | {" "})
    return Font(path, font.name, kind, font.italic, font.bold, characters, features)


def find_fonts(alphabet: str, fonts: Sequence[str] | None = None) -> list[Font]:
    """Find the fonts that can set the alphabet, in `fonts` (files or folders) or on the system.

    A font that is not a path is looked up by its file name, such as `yfrak.otf`. Raises ValueError
    if there is none, FileNotFoundError if a file or folder does not exist.
    """
    files: dict[Path, bool] = {}  # and whether the user gave this very file
    paths = system_folders() if fonts is None else [locate_font(font) for font in fonts]
    for path in paths:
        inside = dict.fromkeys(find_files(path, FONT_FILES), False)
        files |= inside if path.is_dir() else {path: True}
    inspected = {str(f): inspect_font(str(f), alphabet, named) for f, named in files.items()}
    usable = [font for font in inspected.values() if isinstance(font, Font)]
    if not usable:
        reasons = "".join(f"; {Path(f).name} {why}" for f, why in list(inspected.items())[:3])
        raise ValueError(
            f"{', '.join(map(str, paths))}: none of {len(files)} font files (.ttf, .otf, .ttc; "
            f".pfb if named) can set the alphabet{reasons}; give text fonts in `fonts`"
        )
    return usable


def locate_font(font: str) -> Path:
    """Return a font file or folder as given, or the file of this name among the machine's fonts.

    Raises FileNotFoundError if there is none.
    """
    if Path(font).exists():
        return Path(font)
    file = files_by_name().get(font)
    if file is None:
        raise FileNotFoundError(
            f"{font}: no such font file or folder, nor a font of this name on this machine; "
            "`make fonts` installs those that the configs name"
        )
    return file


@cache
def files_by_name() -> dict[str, Path]:
    """Map the names of all font files of the machine, including those of TeX, to their paths."""
    folders = [*system_folders(), *(f for f in TEX_FOLDERS if f.is_dir())]
    return {f.name: f for folder in folders for f in find_files(folder, {*FONT_FILES, TYPE_1})}


@lru_cache(maxsize=64)
def load_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """Load a font from memory, so that forked workers share no file handle."""
    engine = ImageFont.Layout.RAQM if has_raqm() else ImageFont.Layout.BASIC
    return ImageFont.truetype(io.BytesIO(Path(path).read_bytes()), size, layout_engine=engine)
