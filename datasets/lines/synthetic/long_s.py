"""Spell text with the long s (ſ) of old print, used except at the end of words and their parts."""

import re

# first parts, and linking endings, of German compounds that end in a round s (Duden of 1880)
FIRST_PARTS = (
    "aus(?!ter)|haus|staats|reichs|kriegs|landes|rechts|lebens|volks|eigenthums|gottes"
    r"|\w+(?:ungs|heits|keits|schafts|ions|täts)"
)
ROUND = re.compile(rf"(?i)\b(?:{FIRST_PARTS})(?=[a-zäöü]{{3}})")
INSIDE = re.compile(r"s(?=[^\W\d_])")


def lengthen(text: str) -> str:
    """Replace each s inside a word by ſ; it stays round at the end of words and parts of compounds.

    "das Wasser der Hausthür" -> "das Waſſer der Hausthür". The parts are found by a short list, not
    a dictionary, so in rarer compounds an s is long where a printer would have set a round one.
    """
    round_ends = {match.end() - 1 for match in ROUND.finditer(text)}
    return INSIDE.sub(lambda match: "s" if match.start() in round_ends else "ſ", text)
