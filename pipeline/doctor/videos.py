"""The doctor for videos: finds them with their annotations, decodes each whole, asks the checks."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from datasets.progress import track
from datasets.video.annotations.files import (
    ClipAnnotation,
    clip_path,
    read_annotations,
    read_class_folders,
)
from datasets.video.decoder import describe
from datasets.video.groups import group_of
from datasets.video.reader import ClipReader

from .diagnosis import Diagnosis, Examiner, Row, TableOptions
from .line_files import holds_lines
from .video_checks import VIDEO_CHECKS, Video, count_groups, count_labels, warnings

# the endings under which annotation files are looked for; which tool wrote one, its content says
ANNOTATIONS = (".csv", ".tsv", ".boris", ".boris.gz", ".eaf", ".json")
USUAL = ("labels.csv", "labels.tsv")


class VideoExaminer(Examiner):
    """Videos that `ClipReader` reads, alone, in folders, or named by an annotation file."""

    def takes(self, path: Path) -> bool:
        """By its ending: one that says video and is none is broken, which the doctor tells.

        A table of line images is none of its own.
        """
        if path.is_file():
            return not holds_lines(path) and path.name.lower().endswith(
                (*ClipReader.suffixes, *ANNOTATIONS)
            )
        return bool(
            next(videos_in(path), None) or (annotation_files(path) and not holds_lines(path))
        )

    def examine(self, paths: Sequence[Path], options: TableOptions) -> Diagnosis:
        found: dict[Path, Video] = {}
        problems: list[str] = []
        hints: list[str] = []
        for path in paths:
            table = chosen_table(path, options.table, hints)
            annotations: list[ClipAnnotation] = []
            if table is not None:
                named = options._asdict()
                del named["table"], named["group_pattern"]
                annotations, more = read_annotations(table, **named)
                problems += [problem.reason for problem in more]
                base = table
            elif path.is_dir():
                base = path / "labels.csv"  # where a table would lie: clips are found from there
                annotations = class_folders(path)
            for annotation in annotations:
                video = clip_path(base, annotation.clip)
                group = annotation.group or group_of(annotation.clip, options.group_pattern)
                add(found, video, annotation._replace(group=group))
            if path.is_dir():
                for video in videos_in(path):
                    add(found, video, None)
            elif table is None:
                add(found, path, None)
        videos = list(decode_all([found[key] for key in sorted(found)]))
        return diagnosis(videos, problems, hints)


def chosen_table(path: Path, name: str | None, hints: list[str]) -> Path | None:
    """The annotation file of a path; hints say where none was chosen among several."""
    if path.is_file():
        return path if path.name.lower().endswith(ANNOTATIONS) else None
    if name is not None:
        if not (path / name).is_file():
            raise ValueError(f"{path / name}: no such file; --table names a file in each folder")
        return path / name
    there = annotation_files(path)
    usual = [file for file in there if file.name in USUAL]
    if len(usual or there) == 1:
        return (usual or there)[0]
    if there:
        names = ", ".join(file.name for file in there)
        hints.append(f"{path}: annotations were not looked at; choose one by --table: {names}")
    return None


def annotation_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.lower().endswith(ANNOTATIONS))


def videos_in(folder: Path) -> Iterator[Path]:
    """All below a folder, without hidden ones."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in ClipReader.suffixes and path.is_file():
            yield path


def class_folders(root: Path) -> list[ClipAnnotation]:
    """The labels that the names of folders give, if all videos lie in two folders or more."""
    parts = [path.relative_to(root).parts for path in videos_in(root)]
    if min(map(len, parts), default=0) < 2 or len({part[0] for part in parts}) < 2:
        return []
    return read_class_folders(root, ClipReader.suffixes)


def add(found: dict[Path, Video], path: Path, annotation: ClipAnnotation | None) -> None:
    """Each file once, with all that is said about it."""
    key = path.absolute()
    video = found.get(key) or Video(str(path), ())
    said = video.annotations if annotation is None else (*video.annotations, annotation)
    found[key] = video._replace(annotations=said)


def decode_all(videos: Sequence[Video]) -> Iterator[Video]:
    """Each with its facts or its error, in order: one decoder a core, one thread a decoder."""
    pool = ThreadPoolExecutor(torch.get_num_threads())
    try:
        yield from track(pool.map(decode_one, videos), "decoding", len(videos))
    finally:
        pool.shutdown(cancel_futures=True)


def decode_one(video: Video) -> Video:
    try:
        facts = describe(video.path)
        with open(video.path, "rb") as file:
            content = hashlib.file_digest(file, "blake2b").hexdigest()
    except FileNotFoundError:
        named = "".join(f" ({annotation.where})" for annotation in video.annotations[:1])
        return video._replace(error=f"{video.path}: no such file{named}")
    except (OSError, ValueError) as error:
        return video._replace(error=str(error))
    return video._replace(facts=facts, content=content, error=facts.ended_early)


def diagnosis(videos: Sequence[Video], problems: list[str], hints: list[str]) -> Diagnosis:
    good = [video for video in videos if not video.error]
    frames = sum(video.facts.frames for video in good)
    seconds = float(sum(video.facts.seconds for video in good))
    totals: dict[str, object] = {
        "files": len(videos),
        "read": len(good),
        "broken": len(videos) - len(good),
        "annotations that cannot be used": len(problems),
        "frames": frames,
        "hours": seconds / 3600,
    }
    labels, groups = count_labels(good), count_groups(good)
    labelled = sum(entry["seconds"] for entry in labels.values())
    if any(annotation.segments for video in good for annotation in video.annotations):
        totals["labelled seconds of all, %"] = 100 * labelled / seconds if seconds else 0.0
    if labels:
        weights = Counter({label: entry["seconds"] for label, entry in labels.items()})
        totals["the longest label, times the shortest"] = max(weights.values()) / max(
            min(weights.values()), 1e-9
        )
    counts = {"labels": labels, "groups": groups}
    told = [*hints, *warnings(good, labels, groups)]
    return Diagnosis("videos", [row(v) for v in videos], totals, counts, problems, told)


def row(video: Video) -> Row:
    found = video.facts
    groups = sorted({one.group for one in video.annotations if one.group})
    facts = (found._asdict() if found else {}) | {"groups": groups}
    if video.error:
        return Row(video.path, facts, {}, [], video.error)
    missing = found.header_frames is not None and found.header_frames != found.frames
    cells = {
        "frames": f"{found.frames}" + f" (header {found.header_frames})" * missing,
        "size": f"{found.width} x {found.height}"
        + f", turned {found.rotation}" * bool(found.rotation),
        "codec": f"{found.codec} {found.pixel_format}",
        "Hz": f"{found.rate_hz:.2f}" + " uneven" * (not found.constant_rate),
        "seconds": f"{found.seconds:.2f}",
        "annotation": ", ".join(describe_annotation(one) for one in video.annotations) or "-",
    }
    notes = [note for check in VIDEO_CHECKS for note in check(video)]
    return Row(video.path, facts, cells, notes, "")


def describe_annotation(annotation: ClipAnnotation) -> str:
    """What one annotation says, in a word or two."""
    if annotation.segments:
        return f"{len(annotation.segments)} segments"
    return annotation.label if annotation.text is None else f"{len(annotation.text)} characters"
