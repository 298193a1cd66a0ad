"""What lies beside an annotation file, or in its folder, and is not annotated."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from ...files import ANNOTATION_SUFFIXES, find_files, has_suffix, passed_over
from ...source import Problem
from .class_folders import find_clips
from .segments import ClipAnnotation, clip_path

DEFAULT_TABLES = ("labels.csv", "labels.tsv")  # they annotate their whole folder


def unnamed_videos(
    table: Path,
    annotations: Sequence[ClipAnnotation],
    problems: Sequence[Problem],
    suffixes: Sequence[str],
) -> list[Problem]:
    """One problem for each video at or below an annotation file that does not mention it.

    None for a table that is not called labels.csv or labels.tsv: it may name some on purpose.
    """
    if table.name not in DEFAULT_TABLES:
        return []
    named = {clip_path(table, annotation.clip) for annotation in annotations}
    videos = {
        video.relative_to(table.parent).as_posix(): video
        for video in find_files(table.parent, suffixes)
    }
    refused = mentioned_names(videos, [problem.reason for problem in problems])
    return [
        Problem(name, f"{video}: no annotation; {table.name} does not name it")
        for name, video in videos.items()
        if video not in named and name not in refused
    ]


def mentioned_names(names: Collection[str], texts: Sequence[str]) -> set[str]:
    """Which of these relative paths stand in the texts as a whole or at the end of a path.

    "my 1.mp4" and "11.mp4" do not mention "1.mp4", if these are names of their own.
    """
    longest_first, found = sorted(names, key=len, reverse=True), set()
    for text in texts:
        text = text.replace("\\", "/")
        for name in longest_first:
            if name in text:
                text, count = re.subn(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", " ", text)
                found |= {name} if count else set()
    return found


def clips_passed_over(
    path: Path, annotations: Sequence[ClipAnnotation], suffixes: Sequence[str]
) -> list[str]:
    """Count by kind what a folder of videos holds besides those annotated: one line, or none.

    path: the folder, or an annotation file: then the videos beside those that it names.
    """
    if path.is_dir():
        frames = {clip for clip in find_clips(path, suffixes) if clip.is_dir()}
        endings = (*suffixes, *ANNOTATION_SUFFIXES)
        return passed_over(path, lambda file: has_suffix(file, endings) or file.parent in frames)
    named = [clip_path(path, annotation.clip) for annotation in annotations]
    resolved = {video.resolve() for video in named}
    beside = [
        video
        for folder in sorted({video.parent for video in named})
        for video in find_files(folder, suffixes, below=False)
        if video.resolve() not in resolved
    ]
    return passed_over(path.parent, more={f"video of no row in {path.name}": beside})
