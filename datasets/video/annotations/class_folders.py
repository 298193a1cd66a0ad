"""Videos in a folder for each class, with or without folders of splits above them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...source import Split
from ...splits import split_folders
from ..frame_folders import is_frame_folder
from .segments import ClipAnnotation


def find_clips(root: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The videos below a folder, sorted, by their suffixes in lower case, and folders of frames.

    Hidden files and folders are passed over.
    """
    for path in sorted(root.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if is_frame_folder(path):
                yield path
            else:
                yield from find_clips(path, suffixes)
        elif path.name.lower().endswith(tuple(suffixes)):
            yield path


def read_class_folders(root: Path | str, suffixes: Sequence[str]) -> list[ClipAnnotation]:
    """Annotations of root/label/clip.mp4 or root/label/group/clip.mp4; `clip` is relative to root.

    Folders of splits (train, val or valid or validation, test) may stand between root and label. A
    clip may also be a folder of frames, clip/0001.jpg. suffixes: of videos, in lower case; other
    files and hidden ones are ignored. Raises ValueError for videos outside the class folders, or if
    there is none.
    """
    root = Path(root)
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
    return sorted(annotations, key=lambda annotation: annotation.clip)


def _read_folder(
    root: Path, folder: Path, split: Split | None, suffixes: Sequence[str]
) -> Iterator[ClipAnnotation]:
    """The annotations of the class folders in one folder."""
    clips = list(find_clips(folder, suffixes))
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
            label=label,
            group="/".join(groups) or None,
            where=str(clip.parent),
            split=split,
        )
