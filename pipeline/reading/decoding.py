"""String decoding of a bundle: its stored beam search, or the one that a user's options select."""

import dataclasses
import unicodedata
from pathlib import Path

from torch import Tensor

from datasets.source import Reader
from datasets.tables import read_utf8
from models import CTCHead
from models.decoding.beam import BeamSearch
from models.decoding.character_lm import CharacterLM
from models.heads.labels import Text

from ..scoring.readings import join_labels
from .order import network_texts

PREFIX = "lm."  # of the names of the language model's tensors in a bundle
STORED_OPTIONS = ("alpha", "beta", "width", "threshold", "certain", "margin", "word_bonus")


def decoder_metadata(decoder: BeamSearch | None) -> tuple[dict, dict[str, Tensor]]:
    """Metadata and tensors that a bundle stores of a search; both empty for greedy decoding."""
    if decoder is None:
        return {}, {}
    content = {name: getattr(decoder, name) for name in STORED_OPTIONS}
    content["lexicon"] = sorted(decoder.lexicon)
    model = decoder.language_model
    tensors = model.tensors() if model else {}
    return {"decoder": content}, {PREFIX + name: tensor for name, tensor in tensors.items()}


def load_decoder(
    content: dict, weights: dict[str, Tensor], labels: list[str], path: Path
) -> BeamSearch | None:
    """Rebuild the search from a bundle's metadata; its tensors are removed from `weights`.

    Raises ValueError if it is damaged.
    """
    keys = [key for key in weights if key.startswith(PREFIX)]
    tensors = {key.removeprefix(PREFIX): weights.pop(key) for key in keys}
    if content.get("decoder") is None:
        return None
    try:
        options = content["decoder"]
        numbers = {name: options[name] for name in STORED_OPTIONS}
        if not all(isinstance(number, int | float) for number in numbers.values()):
            raise ValueError(f"no numbers: {numbers}")
        model = CharacterLM.from_tensors(len(labels), tensors) if tensors else None
        return BeamSearch(labels, model, **numbers, lexicon=frozenset(options["lexicon"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: damaged decoder ({error}); copy the bundle again, or update Strand"
        ) from error


def alternatives_record(reading: object, labels: list[str]) -> dict:
    """The n-best strings of a search as a record's field; empty unless several were requested."""
    if not isinstance(reading, Text) or not reading.alternatives:
        return {}
    scored = [(join_labels(ids, labels), round(score, 4)) for ids, score in reading.alternatives]
    return {"alternatives": [{"text": text, "score": score} for text, score in scored]}


def choose_decoder(
    bundle_decoder: BeamSearch | None,
    head,
    labels: list[str],
    options,
    reader: Reader | None = None,
) -> BeamSearch | None:
    """The search that a user's options select; None decodes greedily.

    reader: of the bundle; its order is that of the letters of a lexicon's words.
    Raises ValueError for options that contradict each other or do not fit the bundle.
    """
    n_best = getattr(options, "n_best", 1)
    given = {
        "--decoder beam": options.decoder == "beam",
        f"--lexicon {options.lexicon}": options.lexicon,
        f"--n_best {n_best}": n_best != 1,
    }
    asked = [name for name, is_given in given.items() if is_given]
    if options.decoder == "greedy":
        if asked:
            raise ValueError(f"{asked[0]}: a greedy reading has none; use --decoder beam")
        return None
    if asked and not isinstance(head, CTCHead):
        raise ValueError(f"{asked[0]}: this bundle reads no strings")
    decoder = BeamSearch(labels) if bundle_decoder is None and asked else bundle_decoder
    if options.lexicon:
        lexicon = read_lexicon(Path(options.lexicon), labels, reader)
        # a bonus tuned without a lexicon is meaningless: take the default instead
        tuned = decoder.lexicon and decoder.word_bonus
        bonus = decoder.word_bonus if tuned else BeamSearch.word_bonus
        decoder = dataclasses.replace(decoder, lexicon=lexicon, word_bonus=bonus)
    if n_best != 1:
        width = max(decoder.width, n_best)  # it cannot return more strings than it keeps
        decoder = dataclasses.replace(decoder, n_best=n_best, width=width)
    return decoder


def read_lexicon(path: Path, labels: list[str], reader: Reader | None = None) -> frozenset[str]:
    """Read the words of a UTF-8 text file, in NFC and lower case, split at every non-letter.

    Their letters are in the order in which the network of this reader emits them.
    Words that the labels cannot spell are left out. Raises ValueError if the labels are words
    themselves, or if no word is left.
    """
    word = next((label for label in labels if len(label) != 1), None)
    if word is not None:
        raise ValueError(
            f"--lexicon {path}: this bundle reads whole words such as {word!r}, it spells none; "
            "leave it out"
        )
    text = unicodedata.normalize("NFC", read_utf8(path)).lower()
    words = set("".join(c if c.isalpha() else " " for c in text).split())
    letters = {c for label in labels for c in label.lower()}
    spelled = [word for word in words if letters.issuperset(word)]
    known = frozenset(spelled if reader is None else network_texts(spelled, reader))
    if not known:
        raise ValueError(
            f"{path}: {len(words)} words, none of which this bundle's characters spell; "
            "give a text file of words"
        )
    return known
