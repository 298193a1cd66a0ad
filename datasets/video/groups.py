"""Which group a clip belongs to, and that no video stands on both sides of a split."""

import re
from collections.abc import Iterable

from ..source import Split


def group_of(clip: str, pattern: str | None) -> str:
    """The first bracket of the pattern in a clip's path; the clip itself without a pattern.

    Raises ValueError for a pattern that does not fit.
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


def refuse_twins(clips: Iterable[tuple[str, str, Split]], where: str) -> None:
    """(content, clip, split) of each: one video under two names must not be in two splits.

    Raises ValueError that names both.
    """
    first: dict[str, tuple[str, Split]] = {}
    for content, clip, split in clips:
        other, there = first.setdefault(content, (clip, split))
        if there != split:
            raise ValueError(
                f"{where}: {other} and {clip} are the same video, but one is in {there}, the other "
                f"in {split}; remove one, or give both one group"
            )
