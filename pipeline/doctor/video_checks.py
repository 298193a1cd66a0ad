"""Checks of a decoded video against its header and annotations, and of all videos together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from datasets.labels import near_twins
from datasets.output.text import counted
from datasets.video.annotations.checks import check_unit, find_late_segments
from datasets.video.annotations.files import (
    ClipAnnotation,
    FrameSegment,
    Segment,
)
from datasets.video.decoder import VideoFacts

from .diagnosis import group_by, imbalance_warning

SPREAD = 1.05  # ratio of the largest to the smallest mean frame rate that needs no warning
LATE = 0.5  # seconds by which the header's duration may exceed the decoded one
FEW = 3  # groups that a label needs to occur in training, validation and test
MAX_NAMED = 3  # files or labels that one message names

Counts = Mapping[str, Mapping[str, float]]


class Video(NamedTuple):
    """A file and its annotations. content: hash of its bytes. error: why it is broken, or ""."""

    path: str
    annotations: tuple[ClipAnnotation, ...]
    facts: VideoFacts | None = None
    content: str = ""
    error: str = ""


def timed_segments(video: Video, annotation: ClipAnnotation) -> Iterator[tuple[Segment, float]]:
    """Yield each segment with its duration in seconds."""
    for segment in annotation.segments:
        start, end = segment.bounds
        rate = video.facts.rate_hz if isinstance(segment, FrameSegment) else 1
        yield segment, (end - start) / rate


def check_header(video: Video) -> Iterator[str]:
    """Warn if fewer frames are decoded than the header declares."""
    declared, decoded = video.facts.header_frames, video.facts.frames
    if declared is not None and decoded < declared:
        yield (
            f"{video.path}: {decoded} frames are shown, its header says {declared}; an edit list "
            "hides some, or the end is missing: then copy it again"
        )


def check_duration(video: Video) -> Iterator[str]:
    """Warn if the frames end before the header's duration, for containers that count no frames.

    The tolerance allows for sound that lasts a little longer than the images.
    """
    declared, decoded = video.facts.header_seconds, video.facts.seconds
    uncounted = video.facts.header_frames is None
    if uncounted and declared and declared - decoded > max(LATE, 0.05 * declared):
        yield (
            f"{video.path}: the pictures end after {decoded:.2f} s, its header says "
            f"{declared:.2f} s; if it is cut off, copy it again"
        )


def check_annotation_ends(video: Video) -> Iterator[str]:
    """Warn about segments that end after the video, or are in another unit."""
    for annotation in video.annotations:
        try:
            if annotation.segments:
                check_unit(annotation, video.facts.frames, video.facts.seconds)
        except ValueError as error:
            yield f"{error}; training leaves the clip out"
            continue
        for problem in find_late_segments(annotation, video.facts.frames, video.facts.seconds):
            yield problem.reason


def check_start(video: Video) -> Iterator[str]:
    """Warn if the pictures begin at least one frame after the sound."""
    offset = video.facts.first_seconds
    if offset * video.facts.rate_hz >= 1:
        yield (
            f"{video.path}: the pictures begin {offset:.3f} s after the sound; seconds count from "
            "the start of the sound, as in players"
        )


def check_streams(video: Video) -> Iterator[str]:
    """Warn about a file with several videos, of which one is read."""
    if video.facts.streams > 1:
        yield (
            f"{video.path}: holds {video.facts.streams} videos; the default one is read; see "
            "whether it is the one that was annotated"
        )


def check_short_segments(video: Video) -> Iterator[str]:
    """Warn about segments shorter than one frame: they may contain the start of no frame."""
    frame = 1 / video.facts.rate_hz
    for annotation in video.annotations:
        short = [
            segment
            for segment, seconds in timed_segments(video, annotation)
            if not isinstance(segment, FrameSegment) and seconds < frame
        ]
        if short:
            yield (
                f"{annotation.clip}: {counted(len(short), 'segment')} shorter than one frame of "
                f"{frame:.3f} s, first {short[0]} ({short[0].where}); widen or remove them"
            )


def check_unlabelled(video: Video) -> Iterator[str]:
    """Warn if segments cover less than half of the video."""
    for annotation in video.annotations:
        labelled = sum(seconds for _, seconds in timed_segments(video, annotation))
        unlabelled = video.facts.seconds - labelled
        if annotation.segments and unlabelled > 0.5 * video.facts.seconds:
            yield (
                f"{annotation.clip}: {100 * unlabelled / video.facts.seconds:.0f} % of it have no "
                "label; these steps count nowhere"
            )


def check_short_video(video: Video) -> Iterator[str]:
    """Warn about a video of one frame."""
    if video.facts.frames == 1:
        yield f"{video.path}: one frame only; nothing happens in it"


VIDEO_CHECKS = (
    check_header,
    check_duration,
    check_short_video,
    check_start,
    check_streams,
    check_annotation_ends,
    check_short_segments,
    check_unlabelled,
)


def count_labels(videos: Sequence[Video]) -> dict[str, dict[str, float]]:
    """Return label -> number of clips and segments, and seconds; the longest label first."""
    counts: defaultdict[str, dict[str, float]] = defaultdict(
        lambda: {"clips": 0, "segments": 0, "seconds": 0.0}
    )
    for video in videos:
        for annotation in video.annotations:
            if annotation.label is not None:
                counts[annotation.label]["clips"] += 1
                counts[annotation.label]["seconds"] += video.facts.seconds
            for label in {segment.label for segment in annotation.segments}:
                counts[label]["clips"] += 1
            for segment, seconds in timed_segments(video, annotation):
                counts[segment.label]["segments"] += 1
                counts[segment.label]["seconds"] += seconds
    return dict(sorted(counts.items(), key=lambda item: -item[1]["seconds"]))


def count_groups(videos: Sequence[Video]) -> dict[str, dict[str, float]]:
    """Return group -> number of clips, and seconds; empty if no group has more than one clip."""
    counts: defaultdict[str, dict[str, float]] = defaultdict(lambda: {"clips": 0, "seconds": 0.0})
    for video in videos:
        for group in {annotation.group for annotation in video.annotations if annotation.group}:
            counts[group]["clips"] += 1
            counts[group]["seconds"] += video.facts.seconds
    return dict(counts) if any(entry["clips"] > 1 for entry in counts.values()) else {}


def count_splits(videos: Sequence[Video]) -> dict[str, dict[str, float]]:
    """Return split -> number of clips and seconds, for clips in folders of splits; else empty."""
    counts: defaultdict[str, dict[str, float]] = defaultdict(lambda: {"clips": 0, "seconds": 0.0})
    for video in videos:
        for annotation in video.annotations:
            if annotation.split is not None:
                counts[annotation.split]["clips"] += 1
                counts[annotation.split]["seconds"] += video.facts.seconds
    return dict(counts)


def warnings(videos: Sequence[Video], labels: Counts, groups: Counts) -> Iterator[str]:
    """Yield warnings about the videos as a whole, with advice."""
    yield from frame_rates(videos)
    yield from duplicates(videos)
    if any(video.annotations for video in videos):
        bare = [video.path for video in videos if not video.annotations]
        if bare:
            without = counted(len(bare), "video")
            yield f"{without} without an annotation, not to be used: {name_few(bare)}"
        if not groups:
            yield (
                "each clip is a group by itself; if several show one person or were cut from one "
                "recording, give --group or --group_pattern here, and to the config's source; "
                "--group folder makes a folder a group"
            )
    yield from label_imbalance(labels)
    for twins in near_twins(labels):
        yield f"labels {' and '.join(map(repr, twins))}: did you mean one? write them alike"
    yield from rare_labels(videos, groups)


def name_few(names: Sequence[str]) -> str:
    """Join the first MAX_NAMED names."""
    return ", ".join(names[:MAX_NAMED]) + (", ..." if len(names) > MAX_NAMED else "")


def frame_rates(videos: Sequence[Video]) -> Iterator[str]:
    """Warn about variable frame rates, and about rates that differ between videos."""
    uneven = [video.path for video in videos if not video.facts.constant_rate]
    if uneven:
        yield (
            f"{counted(len(uneven), 'video')} without a constant rate: {name_few(uneven)}; "
            "annotate in seconds, and give rate_hz if the speed of what happens matters"
        )
    rates = [video.facts.rate_hz for video in videos if video.facts.frames > 1]
    if rates and max(rates) > SPREAD * min(rates):
        yield (
            f"rates from {min(rates):.2f} to {max(rates):.2f} Hz: the same motion takes other "
            f"numbers of steps; sample all alike, such as rate_hz={min(rates):.4g}"
        )


def duplicates(videos: Sequence[Video]) -> Iterator[str]:
    """Warn about files with equal content, which could fall into different splits."""
    for copies in group_by(videos, lambda video: video.content):
        if len(copies) < 2:
            continue
        names = " and ".join(video.path for video in copies)
        annotations = {
            tuple((a.label, a.text, a.segments) for a in video.annotations) for video in copies
        }
        groups = {a.group for video in copies for a in video.annotations}
        suffix = " with different annotations" * (len(annotations) > 1)
        suffix += " in different groups" * (len(groups) > 1)
        yield f"{names} are the same file{suffix}; keep one, or give both one group"


def label_imbalance(labels: Counts) -> Iterator[str]:
    """Warn if the commonest label, by seconds of segments or by clips, is far above the rarest."""
    unit = "seconds" if any(entry["segments"] for entry in labels.values()) else "clips"
    advice = "judge by mean class accuracy, and weigh the classes of steps by class_weight_power"
    yield from imbalance_warning(labels, unit, advice)


def rare_labels(videos: Sequence[Video], groups: Counts) -> Iterator[str]:
    """Warn about labels that occur in fewer than FEW groups."""
    groups_of: defaultdict[str, set[str]] = defaultdict(set)
    for video in videos:
        for annotation in video.annotations:
            labels = {segment.label for segment in annotation.segments} | {annotation.label}
            for label in labels - {None}:
                groups_of[label].add(annotation.group or annotation.clip)
    rare = sorted(label for label, members in groups_of.items() if len(members) < FEW)
    if rare:
        kind = "groups" if groups else "clips"
        yield (
            f"{counted(len(rare), 'label')} in fewer than {FEW} {kind}: {name_few(rare)}; "
            "training, validation and test cannot all have them; film more, or join or ignore them"
        )
