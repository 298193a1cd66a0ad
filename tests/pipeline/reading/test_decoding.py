"""String decoding: the search a bundle stores, the options of users, lexicons."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models import SequenceClassificationHead
from models.decoding.beam import BeamSearch
from models.decoding.character_counts import fit_character_lm
from models.heads.labels import Text
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.reading.decoding import alternatives_record, choose_decoder, read_lexicon
from pipeline.reading.prediction import Recognizer
from pipeline.scoring.readings import text_of
from tests.support.small import ALPHABET, tiny_bundle

LABELS = list(ALPHABET)


def options(decoder=None, lexicon=None, n_best=1):
    return SimpleNamespace(decoder=decoder, lexicon=lexicon, n_best=n_best)


@pytest.fixture(scope="module")
def search():
    count = len(LABELS)
    symbols = np.append(np.random.default_rng(0).integers(0, count, 300), count)
    model = fit_character_lm(symbols, count, order=3)
    return BeamSearch(LABELS, model, 0.4, 1.5, 5, 0.01, 0.9, 1e-3, frozenset({"ab"}), 0.7)


def test_a_bundle_keeps_its_search(search, tmp_path):
    bundle, logits = tiny_bundle(), torch.randn(2, 20, len(LABELS) + 1)
    bundle.decoder = search
    save_bundle(bundle, tmp_path / "b.safetensors")
    loaded = load_bundle(str(tmp_path / "b.safetensors"))
    lengths = torch.tensor([20, 11])
    readings = Recognizer(loaded).decode(logits, lengths)
    assert readings == Recognizer(bundle).decode(logits, lengths)
    assert readings != bundle.model.head.decode(logits, lengths)
    stored = ("alpha", "beta", "width", "threshold", "certain", "margin", "lexicon", "word_bonus")
    for name in stored:
        assert getattr(loaded.decoder, name) == getattr(search, name)


def test_a_bundle_without_a_search_reads_greedily(bundle_file):
    assert load_bundle(str(bundle_file)).decoder is None


def test_a_damaged_search_is_named(search, tmp_path):
    bundle = tiny_bundle()
    bundle.decoder = BeamSearch(LABELS, alpha="much")
    save_bundle(bundle, tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"b\.safetensors: damaged metadata \(decoder\.alpha: "):
        load_bundle(str(tmp_path / "b.safetensors"))


def test_options_choose_the_search(search, tmp_path):
    head = tiny_bundle().model.head
    assert choose_decoder(search, head, LABELS, options()) is search
    assert choose_decoder(search, head, LABELS, options("greedy")) is None
    assert choose_decoder(None, head, LABELS, options()) is None
    assert choose_decoder(None, head, LABELS, options("beam")).language_model is None
    several = choose_decoder(search, head, LABELS, options(n_best=3))
    assert (several.n_best, several.alpha) == (3, 0.4)
    assert several.language_model == search.language_model
    (tmp_path / "words.txt").write_text("Abba\nb-a\n", encoding="utf-8")
    given = choose_decoder(search, head, LABELS, options(lexicon=str(tmp_path / "words.txt")))
    assert given.lexicon == {"abba", "b", "a"}


@pytest.mark.parametrize("asked", [{"n_best": 2}, {"lexicon": "words.txt"}])
def test_a_greedy_reading_has_no_options(search, asked):
    head = tiny_bundle().model.head
    with pytest.raises(ValueError, match="a greedy reading has none"):
        choose_decoder(search, head, LABELS, options("greedy", **asked))


def test_only_strings_are_searched():
    with pytest.raises(ValueError, match="--decoder beam: this bundle reads no strings"):
        choose_decoder(None, SequenceClassificationHead(3, 2), ["a", "b"], options("beam"))


def test_a_lexicon_that_no_label_spells_is_refused(tmp_path):
    (tmp_path / "words.txt").write_text("слово\n", encoding="utf-8")
    with pytest.raises(ValueError, match="1 words, none of which"):
        read_lexicon(tmp_path / "words.txt", ["a", "b"])


def test_alternatives_are_recorded_as_text():
    text = Text([0], [0.9], [(0, 0)], 0.9, [([0], 0.75), ([0, 1], 0.25)])
    assert alternatives_record(text, ["a", "b"]) == {
        "alternatives": [{"text": "a", "score": 0.75}, {"text": "ab", "score": 0.25}]
    }
    assert alternatives_record(text._replace(alternatives=()), ["a", "b"]) == {}


def ambiguous_logits() -> torch.Tensor:
    """(1, 3, L + 1): a, a blank, then b, a little more probable than c."""
    probabilities = torch.full((1, 3, len(LABELS) + 1), 1e-6)
    probabilities[0, 0, 0] = probabilities[0, 1, -1] = 0.999
    probabilities[0, 2, 1], probabilities[0, 2, 2] = 0.55, 0.44
    return probabilities.log()


@pytest.mark.parametrize("stored", [None, BeamSearch(LABELS, word_bonus=0.0)])
def test_a_lexicon_changes_readings_of_bundles_that_have_none(stored, tmp_path):
    bundle = tiny_bundle()
    (tmp_path / "words.txt").write_text("ac", encoding="utf-8")
    texts = []
    for given in (None, str(tmp_path / "words.txt")):
        head = bundle.model.head
        bundle.decoder = choose_decoder(stored, head, LABELS, options("beam", lexicon=given))
        (reading,) = Recognizer(bundle).decode(ambiguous_logits(), torch.tensor([3]))
        texts.append(text_of(reading, LABELS))
    assert texts == ["ab", "ac"]


def test_a_tuned_word_bonus_is_kept(search, tmp_path):
    (tmp_path / "words.txt").write_text("ac", encoding="utf-8")
    asked = options(lexicon=str(tmp_path / "words.txt"))
    assert choose_decoder(search, None, LABELS, options()).word_bonus == 0.7
    head = tiny_bundle().model.head
    assert choose_decoder(search, head, LABELS, asked).word_bonus == 0.7


def test_more_alternatives_than_the_width_widen_the_search():
    head, logits = tiny_bundle().model.head, torch.zeros(1, 4, len(LABELS) + 1)
    wide = choose_decoder(BeamSearch(LABELS, width=2), head, LABELS, options(n_best=5))
    greedy = head.decode(logits, torch.tensor([4]))
    (reading,) = wide.decode(logits, torch.tensor([4]), greedy)
    assert len(reading.alternatives) == 5
    assert choose_decoder(BeamSearch(LABELS, width=9), head, LABELS, options(n_best=5)).width == 9


def test_decomposed_words_are_composed(tmp_path):
    (tmp_path / "words.txt").write_text("Ete\u0301", encoding="utf-8")
    assert read_lexicon(tmp_path / "words.txt", ["e", "t", "é"]) == {"eté"}


def test_labels_that_are_words_take_no_lexicon(tmp_path):
    (tmp_path / "words.txt").write_text("bin", encoding="utf-8")
    with pytest.raises(ValueError, match="reads whole words such as 'again'"):
        read_lexicon(tmp_path / "words.txt", ["a", "again"])
