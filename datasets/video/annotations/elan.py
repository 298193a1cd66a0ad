"""ELAN files (.eaf): the annotations of one tier -> segments, and predictions written as new files.

Format: EAF 2.8 and 3.0; times are whole milliseconds.
"""

import mimetypes
import os
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from ...limits.opening import MAX_XML, read_bytes
from ...output.files import write_whole
from ...source import Problem
from .segments import ClipAnnotation, Collected, Span, TimeSegment, milliseconds, written_clip

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
TYPE = "default-lt"
# not allowed in XML
UNWRITABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
)  # not allowed in XML


class Media(NamedTuple):
    """origin: milliseconds into the file at which the annotations' time is 0."""

    clip: str
    origin: int


def read_elan(
    path: Path, collected: Collected, tier: str | None
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """Read the annotations of a tier; None takes the only one that has any, or all of them if
    several labels are read at once.

    Raises ValueError for damaged XML, for a DOCTYPE (ELAN writes none, and its entities could
    exhaust the memory), for a file without a video, or if one of several tiers has to be chosen.
    """
    root = _parse(path)
    media = _media(path, root, collected)
    tiers = {node.get("TIER_ID", ""): node for node in root.iter("TIER")}
    chosen = _choose(path, tiers, tier, collected.multi_label)
    slots = {node.get("TIME_SLOT_ID"): node.get("TIME_VALUE") for node in root.iter("TIME_SLOT")}
    annotations = [(name, node) for name in chosen for parent in tiers[name] for node in parent]
    by_id = {node.get("ANNOTATION_ID"): node for node in root.iterfind(".//ANNOTATION/*")}
    references = [node for _, node in annotations if node.tag == "REF_ANNOTATION"]
    shared = Counter(node.get("ANNOTATION_REF") for node in references)
    for name, node in annotations:
        place = f"tier '{name}', annotation {node.get('ANNOTATION_ID')}"
        label = (node.findtext("ANNOTATION_VALUE") or "").strip()
        if node.tag == "REF_ANNOTATION" and shared[node.get("ANNOTATION_REF")] > 1:
            reason = f"'{label}' shares its parent's time with others of its tier, so it has none; "
            collected.refuse(place, reason + "align it in ELAN")
            continue
        try:
            start, end = (value + media.origin for value in _times(node, by_id, slots))
        except ValueError as error:
            collected.refuse(place, f"'{label}' {error}")
            continue
        collected.add_segment(place, media.clip, TimeSegment(start / 1000, end / 1000, label))
    return collected.result()


def _parse(path: Path) -> ElementTree.Element:
    """The root of the document. Raises ValueError for any but an ELAN file without a DOCTYPE."""
    try:
        text = read_bytes(path, MAX_XML).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}; save it in ELAN") from error
    if "<!DOCTYPE" in text:
        raise ValueError(f"{path}: has a DOCTYPE, which no ELAN file has; save it again in ELAN")
    try:
        root = ElementTree.fromstring(text)  # a str, so that no encoding hides a DOCTYPE
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: damaged XML ({error}); save it again in ELAN") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise ValueError(f"{path}: XML of <{root.tag}>, not an ELAN file; export it from ELAN")
    return root


def _media(path: Path, root: ElementTree.Element, collected: Collected) -> Media:
    """The first video; problems name the others. Raises ValueError if there is none."""
    descriptors = [
        node
        for node in root.iter("MEDIA_DESCRIPTOR")
        if not node.get("MIME_TYPE", "").startswith("audio")
    ]
    if not descriptors:
        raise ValueError(f"{path}: no MEDIA_DESCRIPTOR of a video; link the video in ELAN")
    videos = []
    for node in descriptors:
        names = [node.get(name, "") for name in ("RELATIVE_MEDIA_URL", "MEDIA_URL")]
        names = [plain_path(name) for name in names if name]
        if names:
            origin = node.get("TIME_ORIGIN") or "0"
            if not re.fullmatch(r"-?\d{1,12}", origin):
                raise ValueError(f"{path}: TIME_ORIGIN '{origin[:20]}' is no whole number of ms")
            videos.append(Media(written_clip(path, [*names, *map(unquote, names)]), int(origin)))
    if not videos:
        raise ValueError(f"{path}: its MEDIA_DESCRIPTOR names no file; link the video in ELAN")
    for ignored in videos[1:]:
        reason = f"{ignored.clip} gets no labels: only the first video does; "
        collected.refuse("header", reason + "annotate it in a file of its own")
    return videos[0]


def plain_path(url: str) -> str:
    """file:///C:/a b.mp4 -> C:/a b.mp4, file:///home/a.mp4 -> /home/a.mp4, ./a.mp4 -> a.mp4."""
    name = re.sub(r"^file:(//)?", "", url)
    name = re.sub(r"^/(?=[A-Za-z]:)", "", name)
    return re.sub(r"^(\./)+", "", name)


def _choose(
    path: Path, tiers: dict[str, ElementTree.Element], tier: str | None, every: bool
) -> list[str]:
    """The names of the tiers to read, one unless `every`. Raises ValueError if it is missing or
    ambiguous.
    """
    filled = [name for name, node in tiers.items() if len(node)]
    available = ", ".join(map(repr, filled)) or "none with annotations"
    if tier is None and (not filled or (len(filled) > 1 and not every)):
        raise ValueError(f"{path}: choose its tier; there are {available}")
    if tier is not None and tier not in filled:
        raise ValueError(f"{path}: no tier '{tier}' with annotations; there are {available}")
    return filled if tier is None else [tier]


def _times(
    node: ElementTree.Element,
    by_id: dict[str | None, ElementTree.Element],
    slots: dict[str | None, str | None],
) -> tuple[int, int]:
    """(start, end) in ms of an annotation, or of the one it refers to. Raises ValueError."""
    seen = set()
    while node.tag == "REF_ANNOTATION":
        parent = node.get("ANNOTATION_REF")
        if parent in seen or parent not in by_id:
            raise ValueError(f"refers to {parent}, which leads to no time; correct it in ELAN")
        seen.add(parent)
        node = by_id[parent]
    start, end = node.get("TIME_SLOT_REF1"), node.get("TIME_SLOT_REF2")
    for slot in (start, end):
        if slots.get(slot) is None:
            raise ValueError(f"has no time at slot {slot}; align it in ELAN")
    times = slots[start], slots[end]
    for slot, value in zip((start, end), times, strict=True):
        if not re.fullmatch(r"-?\d{1,12}", value):
            raise ValueError(f"has the time {value[:20]!r} ms at slot {slot}; align it in ELAN")
    return int(times[0]), int(times[1])


def write_elan(
    path: Path, clip: Path | str, segments: Sequence[Span], tier: str = "strand"
) -> None:
    """Write one tier on one video; times are rounded down to milliseconds.

    Segments that overlap are written in a tier for each label, since those of a tier must not.
    clip: the video's path, relative to the working directory. Raises ValueError for a label that
    XML cannot hold or a segment shorter than a millisecond.
    """
    path = Path(path)
    root = _document(path, Path(clip).absolute(), len(segments))
    order = ElementTree.SubElement(root, "TIME_ORDER")
    ordered = sorted(segments, key=lambda span: span["start"])
    overlap = any(after["start"] < before["end"] for before, after in pairwise(ordered))
    tiers: dict[str, ElementTree.Element] = {}
    for number, span in enumerate(ordered, 1):
        name = f"{tier} {span['label']}" if overlap else tier
        if UNWRITABLE.search(span["label"]):
            raise ValueError(f"{path}: label {span['label']!r} cannot stand in XML; rename it")
        slots = [f"ts{2 * number - 1}", f"ts{2 * number}"]
        for slot, value in zip(slots, milliseconds(span), strict=True):
            ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(value))
        if name not in tiers:
            tiers[name] = ElementTree.Element("TIER", LINGUISTIC_TYPE_REF=TYPE, TIER_ID=name)
        node = ElementTree.SubElement(
            ElementTree.SubElement(tiers[name], "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            ANNOTATION_ID=f"a{number}",
            TIME_SLOT_REF1=slots[0],
            TIME_SLOT_REF2=slots[1],
        )
        ElementTree.SubElement(node, "ANNOTATION_VALUE").text = span["label"]
    if not tiers:
        tiers[tier] = ElementTree.Element("TIER", LINGUISTIC_TYPE_REF=TYPE, TIER_ID=tier)
    root.extend(tiers.values())
    ElementTree.SubElement(
        root,
        "LINGUISTIC_TYPE",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID=TYPE,
        TIME_ALIGNABLE="true",
    )
    ElementTree.indent(root)
    write_whole(path, ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True))


def _document(path: Path, video: Path, annotations: int) -> ElementTree.Element:
    """The root and its header, which holds the video's absolute and relative path."""
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
    """The video relative to the file's folder, as in ELAN; its name if they share no drive."""
    try:
        return "./" + Path(os.path.relpath(video, path.parent.absolute())).as_posix()
    except ValueError:
        return f"./{video.name}"
