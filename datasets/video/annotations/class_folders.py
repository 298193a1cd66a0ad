"""Videos in a folder for each class, with or without folders of splits above them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...files import has_suffix, scan_folder
from ...labels import fold_label
from ...source import Split
from ...splits import FOLDER, split_folders
from ..frame_folders import is_frame_folder
from ..groups import grouped_by_folder
from .segments import ClipAnnotation


def find_clips(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """The videos below a folder, sorted, by their suffixes in lower case, and folders of frames.

    Which files and folders are looked at says `scan_folder`.
    """
    by_folder: defaultdict[Path, list[Path]] = defaultdict(list)
    for file in scan_folder(root).files:
        by_folder[file.parent].append(file)
    clips: list[Path] = []
    for folder, files in by_folder.items():
        if folder != root and is_frame_folder(folder):
            clips.append(folder)
        else:
            clips += [file for file in files if has_suffix(file, suffixes)]
    return sorted(clips)


def read_class_folders(
    root: Path | str, suffixes: Sequence[str], group: str | None = None
) -> list[ClipAnnotation]:
    """Annotations of root/label/clip.mp4 or root/label/group/clip.mp4; `clip` is relative to root.

    Folders of splits (train, val or valid or validation, test) may stand between root and label. A
    clip may also be a folder of frames, clip/0001.jpg. suffixes: of videos, in lower case; other
    files and hidden ones are ignored. group: "folder": the first folder in the class folder, which
    every clip then needs; None: all of them, if any. Raises ValueError for another group, for
    videos outside the class folders, or if there is none.
    """
    root = Path(root)
    if group not in (None, FOLDER):
        raise ValueError(
            f"{root}: group={group!r} needs a table that has it; class folders take {FOLDER!r}"
        )
    splits = split_folders(root)
    parts = [(folder, split) for split, folders in splits.items() for folder in folders]
    annotations = [
        annotation for folder, split in parts or [(root, None)]
        for annotation in _read_folder(root, folder, split, suffixes)
    ]  # fmt: skip
    if not annotations:
        raise ValueError(
            f"{root}: no videos in it; expected root/label/clip.mp4 with "
            f"{', '.join(suffixes)}, or name a table"
        )
    annotations.sort(key=lambda annotation: annotation.clip)
    level = 2 if splits else 1
    return grouped_by_folder(annotations, level, str(root)) if group else annotations


def _read_folder(
    root: Path, folder: Path, split: Split | None, suffixes: Sequence[str]
) -> Iterator[ClipAnnotation]:
    """The annotations of the class folders in one folder."""
    clips = find_clips(folder, suffixes)
    loose = [clip.name for clip in clips if clip.parent == folder]
    if loose:
        raise ValueError(
            f"{folder}: {len(loose)} videos outside the class folders, first {loose[0]}; move each "
            "into a folder that has its label as name"
        )
    for clip in clips:
        label, *groups, _ = clip.relative_to(folder).parts
        yield ClipAnnotation(
            clip.relative_to(root).as_posix(),
            label=fold_label(label),
            group="/".join(groups) or None,
            where=str(clip.parent),
            split=split,
        )
