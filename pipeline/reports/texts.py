"""The report on texts: read by a bundle, scored, the surest mistakes with the words behind them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from datasets.output.text import counted, print_notes
from datasets.progress import track
from models.heads.labels import Label

from ..evaluation.evaluate import labelled_data, read_all
from ..evaluation.labelled import LabelledData, describe_data
from ..evaluation.seen import leave_out_seen
from ..evaluation.word_evidence import WordEvidence, word_evidence
from ..reading.bundle_files import bundle_name
from ..reading.items import Answer
from ..reading.prediction import Recognizer
from ..scoring.metrics import IGNORED, Normalization, compute_scores, describe_score
from ..scoring.readings import step_ids
from ..scoring.tag_spans import count_spans
from . import html as page
from .confusion import confusion_sections
from .risk_figures import risk_sections
from .scores import Report, beside, headline

STYLE = """
mark.for, mark.against { text-decoration: none; color: inherit }
mark.for { background: color-mix(in srgb, var(--right) calc(var(--v) * 60%), transparent) }
mark.against { background: color-mix(in srgb, var(--wrong) calc(var(--v) * 60%), transparent) }
"""
MARKED = 0.1  # of the strongest effect in a text, from which a word is marked
NAMED = 6  # words named on each side
MAX_TOKENS = 600  # of a text that are shown


class Read(NamedTuple):
    """An item that was read: its index in the data, its answer, and its target () | (T,)."""

    index: int
    answer: Answer
    target: np.ndarray


def report_texts(
    recognizer: Recognizer, tables: Mapping[str, Mapping[str, float]], options
) -> Report:
    """The page of texts with one label each, or one for each token.

    tables: percent scores of other systems by name.
    """
    data = labelled_data(recognizer, options)
    print_notes(*data.notes, *data.unscored)
    data, notes, _ = leave_out_seen(recognizer.bundle, data, options)
    answers, _ = read_all(recognizer, data)
    tally = data.tally([answer.reading for answer in answers], Normalization())
    scores = compute_scores(tally)
    seen = [
        Read(index, answer, target)
        for index, (answer, target) in enumerate(zip(answers, data.targets, strict=True))
        if answer.reading is not data.nothing
    ]
    failures = [a.name for a in answers if a.reading is data.nothing]
    groups, name = len(set(data.groups)), bundle_name(options.model)
    sections = [
        *map(page.paragraph, notes),
        *headline(scores, groups, len(answers), len(failures), data.unit),
        *beside(name, scores, tables),
        *(of_label if isinstance(data.nothing, Label) else of_tokens)(
            recognizer, data, seen, options.shown
        ),
        *page.failure_list([*(f"{name}: not read" for name in failures), *data.unscored]),
    ]
    summary = [*notes, *(describe_score(name, score) for name, score in scores.items())]
    lead = f"{len(answers):,} {data.unit} of {describe_data(options)}, read by {options.model}"
    title = f"What was read in the {data.unit}"
    return Report(title, lead, sections, summary, int(bool(failures)), STYLE)


def of_label(
    recognizer: Recognizer, data: LabelledData, seen: Sequence[Read], limit: int
) -> list[str]:
    """Texts with one label: confusion, confidence, and the mistakes, the surest first."""
    if not seen:
        return [page.paragraph("No text could be read.")]
    readings = [np.array(one.answer.reading.id) for one in seen]
    sections = confusion_sections(readings, [one.target for one in seen], data.labels, data.unit)
    confidences = np.array([one.answer.reading.confidence for one in seen])
    correct = np.array([one.answer.reading.id == int(one.target) for one in seen])
    sections += risk_sections(confidences, correct, data.unit)
    wrong = [one for one, right in zip(seen, correct, strict=True) if not right]
    wrong.sort(key=lambda one: -one.answer.reading.confidence)
    sections.append(page.heading("What is wrong, the surest first"))
    if not wrong:
        return [*sections, page.paragraph("No label is wrong.")]
    sections += [
        page.paragraph(
            "Marked are the words that carried the reading (green) and those that spoke against it "
            "(red): by how much its log-odds fall or rise when a word is hidden from the bundle."
        ),
        *page.limit_note(len(wrong), limit, "--texts"),
    ]
    shown = wrong[:limit]
    for one in track(shown, "weighing words", len(shown)):
        tokens = data.items[one.index].tokens
        reading = one.answer.reading
        evidence = word_evidence(recognizer, tokens() if tokens else [], reading.id)
        read, true = data.labels[reading.id], data.labels[int(one.target)]
        content = (
            f'<p class="text" dir="auto"><mark class="wrong">{escape(read)}</mark></p>'
            f'<p class="text target" dir="auto">truth: {escape(true)}</p>'
            f'<p class="text" dir="auto">{marked(evidence, separator(recognizer))}</p>'
        )
        note = named_words(evidence)
        sections.append(page.card_frame(one.answer.name, reading.confidence, note, content))
    return sections


def separator(recognizer: Recognizer) -> str:
    """What stands between the tokens of a text."""
    return "" if recognizer.bundle.reader.tokenizer == "characters" else " "


def marked(evidence: WordEvidence, between: str) -> str:
    """The tokens, those with an effect marked by its strength; a very long text is cut."""
    strongest = max(np.abs(evidence.effects).max(initial=0), 1e-9)
    parts = []
    for token, effect in zip(evidence.tokens[:MAX_TOKENS], evidence.effects, strict=False):
        share = abs(effect) / strongest
        kind = "for" if effect > 0 else "against"
        text = escape(token)
        if share >= MARKED:
            title = f"{effect:+.2f}"
            text = f'<mark class="{kind}" style="--v:{share:.2f}" title="{title}">{text}</mark>'
        parts.append(text)
    return between.join([*parts, *(["…"] if len(evidence.tokens) > MAX_TOKENS else [])])


def named_words(evidence: WordEvidence) -> str:
    """The words with the largest effects, for and against the reading."""
    order, strongest = np.argsort(-evidence.effects), np.abs(evidence.effects).max(initial=0)
    lists = []
    for name, sign, indices in (("for", 1, order), ("against", -1, order[::-1])):
        chosen = [evidence.tokens[i] for i in indices if sign * evidence.effects[i] > MARKED
                  * strongest]  # fmt: skip
        words = list(dict.fromkeys(chosen))[:NAMED]
        lists += [f"{name}: {', '.join(words)}"] if words else []
    return "; ".join(lists)


def of_tokens(
    recognizer: Recognizer, data: LabelledData, seen: Sequence[Read], limit: int
) -> list[str]:
    """Texts with a label for each token: spans, confusion, confidence, and the wrong ones."""
    if not seen:
        return [page.paragraph("No text could be read.")]
    targets = [one.target for one in seen]
    readings = [step_ids(one.answer.reading, len(one.target)) for one in seen]
    sections = span_section(count_spans(readings, targets, data.labels))
    sections += confusion_sections(readings, targets, data.labels, "words")
    flat, true = np.concatenate(readings), np.concatenate(targets)
    confidences = np.concatenate([one.answer.reading.confidences for one in seen])
    known = true != IGNORED
    sections += risk_sections(confidences[known], (flat == true)[known], "words")
    rows = []
    for one, reading in zip(seen, readings, strict=True):
        errors = (one.target != IGNORED) & (reading != one.target)
        if errors.any():
            rows.append((float(np.array(one.answer.reading.confidences)[errors].max()), one))
    rows.sort(key=lambda row: -row[0])
    sections.append(page.heading("Sentences with wrong labels, the surest first"))
    if not rows:
        return [*sections, page.paragraph("No label is wrong.")]
    sections += page.limit_note(len(rows), limit, "--texts")
    for confidence, one in rows[:limit]:
        tokens = data.items[one.index].tokens
        words = tokens() if tokens else [""] * len(one.target)
        content = labelled_words(words, step_ids(one.answer.reading, len(words)), one.target,
                                 data.labels)  # fmt: skip
        note = counted(sum_errors(one), "wrong label")
        sections.append(page.card_frame(one.answer.name, confidence, note, content))
    return sections


def sum_errors(one: Read) -> int:
    """How many labels of a text are wrong."""
    reading = step_ids(one.answer.reading, len(one.target))
    return int(((one.target != IGNORED) & (reading != one.target)).sum())


def labelled_words(
    words: Sequence[str], reading: np.ndarray, target: np.ndarray, labels: Sequence[str]
) -> str:
    """The words with their labels; those that are wrong are marked, with the true one behind."""
    parts = []
    for word, read, true in zip(words, reading.tolist(), target.tolist(), strict=True):
        label = escape(labels[read])
        if true not in (IGNORED, read):
            parts.append(
                f'<mark class="wrong">{escape(word)} <small>{label}</small></mark>'
                f'<mark class="right"><small>{escape(labels[true])}</small></mark>'
            )
        else:
            parts.append(escape(word) + f" <small>{label}</small>" * (label != "O"))
    return f'<p class="text" dir="auto">{" ".join(parts)}</p>'


def span_section(counts: Mapping[str, tuple[int, int, int]]) -> list[str]:
    """Precision, recall and F1 of the spans of each type; empty without spans."""
    if not counts:
        return []
    rows = [
        [escape(kind) or "span", str(true), str(read), page.share(right, read),
         page.share(right, true), page.share(2 * right, read + true)]
        for kind, (right, read, true) in counts.items()
    ]  # fmt: skip
    columns = ["type", "spans true", "spans read", "precision", "recall", "F1"]
    return [page.heading("Spans"), page.table(columns, rows)]
