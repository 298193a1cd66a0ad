"""language_model: give a bundle a character language model, weighed on validation lines."""

import sys
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from datasets import LineFolder, Mixture, RealLines
from datasets.lines import transcripts
from datasets.progress import track
from models import CTCHead
from models.beam import BeamSearch
from models.character_counts import learn
from models.character_lm import CharacterLM
from models.heads import Text

from .bundle import Bundle, find_bundle, load_bundle, save_bundle
from .decoding import read_lexicon
from .language_texts import encode_lines, read_prose, set_lines
from .metrics import Normalization, scores, tally_texts
from .parsing import StrictParser
from .prediction import Recognizer
from .scoring import text_of

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
BETAS = (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
CERTAIN = (0.95, 0.98, 0.99, 0.995)
BONUSES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
ROUNDS = 2  # of each weight in turn


class Lines(NamedTuple):
    """Validation lines: N paths and what they say."""

    paths: list[str]
    texts: list[str]


class Looked(NamedTuple):
    """What the network said of them once, for every trial: logits (T_i, L + 1) and readings."""

    logits: list[torch.Tensor]
    readings: list[Text]


class Result(NamedTuple):
    """cer, wer: percent. per_second: lines, from the file to the string."""

    cer: float
    wer: float
    per_second: float


class Looker(Recognizer):
    """Answers with logits and the greedy reading instead of a reading alone."""

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list:
        logits = logits.float() / self.temperature
        greedy = self.model.head.decode(logits, lengths)
        rows = zip(logits.cpu(), lengths.tolist(), greedy, strict=True)
        return [(row[:steps].clone(), text) for row, steps, text in rows]


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py language_model",
        usage="python run.py language_model --model M --texts F... (--data D | --config C)",
    )
    parser.add_argument("--model", type=str, required=True, help="a bundle's path or its zoo name")
    parser.add_argument(
        "--texts",
        nargs="+",
        default=[],
        help=".txt (a passage a line), .parquet (column text), .tsv (lines: file TAB text)",
    )
    parser.add_argument(
        "--data",
        type=str | None,
        help="labelled validation lines (a folder or its labels.tsv) to weigh the model on; never "
        "those it is tested on",
    )
    parser.add_argument(
        "--config",
        type=str | None,
        help="instead of --data: the validation lines of a config's real lines; the transcripts "
        "of its training lines join the texts",
    )
    parser.add_argument("--output", type=str | None, help="a new bundle; by default M itself")
    parser.add_argument("--lexicon", type=str | None, help="a file of known words to prefer")
    parser.add_argument("--order", type=int, default=6, help="symbols of the longest n-grams")
    parser.add_argument("--megabytes", type=float, default=4.0, help="of the model in the bundle")
    parser.add_argument(
        "--repeat", type=int, default=20, help="how often each transcript counts beside the prose"
    )
    parser.add_argument("--width", type=int, default=8, help="strings that the search keeps")
    return parser


def main(arguments: list[str]) -> int:
    options = build_parser().parse_args(arguments[1:])
    try:
        run(options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(options) -> None:
    """Learn, weigh, measure, write. Raises ValueError or OSError for what cannot be used."""
    if (options.data is None) == (options.config is None):
        raise ValueError("give the validation lines: either --data or --config")
    bundle = load_bundle(options.model)
    output = Path(options.output) if options.output else find_bundle(options.model)
    if output.suffix != ".safetensors" or not output.parent.is_dir():
        raise ValueError(f"--output {output}: name a .safetensors file in a folder that exists")
    if not isinstance(bundle.model.head, CTCHead):
        raise ValueError(f"{options.model}: reads no strings, a language model serves CTC heads")
    known = read_lexicon(Path(options.lexicon), bundle.labels) if options.lexicon else frozenset()
    lines, own = validation_lines(options)
    bundle.decoder = None
    looked = look(bundle, lines.paths)
    model = learn_model(bundle.labels, own, options)
    print(describe(model, bundle.labels, lines.texts))
    search = BeamSearch(bundle.labels, model, width=options.width, lexicon=known, word_bonus=0.0)
    search = tune(search, looked, lines.texts)
    check_help(search, looked, lines.texts)
    plain = replace(search, language_model=None, lexicon=frozenset(), alpha=0.0, beta=0.0)
    told = {name: getattr(search, name) for name in ("alpha", "beta", "certain", "word_bonus")}
    print(", ".join(f"{name} {value:g}" for name, value in told.items()))
    print(f"{'':24}  CER %  WER %  lines/s   ({len(lines.paths)} validation lines)")
    for name, decoder in (("greedy", None), ("beam", plain), ("beam, language model", search)):
        bundle.decoder = decoder
        found = measure(bundle, lines)
        print(f"{name:24} {found.cer:6.3f} {found.wer:6.2f} {found.per_second:8.1f}")
    bundle = load_bundle(options.model)  # anew: reading has folded the network's norms
    bundle.decoder = search
    bundle.card["language_model"] = (
        f"order {model.order}, from {', '.join(Path(t).name for t in options.texts) or 'no texts'}"
        f" and {len(own)} transcripts; weighed on {len(lines.paths)} validation lines"
    )
    save_bundle(bundle, output)
    print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def validation_lines(options) -> tuple[Lines, list[str]]:
    """-> the lines to weigh on, and the transcripts of a config's training lines, each once."""
    if options.data is not None:
        rows = list(transcripts(LineFolder(options.data)))
        return Lines([str(path) for path, *_ in rows], [text for _, text, _ in rows]), []
    from .split_scores import data_of  # and Lightning

    source = data_of(Path(options.config)).source
    source = source.sources[0] if isinstance(source, Mixture) else source
    if not isinstance(source, RealLines):
        raise ValueError(f"{options.config}: no datasets.RealLines; use --data")
    kept, trained = source.split("validation"), source.split("train")
    if not len(kept):
        raise ValueError(f"{options.config}: no validation lines; keep a group for them")
    each = dict(zip(trained.names, trained.texts, strict=True))
    return Lines(list(kept.names), list(kept.texts)), list(each.values())


def look(bundle: Bundle, paths: Sequence[str]) -> Looked:
    """Raises ValueError naming the first line that cannot be read."""
    found = list(track(Looker(bundle).read(paths), "reading", len(paths)))
    for _, answer in found:
        if isinstance(answer, str):
            raise ValueError(f"{answer}; mend or remove this validation line")
    return Looked([logits for _, (logits, _) in found], [text for _, (_, text) in found])


def learn_model(labels: Sequence[str], own: Sequence[str], options) -> CharacterLM:
    """The model of the texts, and of the transcripts so many times over."""
    passages, lines = read_prose(options.texts)
    own = [*own, *lines]
    if not own and not passages:
        raise ValueError("nothing to learn from: give --texts, or a --config with training lines")
    prose = encode_lines(set_lines(passages, own), labels)
    told = np.tile(encode_lines(own, labels), options.repeat)
    print(f"learning from {len(prose) + len(told):,} symbols")
    symbols = np.concatenate([told, prose])
    return learn(symbols, len(labels), options.order, round(1e6 * options.megabytes))


def describe(model: CharacterLM, labels: Sequence[str], texts: Sequence[str]) -> str:
    """Its size, and how well it foretells the validation lines."""
    said = sum(tensor.nbytes for tensor in model.tensors().values())
    number = sum(len(order.keys) for order in model.orders)
    ids = {label: place for place, label in enumerate(labels)}
    known = [text for text in texts if ids.keys() >= set(text)]
    told = [model.line_log_probabilities(np.array([ids[c] for c in t], np.int64)) for t in known]
    bits = -np.concatenate(told).mean() / np.log(2) if told else np.nan
    return f"order {model.order}: {number:,} n-grams, {said / 1e6:.2f} MB, {bits:.2f} bits a symbol"


def tune(search: BeamSearch, looked: Looked, texts: Sequence[str]) -> BeamSearch:
    """The weights of the fewest edits on the validation lines, one in turn, the others fixed."""
    grids = {"alpha": ALPHAS, "beta": BETAS, "certain": CERTAIN}
    if search.lexicon:
        grids["word_bonus"] = BONUSES
    search = replace(search, alpha=0.3, beta=0.5)
    tried: dict[tuple[float, ...], int] = {}
    for _ in range(ROUNDS):
        for name, grid in grids.items():
            trials = [replace(search, **{name: value}) for value in grid]
            for trial in track(trials, f"weighing {name}", len(trials)):
                key = weights(trial)
                if key not in tried:
                    tried[key] = edits(trial, looked, texts)
            search = min(trials, key=lambda trial: tried[weights(trial)])
    return search


def check_help(search: BeamSearch, looked: Looked, texts: Sequence[str]) -> None:
    """Raises ValueError where even the best weights do harm: then no bundle is to search."""
    found = edits(search, looked, texts)
    greedy = edits(replace(search, certain=0.0), looked, texts)  # nothing is searched
    if found > greedy:
        raise ValueError(
            f"the language model leaves {found} wrong characters, more than the {greedy} of the "
            "greedy reading; nothing is written; give more texts like these lines"
        )


def weights(search: BeamSearch) -> tuple[float, ...]:
    return search.alpha, search.beta, search.certain, search.word_bonus


def edits(search: BeamSearch, looked: Looked, texts: Sequence[str]) -> int:
    """Characters that the searched strings have wrong."""
    said = []
    for logits, greedy in zip(looked.logits, looked.readings, strict=True):
        (reading,) = search.decode(logits[None], torch.tensor([len(logits)]), [greedy])
        said.append(text_of(reading, search.labels))
    tally = tally_texts(said, texts, [""] * len(said), Normalization())
    return int(tally.counts["cer"][0].sum())


def measure(bundle: Bundle, lines: Lines) -> Result:
    """Read the files as `predict` does."""
    recognizer = Recognizer(bundle)
    list(recognizer.read(lines.paths[:8]))  # the first batches are slow
    started = time.perf_counter()
    said = [text_of(answer, bundle.labels) for _, answer in recognizer.read(lines.paths)]
    spent = time.perf_counter() - started
    texts = [unicodedata.normalize("NFC", text) for text in lines.texts]
    found = scores(tally_texts(said, texts, [""] * len(said), Normalization()))
    return Result(found["cer"].value, found["wer"].value, len(said) / spent)
