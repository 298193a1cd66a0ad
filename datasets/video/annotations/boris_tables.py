"""CSV and TSV exports of BORIS: aggregated (one row per state) or tabular (START and STOP rows).

Format: boris/export_observation.py of olivierfriard/BORIS, versions 7 to 9.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...source import Problem
from ...tables import TableRow, header_names
from .boris_events import NOBODY, Event, Media, add_state, pair_events, queue_media
from .segments import ClipAnnotation, Collected
from .tables import Row, chosen_rows, seconds_of, usable_rows

# columns of media, best first; the last one holds only the file played at the time of the row
MEDIA = ("Source", "Media file", "Media file(s)", "Media file path", "Media file name")
LENGTHS = ("Media duration (s)", "Total length")
PLAYER = re.compile(r"\s*player #(\d+)\s*:\s*", re.IGNORECASE)


class BorisTable(NamedTuple):
    """header, rows (line, cells); above: name -> value of the lines over the header, if any."""

    header: list[str]
    rows: list[TableRow]
    above: dict[str, str]


def boris_table(path: Path, lines: Sequence[TableRow]) -> BorisTable | None:
    """The table if these lines are a BORIS export, else None. ValueError without a header."""
    if not lines or lines[0].cells[0] != "Observation id":
        return None
    for index, (_, cells) in enumerate(lines):
        if "Behavior" in cells and {"Time", "Start (s)", "Start"} & set(cells):
            above = {row[0]: row[1] for _, row in lines[:index] if len(row) > 1}
            return BorisTable(header_names(cells), list(lines[index + 1 :]), above)
    raise ValueError(
        f"{path}: begins as a table of BORIS, but no line names Behavior and Time or Start (s); "
        "export the events again, aggregated or tabular"
    )


def read_boris_table(
    path: Path,
    table: BorisTable,
    collected: Collected,
    column: str | None,
    where: str | None,
    group: str | None,
    subject: str | None,
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """Read the state events; `column` is that of the labels (Behavior), `group` that of the group.

    Without `group` each observation is a group. Raises ValueError for a missing column.
    """
    header = table.header
    for name in (column, group):
        if name is not None and name not in header:
            raise ValueError(f"{path}: no column '{name}'; it has {', '.join(map(repr, header))}")
    rows = chosen_rows(path, header, usable_rows(header, table.rows, collected), where)
    if subject is not None:
        names = {subject, ""} if subject == NOBODY else {subject}
        rows = [(line, row) for line, row in rows if row.get("Subject", "") in names]
    defaults = {"Observation id": "", **table.above}
    usable, point_lines = [], {}
    for line, row in rows:
        row = defaults | row
        if event_type(row) == "POINT":
            point_lines.setdefault(row["Behavior"], []).append(line)
        else:
            usable.append((line, row))
    for code, lines in point_lines.items():
        collected.refuse(
            f"line {lines[0]}", f"{len(lines)} point events '{code}' last no time; make it a state"
        )
    usable = _with_one_source(usable, collected)
    add = _add_pairs if "Time" in header else _add_states
    add(usable, collected, column or "Behavior", group or "Observation id")
    return collected.result()


def event_type(row: Row) -> str:
    """POINT or STATE in aggregated tables; POINT, START or STOP in tabular ones."""
    return (row.get("Behavior type") or row.get("Status") or "").upper()


def _with_one_source(
    rows: Sequence[tuple[int, Row]], collected: Collected
) -> list[tuple[int, Row]]:
    """The rows of observations whose files are the same in all rows.

    Some versions name only the file played at a row, but count its time from the first file.
    """
    sources: dict[str, dict[str, int]] = {}
    for line, row in rows:
        sources.setdefault(row["Observation id"], {}).setdefault(media_source(row), line)
    for name, lines in sources.items():
        if len(lines) > 1:
            collected.refuse(
                f"line {list(lines.values())[1]}",
                f"observation '{name}' has several files ({', '.join(lines)}) but not where each "
                "begins; read the .boris project instead",
            )
    return [(line, row) for line, row in rows if len(sources[row["Observation id"]]) == 1]


def media_source(row: Row) -> str:
    """The files of a row's observation as written, or ""."""
    missing = (None, "", "NA", "Not found")
    return next((row[name] for name in MEDIA if row.get(name) not in missing), "")


def _add_states(
    rows: Sequence[tuple[int, Row]], collected: Collected, column: str, group: str
) -> None:
    """Add the states of an aggregated table."""
    for line, row in rows:
        place = f"line {line}"
        try:
            start, stop = (
                seconds_of(row.get(f"{name} (s)", row.get(name, "")), name)
                for name in ("Start", "Stop")
            )
            queue = queue_of(row)
        except ValueError as error:
            collected.refuse(place, str(error))
            continue
        add_state(place, (start, stop, row[column]), queue, collected, row[group])


def _add_pairs(
    rows: Sequence[tuple[int, Row]], collected: Collected, column: str, group: str
) -> None:
    """Add the pairs of START and STOP of each observation, subject, behaviour and modifiers."""
    events: dict[str, list[tuple[Event, str, int]]] = {}
    first: dict[str, tuple[int, list[Media], Row]] = {}
    for line, row in rows:
        try:
            seconds = seconds_of(row["Time"], "Time")
            if row["Observation id"] not in first:
                first[row["Observation id"]] = line, queue_of(row), row
        except ValueError as error:
            collected.refuse(f"line {line}", str(error))
            continue
        modifiers = "|".join(value for name, value in row.items() if name.startswith("Modifier"))
        # the label, possibly from another column, must be equal for START and STOP too
        who = (row.get("Subject", ""), row[column], f"{row['Behavior']}|{modifiers}")
        observation_events = events.setdefault(row["Observation id"], [])
        observation_events.append((Event(seconds, who), event_type(row), line))
    for name, observation_events in events.items():
        line, queue, row = first[name]
        place = f"observation '{name}' from line {line} on"
        observation_events.sort(key=lambda entry: entry[0].seconds)
        states = _agreeing(observation_events, collected)
        for start, stop, who in pair_events(place, states, collected):
            add_state(place, (start, stop, who[1]), queue, collected, row[group])


def _agreeing(events: Sequence[tuple[Event, str, int]], collected: Collected) -> list[Event]:
    """The events whose START or STOP is the expected one; problems name the others."""
    states: list[Event] = []
    started: set[tuple[str, str, str]] = set()
    for event, kind, line in events:
        due = "STOP" if event.who in started else "START"
        if kind != due:
            collected.refuse(
                f"line {line}",
                f"'{event.who[1]}' at {event.seconds} s is a {kind or 'nothing'}, but a {due} is "
                "due; pair it in BORIS",
            )
            continue
        states.append(event)
        started ^= {event.who}
    return states


def queue_of(row: Mapping[str, str]) -> list[Media]:
    """The files of player 1 of a row's observation, in the time of its events.

    Written as "player #1:a.mp4;b.mp4|player #2:c.mp4" with lengths "180.0;360.0|180.0". Raises
    ValueError if they, or the lengths of several, are missing.
    """
    source = media_source(row)
    if not source:
        raise ValueError("no media file; code it on a video")
    unnamed, *players = PLAYER.split(source)
    files = players[1] if players else unnamed
    names = [name.strip() for name in files.rstrip("| ").split(";") if name.strip()]
    lengths: list[float | None] = [None] * len(names)
    if len(names) > 1:
        text = next((row[name] for name in LENGTHS if row.get(name)), "")
        cells = text.partition("|")[0].split(";")
        if len(cells) != len(names):
            raise ValueError(
                f"{len(names)} files in a row without lengths; read the .boris project instead"
            )
        lengths = [seconds_of(cell.strip(), "a file's length") for cell in cells]
    offset = row.get("Time offset (s)") or "0"
    return queue_media(seconds_of(offset, "Time offset (s)"), names, lengths)
