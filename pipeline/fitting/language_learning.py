"""Fit a character language model to running texts and transcripts of lines, and describe it."""

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from datasets.output.text import print_lines
from datasets.progress import track
from models.decoding.character_counts import fit_character_lm
from models.decoding.character_lm import CharacterLM

from .language_texts import Encoded, encode_lines, set_lines, subsample

MAX_REPEATS = 20  # of the transcripts
NAMED = 8  # the most frequent unknown symbols that are printed


def learn_model(
    labels: Sequence[str],
    passages: Sequence[str],
    transcripts: Sequence[str],
    options,
    arrange: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> CharacterLM:
    """Fit a model to the passages and, repeated, the transcripts; prints the progress.

    arrange: puts lines into the order in which the network emits their characters.
    options: prose, repeat, order and megabytes of the command `language_model`.
    """
    chosen = subsample(passages, round(1e6 * options.prose))
    if len(chosen) < len(passages):
        print(
            f"{len(chosen):,} of {len(passages):,} passages, evenly from all: --prose "
            f"{options.prose:g} million symbols"
        )
    tracked = track(chosen, "setting lines", len(chosen))
    prose = encode_lines(arrange(set_lines(tracked, transcripts)), labels)
    encoded = encode_lines(arrange(transcripts), labels)
    report_unknown(prose, "texts")
    report_unknown(encoded, "transcripts")
    repeat = options.repeat
    if repeat is None:
        repeat = default_repeat(len(encoded.symbols), len(prose.symbols))
    symbols = np.concatenate([np.tile(encoded.symbols, repeat), prose.symbols])
    print(f"learning from {len(symbols):,} symbols, transcripts {repeat} times", flush=True)
    started = time.perf_counter()
    model = fit_character_lm(symbols, len(labels), options.order, round(1e6 * options.megabytes))
    print(f"learnt in {time.perf_counter() - started:.0f} s")
    return model


def default_repeat(transcripts: int, prose: int) -> int:
    """How often to repeat the transcripts, given the number of symbols of transcripts and prose.

    Transcripts are closest to what will be read, but repetition inflates their n-gram counts and so
    leaves no probability for unseen n-grams: among little prose it spoils the model.
    """
    return min(MAX_REPEATS, max(1, prose // (4 * max(transcripts, 1))))


def report_unknown(encoded: Encoded, what: str) -> None:
    """Print the share of symbols that are no label, and the most frequent ones."""
    count = encoded.unknown.total()
    if count:
        named = ", ".join(f"{c!r} ({n:,})" for c, n in encoded.unknown.most_common(NAMED))
        share = 100 * count / len(encoded.symbols)
        print_lines(
            f"{share:.2g} % of the {what}' symbols are none of the bundle's labels: {named}"
        )


def describe_model(model: CharacterLM, labels: Sequence[str], texts: Sequence[str]) -> str:
    """The model's size, and its cross-entropy on the validation lines without unknown symbols."""
    size = sum(tensor.nbytes for tensor in model.tensors().values()) / 1e6
    ngrams = sum(len(order.keys) for order in model.orders)
    ids = {label: i for i, label in enumerate(labels)}
    lines = [np.array([ids[c] for c in t], np.int64) for t in texts if ids.keys() >= set(t)]
    scores = [model.line_log_probabilities(line) for line in lines]
    bits = -np.concatenate(scores).mean() / np.log(2) if scores else np.nan
    return f"order {model.order}: {ngrams:,} n-grams, {size:.2f} MB, {bits:.2f} bits a symbol"
