"""What BORIS projects and exports share: files played in a row, and START and STOP in pairs."""

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
    """seconds: as coded. who: subject, behaviour and modifiers, which START and STOP share."""

    seconds: float
    who: tuple[str, str, str]


def queued(
    begin: float,
    names: Sequence[str],
    lengths: Sequence[float | None],
    dates: Mapping[str, float] | None = None,
) -> list[Media]:
    """Files one after the other from `begin`; the last is open. Raises ValueError."""
    queue = []
    for place, (name, length) in enumerate(zip(names, lengths, strict=True)):
        if not length and place + 1 < len(names):
            raise ValueError(f"{name} is not the last file but has no length; open it in BORIS")
        start = begin + float(dates[name]) if dates else begin
        last = place + 1 == len(names)
        end = math.inf if last else start + float(length or 0)
        queue.append(Media(name, start, end))
        begin = begin if dates else end
    return queue


def cut(start: float, stop: float, queue: Sequence[Media]) -> Iterator[tuple[str, float, float]]:
    """A stretch of the observation -> (file, from, to) in the seconds of each file it runs over.

    What lies before the first file is given to it, with negative seconds, to be refused by name.
    """
    for place, media in enumerate(queue):
        first = start if place == 0 else max(start, media.start)
        last = min(stop, media.end)
        if first < last:
            # BORIS keeps milliseconds; differences of floats do not
            yield media.path, round(first - media.start, 6), round(last - media.start, 6)


def paired(
    place: str, states: Iterable[Event], collected: Collected
) -> list[tuple[float, float, tuple[str, str, str]]]:
    """(start, stop, who) by start: as in BORIS, each second event of the same `who` is a STOP.

    states: in order of time.
    """
    pairs = []
    begun: dict[tuple[str, str, str], float] = {}
    for seconds, who in states:
        if who in begun:
            pairs.append((begun.pop(who), seconds, who))
        else:
            begun[who] = seconds
    for (subject, code, _), seconds in begun.items():
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
    """(start, stop, label) of an observation -> segments of its files, or a problem.

    group: of all files, or of each.
    """
    start, stop, label = state
    pieces = list(cut(start, stop, queue))
    if not pieces:
        collected.refuse(
            place, f"'{label}' from {start} to {stop} s holds nothing of a file; correct it"
        )
    for clip, first, last in pieces:
        its = group if isinstance(group, str) else group[clip]
        collected.add_segment(place, clip, TimeSegment(first, last, label), its)
