"""Calibrate a bundle on labelled data, print the errors before and after, and save it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from datasets import LineReader
from datasets.lines.cache import line_digests
from datasets.output.text import print_error, print_lines, print_notes
from datasets.progress import track
from models import CTCHead, SequenceClassificationHead
from models.heads.labels import Label, Text

from ..evaluation.evaluate import labelled_data
from ..evaluation.labelled import LabelledData
from ..evaluation.labelled_split import labelled_split
from ..evaluation.validation_lines import config_lines, output_path, report_left_out
from ..reading.bundle import Bundle, load_bundle, save_bundle
from ..reading.order import swap_order
from ..reading.prediction import Recognizer
from ..reading.records import reading_confidence
from ..scoring.readings import recase
from ..scoring.seen_samples import SeenSamples
from ..scoring.string_confidence import (
    character_confidences,
    fit_character_temperature,
    fit_platt_scaling,
    negative_log_likelihood,
)
from ..scoring.string_evidence import (
    EvidenceBuffer,
    StringEvidence,
    concatenate_evidence,
    correct_symbols,
    log_probabilities,
    peak_logits,
)
from ..scoring.temperature import (
    Calibration,
    LabelEvidence,
    decoder_name,
    expected_calibration_error,
    fit_temperature,
)
from .calibration_tables import print_errors, print_guarantees, print_risk


class ReadingEvidence(NamedTuple):
    """A network's output for one item: its reading and, not divided by any temperature, the logits.

    logits: (L,) of a label, or (N, L + 1) of a string's characters (see `StringEvidence`). score:
    log p of the string.
    """

    reading: Text | Label
    logits: np.ndarray
    score: float = 0.0


class EvidenceRecognizer(Recognizer):
    """A recognizer that returns the evidence for a calibration with each reading."""

    def decode(self, logits: torch.Tensor, lengths: torch.Tensor) -> list:
        readings = self.decode_in_network_order(logits, lengths)  # as the logits are
        logits = logits.float().cpu()
        if not isinstance(self.model.head, CTCHead):
            return [ReadingEvidence(*row) for row in zip(readings, logits.numpy(), strict=True)]
        ends = np.cumsum([len(reading.ids) for reading in readings])[:-1]
        peaks = np.split(peak_logits(logits, readings), ends)
        scores = log_probabilities(logits, lengths.cpu(), readings).tolist()
        return [ReadingEvidence(*row) for row in zip(readings, peaks, scores, strict=True)]


class CalibrationData(NamedTuple):
    """The evidence of N items, whether each reading is correct as a whole (N,), their groups, and
    the bundle's confidences (N,) before calibration.
    """

    evidence: StringEvidence | LabelEvidence
    correct: np.ndarray
    groups: list[str]
    before: np.ndarray


def calibrate_bundle(options) -> int:
    """Read the labelled data, fit the calibration, print its effect, and write the bundle.

    Returns 1 if an item could not be read, else 0. Raises ValueError or OSError for options, a
    bundle or data that cannot be used.
    """
    output = output_path(options)
    bundle = load_bundle(options.model, options.crop)
    if not isinstance(bundle.model.head, CTCHead | SequenceClassificationHead):
        raise ValueError(
            f"{options.model}: a {type(bundle.model.head).__name__} labels steps; calibrate takes "
            "bundles that read strings or one label each"
        )
    search = bundle.decoder
    if options.decoder == "beam" and search is None:
        raise ValueError(f"{options.model}: has no search; run language_model first")
    if options.decoder == "greedy":
        bundle.decoder = None
    recognizer = EvidenceRecognizer(bundle)
    labelled = load_labelled_data(recognizer, options)
    digests = labelled.digests() if labelled.digests else None
    print_notes(*note_trained(bundle, digests, labelled.unit))
    data = collect_evidence(recognizer, labelled)
    output_bundle = load_bundle(options.model)  # the recognizer has folded the other one's norms
    output_bundle.calibration = fit_and_print(bundle, data, refit=search is None)
    seen = bundle.seen or SeenSamples(complete=False)
    output_bundle.seen = seen.add("calibration", digests)
    save_bundle(output_bundle, output)
    print_lines(f"wrote {output}")
    failed = len(labelled.items) - len(data.groups)
    if failed:
        print_notes(f"{failed} of {len(labelled.items)} {labelled.unit} failed; the others count")
    return int(failed > 0)


def note_trained(bundle: Bundle, digests: np.ndarray | None, unit: str) -> list[str]:
    """A warning if the bundle was trained on some of the items; else nothing."""
    if bundle.seen is None or digests is None:
        return []
    count = bundle.seen.roles_of(digests).count("train")
    if not count:
        return []
    return [
        f"{count:,} of these {len(digests):,} {unit} were in training, where it is surer than "
        "elsewhere: calibrate on others"
    ]


def load_labelled_data(recognizer: Recognizer, options) -> LabelledData:
    """The data of --data or --config; items that cannot be used are reported.

    Raises ValueError or OSError if there is none.
    """
    if options.config is None:
        data = labelled_data(recognizer, options, prefer=("validation", "train"))
    elif not isinstance(recognizer.bundle.reader, LineReader):
        data = labelled_split(recognizer.bundle, options.config, "validation", options.ignore)
    else:
        lines = config_lines(options.config, recognizer.bundle.reader)
        paths = [path for folder in lines.kept for path in folder.paths]
        texts = [text for folder in lines.kept for text in folder.texts]
        data = lines_to_data(paths, texts, recognizer.bundle.labels, lines.left_out)
        any_case = [folder.any_case for folder in lines.kept for _ in folder.paths]
        digests = partial(line_digests, paths, recognizer.bundle.reader)
        data = data._replace(changed=lines.notes, any_case=any_case, digests=digests)
    print_notes(*data.notes)
    report_left_out(data.unscored)
    if not data.items:
        raise ValueError(f"{options.data or options.config}: nothing labelled to calibrate on")
    return data


def lines_to_data(
    paths: list[str], texts: list[str], labels: list[str], left_out: Sequence[str] = ()
) -> LabelledData:
    """Line images and their texts as labelled data.

    A group is a page: the folder and the part of the file name before "__".
    """
    symbols = [*labels, *sorted(set("".join(texts)).difference(labels))]
    ids = {symbol: i for i, symbol in enumerate(symbols)}
    targets = [np.array([ids[c] for c in text], np.int64) for text in texts]
    pages = [str(Path(path).parent / Path(path).name.split("__")[0]) for path in paths]
    unread = Text([], [], [], 0.0)
    return LabelledData(paths, targets, pages, symbols, unread, "lines", list(left_out))


def collect_evidence(recognizer: EvidenceRecognizer, data: LabelledData) -> CalibrationData:
    """Read all items; those that cannot be read are printed. Raises ValueError if none can."""
    strings = isinstance(recognizer.model.head, CTCHead)
    tally, parts, correct, before, groups = EvidenceBuffer(), [], [], [], []
    answers = track(recognizer.answers(data.items), "reading", len(data.items))
    unknown = data.any_case or [False] * len(data.items)
    rows = zip(answers, data.targets, data.groups, unknown, strict=True)
    for answer, target, group, any_case in rows:
        if isinstance(answer.reading, str):
            print_error(answer.reading)
            continue
        reading, item_logits, score = answer.reading
        groups.append(group)
        before.append(reading_confidence(recognizer.bundle, reading))
        if strings:
            ids = np.array(reading.ids, np.int64)
            true = swap_order(target.tolist(), data.labels, recognizer.bundle.reader)
            (recased,) = recase([reading], [np.array(true, int)], [any_case], data.labels)
            true = recased.tolist()
            correct.append(reading.ids == true)
            characters = item_logits, ids, correct_symbols(reading.ids, true)
            tally.add(StringEvidence(*characters, np.array([score]), np.array(correct[-1:])))
        else:
            correct.append(reading.id == int(target))
            parts.append(LabelEvidence(item_logits[None], np.array([int(target)])))
    if not groups:
        raise ValueError(f"none of the {len(data.items)} {data.unit} can be read; mend them")
    evidence = tally.evidence()[0] if strings else concatenate_evidence(parts)
    return CalibrationData(evidence, np.array(correct), groups, np.array(before))


def fit_and_print(bundle: Bundle, data: CalibrationData, refit: bool) -> Calibration:
    """Fit a calibration and print the errors without and with it.

    refit: also fit the temperature for strings. A bundle with a beam search keeps its temperature,
    at which the search weights were tuned.
    """
    evidence, correct, kept = data.evidence, data.correct, bundle.calibration
    print(f"{len(correct)} read, {100 * correct.mean():.1f} % of them right as a whole")
    if isinstance(evidence, LabelEvidence):
        logits = torch.from_numpy(evidence.logits).double()
        temperature = fit_temperature(logits, torch.from_numpy(evidence.labels))
        print(f"temperature {temperature:.3f}")
        after = (logits / temperature).softmax(1).amax(1).numpy()
        print_errors({"before": data.before, "after": after}, correct)
        print_risk(after, correct)
        return Calibration(temperature)
    decoder = decoder_name(bundle.decoder)
    fitted = fit_platt_scaling(evidence.scores, evidence.exact)
    refit = refit and len(evidence.ids) > 0
    temperature = fit_character_temperature(evidence) if refit else kept.temperature
    print(f"temperature {temperature:.3f}")
    print(f"slope {fitted.slope:.3f}, offset {fitted.offset:.3f} ({decoder})")
    if len(evidence.ids):
        print_character_errors(evidence, kept.temperature, temperature)
    after = fitted.confidences(evidence.scores)
    crossed = cross_fitted(evidence.scores, evidence.exact, data.groups)
    print_errors({"before": data.before, "after": after, "crossed": crossed}, correct)
    print_risk(after, correct)
    print_guarantees(fitted.curve)
    return Calibration(temperature, kept.strings | {decoder: fitted})


def print_character_errors(evidence: StringEvidence, before: float, after: float) -> None:
    """Print NLL and ECE of the characters at the previous and the new temperature."""
    logits, ids = torch.from_numpy(evidence.logits), torch.from_numpy(evidence.ids)
    for when, temperature in (("before", before), ("after", after)):
        confidences = character_confidences(logits, ids, temperature)
        nll = negative_log_likelihood(confidences, evidence.correct)
        ece = expected_calibration_error(confidences, evidence.correct)
        print(f"characters {when}: nll {nll:.4f}, ece {ece:.2f} %")


def cross_fitted(scores: np.ndarray, exact: np.ndarray, groups: Sequence[str]) -> np.ndarray | None:
    """Confidences (M,) of strings, each half of the groups by the fit on the other half.

    scores: log p (M,). exact: (M,) whether each string is correct. None if there is only one group.
    """
    names = np.unique(groups)
    if len(names) < 2:
        return None
    first = np.random.default_rng(0).permutation(names)[: len(names) // 2]
    half, confidences = np.isin(groups, first), np.empty(len(groups))
    for test, train in ((half, ~half), (~half, half)):
        fitted = fit_platt_scaling(scores[train], exact[train])
        confidences[test] = fitted.confidences(scores[test])
    return confidences
