"""Common parts of BORIS projects and exports: files played in sequence, pairs of START and STOP."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .segments import Collected, TimeSegment

NOBODY = "No focal subject"


class Media(NamedTuple):
    """A file that is played from `start` to `end` of its observation, in the events' seconds."""

    path: str
    start: float
    end: float


class Event(NamedTuple):
    """seconds: as coded. who: subject, behaviour and modifiers, equal for a START and its STOP."""

    seconds: float
    who: tuple[str, str, str]


def queue_media(
    begin: float,
    names: Sequence[str],
    lengths: Sequence[float | None],
    dates: Mapping[str, float] | None = None,
) -> list[Media]:
    """Queue files one after the other from `begin`, or at their `dates`; the last one has no end.

    Raises ValueError if another one has no length.
    """
    queue = []
    for index, (name, length) in enumerate(zip(names, lengths, strict=True), 1):
        last = index == len(names)
        if not length and not last:
            raise ValueError(f"{name} is not the last file but has no length; open it in BORIS")
        start = begin + float(dates[name]) if dates else begin
        end = math.inf if last else start + float(length)
        queue.append(Media(name, start, end))
        begin = begin if dates else end
    return queue


def split_by_file(
    start: float, stop: float, queue: Sequence[Media]
) -> Iterator[tuple[str, float, float]]:
    """An interval of the observation -> (file, start, end) in the seconds of each file it spans.

    What lies before the first file is assigned to it, with negative seconds, and later refused.
    """
    for index, media in enumerate(queue):
        first = start if index == 0 else max(start, media.start)
        last = min(stop, media.end)
        if first < last:
            # BORIS keeps milliseconds; differences of floats do not
            yield media.path, round(first - media.start, 6), round(last - media.start, 6)


def pair_events(
    place: str, states: Iterable[Event], collected: Collected
) -> list[tuple[float, float, tuple[str, str, str]]]:
    """Pair sorted events -> (start, stop, who) by start: every second event of a `who` is a STOP.

    This is how BORIS stores them. Problems name events without a partner.
    """
    pairs = []
    open_starts: dict[tuple[str, str, str], float] = {}
    for seconds, who in states:
        if who in open_starts:
            pairs.append((open_starts.pop(who), seconds, who))
        else:
            open_starts[who] = seconds
    for (subject, code, _), seconds in open_starts.items():
        collected.refuse(
            place,
            f"'{code}' of {subject or NOBODY} at {seconds} s has no partner: a START without STOP, "
            "or the other way; pair it in BORIS",
        )
    return sorted(pairs)


def add_state(
    place: str,
    state: tuple[float, float, str],
    queue: Sequence[Media],
    collected: Collected,
    group: str | Mapping[str, str],
) -> None:
    """Add a state (start, stop, label) of an observation as segments of its files, or as a problem.

    group: of all files, or of each.
    """
    start, stop, label = state
    intervals = list(split_by_file(start, stop, queue))
    if not intervals:
        collected.refuse(
            place, f"'{label}' from {start} to {stop} s holds nothing of a file; correct it"
        )
    for clip, first, last in intervals:
        clip_group = group if isinstance(group, str) else group[clip]
        collected.add_segment(place, clip, TimeSegment(first, last, label), clip_group)
