"""The long s of old print: ſ everywhere but at the end of a word or of the part of a compound."""

import re

# first parts of German compounds that keep their round s, and linking endings (Duden of 1880)
FIRST_PARTS = (
    "aus(?!ter)|haus|staats|reichs|kriegs|landes|rechts|lebens|volks|eigenthums|gottes"
    r"|\w+(?:ungs|heits|keits|schafts|ions|täts)"
)
ROUND = re.compile(rf"(?i)\b(?:{FIRST_PARTS})(?=[a-zäöü]{{3}})")
INSIDE = re.compile(r"s(?=[^\W\d_])")


def lengthen(text: str) -> str:
    """Each s inside a word becomes ſ, ss ſſ; a round one closes words and parts of compounds.

    "das Wasser der Hausthür" -> "das Waſſer der Hausthür". The parts are found by a short list, not
    by a dictionary: in rarer compounds an s is long where a printer would have set a round one.
    """
    closing = {match.end() - 1 for match in ROUND.finditer(text)}
    return INSIDE.sub(lambda match: "s" if match.start() in closing else "ſ", text)
