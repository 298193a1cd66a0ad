"""Groups of clips, and the check that no video is in two splits."""

import re
from collections.abc import Iterable

from ..source import Split


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
