"""ELAN files (.eaf): the annotations of one tier -> segments, and readings written as a new file.

Structure: the EAF format 2.8 and 3.0; times are whole milliseconds.
"""

import mimetypes
import os
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from ...source import Problem
from .segments import (
    ClipAnnotation,
    Collected,
    Span,
    TimeSegment,
    milliseconds,
    written_clip,
)

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # XML has no way to say them


class Media(NamedTuple):
    """origin: milliseconds into the file at which the annotations' time is 0."""

    clip: str
    origin: int


def read_elan(
    path: Path, collected: Collected, tier: str | None
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """The annotations of a tier; None takes the only one that has any.

    Raises ValueError for damaged XML, for one with a DOCTYPE (ELAN writes none, and its entities
    could fill the memory), without a video, or with several tiers of which none is chosen.
    """
    root = _parse(path)
    media = _media(path, root, collected)
    tiers = {one.get("TIER_ID", ""): one for one in root.iter("TIER")}
    chosen = _choose(path, tiers, tier)
    slots = {one.get("TIME_SLOT_ID"): one.get("TIME_VALUE") for one in root.iter("TIME_SLOT")}
    there = [one for annotation in tiers[chosen] for one in annotation]
    every = {one.get("ANNOTATION_ID"): one for holder in root.iter("ANNOTATION") for one in holder}
    shared = Counter(one.get("ANNOTATION_REF") for one in there if one.tag == "REF_ANNOTATION")
    for one in there:
        place = f"tier '{chosen}', annotation {one.get('ANNOTATION_ID')}"
        label = (one.findtext("ANNOTATION_VALUE") or "").strip()
        if one.tag == "REF_ANNOTATION" and shared[one.get("ANNOTATION_REF")] > 1:
            reason = f"'{label}' shares its parent's time with others of its tier, so it has none; "
            collected.refuse(place, reason + "align it in ELAN")
            continue
        try:
            start, end = (value + media.origin for value in _times(one, every, slots))
        except ValueError as error:
            collected.refuse(place, f"'{label}' {error}")
            continue
        collected.add_segment(place, media.clip, TimeSegment(start / 1000, end / 1000, label))
    return collected.result()


def _parse(path: Path) -> ElementTree.Element:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}; save it in ELAN") from error
    if "<!DOCTYPE" in text:
        raise ValueError(f"{path}: has a DOCTYPE, which no ELAN file has; save it again in ELAN")
    try:
        root = ElementTree.fromstring(text)  # a str: no encoding that hides a DOCTYPE
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: damaged XML ({error}); save it again in ELAN") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise ValueError(f"{path}: XML of <{root.tag}>, not an ELAN file; export it from ELAN")
    return root


def _media(path: Path, root: ElementTree.Element, collected: Collected) -> Media:
    """The first video; others are named. Raises ValueError if there is none."""
    described = [
        one
        for one in root.iter("MEDIA_DESCRIPTOR")
        if not one.get("MIME_TYPE", "").startswith("audio")
    ]
    if not described:
        raise ValueError(f"{path}: no MEDIA_DESCRIPTOR of a video; link the video in ELAN")
    found = []
    for one in described:
        names = [one.get(name, "") for name in ("RELATIVE_MEDIA_URL", "MEDIA_URL")]
        names = [plain_path(name) for name in names if name]
        if names:
            origin = one.get("TIME_ORIGIN") or "0"
            if not re.fullmatch(r"-?\d+", origin):
                raise ValueError(f"{path}: TIME_ORIGIN '{origin}' is no whole number of ms")
            found.append(Media(written_clip(path, [*names, *map(unquote, names)]), int(origin)))
    if not found:
        raise ValueError(f"{path}: its MEDIA_DESCRIPTOR names no file; link the video in ELAN")
    for other in found[1:]:
        reason = f"{other.clip} gets no labels: only the first video does; "
        collected.refuse("header", reason + "annotate it in a file of its own")
    return found[0]


def plain_path(url: str) -> str:
    """file:///C:/a b.mp4 -> C:/a b.mp4, file:///home/a.mp4 -> /home/a.mp4, ./a.mp4 -> a.mp4."""
    name = re.sub(r"^file:(//)?", "", url)
    name = re.sub(r"^/(?=[A-Za-z]:)", "", name)
    return re.sub(r"^(\./)+", "", name)


def _choose(path: Path, tiers: dict[str, ElementTree.Element], tier: str | None) -> str:
    filled = [name for name, one in tiers.items() if len(one)]
    known = ", ".join(map(repr, filled)) or "none with annotations"
    if tier is None and len(filled) != 1:
        raise ValueError(f"{path}: choose its tier; there are {known}")
    if tier is not None and tier not in filled:
        raise ValueError(f"{path}: no tier '{tier}' with annotations; there are {known}")
    return filled[0] if tier is None else tier


def _times(
    one: ElementTree.Element,
    every: dict[str | None, ElementTree.Element],
    slots: dict[str | None, str | None],
) -> tuple[int, int]:
    """Milliseconds of an annotation, or of the one it refers to. Raises ValueError."""
    seen = set()
    while one.tag == "REF_ANNOTATION":
        parent = one.get("ANNOTATION_REF")
        if parent in seen or parent not in every:
            raise ValueError(f"refers to {parent}, which leads to no time; correct it in ELAN")
        seen.add(parent)
        one = every[parent]
    values = []
    for name in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"):
        slot = one.get(name)
        if slots.get(slot) is None:
            raise ValueError(f"has no time at slot {slot}; align it in ELAN")
        values.append(int(slots[slot]))
    return values[0], values[1]


def write_elan(
    path: Path, clip: Path | str, segments: Sequence[Span], tier: str = "strand"
) -> None:
    """One tier on one video; borders are cut to the millisecond below.

    clip: the video's path from the working directory on. Raises ValueError for a label that XML
    cannot hold or a segment shorter than a millisecond.
    """
    path = Path(path)
    root = _document(path, Path(clip).absolute(), len(segments))
    order = ElementTree.SubElement(root, "TIME_ORDER")
    written = ElementTree.SubElement(root, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=tier)
    for number, span in enumerate(sorted(segments, key=lambda one: one["start"]), 1):
        if UNWRITABLE.search(span["label"]):
            raise ValueError(f"{path}: label {span['label']!r} cannot stand in XML; rename it")
        slots = [f"ts{2 * number - 1}", f"ts{2 * number}"]
        for slot, value in zip(slots, milliseconds(span), strict=True):
            ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(value))
        one = ElementTree.SubElement(
            ElementTree.SubElement(written, "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            ANNOTATION_ID=f"a{number}",
            TIME_SLOT_REF1=slots[0],
            TIME_SLOT_REF2=slots[1],
        )
        ElementTree.SubElement(one, "ANNOTATION_VALUE").text = span["label"]
    ElementTree.SubElement(
        root,
        "LINGUISTIC_TYPE",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID="default-lt",
        TIME_ALIGNABLE="true",
    )
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True))


def _document(path: Path, video: Path, annotations: int) -> ElementTree.Element:
    """The root with its header, which names the video twice: as it lies, and from `path` on."""
    about = {
        "AUTHOR": "Strand",
        "DATE": datetime.now().astimezone().isoformat(timespec="seconds"),
        "FORMAT": "3.0",
        "VERSION": "3.0",
        "xmlns:xsi": XSI,
        "xsi:noNamespaceSchemaLocation": SCHEMA,
    }
    root = ElementTree.Element("ANNOTATION_DOCUMENT", about)
    header = ElementTree.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    ElementTree.SubElement(
        header,
        "MEDIA_DESCRIPTOR",
        MEDIA_URL=f"file:///{video.as_posix().lstrip('/')}",
        MIME_TYPE=mimetypes.guess_type(video.name)[0] or "video/mp4",
        RELATIVE_MEDIA_URL=relative_url(video, path),
    )
    last = ElementTree.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId")
    last.text = str(annotations)
    return root


def relative_url(video: Path, path: Path) -> str:
    """The video from the file's folder on, as ELAN has it; its name if they share no drive."""
    try:
        return "./" + Path(os.path.relpath(video, path.parent.absolute())).as_posix()
    except ValueError:
        return f"./{video.name}"
