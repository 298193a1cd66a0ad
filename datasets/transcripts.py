"""Transcripts as they are learnt: in NFC, on one line, with plain spaces."""

import unicodedata
from collections import Counter

from .source import Problem

SPACES = frozenset(
    "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u202f\u205f\u3000"
)
WITHOUT_WIDTH = frozenset("\u200b\u2060\ufeff")  # U+200C and U+200D shape letters: they stay
PLAIN = str.maketrans(dict.fromkeys(SPACES, " ") | dict.fromkeys(WITHOUT_WIDTH, ""))
UNUSABLE = ("Cc", "Zl", "Zp")  # Unicode categories of controls and line separators
BREAKS = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def transcript_fault(text: str) -> str | None:
    """Why a text cannot be the transcript of one line or clip; None if it can."""
    text = text.rstrip("\r\n")
    unusable = {c for c in text if unicodedata.category(c) in UNUSABLE and c not in SPACES}
    if unusable & BREAKS:
        return "a line break inside the transcript; give each line its own image, or join them"
    if unusable:
        named = ", ".join(f"U+{ord(c):04X}" for c in sorted(unusable))
        return f"control characters in the transcript: {named}; remove them"
    return None


class SpaceFolding:
    """Folds the spaces of transcripts, and counts what it changed.

    Tabs, no-break spaces and others become U+0020; those without width are dropped.
    """

    def __init__(self) -> None:
        self.folded: Counter[str] = Counter()
        self.names: list[str] = []  # of the transcripts that were changed

    def fold(self, text: str, name: str) -> str:
        """Return a transcript in NFC with plain spaces. name: of its sample.

        Raises ValueError that names the sample if it has a line break or control character inside.
        """
        if fault := transcript_fault(text):
            raise ValueError(f"{name}: {fault}")
        text = unicodedata.normalize("NFC", text.rstrip("\r\n"))
        odd = [c for c in text if c in SPACES or c in WITHOUT_WIDTH]
        if odd:
            self.folded.update(odd)
            self.names.append(name)
        return text.translate(PLAIN)

    def notes(self, where: str) -> list[Problem]:
        """A note on the transcripts that were changed; none if there are none."""
        if not self.names:
            return []
        kinds = ", ".join(f"{n} x U+{ord(c):04X}" for c, n in self.folded.most_common())
        reason = (
            f"{where}: {len(self.names)} transcripts with tabs or unusual spaces ({kinds}), learnt "
            f"with plain ones; the first is {self.names[0]}"
        )
        return [Problem(self.names[0], reason)]
