"""Annotated videos, decoded into the cache: each a clip with its group and its segments."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ..environment import raise_if_machine
from ..progress import track
from ..source import Problem
from .annotations.checks import check_segments, describe_offsets
from .annotations.files import ClipAnnotation, clip_path
from .cache import FrameCache, Stored
from .groups import group_of


class DecodedClip(NamedTuple):
    """An annotated clip that could be decoded."""

    annotation: ClipAnnotation
    path: str
    group: str
    stored: Stored


def decode_clips(
    annotations: Sequence[ClipAnnotation], path: Path, cache: FrameCache, group_pattern: str | None
) -> tuple[list[DecodedClip], list[Problem]]:
    """Decode the annotated videos, unless they are cached; problems name the unreadable ones.

    path: the annotation file, or the folder of the class folders. group_pattern: for the groups of
    annotations without one; see `group_of`, whose ValueError it raises.
    """

    def video_of(annotation: ClipAnnotation) -> Path:
        return path / annotation.clip if path.is_dir() else clip_path(path, annotation.clip)

    def store(annotation: ClipAnnotation) -> Stored | Problem:
        video = video_of(annotation)
        try:
            return cache.store(str(video))
        except FileNotFoundError:
            return Problem(annotation.clip, f"{video}: no such file ({annotation.where})")
        except (OSError, ValueError) as error:
            raise_if_machine(error, video)
            return Problem(annotation.clip, str(error))

    decoded, problems = [], []
    with ThreadPoolExecutor() as pool:
        stored = track(pool.map(store, annotations), f"decoding {path}", len(annotations))
        for annotation, result in zip(annotations, stored, strict=True):
            if isinstance(result, Problem):
                problems.append(result)
                continue
            group = annotation.group or group_of(annotation.clip, group_pattern)
            decoded.append(DecodedClip(annotation, str(video_of(annotation)), group, result))
    return decoded, problems


def check_decoded(
    decoded: Sequence[DecodedClip],
) -> tuple[list[DecodedClip], list[Problem], list[Problem]]:
    """The clips with the segments that own a step; problems that name the others; notes."""
    checked, problems, notes, offsets = [], [], [], []
    for clip in decoded:
        times, numbers = clip.stored.times, clip.stored.numbers
        try:
            annotation, own_problems, own_notes = check_segments(clip.annotation, times, numbers)
        except ValueError as error:
            problems.append(Problem(clip.annotation.clip, str(error)))
            continue
        problems += own_problems
        notes += own_notes
        if numbers[0] == 0:
            offsets.append((annotation, float(times[0])))
        if annotation.segments or not clip.annotation.segments:
            checked.append(clip._replace(annotation=annotation))
    return checked, problems, notes + describe_offsets(offsets)
