"""The report on videos: read by a bundle, scored where annotated, laid out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from datasets import ClipReader
from datasets.files import ANNOTATION_SUFFIXES, find_files, has_suffix, resolve_data_path
from datasets.output.text import counted, print_error, print_notes
from datasets.progress import track
from models.heads.labels import Label, StepLabels, Text

from ..evaluation.evaluate import labelled_data
from ..evaluation.labelled import LabelledData, describe_data
from ..evaluation.seen import leave_out_seen
from ..reading.bundle_files import bundle_name
from ..reading.items import Answer, Item
from ..reading.prediction import Recognizer
from ..scoring.metrics import Normalization, Score, compute_scores
from . import html as page
from .scores import Report, beside, headline
from .video_sections import VideoReading, label_sections, step_sections, text_sections


class VideoResults(NamedTuple):
    """All videos with their readings; data: None without annotations, scores: then empty.

    failures: the reasons of the videos that could not be read, which are not in `seen`. notes: on
    what the bundle has learned from.
    """

    count: int
    seen: list[VideoReading]
    failures: list[str]
    data: LabelledData | None
    scores: dict[str, Score]
    notes: Sequence[str] = ()


def report_videos(
    recognizer: Recognizer, tables: Mapping[str, Mapping[str, float]], options
) -> Report:
    """The page of videos.

    tables: percent scores of other systems by name.
    """
    check_bundle(recognizer, options.model)
    results = read_videos(recognizer, options)
    groups, failed = len(set(results.data.groups if results.data else ())), len(results.failures)
    sections = [
        *map(page.paragraph, results.notes),
        *headline(results.scores, groups, results.count, failed, "videos"),
    ]
    sections += beside(bundle_name(options.model), results.scores, tables)
    sections += reading_sections(results, recognizer.bundle.labels, options.shown)
    unscored = results.data.unscored if results.data else []
    sections += page.failure_list([*results.failures, *unscored])
    lead = f"{counted(results.count, 'video')} of {describe_data(options)}, read by {options.model}"
    title = "What was read in the videos"
    return Report(title, lead, sections, list(results.notes), int(bool(results.failures)))


def check_bundle(recognizer: Recognizer, model: str) -> None:
    """Raises ValueError for a bundle whose readings have no page."""
    if getattr(recognizer.model.head, "multi_label", False):
        raise ValueError(f"{model}: several labels a step; report shows bundles with one a step")


def read_videos(recognizer: Recognizer, options) -> VideoResults:
    """Read every video and, where annotations are known, score the readings."""
    items = unlabelled_videos(options.data) if options.data else []
    data = None if items else labelled_data(recognizer, options)
    notes: list[str] = []
    if data is not None:
        print_notes(*data.notes)
        data, notes, _ = leave_out_seen(recognizer.bundle, data, options)
    items = items or data.items
    answers = list(track(recognizer.answers(items), "reading", len(items)))
    failures = [answer.reading for answer in answers if isinstance(answer.reading, str)]
    for reason in failures:
        print_error(reason)
    targets, values = [None] * len(answers), {}
    if data is not None:
        data, values = score_videos(data, answers, options)
        targets = data.targets
    seen = [
        VideoReading(answer, target, item if isinstance(item, Item) else None)
        for answer, target, item in zip(answers, targets, items, strict=True)
        if not isinstance(answer.reading, str)
    ]
    return VideoResults(len(answers), seen, failures, data, values, notes)


def score_videos(
    data: LabelledData, answers: Sequence[Answer], options
) -> tuple[LabelledData, dict[str, Score]]:
    """The data with its final targets, and the scores; a video that failed counts as wrong."""
    scored = [
        answer._replace(reading=data.nothing) if isinstance(answer.reading, str) else answer
        for answer in answers
    ]
    data, notes = data.with_targets(scored)
    tally = data.tally([a.reading for a in scored], Normalization(options.ignore_case))
    return data._replace(unscored=[*data.unscored, *notes]), compute_scores(tally)


def unlabelled_videos(data: str) -> list[str]:
    """One video, or those of a folder without annotations and subfolders; else empty."""
    path = resolve_data_path(data)
    known = (*ClipReader.suffixes, *ANNOTATION_SUFFIXES)
    files = [path] if path.is_file() else find_files(path, known)
    if any(file.parent != path and path.is_dir() for file in files):
        return []
    if any(has_suffix(file, ANNOTATION_SUFFIXES) for file in files):
        return []
    return [str(file) for file in files if has_suffix(file, ClipReader.suffixes)]


def reading_sections(results: VideoResults, labels: Sequence[str], limit: int) -> list[str]:
    """The sections that fit the kind of reading; a note on videos that could not be read."""
    if not results.seen:
        return [page.paragraph("No video could be read.")]
    labels = results.data.labels if results.data else labels
    kinds = {StepLabels: step_sections, Label: label_sections, Text: text_sections}
    sections = kinds[type(results.seen[0].answer.reading)](results.seen, labels, limit)
    if results.failures:
        note = (
            f"{len(results.failures)} of {counted(results.count, 'video')} could not be read and "
            "are in nothing below."
        )
        sections.insert(0, page.paragraph(note))
    return sections
