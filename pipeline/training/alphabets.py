"""Fine-tuning on other characters: which alphabet is read then, and what a new one looks like."""

import unicodedata
from collections.abc import Container, Iterable
from typing import Literal

from datasets.lines.exclusions import names_of, read_exclusions
from datasets.lines.folders import LineFolder, split_lines, transcripts

Alphabet = Literal["union", "replace", "keep"]

# what a new character may be taken for at first, the likest first
LOOKS = {
    "ſ": "fl", "ß": "Bs", "ẞ": "B", "æ": "œa", "œ": "æo", "Æ": "ŒA", "Œ": "ÆO", "ø": "o", "Ø": "O",
    "ð": "d", "đ": "d", "þ": "pb", "Þ": "P", "ł": "l", "Ł": "L", "ı": "i", "ꝛ": "r2", "ꝝ": "R",
    "ꝑ": "p", "ꝓ": "p", "ꝗ": "q", "ꝰ": "9", "ꝫ": "3z", "⁊": "7z", "ʒ": "z3", "Ʒ": "3Z", "ͤ": "e",
    "„": ",\"", "“": "\"", "”": "\"", "«": "‹<\"", "»": "›>\"", "‚": ",", "‘": "'", "’": "'",
    "‹": "<", "›": ">", "´": "'", "`": "'", "⸗": "=-", "¬": "-", "†": "t+", "‡": "†+", "•": "·*.",
    "·": "•.", "×": "x", "÷": "+", "€": "CE", "£": "L", "¥": "Y", "¢": "c", "§": "S", "¶": "P",
    "⁄": "/", "№": "N", "°": "o",
}  # fmt: skip
LOOKS |= dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγεηικνορτυχω", "ABEZHIKMNOPTYXayenikvoptuxw", strict=True))
LOOKS |= dict(zip("АВЕЅІЈКМНОРСТУХаеорсухіјѕ", "ABESIJKMHOPCTYXaeopcyxijs", strict=True))
KINDS = {"Pd": "-", "Pi": '"', "Pf": '"', "Ps": "(", "Pe": ")", "Zs": " "}  # by Unicode category


def choose_alphabet(source, known: list[str], way: Alphabet) -> None:
    """Give a config's source, or each source of a mixture, the characters to read.

    known: the bundle's, in its order. `union` reads them and those of the data, `replace` those of
    the data alone, `keep` them alone. A source without an alphabet is left as it is.
    """
    if any(len(label) != 1 for label in known):
        return  # words: nothing that an alphabet could hold
    own = [] if way == "keep" else data_alphabet(source)
    chosen = own if way == "replace" else [*known, *own]
    set_alphabet(source, "".join(dict.fromkeys(chosen)))


def data_alphabet(source) -> list[str]:
    """The characters that a config's sources name, or else those of their transcripts."""
    options = source.get("init_args", {})
    found = [] if "alphabet" not in options else list(options["alphabet"] or "")
    if "alphabet" in options and options["alphabet"] is None:
        found = transcribed([LineFolder(**vars(folder)) for folder in options["folders"]])
    return found + [c for inner in options.get("sources", []) for c in data_alphabet(inner)]


def transcribed(folders: list[LineFolder]) -> list[str]:
    """The characters of the lines to train and to validate on, in code point order.

    Of text alone, before any image is looked at. What only a test line has is not known yet.
    """
    found: set[str] = set()
    for folder in folders:
        rows, left_out = list(transcripts(folder)), read_exclusions(folder.leave_out)
        splits = split_lines(folder, ((text, group) for _, text, group in rows))
        for path, text, group in rows:
            if splits[group] != "test" and not left_out.keys() & set(names_of(path, folder.root)):
                found.update(text)
    return sorted(found)


def set_alphabet(source, alphabet: str) -> None:
    """Give a source, or each source of a mixture, these characters if it has an alphabet at all."""
    options = source.get("init_args", {})
    if "alphabet" in options:
        options["alphabet"] = alphabet
    for source in options.get("sources", []):
        set_alphabet(source, alphabet)


def nearest_known(symbol: str, known: Container[str]) -> str | None:
    """The known character that this one is likest to, if any: 'f' for a long s, 'e' for 'é'."""
    if len(symbol) != 1:
        return None
    base = unicodedata.normalize("NFKD", symbol)[0]
    if base.isspace() and not symbol.isspace():
        base = ""  # an accent by itself: Unicode lays it on a space
    kind = KINDS.get(unicodedata.category(symbol), "")
    tried = [*LOOKS.get(symbol, ""), base, base.swapcase(), kind]
    return next((c for c in tried if c and c != symbol and c in known), None)


def spell_out(symbols: Iterable[str]) -> str:
    """Labels in one readable line: a space is shown, a combining mark has something to stand on."""
    told = ["␣" if s == " " else f"◌{s}" if unicodedata.combining(s[:1]) else s for s in symbols]
    return " ".join(told) or "none"
