"""A font without ink for text that is selected and searched but not seen, in every script."""

import io

from ..xml import check_writable

UNITS = 1000  # of an em, as those of a PDF's glyphs
ADVANCE = 500  # of every glyph
ASCENT, DESCENT = 800, -200
MAX_CODES = 2**16 - 1
CHUNK = 100  # mappings in one block of a CMap, the most that its language allows


class CharacterCodes:
    """Codes of two bytes, in the order in which characters are first used; 0 stays unused.

    Codes of our own, not UTF-16, as a character beyond U+FFFF then has one code like any other.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        """The number of codes in use."""
        return len(self._codes)

    def encode(self, text: str) -> bytes:
        """Encode a text. Raises ValueError for more different characters than there are codes."""
        for symbol in text:
            if symbol not in self._codes:
                if len(self._codes) == MAX_CODES:
                    raise ValueError(f"more than {MAX_CODES:,} different characters; divide it")
                self._codes[check_writable(symbol, "text layer")] = len(self._codes) + 1
        return b"".join(self._codes[symbol].to_bytes(2, "big") for symbol in text)

    def to_unicode(self) -> bytes:
        """Return the CMap that says which character each code is."""
        pairs = [
            f"<{code:04X}> <{symbol.encode('utf-16-be').hex().upper()}>"
            for symbol, code in self._codes.items()
        ]
        blocks = [pairs[start : start + CHUNK] for start in range(0, len(pairs), CHUNK)]
        mappings = "".join(
            f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar\n" for block in blocks
        )
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            f"{mappings}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode("ascii")


def glyphless_font() -> bytes:
    """Return a TrueType font of two glyphs without ink: .notdef, and the one for all characters.

    Their outline is a line from corner to corner of the em: readers pass over a glyph that takes no
    room.
    """
    from fontTools.fontBuilder import FontBuilder  # imported here for start-up time
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, DESCENT))
    pen.lineTo((ADVANCE // 2, (ASCENT + DESCENT) // 2))
    pen.lineTo((ADVANCE, ASCENT))
    pen.closePath()
    names, glyph = [".notdef", "blank"], pen.glyph()
    font = FontBuilder(UNITS, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({})
    font.setupGlyf(dict.fromkeys(names, glyph))
    font.setupHorizontalMetrics(dict.fromkeys(names, (ADVANCE, 0)))
    font.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    font.setupNameTable({"familyName": "Glyphless", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=ASCENT, sTypoDescender=DESCENT, usWinAscent=ASCENT,
                  usWinDescent=-DESCENT)  # fmt: skip
    font.setupPost(keepGlyphNames=False)
    font.updateHead(created=0, modified=0)  # so that the same page gives the same file
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
