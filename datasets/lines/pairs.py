"""Pair the transcripts in a folder (`1.gt.txt`) with the images of their lines."""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from ..files import IMAGE_SUFFIXES, TRANSCRIPT, compose, find_files, has_suffix, scan_folder

# of several images of a line, 1.png comes first, then those of OCRopus: grey, black and white
VERSIONS = ("", ".nrm", ".bin")


class Pairs(NamedTuple):
    """pairs: (image, transcript), sorted by transcript; the image may not exist.

    second: other versions of the images of these lines, which are not used.
    """

    pairs: list[tuple[Path, Path]]
    second: list[Path]


def has_transcripts(root: Path) -> bool:
    """Whether there is a transcript at or below a folder."""
    return bool(find_files(root, [TRANSCRIPT]))


def pair_transcripts(root: Path) -> Pairs:
    """Find the image of each transcript below a folder.

    The image of 1.gt.txt is 1.png, of any ending, else a version of it such as 1.nrm.png or
    1.bin.png, or else the image of 1.png.gt.txt. An image belongs to the transcript that shares the
    most of its name. A transcript without an image is paired with 1.png.
    """
    files = scan_folder(root).files
    transcripts = {
        (file.parent, compose(file.name[: -len(TRANSCRIPT)])): file
        for file in files
        if has_suffix(file, [TRANSCRIPT])
    }
    images: defaultdict[Path, list[tuple[tuple, Path]]] = defaultdict(list)
    for image in files:
        if has_suffix(image, IMAGE_SUFFIXES):
            for stem, version in possible_stems(image):
                if transcript := transcripts.get((image.parent, stem)):
                    images[transcript].append((preference(image, version), image))
                    break
    pairs, second = [], []
    for transcript in sorted(transcripts.values()):
        default = transcript.with_name(f"{transcript.name[: -len(TRANSCRIPT)]}.png")
        first, *others = [image for _, image in sorted(images[transcript])] or [default]
        pairs.append((first, transcript))
        second += others
    return Pairs(pairs, sorted(second))


def possible_stems(image: Path) -> list[tuple[str, str]]:
    """Return (stem of a transcript, version) of an image's name, most specific first.

    0001.nrm.png -> 0001.nrm.png; 0001.nrm; 0001 with the version .nrm.
    """
    name, stem = compose(image.name), compose(image.stem)
    first, dot, version = stem.rpartition(".")
    return [(name, ""), (stem, ""), *([(first, dot + version)] if first else [])]


def preference(image: Path, version: str) -> tuple[int, int]:
    """Return a sort key: the known VERSIONS first, each in the order of IMAGE_SUFFIXES."""
    known = VERSIONS.index(version.lower()) if version.lower() in VERSIONS else len(VERSIONS)
    return known, IMAGE_SUFFIXES.index(image.suffix.lower())
