"""A PostScript Type 1 font made on the spot: each character is a box of a height of its own."""

from pathlib import Path

from fontTools import agl
from fontTools.misc.eexec import encrypt
from fontTools.misc.psCharStrings import T1CharString

HEAD = """%!PS-AdobeFont-1.0: {name} 001.001
11 dict begin
/FontInfo 7 dict dup begin
/FullName ({name}) readonly def
/FamilyName ({name}) readonly def
/Weight (Medium) readonly def
/ItalicAngle {angle} def
/isFixedPitch false def
end readonly def
/FontName /{name_at_once} def
/PaintType 0 def
/FontType 1 def
/FontMatrix [0.001 0 0 0.001 0 0] readonly def
/Encoding StandardEncoding def
/FontBBox {{0 0 1000 1000}} readonly def
currentdict end
currentfile eexec
"""
PRIVATE = b"""dup /Private 8 dict dup begin
/RD {string currentfile exch readstring pop} executeonly def
/ND {noaccess def} executeonly def
/NP {noaccess put} executeonly def
/BlueValues [] def
/MinFeature {16 16} def
/password 5839 def
/lenIV 4 def
/Subrs 0 array
ND
2 index /CharStrings %d dict dup begin
"""


def box(height: int) -> bytes:
    program = [0, 500, "hsbw", 50, "hmoveto", 400, "hlineto", height, "vlineto", -400, "hlineto"]
    string = T1CharString(program=[*program, "closepath", "endchar"])
    string.compile()
    return encrypt(b"\0\0\0\0" + string.bytecode, 4330)[0]


def write_type_1(path: Path, characters: str, name: str = "Boxes", angle: int = 0) -> Path:
    glyphs = {agl.UV2AGL[ord(c)]: box(300 + 5 * i) for i, c in enumerate(characters)}
    glyphs[".notdef"] = box(10)
    private = PRIVATE % len(glyphs)
    for glyph, code in glyphs.items():
        private += b"/%s %d RD " % (glyph.encode(), len(code)) + code + b" ND\n"
    private += b"end\nend\nreadonly put\nnoaccess put\ndup/FontName get exch definefont pop\n"
    sealed, _ = encrypt(b"\0\0\0\0" + private + b"mark currentfile closefile\n", 55665)
    head = HEAD.format(name=name, name_at_once=name.replace(" ", ""), angle=angle).encode()
    tail = (b"0" * 64 + b"\n") * 8 + b"cleartomark\n"
    parts = ((1, head), (2, sealed), (1, tail))
    blocks = [bytes([128, kind]) + len(part).to_bytes(4, "little") + part for kind, part in parts]
    path.write_bytes(b"".join(blocks) + bytes([128, 3]))
    return path
