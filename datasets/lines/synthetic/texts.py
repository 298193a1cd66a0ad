"""Random texts for synthetic lines: prose, receipts, letters, references and symbols.

`GRAMMAR` maps each symbol to its alternatives, separated by lines or bars in `GRAMMAR_TEXT`. {name}
is a symbol; {Name} and {NAME} also set its case; 9 is any digit, ¤ any capital. The marks of
typesetting.py are written _ (italic) and ^ (small capitals) before a word, ~ before a superscript.
"""

import html
import re
import string
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq

from ...files import resolve_data_path
from .fonts import Font
from .long_s import lengthen
from .typesetting import ITALIC, RAISED, SMALL_CAPS, plain

GRAMMAR_TEXT = """
word: the|of|and|to|in|a|that|it|was|he|his|with|as|for|had|you|not|be|her|on|at|by|which|have|or
from|this|him|but|all|she|they|were|my|are|so|me|their|there|one|when|who|no|what|will|an|more|if
out|up|into|do|any|your|has|man|could|other|than|our|some|very|time|upon|about|may|its|only|now|like
little|then|can|should|made|did|us|such|great|before|must|two|these|see|know|over|much|down|after
first|good|men|own|never|most|old|shall|day|where|those|came|himself|way|work|life|without|go|make
well|through|being|long|say|might|how|am|too|even|again|many|back|here|think|every|people|went|same
last|thought|away|under|take|found|hand|eyes|still|place|while|just|also|young|yet|though|against
things|get|ever|give|god|years|off|face|nothing|right|once|another|left|part|saw|house|world|head
three|took|new|love|always|night|each|king|between|tell|mind|heart|few|because|whom|far|seemed
looked|called|whole|set|both|done|heard|name|days|country|asked|going|better|having|home|knew|side
something|moment|father|among|course|woman|enough|words|mother|soon|full|end|gave|room|almost|small
cannot|water|want|however|light|quite|brought|nor|whose|given|turned|use|felt|began|lady|power
quarter|object|justice|exactly|amazed|judge|journey|quick|zeal|fixed|examine|equal|box|question
wizard|subject|join|puzzle|frozen|jewel|vexed|adjacent|excellent|size|horizon
name: homer|virgil|ovid|livy|horace|cicero|plato|pliny|jebb|grote|bentley|hermann|leaf|smith|jordan
wheeler|walker|abbott|branner|stanford|xavier|quincy|young|kwang|zeno|vaughan|ulrich|ingram|fitch
crothers
latin: et|non|est|quod|ad|sed|cum|ibid.|passim|sc.|videlicet|hic|ille|qui|quae|apud|supra|infra
lacuna
roman: i|ii|iii|iv|v|vi|vii|viii|ix|x|xi|xii|xiv|xvi|xix|xx|xxiv|xl|lx|xc|cxvii|mdccc
work: Il.|Od.|Aen.|Hdt.|Thuc.|Aesch.|Soph.|Ar. _Ran.|Plat. _Rep.|Cic. _Att.|Hes. _Op.
month: January|February|March|April|May|June|July|August|September|October|November|December
mon: Jan.|Feb.|Mar.|Apr.|Aug.|Sept.|Oct.|Nov.|Dec.|JAN|FEB|JUN|JUL
town: San Francisco, Cal.|Palo Alto, California|New York|London|San José|Zürich|Oxford
code: 999999999999|¤¤999999|¤99-9999|0099999|¤¤9¤|999999-¤|9999/99|¤¤-99999-¤|9-99
price: 9.99|99.99|9.90|9.00|999.90|9,999.99|99.00|0.99|-9.99|9.99 SR|9.9
date: 99/99/2099|99-99-2099|99.99.99|99/99/99 99:99|99-{mon}-2099|99:99:99|99:99 PM
label: total|sub total|cash|change|tax|gst 6%|amount|qty|item|price|invoice no|date|cashier
round adj|rounding|balance due|discount|service charge 10%|visa|tax invoice|total qty|net total|tel
fax|bill no|member|pax|cheque no|ref|payment|amount($)|unit price|total incl. gst|receipt #|table
terminal|debit card|vat
goods: {word} {word}|{name} {word} 9pcs|{word} 99x99mm|{word} ({word})|{word}-{word} 9kg
{word} & {word} 99ml|{word} w/ {word}|99g {word}|{word} *99|{word} #9|{word} 9/9|{word} @ 9
{word}+{word}
firm: {Name} & {Name} SDN BHD|{Name} {word} trading|{Name} ENTERPRISE (9999999-¤)|{word} mart
receipt: {label}|{label} :|{label}: {price}|{label} RM {price}|RM{price}|${price}|{price}|{price}
{price}|9|99|9 X|{price} ¤|{date}|DATE: {date}|{label} : {code}|{code}|{goods}|9 {goods}
{code} {goods}|{goods} {price}|{firm}|GST ID: 999999999999|(GST REG NO : 999999999999)
CO. REG NO: 999999-¤|TEL: 99-999 9999|TEL 99-99999999 FAX: 99-9999999|NO. 9, JALAN {NAME} 9/99,
99999 {Name} BAHRU, {town}|LOT 9999, JLN {NAME},|THANK YOU. PLEASE COME AGAIN!
GOODS SOLD ARE NOT RETURNABLE|*** {label} ***|9 x {price} = {price}|www.{name}{word}.com
{name}@{word}.com|[{label}]|SR (6%) {price} {price}|£{price}|{price} €|{label}____|<{word}>
Q9={price}?|{firm}|{date}|{code}
letter: {town}, {month} 9rd, 1909.|{month} 99th, 1909.|{town}, {mon} 99, 1899|Dear Sir:-
Dear {Name},|My dear Mr. {Name}:|Yours truly,|Very respectfully yours,|Mr. ¤. ¤. {Name},
Hon. {Name} ¤. {Name}|TO: ¤. ¤. {NAME} ESQ.,|{town}.|999 {Name} Street|Messrs. {Name} & {Name},
Prof. ¤. {Name}|In reply to yours of {month} 9th,|I beg to acknowledge your letter of the 99th
Enc. (9)|(Signed) {Name}|Mr. ¤. ¤. {Name}. {Word} ¤. ¤. Co., {town}.|{Name}, ¤. ¤. ¤., {town}
Hon. ¤. ¤. {Name}, {Name} Co., {town}, Pa.|P. O. Box 999, {town}|{Name} and {Name}, Nos. 9 & 999.
catalogue: 999. {Word} {word} {word} {word} _(999) 999|99. {Word} {word} _(99) 999
999 {Word}, {word}
9. {Name} (¤.), {town}. {Word} {word}. _(9)|99. — {Word} {word} {word}, _999.|999. _{Word} _{word}
{NAME} ({Name}), {town}.|{Name}, {Name}. {Word} {word} {word}. 99 × 99 cm.|999. Idem. Fr. 999.—
{Word} {word} {word} . . . . . . . 999|{Word} {word} ............ 99|{ROMAN}. {Word} {word} ..... 9
999 {word} 999 999 99.9 9.99|{Word} {word} {word} 9,999 99.9 %|99-99 {Word} 9999
N° 999. {Word} {word}. ¤. {Name}.|{Name} ¤., {word}, 99, 999, 999-99, 999 n. 9|9999 9999 9999 99
999. {Word} {word} {word} – 999.–|_999. {Word} {word} {word} _99|({Word} {word}) _(999) —
reference: {work} {roman}. 999|cf. {work} {roman}. 99, {roman}. 999
{Word} {word} {word},~9 cf. p. 999, n. 9|^{Name} ({work} {roman}. 999) {word} {word} {word} {word}
§ 99. {Word} {word} _{word} _{word} {word};|~9 {Word} {word}, vol. {roman}., pp. 999-999, 1899.
9 _{Latin} _{latin} {word} {word}, {ROMAN}. 99|{word} {word} _{latin} _{latin} {word} {word} {word}
999. {word} {word}: so ^{Name}, ^{Name} and ^{Name}.|see note on {roman}. 99; {word} {word} {word}
{word} {word} ({work} 999 f.), {word} _{latin} {word}|{word} {word} {word}.~9 {Word} {word} {word}
[{work} 99.] {word} {word} ff. 99, 999, MS. ¤|* {Word} {word} {word}, b. {ROMAN}. c. 9.
† {Word} {word}, A.D. 9999; B.C. 99|FIG. 99. {Word} {word}
names: {word} {word} ^{Name} {word} {word} {word}|^{Word} ^{word} {word} {word} {word} {word}
^{Name} and ^{Name}|{word}, ^{Name}, {word} {word} ^{Name} {word}
^{Name}.—{Word} {word} {word} {word}|{ROMAN}. ^{Name}'s ^{Word}
"""
GRAMMAR: dict[str, list[str]] = {
    match[1]: re.split(r"[|\n]", match[2].strip())
    for match in re.finditer(r"^([a-z]+): (.+?)(?=\n[a-z]+: |\Z)", GRAMMAR_TEXT, re.M | re.S)
}
PLAIN_CHARACTERS = str.maketrans("‘’“”–—−", "''\"\"---") | {ord("…"): "..."}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MARKS = {ITALIC, SMALL_CAPS, RAISED}


def choose(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def expand(rng: np.random.Generator, symbol: str) -> str:
    """Return a random alternative of a symbol of the grammar, with the symbols in it expanded."""

    def replace(match: re.Match) -> str:
        name, text = match[1], expand(rng, match[1].lower())
        return text.upper() if name.isupper() else text.title() if name[0].isupper() else text

    return re.sub(r"\{(\w+)\}", replace, choose(rng, GRAMMAR[symbol]))


def draw_template(rng: np.random.Generator, symbol: str) -> str:
    """Return a random marked text of a symbol, with digits and capitals drawn."""
    text = re.sub("9", lambda _: str(rng.integers(10)), expand(rng, symbol))
    text = re.sub("¤", lambda _: chr(65 + rng.integers(26)), text)
    text = re.sub(r"(?<!\S)_(?=[A-Za-z\d(])", ITALIC, text)
    return re.sub(r"~(?=\d)", RAISED, re.sub(r"(?<!\S)\^(?=[A-Za-z])", SMALL_CAPS, text))


def read_texts(paths: Sequence[str]) -> list[str]:
    """Read the passages of .txt files (one per line) and .parquet files (column `text`).

    Raises ValueError if a .parquet file has no such column, or if there is no text at all.
    """
    passages: list[str] = []
    for path in map(resolve_data_path, paths):
        if path.suffix == ".parquet":
            columns = pq.read_schema(path).names
            if "text" not in columns:
                raise ValueError(f"{path}: no column `text` among {columns}; rename the right one")
            passages += [t for t in pq.read_table(path, columns=["text"])["text"].to_pylist() if t]
        else:
            lines = path.read_text(encoding="utf-8").splitlines()
            passages += [line for line in lines if line.strip()]
    if paths and not passages:
        raise ValueError(f"{', '.join(paths)}: no text in them; each line of a .txt is a passage")
    return passages


class TextGenerator:
    """Draws marked text of a kind and an approximate length, in the characters of an alphabet."""

    def __init__(self, alphabet: Sequence[str], passages: list[str], long_s: bool = False):
        self.alphabet, self.passages = frozenset(alphabet), passages
        self.long_s = long_s and "ſ" in self.alphabet
        # characters that are rare in running text are inserted, so that the model learns them
        usual = string.ascii_letters + string.digits + " .,'-"
        self.rare = [c for c in sorted(self.alphabet) if c not in usual]

    def __call__(
        self, rng: np.random.Generator, kind: str, length: int, look: str, font: Font
    ) -> str:
        """Draw up to four texts that the font can set, and return the one closest to `length`.

        The text is never empty.
        """

        def error(text: str) -> int:
            return abs(len(plain(text)) - length)

        drawn: list[str] = []
        while len(drawn) < 4 and not (drawn and error(drawn[-1]) <= 2):
            drawn.append(self._fit(self._draw(rng, kind, length, look), font.characters))
        texts = [text for text in drawn if plain(text).strip()]
        if texts:
            return min(texts, key=error)
        return self._symbols(rng, max(length, 1), sorted(font.characters & self.alphabet))

    def _draw(self, rng: np.random.Generator, kind: str, length: int, look: str) -> str:
        if kind == "symbols":
            return self._symbols(rng, length, sorted(self.alphabet))
        text = draw_template(rng, kind) if kind in GRAMMAR else self._window(rng, length)
        if kind == "title":
            text = string.capwords(text)
        elif kind == "capitals":
            text = text.upper()
        elif kind == "receipt":  # real ones are labelled without case: these have to teach it
            text = receipt_case(rng, text)
        if rng.random() < 0.08 and self.rare:
            text = insert_character(rng, text, choose(rng, self.rare))
        if self.long_s:
            text = lengthen(text)
        if rng.random() < (0.8 if look == "book" else 0.05):
            return curl_quotes(text)
        return text if look == "book" else text.translate(PLAIN_CHARACTERS)

    def _symbols(self, rng: np.random.Generator, length: int, characters: list[str]) -> str:
        characters = [c for c in characters if c != " "]
        text = "".join(choose(rng, characters) for _ in range(length))
        grouped = " " in self.alphabet and rng.random() < 0.7
        return re.sub(r"(\S{4})(?=\S)", r"\1 ", text) if grouped else text

    def _window(self, rng: np.random.Generator, length: int) -> str:
        """Cut about `length` characters of a passage, at a word end or sometimes inside a word."""
        passage = ""
        if self.passages:
            passage = choose(rng, self.passages)
            start = int(rng.integers(max(len(passage) - 3 * length, 1)))
            start = passage.find(" ", start) + 1 if start else 0
            passage = passage[start : start + 3 * length + 20]
            # remove HTML tags, also those that the slice has cut
            passage = html.unescape(re.sub(r"<[^<>]*>|^[^<>]{0,6}>|<[^<>]*$", " ", passage))
        text = " ".join((passage.strip() or make_sentences(rng, length)).split())
        if len(text) > length:
            end = text.find(" ", length)
            broken = rng.random() < 0.15 and text[length - 2 : length + 3].isalpha()
            text = text[:length] + "-" if broken else text[: end if end > 0 else None]
        return text.replace(" - ", "—").replace("--", "—")

    def _fit(self, text: str, characters: frozenset[str]) -> str:
        """Simplify or remove the characters that are not in the alphabet and in `characters`."""
        text, allowed = unicodedata.normalize("NFC", text), (self.alphabet & characters) | MARKS
        if RAISED in text and text.partition(RAISED)[2][0].translate(SUPERSCRIPTS) in allowed:
            text = re.sub(RAISED + r"(\d)", lambda m: m[1].translate(SUPERSCRIPTS), text, count=1)
        if not allowed.issuperset(text):
            text = "".join(c if c in allowed else simplify(c, allowed) for c in text)
        orphans = f"[{''.join(sorted(MARKS))}](?=\\s|$)"  # marks without a following character
        return " ".join(re.sub(orphans, "", text).split())


def simplify(character: str, allowed: frozenset[str] | set[str]) -> str:
    """Return the plain form (straight quotes, the base letter), without characters not allowed."""
    base = unicodedata.normalize("NFKD", character.translate(PLAIN_CHARACTERS))
    return "".join(c for c in base if c in allowed)


def make_sentences(rng: np.random.Generator, length: int) -> str:
    """Return meaningless sentences of common words, at least `length` characters."""
    text, start = "", True
    while len(text) < length + 12:
        named = rng.random() < 0.06
        word = expand(rng, "name" if named else "word")
        word = word.capitalize() if start or named else word
        word = f'"{word}"' if rng.random() < 0.03 else word + "'s" if rng.random() < 0.02 else word
        end = choose(rng, ".....,,,,,,;:!?-") if rng.random() < 0.2 else ""
        start = end in {".", "!", "?"}
        text += word + (" - " if end == "-" else end + " ")
    return text


def receipt_case(rng: np.random.Generator, text: str) -> str:
    """A receipt's line in capitals, with a capital before each word, or as it is."""
    style = rng.random()
    if style < 0.4:
        return text.upper()
    if style < 0.7:
        return re.sub(r"(?<![\w'])[a-z]", lambda match: match[0].upper(), text)
    return text


def curl_quotes(text: str) -> str:
    """Replace straight quotes by opening or closing ones, depending on the character before."""
    text = re.sub(r'(?<![\w.,;:!?)])"', "\u201c", text).replace('"', "\u201d")
    return re.sub("(?<![\\w.,;:!?)\u201d])'", "\u2018", text).replace("'", "\u2019")


def insert_character(rng: np.random.Generator, text: str, character: str) -> str:
    """Insert a character: an accented one in place of its base letter, others beside a word."""
    base = unicodedata.normalize("NFD", character)[0]
    if base != character and base in text:
        return text.replace(base, character, 1)
    words = text.split(" ")
    index = int(rng.integers(len(words)))
    mark, word = words[index][:1], words[index][1:]
    if mark not in MARKS:
        mark, word = "", words[index]
    options = (mark + character + word, mark + word + character, f"{mark}{word} {character}")
    words[index] = choose(rng, options)
    return " ".join(words)
