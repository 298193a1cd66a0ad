"""What can be wrong with a video that decodes, and with a whole collection of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from datasets.video.annotations.files import ClipAnnotation, FrameSegment, check_end
from datasets.video.decoder import VideoFacts

IMBALANCE = 5.0  # times the rarest label: from here on the doctor says so
SPREAD = 1.05  # of the mean rates: from here on they differ
LATE = 0.5  # seconds that a header may say too many
FEW = 3  # groups of a label: fewer cannot stand in training, validation and test
NAMED = 3  # things that one message names

Counts = Mapping[str, Mapping[str, float]]


class Video(NamedTuple):
    """A file and what is said about it. content: hash of its bytes. error: why it is broken."""

    path: str
    annotations: tuple[ClipAnnotation, ...]
    facts: VideoFacts | None = None
    content: str = ""
    error: str = ""


def durations(video: Video, annotation: ClipAnnotation) -> list[float]:
    """Seconds of each segment."""
    rate = video.facts.rate_hz
    return [
        (segment.bounds[1] - segment.bounds[0]) / (rate if isinstance(segment, FrameSegment) else 1)
        for segment in annotation.segments
    ]


def check_header(video: Video) -> Iterator[str]:
    said, there = video.facts.header_frames, video.facts.frames
    if said is not None and there < said:
        yield (
            f"{video.path}: {there} frames are shown, its header says {said}; an edit list hides "
            "some, or the end is missing: then copy it again"
        )


def check_duration(video: Video) -> Iterator[str]:
    """For containers that count no frames; sound may outlast the pictures a little."""
    said, there = video.facts.header_seconds, video.facts.seconds
    if video.facts.header_frames is None and said and said - there > max(LATE, 0.05 * said):
        yield (
            f"{video.path}: the pictures end after {there:.2f} s, its header says {said:.2f} s; if "
            "it is cut off, copy it again"
        )


def check_annotation_ends(video: Video) -> Iterator[str]:
    for annotation in video.annotations:
        for problem in check_end(annotation, video.facts.frames, video.facts.seconds):
            yield problem.reason


def check_short_segments(video: Video) -> Iterator[str]:
    """Segments shorter than one frame may hold the start of none, and then label nothing."""
    frame = 1 / video.facts.rate_hz
    for annotation in video.annotations:
        short = [
            segment
            for segment, seconds in zip(
                annotation.segments, durations(video, annotation), strict=True
            )
            if not isinstance(segment, FrameSegment) and seconds < frame
        ]
        if short:
            yield (
                f"{annotation.clip}: {len(short)} segments are shorter than one frame of "
                f"{frame:.3f} s, first {short[0]} ({short[0].where}); widen or remove them"
            )


def check_unlabelled(video: Video) -> Iterator[str]:
    for annotation in video.annotations:
        labelled = sum(durations(video, annotation))
        left = video.facts.seconds - labelled
        if annotation.segments and left > 0.5 * video.facts.seconds:
            yield (
                f"{annotation.clip}: {100 * left / video.facts.seconds:.0f} % of it have no label; "
                "these steps count nowhere"
            )


def check_short_video(video: Video) -> Iterator[str]:
    if video.facts.frames == 1:
        yield f"{video.path}: one frame only; nothing happens in it"


VIDEO_CHECKS = (
    check_header,
    check_duration,
    check_short_video,
    check_annotation_ends,
    check_short_segments,
    check_unlabelled,
)


def count_labels(videos: Sequence[Video]) -> dict[str, dict[str, float]]:
    """Label -> clips, segments (of those that have them) and seconds; the longest first."""
    found: defaultdict[str, dict[str, float]] = defaultdict(
        lambda: {"clips": 0, "segments": 0, "seconds": 0.0}
    )
    for video in videos:
        for annotation in video.annotations:
            if annotation.label is not None:
                found[annotation.label]["clips"] += 1
                found[annotation.label]["seconds"] += video.facts.seconds
            for label in {segment.label for segment in annotation.segments}:
                found[label]["clips"] += 1
            for segment, seconds in zip(
                annotation.segments, durations(video, annotation), strict=True
            ):
                found[segment.label]["segments"] += 1
                found[segment.label]["seconds"] += seconds
    return dict(sorted(found.items(), key=lambda item: -item[1]["seconds"]))


def count_groups(videos: Sequence[Video]) -> dict[str, dict[str, float]]:
    """Group -> clips and seconds, where a group has more than one clip."""
    found: defaultdict[str, dict[str, float]] = defaultdict(lambda: {"clips": 0, "seconds": 0.0})
    for video in videos:
        for group in {annotation.group for annotation in video.annotations if annotation.group}:
            found[group]["clips"] += 1
            found[group]["seconds"] += video.facts.seconds
    return dict(found) if any(entry["clips"] > 1 for entry in found.values()) else {}


def warnings(videos: Sequence[Video], labels: Counts, groups: Counts) -> Iterator[str]:
    """What stands out over all of them, and what to do."""
    yield from frame_rates(videos)
    yield from duplicates(videos)
    if any(video.annotations for video in videos):
        silent = [video.path for video in videos if not video.annotations]
        if silent:
            yield (
                f"{len(silent)} videos have no annotation and will not be used: {name_few(silent)}"
            )
        if not groups:
            yield (
                "each clip is a group by itself; if several show one person or were cut from one "
                "recording, give --group or --group_pattern here, and to the config's source"
            )
    yield from label_imbalance(labels)
    yield from rare_labels(videos, groups)


def name_few(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def frame_rates(videos: Sequence[Video]) -> Iterator[str]:
    uneven = [video.path for video in videos if not video.facts.constant_rate]
    if uneven:
        yield (
            f"{len(uneven)} videos have no constant rate: {name_few(uneven)}; annotate them in "
            "seconds, and give rate_hz if the speed of what happens matters"
        )
    found = [video.facts.rate_hz for video in videos if video.facts.frames > 1]
    if found and max(found) > SPREAD * min(found):
        yield (
            f"rates from {min(found):.2f} to {max(found):.2f} Hz: the same motion takes other "
            f"numbers of steps; sample all alike, such as rate_hz={min(found):.4g}"
        )


def duplicates(videos: Sequence[Video]) -> Iterator[str]:
    """One content under two names: a split may put it on both sides."""
    places: defaultdict[str, list[Video]] = defaultdict(list)
    for video in videos:
        places[video.content].append(video)
    for same in places.values():
        if len(same) < 2:
            continue
        names = " and ".join(video.path for video in same)
        said = {tuple((a.label, a.text, a.segments) for a in video.annotations) for video in same}
        groups = {a.group for video in same for a in video.annotations}
        more = " with different annotations" * (len(said) > 1)
        more += " in different groups" * (len(groups) > 1)
        yield f"{names} are the same file{more}; keep one, or give both one group"


def label_imbalance(labels: Counts) -> Iterator[str]:
    if len(labels) < 2:
        return
    unit = "segments" if any(entry["segments"] for entry in labels.values()) else "clips"
    unit = "seconds" if unit == "segments" else unit
    order = sorted(labels, key=lambda label: labels[label][unit])
    rarest, commonest = labels[order[0]][unit], labels[order[-1]][unit]
    if commonest > IMBALANCE * rarest:
        yield (
            f"'{order[-1]}' has {commonest:.4g} {unit}, '{order[0]}' {rarest:.4g}: accuracy alone "
            "hides the rare ones; judge by mean class accuracy, and weigh the classes of steps by "
            "class_weight_power"
        )


def rare_labels(videos: Sequence[Video], groups: Counts) -> Iterator[str]:
    """Labels that too few groups have."""
    where: defaultdict[str, set[str]] = defaultdict(set)
    for video in videos:
        for annotation in video.annotations:
            said = {segment.label for segment in annotation.segments} | {annotation.label}
            for label in said - {None}:
                where[label].add(annotation.group or annotation.clip)
    thin = sorted(label for label, found in where.items() if len(found) < FEW)
    if thin:
        kind = "groups" if groups else "clips"
        yield (
            f"{len(thin)} labels stand in fewer than {FEW} {kind}: {name_few(thin)}; training, "
            "validation and test cannot all have them; film more, or join or ignore them"
        )
