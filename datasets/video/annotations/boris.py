"""BORIS projects (JSON): state events -> segments, and predictions written as observations.

Format: boris/config.py and project_functions.py of olivierfriard/BORIS, project format 7.0.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from ...output.files import write_whole
from ...source import Problem
from .boris_events import NOBODY, Event, Media, add_state, pair_events, queue_media
from .segments import ClipAnnotation, Collected, Span, milliseconds

PLAYERS = tuple(str(n) for n in range(1, 9))


def read_boris(
    project: dict, collected: Collected, group: str | None, subject: str | None
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """Read the state events of the files in player 1, whose clock the events follow.

    group: an independent variable; None makes each observation a group. subject: whose events; None
    takes everyone's.
    """
    types = {
        code["code"]: str(code.get("type", "")).startswith("State")
        for code in project["behaviors_conf"].values()
    }
    groups: dict[str, str] = {}
    for name, observation in project["observations"].items():
        place = f"observation '{name}'"
        try:
            queue = media_of(observation)
        except ValueError as error:
            collected.refuse(place, str(error))
            continue
        for player in PLAYERS[1:]:
            for video in observation["file"].get(player, ()):
                reason = f"{video} in player {player} gets no labels: events follow player 1; "
                collected.refuse(place, reason + "code it in an observation of its own")
        variables = observation.get("independent_variables", {})
        if group is not None and not variables.get(group):
            collected.refuse(place, f"no variable '{group}' for the group; fill it in")
            continue
        states = _states(place, observation.get("events", []), types, subject, collected)
        for media in queue:  # the group of a clip coded twice is the first observation
            groups.setdefault(media.path, name)
        group_of_clips = str(variables[group]) if group else groups
        for start, stop, who in pair_events(place, states, collected):
            add_state(place, (start, stop, who[1]), queue, collected, group_of_clips)
    return collected.result()


def media_of(observation: dict) -> list[Media]:
    """The files of player 1, one after the other, in the time of the events.

    That time includes `time offset`, and with "media creation date as offset" each file's recording
    time. Raises ValueError that says what is missing.
    """
    kind = observation.get("type")
    files = observation.get("file")
    names = files.get("1", []) if isinstance(files, dict) else []
    if kind != "MEDIA" or not names:
        raise ValueError(f"of type {kind}, no video in player 1; code it on a video")
    info = observation.get("media_info", {})
    lengths, dates = info.get("length", {}), info.get("media_creation_time", {})
    dated = observation.get("media_creation_date_as_offset", False)
    begin = float(observation.get("time offset", 0) or 0)
    if dated and not all(name in dates for name in names):
        raise ValueError("counts from the files' dates but does not hold them; open it in BORIS")
    return queue_media(
        begin, names, [lengths.get(name) for name in names], dates if dated else None
    )


def _states(
    place: str,
    events: Sequence[list],
    types: Mapping[str, bool],
    subject: str | None,
    collected: Collected,
) -> list[Event]:
    """The state events sorted by time; problems name the others once per behaviour."""
    states, others = [], {}
    subject_code = "" if subject == NOBODY else subject
    for number, event in enumerate(events, 1):
        try:
            seconds, who = float(event[0]), tuple(str(field) for field in event[1:4])
            if len(who) < 3 or not math.isfinite(seconds):
                raise ValueError("time, subject, code and modifier needed")
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            shown = str(event)[:100]
            collected.refuse(f"{place}, event {number}", f"{shown} cannot be read ({error})")
            continue
        if subject_code is not None and who[0] != subject_code:
            continue
        if types.get(who[1]):
            states.append(Event(seconds, who))
        else:
            others.setdefault(who[1], []).append(seconds)
    for code, seconds in others.items():
        why = "point events, which last no time" if code in types else "not in the ethogram"
        collected.refuse(
            place, f"{len(seconds)} of '{code}', first at {seconds[0]} s: {why}; make it a state"
        )
    if not events:
        collected.refuse(place, "no events; code it or remove it")
    return sorted(states, key=lambda event: event.seconds)


def write_boris(
    path: Path, project: Path | str | None, readings: Mapping[str, Sequence[Span]]
) -> None:
    """Write a project with one new observation per clip, as BORIS and `read_annotations` read it.

    project: one to add them to; the file itself is not changed. None creates a new one. readings:
    clip -> its segments; rounded down to milliseconds, BORIS' resolution. Raises ValueError if a
    label is a point event there, or if `path` is the project itself.
    """
    path = Path(path)
    if project is None:
        content = _empty(path.stem)
    elif Path(project).resolve() == path.resolve():
        raise ValueError(f"{path}: would overwrite the project it comes from; give another name")
    else:
        content = json.loads(Path(project).read_text(encoding="utf-8-sig"))
    ethogram = content["behaviors_conf"]
    types = {code["code"]: str(code.get("type", "")) for code in ethogram.values()}
    for label in dict.fromkeys(s["label"] for spans in readings.values() for s in spans):
        if label not in types:
            number = max((int(key) for key in ethogram), default=-1) + 1
            ethogram[str(number)] = _state(label)
        elif not types[label].startswith("State"):
            raise ValueError(
                f"{project}: '{label}' is a {types[label].lower()} there, but the reading has it "
                "last; make it a state event in BORIS"
            )
    for clip, spans in readings.items():
        name = f"strand {Path(clip).name}"
        names = chain([name], (f"{name} ({n})" for n in count(2)))
        unused = next(n for n in names if n not in content["observations"])
        content["observations"][unused] = _observation(clip, spans)
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=1))


def _empty(name: str) -> dict:
    """A project without observations."""
    return {
        "time_format": "hh:mm:ss",
        "project_date": datetime.now().isoformat(timespec="seconds"),
        "project_name": name,
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {},
        "behaviors_conf": {},
        "observations": {},
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _state(label: str) -> dict:
    """The ethogram entry of a state event."""
    return {
        "type": "State event",
        "key": "",
        "code": label,
        "description": "",
        "color": "",
        "category": "",
        "modifiers": {},
        "excluded": "",
        "coding map": "",
    }


def _observation(clip: str, spans: Sequence[Span]) -> dict:
    """An observation as BORIS 9 writes it, with length and rate as covered by the spans."""
    events = []
    for span in spans:
        comment = f"confidence {span['confidence']:.3f}" if "confidence" in span else ""
        frames = span.get("start_frame", "NA"), span.get("end_frame", "NA")
        for milli, frame in zip(milliseconds(span), frames, strict=True):
            events.append([milli / 1000, "", span["label"], "", comment, frame])
    events.sort(key=lambda event: event[0])
    length = max((float(span["end"]) for span in spans), default=0.0)
    frames = sum(span["end_frame"] - span["start_frame"] for span in spans if "end_frame" in span)
    seconds = sum(span["end"] - span["start"] for span in spans if "end_frame" in span)
    return {
        "file": {player: [clip] if player == "1" else [] for player in PLAYERS},
        "type": "MEDIA",
        "date": datetime.now().isoformat(timespec="milliseconds"),
        "description": "read by Strand",
        "time offset": 0.0,
        "events": events,
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {clip: length},
            "fps": {clip: round(frames / seconds, 3) if seconds else 0.0},
            "hasVideo": {clip: True},
            "hasAudio": {clip: False},
            "offset": {"1": 0.0},
        },
    }
