"""Calibration of a bundle on labelled data: fitted, and what it changes printed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from datasets.progress import track
from models import CTCHead, SequenceClassificationHead
from models.heads.labels import Label, Text

from ..evaluation.evaluate import labelled_data
from ..evaluation.labelled import LabelledData
from ..evaluation.validation_lines import config_lines, output_path, report_left_out
from ..reading.bundle import Bundle, load_bundle, save_bundle
from ..reading.prediction import Recognizer
from ..reading.records import confidence_of
from ..scoring.string_confidence import (
    character_confidences,
    fit_character_temperature,
    fit_platt_scaling,
    negative_log_likelihood,
)
from ..scoring.string_evidence import (
    EvidenceTally,
    StringEvidence,
    correct_symbols,
    log_probabilities,
    peak_logits,
)
from ..scoring.temperature import (
    Calibration,
    LabelEvidence,
    decoder_name,
    expected_calibration_error,
    fit_calibration,
)
from .calibration_tables import print_errors, print_guarantees, print_risk


class ReadingEvidence(NamedTuple):
    """What a network said of one item: what was read in it, and, before any temperature, the logits
    (L,) of its label, or what a `ToldStrings` keeps of a string: (N, L + 1) and log p.
    """

    reading: Text | Label
    logits: np.ndarray
    score: float = 0.0


class EvidenceRecognizer(Recognizer):
    """Answers with what is needed of the logits beside each reading."""

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list:
        readings, logits = super().decode(logits, lengths), logits.float().cpu()
        if not isinstance(self.model.head, CTCHead):
            return [ReadingEvidence(*row) for row in zip(readings, logits.numpy(), strict=True)]
        ends = np.cumsum([len(reading.ids) for reading in readings])[:-1]
        rows = np.split(peak_logits(logits, readings), ends)
        scores = log_probabilities(logits, lengths.cpu(), readings).tolist()
        return [ReadingEvidence(*row) for row in zip(readings, rows, scores, strict=True)]


class CalibrationData(NamedTuple):
    """What was told of N items, whether each was read right as a whole, their groups, and how sure
    the bundle was.
    """

    told: StringEvidence | LabelEvidence
    hits: np.ndarray
    groups: list[str]
    before: np.ndarray


def calibrate_bundle(options) -> None:
    """Read, fit, print, write. Raises ValueError or OSError for what cannot be used."""
    output = output_path(options)
    bundle = load_bundle(options.model)
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
    recognizer = EvidenceRecognizer(bundle)
    answered = collect_evidence(recognizer, labelled_items(recognizer, options))
    fresh = load_bundle(options.model)  # a recognizer folds the norms of the one that it is given
    fresh.calibration = fit_and_print(bundle, answered, refit=searched is None)
    save_bundle(fresh, output)
    print(f"wrote {output}")


def labelled_items(recognizer: Recognizer, options) -> LabelledData:
    """Raises ValueError or OSError if there is none; what cannot be used is told."""
    if options.config is None:
        data = labelled_data(recognizer, options)
    else:
        found = config_lines(options.config, recognizer.bundle.reader)
        paths = [path for lines in found.kept for path in lines.paths]
        texts = [text for lines in found.kept for text in lines.texts]
        data = as_labelled(paths, texts, recognizer.bundle.labels, found.left_out)
    report_left_out(data.unscored)
    if not data.items:
        raise ValueError(f"{options.data or options.config}: nothing labelled to calibrate on")
    return data


def as_labelled(
    paths: list[str], texts: list[str], labels: list[str], left_out: Sequence[str] = ()
) -> LabelledData:
    """Lines; a group is a page: the folder and the first part of a file's name."""
    symbols = [*labels, *sorted(set("".join(texts)).difference(labels))]
    ids = {symbol: place for place, symbol in enumerate(symbols)}
    targets = [np.array([ids[c] for c in text], np.int64) for text in texts]
    pages = [str(Path(path).parent / Path(path).name.split("__")[0]) for path in paths]
    nothing = Text([], [], [], 0.0)
    return LabelledData(paths, targets, pages, symbols, nothing, "lines", list(left_out))


def collect_evidence(recognizer: EvidenceRecognizer, data: LabelledData) -> CalibrationData:
    """Raises ValueError naming the first item that cannot be read."""
    strings = isinstance(recognizer.model.head, CTCHead)
    tally, logits = EvidenceTally(), []
    hits, before = [], []
    answers = track(recognizer.answers(data.items), "reading", len(data.items))
    for answer, target in zip(answers, data.targets, strict=True):
        if isinstance(answer.reading, str):
            raise ValueError(f"{answer.reading}; mend or remove it")
        reading, rows, score = answer.reading
        before.append(confidence_of(recognizer.bundle, reading))
        if strings:
            true = target.tolist()
            right = correct_symbols(reading.ids, true)
            hits.append(reading.ids == true)
            one = np.array([score]), np.array(hits[-1:], bool)
            tally.add(StringEvidence(rows, np.array(reading.ids, np.int64), right, *one))
        else:
            hits.append(reading.id == int(target))
            logits.append(rows)
    targets = None if strings else np.array([int(target) for target in data.targets])
    told = tally.told()[0] if strings else LabelEvidence(np.stack(logits), targets)
    return CalibrationData(told, np.array(hits, bool), list(data.groups), np.array(before))


def fit_and_print(bundle: Bundle, answered: CalibrationData, refit: bool) -> Calibration:
    """Fit, and print what it changes. refit: the temperature too.

    Where there is a search it stays: its weights were tuned at that one.
    """
    told, hits, kept = answered.told, answered.hits, bundle.calibration
    print(f"{len(hits)} read, {100 * hits.mean():.1f} % of them right as a whole")
    if isinstance(told, LabelEvidence):
        found, _ = fit_calibration([told])
        print(f"temperature {found.temperature:.3f}")
        logits = torch.from_numpy(told.logits).double() / found.temperature
        print_answer_errors(answered, logits.softmax(1).amax(1).numpy(), None)
        return found
    decoder, fitted = decoder_name(bundle.decoder), fit_platt_scaling(told)
    refit = refit and len(told.ids) > 0
    temperature = fit_character_temperature(told) if refit else kept.temperature
    print(f"temperature {temperature:.3f}")
    print(f"slope {fitted.slope:.3f}, offset {fitted.offset:.3f} ({decoder})")
    if len(told.ids):
        print_character_errors(told, kept.temperature, temperature)
    after = np.array([fitted.confidence(np.exp(s)) for s in told.scores])
    print_answer_errors(answered, after, cross_fitted(told, answered.groups))
    print_guarantees(fitted.curve)
    return Calibration(temperature, kept.strings | {decoder: fitted})


def print_character_errors(told: StringEvidence, before: float, after: float) -> None:
    """At the temperature that the bundle had, and at the one that is written."""
    logits, ids = torch.from_numpy(told.logits), torch.from_numpy(told.ids)
    for when, temperature in (("before", before), ("after", after)):
        sure = character_confidences(logits, ids, temperature)
        nll, ece = (
            negative_log_likelihood(sure, told.hits),
            expected_calibration_error(sure, told.hits),
        )
        print(f"characters {when}: nll {nll:.4f}, ece {ece:.2f} %")


def print_answer_errors(
    answered: CalibrationData, after: np.ndarray, crossed: np.ndarray | None
) -> None:
    kinds = [("before", answered.before), ("after", after), ("crossed", crossed)]
    print_errors(kinds, answered.hits)
    print_risk(after, answered.hits)


def cross_fitted(told: StringEvidence, groups: Sequence[str]) -> np.ndarray | None:
    """(M,) confidences of each half of the groups by a fit on the other; None of a single group."""
    names = np.unique(groups)
    if len(names) < 2:
        return None
    first = np.random.default_rng(0).permutation(names)[: len(names) // 2]
    half, found = np.isin(groups, first), np.empty(len(groups))
    for here, there in ((half, ~half), (~half, half)):
        part = told._replace(scores=told.scores[there], exact=told.exact[there])
        fitted = fit_platt_scaling(part)
        found[here] = [fitted.confidence(np.exp(s)) for s in told.scores[here]]
    return found
