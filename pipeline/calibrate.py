"""calibrate: fit what makes a bundle's confidences hold, on labelled data, and say what it does."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch

from datasets.progress import track
from models import CTCHead, SequenceClassificationHead
from models.heads import Label, Text

from .bundle import Bundle, find_bundle, load_bundle, save_bundle
from .calibrate_strings import ToldStrings, fit_strings, told_strings
from .calibrate_tables import print_errors, print_promises, print_risk
from .calibration import Calibration, Told, calibrate, calibrate_strings
from .evaluation import labelled_data
from .parsing import StrictParser
from .prediction import Recognizer


class Heard(NamedTuple):
    """What a network said of one item, before any temperature, and what was read in it."""

    logits: torch.Tensor
    steps: int
    reading: Text | Label


class Listener(Recognizer):
    """Answers with logits beside each reading."""

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list:
        rows = zip(
            logits.float().cpu(), lengths.tolist(), super().decode(logits, lengths), strict=True
        )
        strings = isinstance(self.model.head, CTCHead)
        return [Heard((row[:n] if strings else row).clone(), n, said) for row, n, said in rows]


class Answered(NamedTuple):
    """What was read of N items, their true ids, their groups, and how sure the bundle was."""

    heard: list[Heard]
    targets: list[np.ndarray]
    groups: list[str]
    before: np.ndarray

    def hits(self) -> np.ndarray:
        """(N,) bool: which readings are right as a whole."""
        rows = zip(self.heard, self.targets, strict=True)
        return np.array([ids_of(one.reading) == target.tolist() for one, target in rows], bool)


def ids_of(reading: Text | Label) -> list[int] | int:
    return reading.ids if isinstance(reading, Text) else reading.id


def build_parser() -> StrictParser:
    from .labelled_clips import add_video_options

    parser = StrictParser(
        prog="run.py calibrate",
        usage="python run.py calibrate --model M (--data D | --config C) [--output F]",
    )
    parser.add_argument("--model", type=str, required=True, help="a bundle's path or its zoo name")
    parser.add_argument(
        "--data",
        type=str | None,
        help="labelled data as `evaluate` takes it; neither what the bundle was trained on nor "
        "what it is tested on",
    )
    parser.add_argument(
        "--config", type=str | None, help="instead: the validation lines of a config's real lines"
    )
    parser.add_argument("--output", type=str | None, help="a new bundle; by default M itself")
    parser.add_argument(
        "--decoder",
        type=Literal["greedy", "beam"] | None,
        help="which way of reading strings; by default beam if the bundle has a language model",
    )
    parser.add_argument(
        "--split", type=Literal["train", "test"], default="train", help="of a folder of reviews"
    )
    parser.add_argument(
        "--group_pattern",
        default="(.+?)__",
        help="its first bracket in a file's name is the group",
    )
    add_video_options(parser)
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
    """Read, fit, tell, write. Raises ValueError or OSError for what cannot be used."""
    if (options.data is None) == (options.config is None):
        raise ValueError("give the labelled data: either --data or --config")
    bundle = load_bundle(options.model)
    output = Path(options.output) if options.output else find_bundle(options.model)
    if output.suffix != ".safetensors" or not output.parent.is_dir():
        raise ValueError(f"--output {output}: name a .safetensors file in a folder that exists")
    if not isinstance(bundle.model.head, CTCHead | SequenceClassificationHead):
        raise ValueError(
            f"{options.model}: a {type(bundle.model.head).__name__} labels steps; calibrate takes "
            "bundles that read strings or one label each"
        )
    searched = bundle.decoder
    if options.decoder == "beam" and searched is None:
        raise ValueError(f"{options.model}: has no search; run language_model first")
    if options.decoder == "greedy":
        bundle.decoder = None
    labelled = listen(bundle, options)
    fresh = load_bundle(options.model)  # a recognizer folds the norms of the one that it is given
    fresh.calibration = fit(bundle, labelled, refit=searched is None)
    save_bundle(fresh, output)
    print(f"wrote {output}")


def listen(bundle: Bundle, options) -> Answered:
    """Raises ValueError naming the first item that cannot be read, or if there is none."""
    recognizer = Listener(bundle)
    if options.config is None:
        data = labelled_data(recognizer, options)
        items, targets, groups = data.items, data.targets, data.groups
    else:
        items, targets, groups = validation_lines(options.config, bundle)
    if not items:
        raise ValueError(f"{options.data or options.config}: nothing labelled to calibrate on")
    answers = list(track(recognizer.answers(items), "reading", len(items)))
    for answer in answers:
        if isinstance(answer.reading, str):
            raise ValueError(f"{answer.reading}; mend or remove it")
    heard = [answer.reading for answer in answers]
    before = np.array([recognizer.confidence(one.reading) for one in heard])
    return Answered(heard, list(targets), list(groups), before)


def validation_lines(config: str, bundle: Bundle) -> tuple[list[str], list[np.ndarray], list[str]]:
    """(paths, true ids, groups). A group is a page: the first two parts of a file's place."""
    from datasets import Mixture, RealLines

    from .split_scores import data_of  # and Lightning

    source = data_of(Path(config)).source
    source = source.sources[0] if isinstance(source, Mixture) else source
    if not isinstance(source, RealLines):
        raise ValueError(f"{config}: no datasets.RealLines; use --data")
    kept = source.split("validation")
    symbols = [*bundle.labels, *sorted(set("".join(kept.texts)).difference(bundle.labels))]
    ids = {symbol: place for place, symbol in enumerate(symbols)}
    targets = [np.array([ids[c] for c in text], np.int64) for text in kept.texts]
    pages = [str(Path(name).parent / Path(name).name.split("__")[0]) for name in kept.names]
    return list(kept.names), targets, pages


def fit(bundle: Bundle, labelled: Answered, refit: bool) -> Calibration:
    """Fit, and print what it changes. refit: the temperature too.

    Where there is a search it stays: its weights were tuned at that one.
    """
    hits = labelled.hits()
    strings = isinstance(bundle.model.head, CTCHead)
    told = told_of(labelled, strings)
    decoder = "greedy" if bundle.decoder is None else "beam"
    if strings:
        calibration, changed = calibrate_strings(ToldStrings(*told), decoder)
        fitted = calibration.strings[decoder]
        after = np.array([fitted.confidence(np.exp(s)) for s in told.scores])
        kept = bundle.calibration
        temperature = calibration.temperature if refit else kept.temperature
        calibration = dataclasses.replace(
            calibration, temperature=temperature, strings=kept.strings | calibration.strings
        )
    else:
        calibration, changed = calibrate([Told(*told)])
        logits = torch.from_numpy(told.logits).double() / calibration.temperature
        after = logits.softmax(1).amax(1).numpy()
    print(f"{len(hits)} read, {100 * hits.mean():.1f} % of them right as a whole")
    print(f"temperature {calibration.temperature:.3f}")
    if strings:
        print(f"slope {fitted.slope:.3f}, offset {fitted.offset:.3f} ({decoder})")
        for ending, when in (("", "before"), ("_calibrated", "after")):
            if f"characters_nll{ending}" in changed:
                nll, ece = (changed[f"characters_{name}{ending}"] for name in ("nll", "ece"))
                print(f"characters {when}: nll {nll:.4f}, ece {ece:.2f} %")
    held = cross_fitted(told, labelled.groups) if strings else None
    print_errors([("before", labelled.before), ("after", after), ("crossed", held)], hits)
    print_risk(after, hits)
    if strings:
        print_promises(fitted.curve)
    return calibration


def told_of(labelled: Answered, strings: bool) -> ToldStrings | Told:
    if not strings:
        logits = torch.stack([one.logits for one in labelled.heard]).numpy()
        return Told(logits, np.array([int(t) for t in labelled.targets]))
    parts = [
        told_strings(one.logits[None], torch.tensor([one.steps]), [one.reading], [target])
        for one, target in zip(labelled.heard, labelled.targets, strict=True)
    ]
    return ToldStrings(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def cross_fitted(told: ToldStrings, groups: Sequence[str]) -> np.ndarray | None:
    """(M,) confidences of each half of the groups by a fit on the other; None of a single group."""
    names = np.unique(groups)
    if len(names) < 2:
        return None
    first = np.random.default_rng(0).permutation(names)[: len(names) // 2]
    half, found = np.isin(groups, first), np.empty(len(groups))
    for here, there in ((half, ~half), (~half, half)):
        part = told._replace(scores=told.scores[there], exact=told.exact[there])
        fitted = fit_strings(part)
        found[here] = [fitted.confidence(np.exp(s)) for s in told.scores[here]]
    return found
