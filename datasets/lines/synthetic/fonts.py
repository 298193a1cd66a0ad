"""Which fonts a machine has, and which of them can set an alphabet."""

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

COVERAGE = 0.9  # the part of the alphabet that a face must have
NAMED_COVERAGE = 0.6  # and one that somebody asks for by its file's name

FONT_FILES = {".ttf", ".otf", ".ttc"}
TYPE_1 = ".pfb"  # only where it is named: systems have most of theirs as OpenType too
TEX_FOLDERS = (
    Path("/usr/share/texlive/texmf-dist/fonts"),
    Path("/usr/share/texmf/fonts"),
    Path("/Library/TeX/Root/texmf-dist/fonts"),
)

FontKind = Literal["serif", "sans", "mono", "script"]

NOT_TEXT = re.compile(
    r"(?i)symbol|dingbat|emoji|icons?\b|math|keyboard|keyfont|bullet|d050000|blankenburg|oldania|ecolier"
    r"|(?m:^cm(b|ex|mi|r|ss|sy|ti|tt)10)"  # TeX's own encoding: other glyphs than the cmap says
    r"|titling|style ?std|small ?caps"  # these draw small letters as capitals
)
NAMED: dict[FontKind, str] = {  # for the many files whose Panose numbers say nothing
    "script": r"(?i)script|hand|kristi|breip|femke|kaushan|z003|chancery|rufs|isabella|joscelyn"
    r"|junkyard|domestic|abogado|penguin|wasn|linostroke|boulevard|coronation|florencia|merry"
    r"|pandora|artiston|brushstroke|parisfrance|miama|cascade|havana|delphine|klee|seto|augie"
    r"|^frc|skrivana|svatba|auriocus|callig",
    "mono": r"(?i)mono|courier|typewriter|typist|ocr|console|compagnon",
    "sans": r"(?i)sans|bright|gothic|biolinum|cantarell|tuffy|roboto|lato|helvet|arial|univers"
    r"|tiresias|dustismo|junction|allerta|caliban|karla|solothurn|\bgo\b",
}

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of flaws that drawing never meets


class Font(NamedTuple):
    """One font file. characters: those of the alphabet that it has; features: OpenType's tags."""

    path: str
    family: str
    kind: FontKind
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


class Tables(NamedTuple):
    """What a font file says of itself. kind: as far as it says."""

    codes: set[int]
    name: str
    kind: FontKind
    italic: bool
    bold: bool
    features: frozenset[str] = frozenset()


def open_type(path: str) -> Tables:
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
    # bits 0 and 9 are italic and oblique, 5 is bold
    bold = bool(selection & 0x20) or os2.usWeightClass >= 600
    return Tables(codes, name, kind, bool(selection & 0x201), bold, tags)


def type_1(path: str) -> Tables:
    """PostScript's older format: characters by their glyphs' names."""
    file = T1Font(path)
    file.parse()
    facts = {key: getattr(value, "value", value) for key, value in file.font["FontInfo"].items()}
    characters = {agl.toUnicode(glyph) for glyph in file.font["CharStrings"]}
    bold = "bold" in f"{facts.get('Weight')}{facts.get('FullName')}".lower()
    return Tables(
        {ord(c) for c in characters if len(c) == 1},
        facts.get("FamilyName") or Path(path).stem,
        "mono" if facts.get("isFixedPitch") else "serif",
        bool(facts.get("ItalicAngle")),
        bold,
    )


@lru_cache(maxsize=4096)
def inspect_font(path: str, alphabet: str, wanted: bool = False) -> Font | str:
    """A font file's Face, or the reason why it cannot set this alphabet.

    wanted: somebody named this very file, so that what it looks like is no reason.
    """
    try:
        font = type_1(path) if path.lower().endswith(TYPE_1) else open_type(path)
        has = drawn_characters(path, [c for c in alphabet if ord(c) in font.codes])
    except Exception as error:  # a broken table raises anything; the reason is kept and told
        return f"unreadable ({type(error).__name__}: {error})"
    needed = [c for c in alphabet if not c.isspace()]
    if not wanted and NOT_TEXT.search(f"{font.name}\n{Path(path).stem}"):
        return "a symbol or display font"
    if len(has) < (NAMED_COVERAGE if wanted else COVERAGE) * len(needed):
        return f"has {len(has)} of the alphabet's {len(needed)} characters"
    kind = next((k for k, named in NAMED.items() if re.search(named, font.name)), font.kind)
    own = frozenset(has | {" "})
    return Font(path, font.name, kind, font.italic, font.bold, own, font.features)


def find_fonts(alphabet: str, fonts: Sequence[str] | None = None) -> list[Font]:
    """Faces that can set the alphabet, from `fonts` (files or folders), else from the system.

    A font that is no path is looked for by its file's name: `yfrak.otf`.
    """
    files: dict[Path, bool] = {}  # and whether it was named itself
    places = system_folders() if fonts is None else [place_of(font) for font in fonts]
    for place in places:
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.suffix.lower() in FONT_FILES or file == place:
                files[file] = not place.is_dir()
    looked = {str(f): inspect_font(str(f), alphabet, named) for f, named in files.items()}
    faces = [face for face in looked.values() if isinstance(face, Font)]
    if not faces:
        reasons = "".join(f"; {Path(f).name} {why}" for f, why in list(looked.items())[:3])
        raise ValueError(
            f"{', '.join(map(str, places))}: none of {len(files)} font files (.ttf, .otf, .ttc; "
            f".pfb if named) can set the alphabet{reasons}; give text fonts in `fonts`"
        )
    return faces


def place_of(font: str) -> Path:
    """A font file or folder as given, or a file of this name among the machine's fonts.

    Raises FileNotFoundError.
    """
    if Path(font).exists():
        return Path(font)
    found = files_by_name().get(font) if os.path.basename(font) == font else None
    if found is None:
        raise FileNotFoundError(
            f"{font}: no such font file or folder, nor a font of this name on this machine; "
            "`make fonts` installs those that the configs name"
        )
    return found


@cache
def files_by_name() -> dict[str, Path]:
    """All font files of the machine, TeX's too: of those none is used unless it is named."""
    folders = [*system_folders(), *(f for f in TEX_FOLDERS if f.is_dir())]
    files = (file for folder in folders for file in sorted(folder.rglob("*")))
    return {f.name: f for f in files if f.suffix.lower() in {*FONT_FILES, TYPE_1}}


@lru_cache(maxsize=64)
def load_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """Opened from memory, so that forked workers share no file handle."""
    engine = ImageFont.Layout.RAQM if has_raqm() else ImageFont.Layout.BASIC
    return ImageFont.truetype(io.BytesIO(Path(path).read_bytes()), size, layout_engine=engine)
