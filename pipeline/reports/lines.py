"""The report on labelled text lines: read by one bundle or several, compared, laid out."""

from collections.abc import Mapping, Sequence

import numpy as np

from datasets.output.text import counted, print_error, print_notes
from datasets.progress import track

from ..evaluation.evaluate import labelled_data
from ..evaluation.labelled import LabelledData, describe_data
from ..evaluation.seen import check_any_new, describe_seen, keep, new_items, roles_in
from ..reading.bundle import load_bundle
from ..reading.bundle_files import bundle_name
from ..reading.inputs import KINDS
from ..reading.prediction import Recognizer
from ..reading.records import reading_confidence
from ..scoring.metrics import Normalization, Score, compute_scores, describe_score, tally_texts
from ..scoring.paired_bootstrap import PairedDifference, describe_difference, paired_bootstrap
from ..scoring.readings import join_labels, text_of
from . import html as page
from .line_cards import Pair
from .line_sections import page_sections
from .lines_read import LinesRead
from .scores import Report


def load_lines(recognizer: Recognizer, model: str, options) -> LabelledData:
    """Load the labelled lines. Raises ValueError for a bundle that reads none."""
    kind = type(recognizer.bundle.reader).__name__
    if kind != "LineReader":
        raise ValueError(f"{model} reads {KINDS[kind][0]}; the others read lines, choose another")
    return labelled_data(recognizer, options)


def read_lines(recognizer: Recognizer, model: str, data: LabelledData, options) -> LinesRead:
    """Read every labelled line; one that cannot be read is named and counts as ""."""
    answers = list(track(recognizer.answers(data.items), f"reading by {model}", len(data.items)))
    failed = {i: a.reading for i, a in enumerate(answers) if isinstance(a.reading, str)}
    for reason in failed.values():
        print_error(f"{reason} (counted as read empty)")
    readings = [data.nothing if i in failed else a.reading for i, a in enumerate(answers)]
    data, _ = data.with_targets(answers)
    normalization = Normalization(options.ignore_case)
    references = [normalization(join_labels(target, data.labels)) for target in data.targets]
    predictions = [normalization(text_of(reading, data.labels)) for reading in readings]
    confidences = [
        0.0 if i in failed else reading_confidence(recognizer.bundle, r)
        for i, r in enumerate(readings)
    ]
    tally = tally_texts(predictions, references, data.groups, normalization)
    return LinesRead(
        bundle_name(model), recognizer, data.items, data.groups, references, predictions,
        readings, np.array(confidences), failed, tally, data.unscored, normalization,
    )  # fmt: skip


def read_all(
    recognizer: Recognizer, bundles: Sequence[str], options
) -> tuple[list[LinesRead], list[str]]:
    """The lines read by the model and by each bundle beside it, under distinct names; and notes on
    what one of them has seen, which none of them reads.
    """
    models = [options.model, *bundles]
    recognizers = [recognizer, *(Recognizer(load_bundle(m, options.crop)) for m in bundles)]
    loaded = [load_lines(*pair, options) for pair in zip(recognizers, models, strict=True)]
    print_notes(*loaded[0].notes)
    roles = [roles_in(r.bundle, data) for r, data in zip(recognizers, loaded, strict=True)]
    kept = new_items(roles, options)
    notes = []
    for model, own in zip(models, roles, strict=True):
        check_any_new(own, kept, loaded[0], options)
        name = f"{bundle_name(model)}: " if bundles else ""
        notes += [f"{name}{line}" for line in describe_seen(own, len(kept), loaded[0].unit)]
    results = []
    for reading, model, data in zip(recognizers, models, loaded, strict=True):
        lines = read_lines(reading, model, keep(data, kept), options)
        if lines.name in {other.name for other in results}:
            lines = lines._replace(name=f"{lines.name} ({len(results) + 1})")
        results.append(lines)
    return results, notes


def all_scores(own: LinesRead) -> dict[Normalization, dict[str, Score]]:
    """The scores as normalized for the page, and with quotes, dashes and white space folded."""
    folded = Normalization(own.normalization.ignore_case, fold_punctuation=True)
    tally = tally_texts(own.predictions, own.references, own.groups, folded)
    return {own.normalization: compute_scores(own.tally), folded: compute_scores(tally)}


def compare(own: LinesRead, other: LinesRead) -> PairedDifference | None:
    """How much lower the first's error rate is; None if the transcripts hold no character."""
    if not own.lengths.sum():
        return None
    return paired_bootstrap(own.edits, other.edits, own.lengths, own.groups)


def terminal_summary(
    by_normalization: Mapping[Normalization, Mapping[str, Score]], pairs: Sequence[Pair]
) -> list[str]:
    """Lines for the terminal: the scores under each normalization, and each comparison."""
    summary = []
    for normalization, values in by_normalization.items():
        summary.append(f"compared after {normalization.describe()}:")
        summary += [f"  {describe_score(name, score)}" for name, score in values.items()]
    return summary + [describe_difference(*pair) for pair in pairs if pair[0] is not None]


def report_lines(
    recognizer: Recognizer, bundles: Sequence[str], tables: dict[str, dict[str, float]], options
) -> Report:
    """The page of lines.

    bundles: read the same lines for comparison. tables: percent scores of other systems by name.
    """
    results, notes = read_all(recognizer, bundles, options)
    own, *others = results
    pairs = [(compare(own, other), own.name, other.name) for other in others]
    by_normalization = all_scores(own)
    lead = f"{counted(len(own.items), 'line')} of {describe_data(options)}, read by {options.model}"
    sections = [*map(page.paragraph, notes)]
    sections += page_sections(own, others, pairs, by_normalization, tables, options.shown)
    summary = [*notes, *terminal_summary(by_normalization, pairs)]
    code = int(any(lines.failed for lines in results))
    return Report("What was read in the lines", lead, sections, summary, code)
