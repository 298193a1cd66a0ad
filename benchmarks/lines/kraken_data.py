"""The lines of a comparison with kraken, and how kraken takes them: image.png with image.gt.txt."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .images import file_ending

MANY = 20  # groups: so many are counted and not named


class Lines(NamedTuple):
    """One split: N names, their transcripts, groups and encoded images."""

    paths: list[str]
    texts: list[str]
    groups: list[str]
    files: list[bytes]


def write_pairs(folder: Path, lines: Lines, texts: Sequence[str]) -> list[str]:
    """The images with a .gt.txt of these texts beside each, as kraken reads them; their paths."""
    folder.mkdir(parents=True)
    written = []
    for place, (path, data, text) in enumerate(zip(lines.paths, lines.files, texts, strict=True)):
        image = folder / f"{place:05}{file_ending(path)}"  # kraken cuts a name at its first dot
        image.write_bytes(data)
        image.with_suffix(".gt.txt").write_text(text, encoding="utf-8")
        written.append(str(image))
    return written


def describe_part(name: str, part: Lines) -> str:
    """The number of lines, and of which groups, if they are few."""
    counts = Counter(part.groups)
    groups = ", ".join(f"{count} of {group}" for group, count in sorted(counts.items()))
    names = groups if len(counts) < MANY else f"of {len(counts)} groups"
    return f"{name}: {len(part.paths)} lines, {names}"
