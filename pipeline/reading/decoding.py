"""How a bundle's logits become strings: the search that it keeps, or a user asks for."""

import dataclasses
import unicodedata
from pathlib import Path

from torch import Tensor

from datasets.tables import read_utf8
from models import CTCHead
from models.decoding.beam import BeamSearch
from models.decoding.character_lm import CharacterLM
from models.heads.labels import Text

from ..scoring.readings import spell

PREFIX = "lm."  # of the language model's tensors in a bundle
KEPT = ("alpha", "beta", "width", "threshold", "certain", "margin", "word_bonus")


def decoder_metadata(decoder: BeamSearch | None) -> tuple[dict, dict[str, Tensor]]:
    """What a bundle keeps of a search: metadata and tensors, none of no search."""
    if decoder is None:
        return {}, {}
    content = {name: getattr(decoder, name) for name in KEPT}
    content["lexicon"] = sorted(decoder.lexicon)
    model = decoder.language_model
    tensors = model.tensors() if model else {}
    return {"decoder": content}, {PREFIX + name: tensor for name, tensor in tensors.items()}


def load_decoder(
    content: dict, weights: dict[str, Tensor], labels: list[str], path: Path
) -> BeamSearch | None:
    """The reverse, of a bundle's metadata; its tensors are taken out of the weights.

    Raises ValueError for a damaged one.
    """
    tensors = {
        k.removeprefix(PREFIX): weights.pop(k) for k in list(weights) if is_language_model(k)
    }
    if "decoder" not in content:
        return None
    try:
        options = content["decoder"]
        numbers = {name: options[name] for name in KEPT}
        if not all(isinstance(number, int | float) for number in numbers.values()):
            raise ValueError(f"no numbers: {numbers}")
        model = CharacterLM.from_tensors(len(labels), tensors) if tensors else None
        return BeamSearch(labels, model, **numbers, lexicon=frozenset(options["lexicon"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: damaged decoder ({error}); copy the bundle again, or update Strand"
        ) from error


def is_language_model(key: str) -> bool:
    """The language model's tensors are no weights of the network."""
    return key.startswith(PREFIX)


def alternatives_of(reading: object, labels: list[str]) -> dict:
    """For a record: the strings of a search, if it was asked for several."""
    if not isinstance(reading, Text) or not reading.alternatives:
        return {}
    told = [(spell(ids, labels), round(share, 4)) for ids, share in reading.alternatives]
    return {"alternatives": [{"text": text, "score": score} for text, score in told]}


def choose_decoder(
    bundle_decoder: BeamSearch | None, head, labels: list[str], options
) -> BeamSearch | None:
    """The search that a user's options ask for. Raises ValueError for what does not fit."""
    n_best = getattr(options, "n_best", 1)
    asked = [
        name
        for name, given in (
            ("--decoder beam", options.decoder == "beam"),
            (f"--lexicon {options.lexicon}", options.lexicon),
            (f"--n_best {n_best}", n_best != 1),
        )
        if given
    ]
    if options.decoder == "greedy":
        if asked:
            raise ValueError(f"{asked[0]}: a greedy reading has none; use --decoder beam")
        return None
    if asked and not isinstance(head, CTCHead):
        raise ValueError(f"{asked[0]}: this bundle reads no strings")
    decoder = bundle_decoder
    if decoder is None and asked:
        decoder = BeamSearch(labels)
    if options.lexicon:
        lexicon = read_lexicon(Path(options.lexicon), labels)
        # one that was weighed without words has none for them
        weighed = decoder.lexicon and decoder.word_bonus
        bonus = decoder.word_bonus if weighed else BeamSearch.word_bonus
        decoder = dataclasses.replace(decoder, lexicon=lexicon, word_bonus=bonus)
    if n_best != 1:
        width = max(decoder.width, n_best)  # a search cannot name more strings than it keeps
        decoder = dataclasses.replace(decoder, n_best=n_best, width=width)
    return decoder


def read_lexicon(path: Path, labels: list[str]) -> frozenset[str]:
    """Words of a UTF-8 file, composed (NFC) and in lower case, cut where another character than a
    letter stands.

    Raises ValueError for labels that are words themselves, and for a file without words, or with
    none that the labels can spell.
    """
    whole = next((label for label in labels if len(label) != 1), None)
    if whole is not None:
        raise ValueError(
            f"--lexicon {path}: this bundle reads whole words such as {whole!r}, it spells none; "
            "leave it out"
        )
    text = unicodedata.normalize("NFC", read_utf8(path)).lower()
    words = set("".join(c if c.isalpha() else " " for c in text).split())
    letters = {c for label in labels for c in label.lower()}
    known = frozenset(word for word in words if letters.issuperset(word))
    if not known:
        raise ValueError(
            f"{path}: {len(words)} words, none of which this bundle's characters spell; "
            "give a text file of words"
        )
    return known
