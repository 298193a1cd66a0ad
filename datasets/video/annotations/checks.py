"""Checks of annotations against the steps read of their clips: units, ends, empty segments."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

import numpy as np

from ...source import Problem
from .segments import ClipAnnotation, FrameSegment, Segment, TimeSegment

MAX_RATIO = 5.0  # of a segment's end to the clip's, above which it is wrong, or in another unit
MIN_OFFSET = 0.02  # seconds of sound before the first frame that are worth a note
GAP_SHARE = 0.8  # of neighbouring segments with one frame between them, that are a pattern
MIN_PAIRS = 3  # neighbouring segments that such a pattern needs
MAX_NAMED = 3


def end_of_clip(times: np.ndarray, numbers: np.ndarray) -> tuple[int, float]:
    """(frames, seconds) at which a clip ends, from the steps (T,) read of it, T at least 1.

    At most one step too late: the last one is taken to last as long as the median one, and a lone
    step forever.
    """
    if len(times) < 2:
        return 2**62, np.inf
    stride, step = np.median(np.diff(numbers)), np.median(np.diff(times))
    return int(numbers[-1] + np.ceil(stride)), float(times[-1] + step)


def check_segments(
    annotation: ClipAnnotation, times: np.ndarray, numbers: np.ndarray
) -> tuple[ClipAnnotation, list[Problem], list[Problem]]:
    """The annotation with the segments that can be used; problems of the others; notes on ends.

    A segment is left out if it owns no step, or ends far past the clip's end, which is a slip.
    times, numbers: (T,) of the steps read of the clip, seconds and frame numbers. Raises ValueError
    if the segments last far longer than the clip: their unit must be another.
    """
    if not annotation.segments:
        return annotation, [], []
    frames, seconds = end_of_clip(times, numbers)
    check_unit(annotation, frames, seconds)
    kept, problems = [], []
    for segment in annotation.segments:
        clip_end, shown = end_in_its_unit(segment, frames, seconds)
        if not owns_step(segment, times, numbers):
            reason = why_empty(segment, clip_end, shown)
        elif segment.bounds[1] > MAX_RATIO * clip_end:
            reason = f"{segment} ({segment.where}) ends far past its end, {shown}; correct it"
        else:
            kept.append(segment)
            continue
        problems.append(Problem(annotation.clip, f"{annotation.clip}: {reason}"))
    kept = annotation._replace(segments=tuple(kept))
    about = "about " if numbers[-1] >= len(numbers) else ""
    return kept, problems, find_late_segments(kept, frames, seconds, about)


def end_in_its_unit(segment: Segment, frames: int, seconds: float) -> tuple[float, str]:
    """The end of a clip in the unit of a segment, and how it is shown."""
    if isinstance(segment, FrameSegment):
        return frames, f"{frames} frames"
    return seconds, f"{seconds:.3f} s"


def check_unit(annotation: ClipAnnotation, frames: int, seconds: float) -> None:
    """Raise ValueError if the segments end at more than MAX_RATIO times the end of their clip.

    If half of them end within the clip, it is the others that are wrong, and not the unit.
    """
    last = max(annotation.segments, key=lambda segment: segment.bounds[1])
    end, (clip_end, shown) = last.bounds[1], end_in_its_unit(last, frames, seconds)
    half = median_low(segment.bounds[1] for segment in annotation.segments)
    if end <= MAX_RATIO * clip_end or half <= 1.05 * clip_end:
        return
    in_frames = isinstance(last, FrameSegment)
    if not in_frames and end <= 1.05 * frames:
        advice = "its times seem to be frames; call the columns start_frame,end_frame"
    elif 0.1 * seconds <= end / 1000 <= 1.05 * seconds:
        advice = "its times seem to be milliseconds; write seconds, in the columns start,end"
    else:
        advice = "its times have another unit or belong to another clip, or most of it is missing"
    raise ValueError(
        f"{annotation.clip}: {last} ({last.where}) ends far past the clip's end, {shown}; {advice}"
    )


def owns_step(segment: Segment, times: np.ndarray, numbers: np.ndarray) -> bool:
    """Whether one of the steps (T,) lies in the segment."""
    places = numbers if isinstance(segment, FrameSegment) else times
    first, end = np.searchsorted(places, segment.bounds)
    return bool(first < end)


def why_empty(segment: Segment, clip_end: float, shown: str) -> str:
    """Why a segment owns no step, and what to do. clip_end, shown: see `end_in_its_unit`."""
    if segment.bounds[0] >= clip_end:
        why = f"begins past its end, {shown}; correct it, or see whether the clip is cut off"
    else:
        why = "lies between two steps that are read; widen it, or read more frames (rate_hz)"
    return f"{segment} ({segment.where}) labels no step: it {why}"


def find_late_segments(
    annotation: ClipAnnotation, frames: int, seconds: float, about: str = ""
) -> list[Problem]:
    """Problems of segments that end after their clip, which has so many frames and seconds.

    Seconds may end one mean frame late: tools take the end from the container. about: put before
    the clip's end in messages, if it is not exact.
    """
    problems = []
    for segment in annotation.segments:
        start, end = segment.bounds
        if isinstance(segment, FrameSegment):
            clip_end, late = f"{frames} frames", end > frames
        else:
            clip_end = f"{seconds:.3f} s"
            late = start >= seconds or end > seconds + seconds / max(1, frames)
        if late:
            reason = f"{annotation.clip}: {segment} ({segment.where}) is past its end, "
            reason += f"{about}{clip_end}; "
            problems.append(
                Problem(annotation.clip, reason + "correct it, or see whether the clip is cut off")
            )
    return problems


def find_inclusive_frames(annotations: Sequence[ClipAnnotation]) -> list[Problem]:
    """A note if frames look as if counted with the end included, or from 1; else empty.

    Then nearly all neighbouring segments have exactly one frame between them that has no label.
    """
    framed = [
        (annotation, [s for s in annotation.segments if isinstance(s, FrameSegment)])
        for annotation in annotations
    ]
    framed = [(annotation, segments) for annotation, segments in framed if segments]
    gaps = [
        (following.start_frame - segment.end_frame, segment, following)
        for _, segments in framed
        for segment, following in pairwise(segments)
    ]
    ones = [(segment, following) for gap, segment, following in gaps if gap == 1]
    from_one = bool(framed) and all(segments[0].start_frame == 1 for _, segments in framed)
    if len(ones) < MIN_PAIRS or len(ones) < GAP_SHARE * len(gaps):
        return []
    segment, following = ones[0]
    what = f"{len(ones)} of {len(gaps)} neighbouring segments leave one frame between them"
    cure = "subtract 1 from start_frame" if from_one else "add 1 to end_frame"
    count = "from 1, with the end included" if from_one else "with the end included"
    return [
        Problem(
            framed[0][0].clip,
            f"{what} without a label, first {segment} and {following} ({following.where}): frames "
            f"seem to be counted {count}; they count from 0 here, the end excluded: {cure}",
        )
    ]


def describe_offsets(offsets: Sequence[tuple[ClipAnnotation, float]]) -> list[Problem]:
    """A note on clips labelled in seconds whose pictures begin after their sound; else empty.

    offsets: the time of the first frame of each clip, in seconds.
    """
    late = [
        (offset, annotation.clip)
        for annotation, offset in offsets
        if offset >= MIN_OFFSET and any(isinstance(s, TimeSegment) for s in annotation.segments)
    ]
    if not late:
        return []
    named = ", ".join(f"{clip} by {offset:.3f} s" for offset, clip in late[:MAX_NAMED])
    more = ", ..." if len(late) > MAX_NAMED else ""
    return [
        Problem(
            late[0][1],
            f"{len(late)} clips whose pictures begin after their sound: {named}{more}; seconds "
            "count from the start of the sound, as in players",
        )
    ]
