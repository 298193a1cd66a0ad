"""A character language model for a bundle: learned, weighed on validation lines, measured."""

import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from models import CTCHead
from models.decoding.beam import BeamSearch
from models.decoding.character_lm import check_order

from ..evaluation.validation_lines import config_lines, folder_lines, output_path, report_left_out
from ..reading.bundle import Bundle, load_bundle, save_bundle
from ..reading.decoding import read_lexicon
from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, scores, tally_texts
from ..scoring.readings import text_of
from ..scoring.temperature import Calibration, decoder_name
from .calibration import EvidenceRecognizer, as_labelled, collect_evidence, fit_and_print
from .language_learning import describe_model, learn_model
from .language_texts import check_labels, read_prose
from .language_weights import cache_logits, check_gain, tune

MOST = 2000  # lines to weigh on: some 200 MB of logits


class Lines(NamedTuple):
    """Validation lines: N paths and what they say."""

    paths: list[str]
    texts: list[str]


class Result(NamedTuple):
    """cer, wer: percent. per_second: lines, from the file to the string."""

    cer: float
    wer: float
    per_second: float


def fit_language_model(options) -> None:
    """Learn, weigh, measure, write. Raises ValueError or OSError for what cannot be used."""
    output = output_path(options)
    bundle = load_bundle(options.model)
    search = first_search(bundle, options)
    passages, own = read_prose(options.texts)
    lines, trained = validation_lines(options, bundle)
    own = [*trained, *own]
    if not own and not passages:
        raise ValueError("nothing to learn from: give --texts, or a --config with training lines")
    bundle.decoder = None
    weighed = subsample(lines)
    looked = cache_logits(bundle, weighed.paths)
    model = learn_model(bundle.labels, passages, own, options)
    print(describe_model(model, bundle.labels, lines.texts))
    search = tune(replace(search, language_model=model), looked, weighed.texts)
    check_gain(search, looked, weighed.texts)
    compare(bundle, search, lines)
    calibration = recalibrated(bundle, search, lines)
    bundle = load_bundle(options.model)  # anew: reading has folded the network's norms
    bundle.decoder, bundle.calibration = search, calibration
    bundle.card["language_model"] = (
        f"order {model.order}, from {', '.join(Path(t).name for t in options.texts) or 'no texts'}"
        f" and {len(trained)} transcripts; weighed on {len(weighed.paths)} validation lines"
    )
    save_bundle(bundle, output)
    print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def first_search(bundle: Bundle, options) -> BeamSearch:
    """What the options ask for, without its model. Raises ValueError or OSError for a mistake in
    them: here, before anything takes long.
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
    known = read_lexicon(Path(options.lexicon), bundle.labels) if options.lexicon else frozenset()
    return BeamSearch(bundle.labels, width=options.width, lexicon=known, word_bonus=0.0)


def compare(bundle: Bundle, search: BeamSearch, lines: Lines) -> None:
    """Print the weights, and the scores of reading with and without them."""
    plain = replace(search, language_model=None, lexicon=frozenset(), alpha=0.0, beta=0.0)
    told = {name: getattr(search, name) for name in ("alpha", "beta", "certain", "word_bonus")}
    print(", ".join(f"{name} {value:g}" for name, value in told.items()))
    print(f"{'':24}  CER %  WER %  lines/s   ({len(lines.paths)} validation lines)")
    for name, decoder in (("greedy", None), ("beam", plain), ("beam, language model", search)):
        bundle.decoder = decoder
        found = measure(bundle, lines)
        print(f"{name:24} {found.cer:6.3f} {found.wer:6.2f} {found.per_second:8.1f}")


def recalibrated(bundle: Bundle, search: BeamSearch, lines: Lines) -> Calibration:
    """The bundle's calibration, that of a search fitted on this one, if that of greedy reading is
    there; an older search's goes in any case.
    """
    kept = bundle.calibration
    strings = {way: one for way, one in kept.strings.items() if way != decoder_name(search)}
    if not strings:
        if kept.strings:
            print("the calibration of the search before is gone; run calibrate --decoder beam")
        return replace(kept, strings=strings)
    print("calibrating the search on the same validation lines, so a little too kindly:")
    bundle.decoder, bundle.calibration = search, replace(kept, strings=strings)
    recognizer = EvidenceRecognizer(bundle)
    data = as_labelled(lines.paths, lines.texts, bundle.labels)
    return fit_and_print(bundle, collect_evidence(recognizer, data), refit=False)


def validation_lines(options, bundle: Bundle) -> tuple[Lines, list[str]]:
    """-> the lines to weigh on, and the transcripts of a config's training lines, each once."""
    if options.data is not None:
        found = folder_lines(options.data)
        report_left_out(found.left_out)
        return Lines(found.paths, found.texts), []
    config = config_lines(options.config, bundle.reader)
    report_left_out(config.left_out)
    paths = [path for lines in config.kept for path in lines.paths]
    return Lines(paths, [text for lines in config.kept for text in lines.texts]), config.trained


def subsample(lines: Lines) -> Lines:
    """At most MOST of them, evenly from all: what was looked at is kept for every trial."""
    if len(lines.paths) <= MOST:
        return lines
    places = [place * len(lines.paths) // MOST for place in range(MOST)]
    print(f"weighing on {MOST:,} of {len(lines.paths):,} validation lines, evenly from all")
    return Lines([lines.paths[i] for i in places], [lines.texts[i] for i in places])


def measure(bundle: Bundle, lines: Lines) -> Result:
    """Read the files as `predict` does."""
    recognizer = Recognizer(bundle)
    list(recognizer.read(lines.paths[:8]))  # the first batches are slow
    started = time.perf_counter()
    said = [text_of(answer, bundle.labels) for _, answer in recognizer.read(lines.paths)]
    spent = time.perf_counter() - started
    found = scores(tally_texts(said, lines.texts, [""] * len(said), Normalization()))
    return Result(found["cer"].value, found["wer"].value, len(said) / spent)
