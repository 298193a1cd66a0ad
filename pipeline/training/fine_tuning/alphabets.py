"""Alphabets for fine-tuning: the characters to read, and known look-alikes of new ones."""

import unicodedata
from collections.abc import Container, Iterable, Iterator
from typing import Literal

from datasets.lines.bidi import choose_order
from datasets.lines.exclusions import names_in_list, read_exclusions
from datasets.lines.folders import LineFolder, joint_splits
from datasets.lines.listing import read_lines
from datasets.vocabulary import Vocabulary

Alphabet = Literal["union", "replace", "keep"]

# new character -> known ones that look like it, the most similar first
LOOK_ALIKES = {
    "ſ": "fl", "ß": "Bs", "ẞ": "B", "æ": "œa", "œ": "æo", "Æ": "ŒA", "Œ": "ÆO", "ø": "o", "Ø": "O",
    "ð": "d", "đ": "d", "þ": "pb", "Þ": "P", "ł": "l", "Ł": "L", "ı": "i", "ꝛ": "r2", "ꝝ": "R",
    "ꝑ": "p", "ꝓ": "p", "ꝗ": "q", "ꝰ": "9", "ꝫ": "3z", "⁊": "7z", "ʒ": "z3", "Ʒ": "3Z", "ͤ": "e",
    "„": ",\"", "“": "\"", "”": "\"", "«": "‹<\"", "»": "›>\"", "‚": ",", "‘": "'", "’": "'",
    "‹": "<", "›": ">", "´": "'", "`": "'", "⸗": "=-", "¬": "-", "†": "t+", "‡": "†+", "•": "·*.",
    "·": "•.", "×": "x", "÷": "+", "€": "CE", "£": "L", "¥": "Y", "¢": "c", "§": "S", "¶": "P",
    "⁄": "/", "№": "N", "°": "o",
}  # fmt: skip
LOOK_ALIKES |= dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγεηικνορτυχω", "ABEZHIKMNOPTYXayenikvoptuxw", strict=True))
LOOK_ALIKES |= dict(zip("АВЕЅІЈКМНОРСТУХаеорсухіјѕ", "ABESIJKMHOPCTYXaeopcyxijs", strict=True))
# Unicode category -> look-alike of its characters
CATEGORIES = {"Pd": "-", "Pi": '"', "Pf": '"', "Ps": "(", "Pe": ")", "Zs": " "}


def choose_alphabet(source, known: list[str], policy: Alphabet) -> None:
    """Set the alphabet of a config's source, or of each source of a mixture, in place.

    known: the bundle's labels, in its order. `union` takes them and then the data's characters,
    `replace` the data's only, `keep` the bundle's only. Sources without an option `alphabet` stay
    as they are, and so does everything if the labels are not single characters.
    """
    if any(len(label) != 1 for label in known):
        return
    sources = list(sources_with_alphabet(source))
    own = [c for options in sources if policy != "keep" for c in data_alphabet(options)]
    chosen = own if policy == "replace" else [*known, *own]
    for options in sources:
        options["alphabet"] = "".join(dict.fromkeys(chosen))


def sources_with_alphabet(source) -> Iterator[dict]:
    """The options of a source and of those that it mixes, if they have an `alphabet`."""
    options = source.get("init_args", {})
    if "alphabet" in options:
        yield options
    for inner in options.get("sources", []):
        yield from sources_with_alphabet(inner)


def data_alphabet(options) -> list[str]:
    """The alphabet in a source's options, or if it is None, the characters of the transcripts."""
    if options["alphabet"] is not None:
        return list(options["alphabet"])
    return transcript_alphabet([LineFolder(**vars(folder)) for folder in options["folders"]])


def transcript_alphabet(folders: list[LineFolder]) -> list[str]:
    """The characters of the training and validation lines, in code point order.

    Reads transcripts only, no images. Characters that occur in test lines only are not included.
    """
    learnt: list[str] = []
    listed = [read_lines(folder) for folder in folders]
    all_splits, _ = joint_splits(folders, [found.listed for found in listed])
    for folder, found, splits in zip(folders, listed, all_splits, strict=True):
        left_out = read_exclusions(folder.leave_out)
        for path, text, group in found.rows:
            if splits[group] != "test" and not left_out.keys() & set(
                names_in_list(path, folder.root)
            ):
                learnt.append(text)
    return Vocabulary.of(learnt, choose_order(set("".join(learnt)))).symbols


def nearest_known(symbol: str, known: Container[str]) -> str | None:
    """The known character that looks most like this one, if any: "f" for "ſ", "e" for "é"."""
    if len(symbol) != 1:
        return None
    base = unicodedata.normalize("NFKD", symbol)[0]
    if base.isspace() and not symbol.isspace():
        base = ""  # NFKD decomposes a spacing accent into a space and a combining mark
    category = CATEGORIES.get(unicodedata.category(symbol), "")
    candidates = [*LOOK_ALIKES.get(symbol, ""), base, base.swapcase(), category]
    return next((c for c in candidates if c and c != symbol and c in known), None)


def spell_out(symbols: Iterable[str]) -> str:
    """Labels as one readable line: "␣" for a space, "◌" under a combining mark."""
    shown = ["␣" if s == " " else f"◌{s}" if unicodedata.combining(s[:1]) else s for s in symbols]
    return " ".join(shown) or "none"
