"""Examiner of videos: finds them with their annotations, decodes each completely, runs checks."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch

from datasets.environment import raise_if_machine
from datasets.files import ANNOTATION_SUFFIXES, IMAGE_SUFFIXES, find_files, has_suffix
from datasets.images import load_grey
from datasets.limits.opening import open_regular
from datasets.output.text import counted
from datasets.progress import track
from datasets.splits import split_folders
from datasets.video.annotations.beside import DEFAULT_TABLES, clips_passed_over
from datasets.video.annotations.checks import find_inclusive_frames
from datasets.video.annotations.class_folders import find_clips, read_class_folders
from datasets.video.annotations.files import (
    ClipAnnotation,
    clip_path,
    read_annotations,
)
from datasets.video.cache import content_of
from datasets.video.decoder import VideoFacts, describe_video
from datasets.video.frame_folders import frame_files, is_frame_folder, read_frames
from datasets.video.groups import group_of
from datasets.video.reader import ClipReader

from .diagnosis import Diagnosis, Examiner, Row, TableOptions, group_by
from .line_files import holds_lines
from .texts.examiner import holds_reviews
from .video_checks import VIDEO_CHECKS, Video, count_groups, count_labels, count_splits, warnings


class VideoExaminer(Examiner):
    """Examines videos that `ClipReader` reads: single files, in folders, or in annotation files."""

    def takes(self, path: Path) -> bool:
        """Return whether a path holds videos or their annotations, judged by suffixes.

        A file with a video's suffix that is no video is taken, and later reported as broken. Tables
        of line images and of reviews are not taken.
        """
        if path.is_file():
            suffixes = (*ClipReader.suffixes, *ANNOTATION_SUFFIXES)
            return has_suffix(path, suffixes) and not (holds_lines(path) or holds_reviews(path))
        videos = list(videos_in(path))
        if holds_lines(path):  # a line may be a .gif, and numbered lines are no frames
            return any(not v.is_dir() and not has_suffix(v, IMAGE_SUFFIXES) for v in videos)
        return bool(videos) or not all(map(holds_reviews, annotation_files(path)))

    def examine(self, paths: Sequence[Path], options: TableOptions) -> Diagnosis:
        annotated: list[tuple[Path, ClipAnnotation | None]] = []
        problems: list[str] = []
        hints: list[str] = []
        over: list[str] = []
        table_options = options._asdict()
        for name in ("table", "group_pattern", "rate_hz"):
            del table_options[name]
        for path in paths:
            table = choose_table(path, options.table, hints)
            annotations: list[ClipAnnotation] = []
            if table is not None:
                annotations, unusable = read_annotations(table, **table_options)
                problems += [problem.reason for problem in unusable]
                hints += [note.reason for note in find_inclusive_frames(annotations)]
            elif path.is_dir():
                table = path / "labels.csv"  # does not exist: clips are found relative to it
                annotations = class_folders(path, options.group, hints)
            else:
                annotated.append((path, None))
            for annotation in annotations:
                group = annotation.group or group_of(annotation.clip, options.group_pattern)
                video = clip_path(table, annotation.clip)
                annotated.append((video, annotation._replace(group=group)))
            if path.is_dir():  # videos that the table does not name are examined, too
                annotated += [(video, None) for video in videos_in(path)]
                over += clips_passed_over(path, [], ClipReader.suffixes)
        videos = list(decode_all(merge(annotated), options.rate_hz))
        return summarize(videos, problems, hints)._replace(passed_over=over)


def choose_table(path: Path, name: str | None, hints: list[str]) -> Path | None:
    """Return the annotation file of a path, if there is one.

    A hint is appended if a folder has several and `name` chooses none. Raises ValueError if the
    file `name` is missing in a folder.
    """
    if path.is_file():
        return path if has_suffix(path, ANNOTATION_SUFFIXES) else None
    if name is not None:
        if not (path / name).is_file():
            raise ValueError(f"{path / name}: no such file; --table names a file in each folder")
        return path / name
    files = annotation_files(path)
    candidates = [file for file in files if file.name in DEFAULT_TABLES] or files
    if len(candidates) == 1:
        return candidates[0]
    if files:
        names = ", ".join(file.name for file in files)
        hints.append(f"{path}: annotations were not looked at; choose one by --table: {names}")
    return None


def annotation_files(folder: Path) -> list[Path]:
    """Return the possible annotation files directly in a folder, by suffix."""
    return find_files(folder, ANNOTATION_SUFFIXES, below=False)


def videos_in(folder: Path) -> Iterator[Path]:
    """Yield all videos below a folder except hidden ones, and folders of frames."""
    if is_frame_folder(folder):
        yield folder
    else:
        yield from find_clips(folder, ClipReader.suffixes)


def class_folders(root: Path, group: str | None, hints: list[str]) -> list[ClipAnnotation]:
    """Return labels from the folders' names if all videos lie in two or more folders, else [].

    group: see `read_class_folders`. A hint is appended if only some videos lie in such folders.
    """
    if split_folders(root):
        return read_class_folders(root, ClipReader.suffixes, group)
    parts = [path.relative_to(root).parts for path in videos_in(root)]
    loose = [part[0] for part in parts if len(part) < 2]
    if len({part[0] for part in parts if len(part) > 1}) < 2:
        return []
    if loose:
        hints.append(
            f"{root}: {counted(len(loose), 'video')} outside the class folders, first {loose[0]}; "
            "training refuses the folder: move each into a folder that has its label as name"
        )
        return []
    return read_class_folders(root, ClipReader.suffixes, group)


def merge(annotated: Sequence[tuple[Path, ClipAnnotation | None]]) -> list[Video]:
    """Merge pairs of a file and an annotation into one Video per file, sorted by absolute path."""
    pairs = sorted(annotated, key=lambda pair: pair[0].absolute())
    return [
        Video(str(group[0][0]), tuple(annotation for _, annotation in group if annotation))
        for group in group_by(pairs, lambda pair: pair[0].absolute())
    ]


def decode_all(videos: Sequence[Video], rate_hz: float | None = None) -> Iterator[Video]:
    """Yield each video with its facts or its error, in order; decoders run in parallel threads.

    rate_hz: of folders of images.
    """
    pool = ThreadPoolExecutor(torch.get_num_threads())
    try:
        yield from track(
            pool.map(partial(decode_one, rate_hz=rate_hz), videos), "decoding", len(videos)
        )
    finally:
        pool.shutdown(cancel_futures=True)


def decode_one(video: Video, rate_hz: float | None = None) -> Video:
    """Return a video with its facts and the hash of its content, or with its error."""
    try:
        if Path(video.path).is_dir():
            facts, content = describe_frames(video.path, rate_hz), content_of(Path(video.path))
        else:
            facts = describe_video(video.path)
            with open_regular(video.path) as file:
                content = hashlib.file_digest(file, "blake2b").hexdigest()
    except FileNotFoundError:
        where = "".join(f" ({annotation.where})" for annotation in video.annotations[:1])
        return video._replace(error=f"{video.path}: no such file{where}")
    except (OSError, ValueError) as error:
        raise_if_machine(error, video.path)
        return video._replace(error=str(error))
    return video._replace(facts=facts, content=content, error=facts.ended_early)


def describe_frames(path: str, rate_hz: float | None) -> VideoFacts:
    """Read all images of a folder and describe them as a video.

    Raises ValueError without a rate, and ValueError or OSError that names an image.
    """
    if rate_hz is None:
        raise ValueError(f"{path}: a folder of images; give their number a second: --rate_hz")
    first = load_grey(str(frame_files(path)[0]))
    count = sum(1 for _ in read_frames(path, 8, 8, 1, rate_hz))
    size = first.shape[1], first.shape[0]
    seconds = count / rate_hz
    return VideoFacts("images", "", *size, 0, None, None, count, seconds, True, rate_hz, "")


def summarize(videos: Sequence[Video], problems: list[str], hints: list[str]) -> Diagnosis:
    """Return the rows, totals, tables and warnings for the terminal and --json."""
    good = [video for video in videos if not video.error]
    seconds = float(sum(video.facts.seconds for video in good))
    totals: dict[str, object] = {
        "files": len(videos),
        "read": len(good),
        "broken": len(videos) - len(good),
        "annotations that cannot be used": len(problems),
        "frames": sum(video.facts.frames for video in good),
        "hours": seconds / 3600,
    }
    labels, groups = count_labels(good), count_groups(good)
    durations = [entry["seconds"] for entry in labels.values()]
    if any(annotation.segments for video in good for annotation in video.annotations):
        labelled = sum(durations)
        totals["labelled seconds of all, %"] = 100 * labelled / seconds if seconds else 0.0
    if labels:
        ratio = max(durations) / max(min(durations), 1e-9)
        totals["the longest label, times the shortest"] = ratio
    counts = {"labels": labels, "groups": groups, "splits": count_splits(good)}
    advice = [*hints, *warnings(good, labels, groups)]
    return Diagnosis("videos", list(map(video_row, videos)), totals, counts, problems, advice)


def video_row(video: Video) -> Row:
    """Return the result for one video, with the notes of all VIDEO_CHECKS."""
    facts = video.facts
    groups = sorted({annotation.group for annotation in video.annotations if annotation.group})
    values = (facts._asdict() if facts else {}) | {"groups": groups}
    if video.error:
        return Row(video.path, values, {}, [], video.error)
    frames_differ = facts.header_frames not in (None, facts.frames)
    cells = {
        "frames": f"{facts.frames}" + f" (header {facts.header_frames})" * frames_differ,
        "size": f"{facts.width} x {facts.height}"
        + f", turned {facts.rotation}" * bool(facts.rotation),
        "codec": f"{facts.codec} {facts.pixel_format}",
        "Hz": f"{facts.rate_hz:.2f}" + " uneven" * (not facts.constant_rate),
        "seconds": f"{facts.seconds:.2f}",
        "annotation": ", ".join(map(describe_annotation, video.annotations)) or "-",
    }
    notes = [note for check in VIDEO_CHECKS for note in check(video)]
    return Row(video.path, values, cells, notes, "")


def describe_annotation(annotation: ClipAnnotation) -> str:
    """Return what kind of annotation a clip has: its label, or a count of segments or letters."""
    if annotation.segments:
        return counted(len(annotation.segments), "segment")
    text = annotation.text
    return annotation.label if text is None else counted(len(text), "character")
