"""Texts and transcripts -> a character language model, and what there is to tell of it."""

import time
from collections.abc import Sequence

import numpy as np

from datasets.progress import track
from models.decoding.character_counts import fit_character_lm
from models.decoding.character_lm import CharacterLM

from .language_texts import Encoded, encode_lines, set_lines, subsample

MOST_REPEATS = 20
STRANGE = 8  # symbols that no label spells, named


def learn_model(
    labels: Sequence[str], passages: Sequence[str], own: Sequence[str], options
) -> CharacterLM:
    """The model of the passages, and of the transcripts so many times over."""
    chosen = subsample(passages, round(1e6 * options.prose))
    if len(chosen) < len(passages):
        print(
            f"{len(chosen):,} of {len(passages):,} passages, evenly from all: --prose "
            f"{options.prose:g} million symbols"
        )
    set_in = track(chosen, "setting lines", len(chosen))
    prose = encode_lines(set_lines(set_in, own), labels)
    told = encode_lines(own, labels)
    report_unknown(prose, "texts")
    report_unknown(told, "transcripts")
    repeat = options.repeat
    if repeat is None:
        repeat = usual_repeat(len(told.symbols), len(prose.symbols))
    symbols = np.concatenate([np.tile(told.symbols, repeat), prose.symbols])
    print(f"learning from {len(symbols):,} symbols, transcripts {repeat} times", flush=True)
    started = time.perf_counter()
    model = fit_character_lm(symbols, len(labels), options.order, round(1e6 * options.megabytes))
    print(f"learnt in {time.perf_counter() - started:.0f} s")
    return model


def usual_repeat(transcripts: int, prose: int) -> int:
    """Symbols of each -> how often the transcripts count.

    They are nearer to what will be read, but n-grams that occur twenty times because one line does
    leave nothing for what was never seen: repeated among little prose they spoil the model.
    """
    return min(MOST_REPEATS, max(1, prose // (4 * max(transcripts, 1))))


def report_unknown(encoded: Encoded, what: str) -> None:
    """The share of symbols that no label spells, and the most frequent ones."""
    count = sum(encoded.strange.values())
    if count:
        named = ", ".join(f"{c!r} ({n:,})" for c, n in encoded.strange.most_common(STRANGE))
        share = 100 * count / len(encoded.symbols)
        print(f"{share:.2g} % of the {what}' symbols are none of the bundle's labels: {named}")


def describe_model(model: CharacterLM, labels: Sequence[str], texts: Sequence[str]) -> str:
    """Its size, and how well it foretells the validation lines."""
    said = sum(tensor.nbytes for tensor in model.tensors().values())
    number = sum(len(order.keys) for order in model.orders)
    ids = {label: place for place, label in enumerate(labels)}
    known = [text for text in texts if ids.keys() >= set(text)]
    told = [model.line_log_probabilities(np.array([ids[c] for c in t], np.int64)) for t in known]
    bits = -np.concatenate(told).mean() / np.log(2) if told else np.nan
    return f"order {model.order}: {number:,} n-grams, {said / 1e6:.2f} MB, {bits:.2f} bits a symbol"
