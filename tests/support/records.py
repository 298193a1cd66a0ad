"""Records of pages as predict makes them, and texts that are hard to write."""

from pathlib import Path

SCRIPTS = [
    "Größe über straße",
    "déjà vu où ça",
    "Καλημέρα κόσμε",
    "שלום לכל העולם",
    "مرحبا بالعالم الجديد",
    "中文 文字 测试",
]
HOSTILE = [
    "<b>&amp;</b> \"quoted\" 'single' ]]> <!-- -->",
    "a (b) \\ % / [c] <</Length 1>> stream endstream Tj",
    "x" * 10_000,
    "word " * 2_000 + "end",
    "\U0001d4d0 beyond the first plane \U0001f600",
    "e\u0301 combining, \u200d joiner, \ufeff mark",
    "-",
    "0",
]
UNWRITABLE = ["bell \x07 inside", "\ud800 alone", "null \x00", "\uffff"]


def line_record(place: int, text: str | None, **others: object) -> dict:
    """Line number `place` of a page 1000 pixels wide: 60 pixels high, 25 wide for each character,
    level, in region r0."""
    top, right = 100 + 100 * place, 50 + min(900, 25 * max(1, len(text or "")))
    reading = {"error": "too wide"} if text is None else {"text": text, "confidence": 0.875}
    return {
        "id": f"l{place}",
        "region": "r0",
        "polygon": None,
        "baseline": None,
        "box": [50, top, right, top + 60],
        **reading,
        **others,
    }


def page_record(texts: list[str | None], name: str | Path = "scan.png", **others: object) -> dict:
    """A page 1000 pixels wide with a line for each text."""
    lines = [line_record(place, text) for place, text in enumerate(texts)]
    return {
        "input": str(name),
        "layout": "page",
        "width": 1000,
        "height": 200 + 100 * len(texts),
        "text": "\n".join(text or "" for text in texts),
        "confidence": 0.875,
        "lines": lines,
    } | others
