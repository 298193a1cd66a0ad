"""Examination of the split of any config: its parts, confounded labels, and leaks between parts."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from datasets import Clips, Mixture, Reviews
from datasets.batch import IGNORED
from datasets.source import SPLITS, Source
from datasets.splits import IndivisibleError, folder_of
from datasets.splits.parts import describe_part, parts_of
from datasets.video.cache import FrameCache
from datasets.video.dataset import LabelledClip

from ...evaluation.labelled_split import source_of_config
from ..diagnosis import Diagnosis
from .clip_duplicates import find_similar_clips
from .confounding import find_confounding
from .similar_texts import find_similar_texts
from .tables import label_table, labels_of_groups, part_table


def examine_split(config: Path) -> Diagnosis:
    """Build the data of a config as training does, and examine how it is split.

    Data that cannot be split as asked are examined whole. Raises ValueError or OSError for a config
    without usable data.
    """
    source, refused = build_source(config)
    parts = parts_of(source)
    sources = source.sources if isinstance(source, Mixture) else [source]
    warnings = [note.reason for note in source.notes]
    warnings += find_confounding(*labels_of_groups(parts), "group")
    for own in sources:
        warnings += folder_warnings(own) if isinstance(own, Clips) else ()
    warnings += find_leaks(sources)
    problems = refused + [problem.reason for problem in source.problems]
    counts = {"parts": part_table(parts), "labels": label_table(parts)}
    totals = {"samples": sum(part.samples for part in parts), "left out": len(source.problems)}
    news = [describe_part(part) for part in parts]
    return Diagnosis(
        "split", (), totals, counts, problems, warnings, news=news, passed_over=source.passed_over
    )


def build_source(config: Path) -> tuple[Source, list[str]]:
    """The source of a config; or undivided, and why training refuses its split."""
    try:
        return source_of_config(config), []
    except ValueError as refusal:
        cause: BaseException | None = refusal  # the parser of the config wraps it
        while cause is not None and not isinstance(cause, IndivisibleError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        return source_of_config(config, {"validation": [], "test": []}), [str(refusal)]


def folder_warnings(source: Clips) -> Iterator[str]:
    """Confounding of labels with the folders of clips, unless those are the groups, or say what the
    label is.
    """
    if source.vocabulary is not None:
        return
    folders: defaultdict[str, Counter[str]] = defaultdict(Counter)
    sizes: Counter[str] = Counter()
    groups = set()
    for _, clip in clips_of(source):
        folder = folder_of(PurePosixPath(clip.name))
        labels = labels_of(clip, source)
        if folder is None or labels & set(PurePosixPath(clip.name).parts[:-1]):
            return
        folders[folder].update(labels)
        sizes[folder] += 1
        groups.add(clip.group)
    if groups != set(folders):
        yield from find_confounding(folders, sizes, "folder")


def clips_of(source: Clips) -> Iterator[tuple[str, LabelledClip]]:
    """Yield the part of each clip, and the clip, once each."""
    for name in SPLITS:
        for clip in {clip.name: clip for clip in source.split(name).clips}.values():
            yield name, clip


def labels_of(clip: LabelledClip, source: Clips) -> set[str]:
    """The labels that a clip has, for the whole or at some step."""
    ids = np.flatnonzero((clip.target == 1).any(0)) if source.multi_label else clip.target.ravel()
    return {source.labels[i] for i in np.unique(ids) if i != IGNORED}


def find_leaks(sources: Sequence[Source]) -> Iterator[str]:
    """Yield warnings about clips or texts that are in several parts under different names.

    Of a mixture, the sources after the first have only training samples.
    """
    clips: list[tuple[str, LabelledClip, FrameCache]] = []
    texts: list[tuple[str, str, str]] = []
    for place, own in enumerate(sources):
        used = SPLITS[:1] if place else SPLITS
        if isinstance(own, Clips):
            clips += [(part, clip, own.cache) for part, clip in clips_of(own) if part in used]
        elif isinstance(own, Reviews):
            for part in used:
                names, (found, _) = own.split(part).names, own.texts(part)
                texts += [(part, name, text) for name, text in zip(names, found, strict=True)]
    yield from find_similar_clips(
        [(part, clip.name) for part, clip, _ in clips],
        (cache.frames(clip.stored) for _, clip, cache in clips),
    )
    yield from find_similar_texts(texts)
