"""Groups of clips, and the check that no video is in two splits."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ..source import Split
from ..splits import folder_of, no_folder_error
from .annotations.segments import ClipAnnotation


def group_of(clip: str, pattern: str | None) -> str:
    """The first group of the pattern in a clip's path; without a pattern the clip itself.

    Raises ValueError for a pattern that is invalid or does not match.
    """
    if pattern is None:
        return clip
    try:
        match = re.search(pattern, clip)
    except re.error as error:
        raise ValueError(f"group_pattern {pattern!r}: {error}") from error
    if not (match and match.groups()):
        raise ValueError(f"group_pattern {pattern!r} finds no group in {clip}; correct it")
    return match.group(1)


def grouped_by_folder(
    annotations: Sequence[ClipAnnotation], level: int, where: str
) -> list[ClipAnnotation]:
    """Set the group of each clip to the folder at a level of its path, 0 being the first.

    Raises ValueError if some clips lie in no such folder.
    """
    folders = [folder_of(PurePosixPath(a.clip), level) for a in annotations]
    loose = [a.clip for a, folder in zip(annotations, folders, strict=True) if folder is None]
    if loose:
        raise no_folder_error(where, loose)
    return [a._replace(group=folder) for a, folder in zip(annotations, folders, strict=True)]


def refuse_duplicates(clips: Iterable[tuple[str, str, Split]], where: str) -> None:
    """Raise ValueError if one video, under two names, is in two splits; the message names both.

    clips: (content hash, clip, split) of each.
    """
    seen: dict[str, tuple[str, Split]] = {}
    for content, clip, split in clips:
        first_clip, other_split = seen.setdefault(content, (clip, split))
        if other_split != split:
            raise ValueError(
                f"{where}: {first_clip} and {clip} are the same video, but one is in "
                f"{other_split}, the other in {split}; remove one, or give both one group"
            )
