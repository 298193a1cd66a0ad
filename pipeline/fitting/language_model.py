"""Add a character language model to a bundle: fit, tune the search, measure, calibrate, save."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.lines.cache import line_digests
from datasets.output.text import print_lines
from datasets.progress import track
from models import CTCHead
from models.decoding.beam import BeamSearch
from models.decoding.character_lm import check_order

from ..evaluation.validation_lines import (
    FolderLines,
    config_lines,
    folder_lines,
    output_path,
    report_left_out,
)
from ..reading.bundle import Bundle, load_bundle, save_bundle
from ..reading.decoding import read_lexicon
from ..reading.order import network_texts
from ..reading.prediction import Recognizer
from ..scoring.metrics import compute_scores, tally_texts
from ..scoring.readings import join_labels, text_of
from ..scoring.seen_samples import SeenSamples
from ..scoring.temperature import Calibration, decoder_name
from .calibration import EvidenceRecognizer, collect_evidence, fit_and_print, lines_to_data
from .language_learning import describe_model, learn_model
from .language_texts import check_labels, read_prose
from .language_weights import cache_logits, check_gain, tune

MAX_LINES = 2000  # for tuning: about 200 MB of logits


class Lines(NamedTuple):
    """Validation lines: N paths and their texts."""

    paths: list[str]
    texts: list[str]


def fit_language_model(options) -> None:
    """Fit the model, tune the search weights, print the scores, and write the bundle.

    Raises ValueError or OSError for options, a bundle or data that cannot be used.
    """
    output = output_path(options)
    bundle = load_bundle(options.model, options.crop)
    search = build_search(bundle, options)
    passages, transcripts = read_prose(options.texts)
    bundle.decoder = None
    lines, trained, digests = validation_lines(options, bundle)
    transcripts = [*trained, *transcripts]
    if not transcripts and not passages:
        raise ValueError("nothing to learn from: give --texts, or a --config with training lines")
    tuning_lines = subsample(lines)
    cached = cache_logits(bundle, tuning_lines.paths)
    arrange = partial(network_texts, reader=bundle.reader)
    model = learn_model(bundle.labels, passages, transcripts, options, arrange)
    print(describe_model(model, bundle.labels, arrange(lines.texts)))
    tuning_texts = arrange(tuning_lines.texts)
    search = tune(replace(search, language_model=model), cached, tuning_texts)
    check_gain(search, cached, tuning_texts)
    compare(bundle, search, lines)
    calibration = recalibrate(bundle, search, lines)
    bundle = load_bundle(options.model)  # again, because recognition has folded its norms
    bundle.decoder, bundle.calibration = search, calibration
    seen = bundle.seen or SeenSamples(complete=False)
    bundle.seen = seen.add("language_model", digests())
    bundle.card["language_model"] = (
        f"order {model.order}, from {', '.join(Path(t).name for t in options.texts) or 'no texts'}"
        f" and {len(trained)} transcripts; weighed on {len(tuning_lines.paths)} validation lines"
    )
    save_bundle(bundle, output)
    print_lines(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def build_search(bundle: Bundle, options) -> BeamSearch:
    """The search that the options describe, without its language model.

    Validates all options before anything takes long: raises ValueError or OSError.
    """
    if not isinstance(bundle.model.head, CTCHead):
        raise ValueError(f"{options.model}: reads no strings, a language model serves CTC heads")
    check_labels(bundle.labels)
    check_order(options.order, len(bundle.labels))
    for name in ("megabytes", "prose"):
        if getattr(options, name) <= 0:
            raise ValueError(f"--{name} {getattr(options, name):g}: give a number above 0")
    if options.repeat is not None and options.repeat < 0:
        raise ValueError(f"--repeat {options.repeat}: give 0 or more")
    if not options.texts and options.config is None:
        raise ValueError("nothing to learn from: give --texts, or a --config with training lines")
    words = frozenset()
    if options.lexicon:
        words = read_lexicon(Path(options.lexicon), bundle.labels, bundle.reader)
    return BeamSearch(bundle.labels, width=options.width, lexicon=words, word_bonus=0.0)


def compare(bundle: Bundle, search: BeamSearch, lines: Lines) -> None:
    """Print the search weights, and the scores of greedy decoding, plain search and full search."""
    plain = replace(search, language_model=None, lexicon=frozenset(), alpha=0.0, beta=0.0)
    names = ("alpha", "beta", "certain", "word_bonus")
    print(", ".join(f"{name} {getattr(search, name):g}" for name in names))
    print(f"{'':24}  CER %  WER %  lines/s   ({len(lines.paths)} validation lines)")
    for name, decoder in (("greedy", None), ("beam", plain), ("beam, language model", search)):
        bundle.decoder = decoder
        cer, wer, per_second = measure(bundle, lines)
        print(f"{name:24} {cer:6.3f} {wer:6.2f} {per_second:8.1f}")


def recalibrate(bundle: Bundle, search: BeamSearch, lines: Lines) -> Calibration:
    """The bundle's calibration with that of an older search removed and, if greedy decoding is
    calibrated, one for this search added.
    """
    kept = bundle.calibration
    strings = dict(kept.strings)
    strings.pop(decoder_name(search), None)
    if not strings:
        if kept.strings:
            print("the calibration of the search before is gone; run calibrate --decoder beam")
        return replace(kept, strings=strings)
    print("calibrating the search on the same validation lines, so a little too kindly:")
    bundle.decoder, bundle.calibration = search, replace(kept, strings=strings)
    data = lines_to_data(lines.paths, lines.texts, bundle.labels)
    evidence = collect_evidence(EvidenceRecognizer(bundle), data)
    return fit_and_print(bundle, evidence, refit=False)


def validation_lines(options, bundle: Bundle) -> tuple[Lines, list[str], Callable[[], np.ndarray]]:
    """The validation lines, the transcripts of a config's training lines, those of any case in the
    case in which the bundle reads them, and a function that returns the digests of all these lines.
    """
    if options.data is not None:
        folder = folder_lines(options.data)
        report_left_out(folder.left_out, folder.notes)
        digests = partial(line_digests, folder.paths, bundle.reader)
        return Lines(folder.paths, folder.texts), [], digests
    config = config_lines(options.config, bundle.reader)
    report_left_out(config.left_out, config.notes)
    paths = [path for folder in config.kept for path in folder.paths]
    recognizer = Recognizer(bundle)
    texts, trained = (
        [text for folder in part for text in texts_as_read(recognizer, folder)]
        for part in (config.kept, config.trained)
    )
    return Lines(paths, texts), trained, config.digests


def texts_as_read(recognizer: Recognizer, folder: FolderLines) -> list[str]:
    """The texts of a folder's lines; if their case is unknown, that in which they are read."""
    if not folder.any_case:
        return folder.texts
    labels = recognizer.bundle.labels
    data = lines_to_data(folder.paths, folder.texts, labels)
    data = data._replace(any_case=[True] * len(folder.paths))
    answers = list(track(recognizer.answers(data.items), f"reading {folder.name}", len(data.items)))
    data, _ = data.with_targets(answers)
    return [join_labels(target, data.labels) for target in data.targets]


def subsample(lines: Lines) -> Lines:
    """At most MAX_LINES evenly spaced lines, because their logits stay in memory while tuning."""
    if len(lines.paths) <= MAX_LINES:
        return lines
    kept = [i * len(lines.paths) // MAX_LINES for i in range(MAX_LINES)]
    print(f"weighing on {MAX_LINES:,} of {len(lines.paths):,} validation lines, evenly from all")
    return Lines([lines.paths[i] for i in kept], [lines.texts[i] for i in kept])


def measure(bundle: Bundle, lines: Lines) -> tuple[float, float, float]:
    """CER and WER in percent, and lines per second from file to string, as `predict` reads them."""
    recognizer = Recognizer(bundle)
    list(recognizer.read(lines.paths[:8]))  # warm-up: the first batches are slow
    started = time.perf_counter()
    texts = [text_of(reading, bundle.labels) for _, reading in recognizer.read(lines.paths)]
    seconds = time.perf_counter() - started
    measured = compute_scores(tally_texts(texts, lines.texts, [""] * len(texts)))
    return measured["cer"].value, measured["wer"].value, len(texts) / seconds
