"""Words by Unicode's boundaries: many scripts, and English as the older tokenizer splits it."""

import csv
import random
from pathlib import Path

import pytest
import yaml

from datasets import Reviews, TextReader
from datasets.text.words import LETTERS_AND_MARKS, SPLITTERS, UNICODE_WORD

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = {
    "Devanagari": ("हिन्दी फ़िल्म बहुत अच्छी है।", ["हिन्दी", "फ़िल्म", "बहुत", "अच्छी", "है", "।"]),
    "Bengali": ("এই ছবিটি খুব ভালো।", ["এই", "ছবিটি", "খুব", "ভালো", "।"]),
    "Tamil": ("இந்தப் படம் நன்று.", ["இந்தப்", "படம்", "நன்று", "."]),
    "vowelled Arabic": ("الفِيلْمُ، جَمِيلٌ جِدًّا", ["الفِيلْمُ", "،", "جَمِيلٌ", "جِدًّا"]),
    "Persian, with a joiner": ("می\u200cخواهم فیلم؟", ["می\u200cخواهم", "فیلم", "؟"]),
    "pointed Hebrew": ("הַסֶּרֶט צה\"ל ג'ירפה", ["הַסֶּרֶט", 'צה"ל', "ג'ירפה"]),
    "Han": ("电影很好。", ["电", "影", "很", "好", "。"]),
    "kana": ("スーパーマンは", ["スーパーマン", "は"]),
    "Hangul": ("영화가 좋다!", ["영화가", "좋다", "!"]),
    "Thai": ("ร์ดีมา", ["ร์", "ดี", "ม", "า"]),
    "Cyrillic": ("Об'єкт — «хороший»", ["об'єкт", "—", "«", "хороший", "»"]),
    "Greek": ("Ταινία καλή· ναι", ["ταινία", "καλή", "·", "ναι"]),
    "Latin, a mark without composed form": ("M\u0302ot l\u2019œil", ["m\u0302ot", "l\u2019œil"]),
    "emoji": ("👨\u200d👩\u200d👧👍🏽 🇫🇷", ["👨\u200d👩\u200d👧", "👍🏽", "🇫🇷"]),
}  # fmt: skip
ENGLISH = """
don't l'oeil e-mail 3.14 10/10 :) ;-) 90's 2½ x² u.s.a. foo_bar rock'n'roll 'tis end.Start 1,000
$5 (a) "b" don\u2019t can''t -- ... 9:30 and/or O\u2019Brien\u2019s caf\u00e9 na\u00efve
\u201cso\u201d it\u2019s\u2014well\u2026 80\u2019s &amp; 1'000 a*b #1 www.x.com ***** ½a 1st
50% "'Why?'" \u00a35 \u00ad
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_of_every_script_stay_whole(script):
    text, words = SCRIPTS[script]
    assert TextReader([], tokenizer="unicode_words").split(text) == words


def test_english_is_split_as_before():
    with open(ROOT / "datasets/samples/reviews.csv", encoding="utf-8") as file:
        reviews = [row["text"] for row in csv.DictReader(file)]
    new, old = (TextReader([], tokenizer=name) for name in ("unicode_words", "words"))
    for text in [*reviews, *ENGLISH.split(), ENGLISH]:
        # the pattern itself too, which ASCII texts do not need
        assert new.split(text) == old.split(text) == UNICODE_WORD.findall(text.lower())
    assert len(reviews) > 5 and "don't" in new.split(ENGLISH) and "2½" in new.split(ENGLISH)


def test_ascii_needs_no_unicode():
    rng = random.Random(0)
    for _ in range(3000):
        text = "".join(rng.choice([chr(rng.randrange(128)), rng.choice("a1'._, -")])
                       for _ in range(12))  # fmt: skip
        assert UNICODE_WORD.findall(text) == LETTERS_AND_MARKS.findall(text)


@pytest.mark.parametrize("tokenizer", SPLITTERS)
def test_no_character_is_lost_and_no_token_has_a_space(tokenizer):
    rng = random.Random(1)
    for _ in range(2000):
        text = "".join(rng.choices("aé\u0301'’.:٣4ש\"ि्म中ภ½²\u200d\u200c\xad \u3000👍🏽", k=9))
        tokens = SPLITTERS[tokenizer](text)
        assert "".join("".join(tokens).split()) == "".join(text.split())
        assert tokenizer == "characters" or not any(set(" \u3000") & set(t) for t in tokens)


def test_configs_of_imdb_keep_their_tokens():
    configs = list((ROOT / "configs/imdb").glob("*.yaml"))
    for config in configs:
        options = yaml.safe_load(config.read_text())["data"]["source"]["init_args"]
        assert options["tokenizer"] == "words", config
    assert len(configs) == 11


def test_new_data_gets_the_new_words_and_a_cache_of_its_own(tmp_path):
    rows = [f"फ़िल्म अच्छी {'good' if i % 2 else 'बुरी'},{i % 2},{i}" for i in range(40)]
    table = tmp_path / "reviews.csv"
    table.write_text("text,label,group\n" + "\n".join(rows), encoding="utf-8")
    cache = str(tmp_path / "cache")
    old = Reviews(str(table), tokenizer="words", ngrams=2, cache=cache)
    new = Reviews(str(table), ngrams=2, cache=cache)
    assert new.reader.tokenizer == "unicode_words" and "फ़िल्म" in new.reader.symbols
    assert "फ़िल्म अच्छी" in new.reader.symbols and "फ़िल्म" not in old.reader.symbols
    assert Reviews(str(table), tokenizer="words", ngrams=2, cache=cache).reader.symbols == (
        old.reader.symbols
    )
    dataset = new.split("train")
    first = new.texts("train")[0][0]
    assert dataset[0][1].inputs.tolist() == new.reader.read(first).tolist()
