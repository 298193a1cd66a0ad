"""Visual order of mixed lines, against the library's own algorithm, and the way back."""

import random

import pytest
from bidi import get_display

from datasets import LineReader, RealLines, SyntheticLines, Vocabulary
from datasets.lines.bidi import has_right_to_left, reorder, to_visual
from datasets.lines.folders import LineFolder
from pipeline.training.fine_tuning.alphabets import transcript_alphabet
from tests.support.small import write_lines

# logical -> what the image shows from left to right, by hand
SHOWN = {
    "abc 12, (x)": "abc 12, (x)",
    "אבג": "גבא",
    "אבג 12.5 דה": "הד 12.5 גבא",
    "אבה ab cd גדה": "הדג ab cd הבא",
    "abc אבג def": "abc גבא def",
    "12/10/1990 אב": "בא 12/10/1990",
    "אב (גד) [12-14]": "[12-14] (דג) בא",
    "אב x(y)": "x(y) בא",
    "«אב»": "«בא»",
    "אבּג": "גבּא",  # the point stays after its letter
    "مرحبا ١٢٣": "١٢٣ ابحرم",
    "می\u200cخوا": "اوخی\u200cم",
    "\u200fאב!\u200e": "!בא",  # without the marks
    "\u202bאב\u202c": "בא",
}


def to_logical(text: str) -> str:
    """A line's characters from left to right in the order in which they are read."""
    return "".join(place.symbol for place in reorder(text))


@pytest.mark.parametrize("text", SHOWN)
def test_lines_are_shown_as_by_hand(text):
    assert to_visual(text) == SHOWN[text]
    if not set("\u200f\u200e\u202b\u202c") & set(text):
        assert to_logical(SHOWN[text]) == text


def mixed_texts(count: int, units: list[str], most: int) -> list[str]:
    rng = random.Random(0)
    texts = ("".join(rng.choices(units, k=rng.randint(1, most))) for _ in range(8 * count))
    return [text for text in texts if has_right_to_left(text)][:count]


def test_order_is_that_of_the_library():
    for text in mixed_texts(1500, list("אבגد٣אבגدab1 2 .,-()/'%+[]"), 13):
        strong = [("א" <= c <= "ת" or c in "د٣") - ("a" <= c <= "b") for c in text]
        base = "R" if sum(strong) >= 0 else "L"
        places = reorder(text)
        assert sorted(place.index for place in places) == list(range(len(text)))
        # the library's function reorders, and leaves brackets as they are
        assert "".join(text[place.index] for place in places) == get_display(text, base_dir=base)


def test_mixed_words_come_back():
    words = ["שלום", "עולם,", "הַסֶּרֶט", "12", "3.14", "12-14", "(אב)", "ג'", "«שם»", "1948", "50%"]
    texts = mixed_texts(600, [word + " " for word in words], 6)
    assert [to_logical(to_visual(text)) for text in texts] == texts
    # with Latin words several logical orders look alike; nearly always one of them is found
    texts = mixed_texts(600, [word + " " for word in [*words, "abc", "(x)", "a1"]], 6)
    lost = [t for t in texts if to_visual(to_logical(to_visual(t))) != to_visual(t)]
    assert len(lost) < 0.02 * len(texts)


def test_targets_are_in_the_order_of_the_vocabulary():
    logical, visual = Vocabulary("אב1"), Vocabulary("אב1", "visual")
    assert logical.encode("אב 1".replace(" ", "")).tolist() == [0, 1, 2]
    assert visual.encode("אב1").tolist() == [2, 1, 0]
    assert Vocabulary.of(["(אב"], "visual").symbols == [")", "א", "ב"]  # as the image shows it
    with pytest.raises(ValueError, match=r"page 3: cannot encode 'ג' \(U\+05D2\)"):
        visual.encode("אבג", "page 3")


@pytest.mark.usefixtures("folder")
def test_lines_choose_their_order():
    write_lines("אב 12", "בא", "\u200fאא")
    folders = [LineFolder("lines", validation=["p0"])]
    source = RealLines(folders, height=16)
    assert source.reader.order == "visual" and source.labels == [" ", "1", "2", "א", "ב"]
    assert source.labels == transcript_alphabet(folders)
    (target,) = source.split("validation").targets
    assert "".join(source.labels[i] for i in target) == "12 בא"
    assert source.split("validation").texts == ["אב 12"]
    assert RealLines(folders, height=16, order="logical").reader.order == "logical"
    assert RealLines(folders, alphabet="ab א", height=16).reader.order == "visual"
    write_lines("ab", "ba", "aé")
    assert RealLines(folders, height=16).reader.order == "logical"


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="order='mirrored'; choose one of"):
        LineReader(order="mirrored")
    with pytest.raises(ValueError, match=r"right-to-left characters.*datasets\.RealLines"):
        SyntheticLines(alphabet="abא")
