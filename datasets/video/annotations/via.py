"""VIA 3 video projects (JSON): temporal segments or labels of files, and predictions written.

Format: via-3.x.y of the VGG Image Annotator (project data format 3.1.1).
"""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlparse

from ...output.files import write_whole
from ...source import Problem
from .elan import plain_path
from .segments import ClipAnnotation, Collected, Span, TimeSegment, written_clip

SEGMENT, FILE = "FILE1_Z2_XY0", "FILE1_Z0_XY0"  # anchors of an attribute
TEXT, CHECKBOX, SELECT = 1, 2, 4  # types of input; 3 (radio) is read like 4
VIDEO = 4  # type of a file
LOCAL, HTTP, DISK = 1, 2, 3  # locations of a file


def read_via(
    path: Path, project: dict, collected: Collected, column: str | None, group: str | None
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """Read the segments of a temporal attribute, or the labels of an attribute of whole files.

    column: the attribute's name or id; None takes the only temporal one in use. group: that of an
    attribute of whole files. Raises ValueError if an attribute has to be chosen.
    """
    attributes, metadata = project["attribute"], project["metadata"]
    key = _choose(path, attributes, metadata, column)
    of_files = attributes[key].get("anchor_id") == FILE
    group_key = None if group is None else _find(path, attributes, group)
    clips = _clips(path, project, collected)
    groups = {
        str(item["vid"]): item["av"][group_key]
        for item in metadata.values()
        if group_key is not None and not item["z"] and group_key in item["av"]
    }
    count = 0
    for name, item in metadata.items():
        place, clip = f"metadata '{name}'", clips.get(str(item["vid"]))
        if clip is None or bool(item["z"]) == of_files:
            continue  # a view without one video is already a problem
        if len(item["z"]) == 1 or item.get("xy"):
            count += 1
            continue
        try:
            start, end = map(float, item["z"][:2]) if item["z"] else (0.0, 0.0)
            several = collected.multi_label and not of_files
            labels = _values(attributes[key], item["av"].get(key), several)
            clip_group = groups.get(str(item["vid"]))
            if clip_group is not None:
                (clip_group,) = _values(attributes[group_key], clip_group)
        except (OverflowError, ValueError) as error:
            collected.refuse(place, f"{clip}: {error}")
            continue
        if of_files:
            (label,) = labels
            collected.add_whole(place, ClipAnnotation(clip, label=label, group=clip_group))
        else:
            for label in labels:
                collected.add_segment(place, clip, TimeSegment(start, end, label), clip_group)
    if count:
        collected.refuse("metadata", f"{count} regions or single frames are no segments; left out")
    return collected.result()


def _find(path: Path, attributes: dict, name: str) -> str:
    """The id of an attribute, given by name or id. Raises ValueError."""
    named = [key for key, attribute in attributes.items() if attribute.get("aname") == name]
    if len(named) == 1 or name in attributes:
        return named[0] if len(named) == 1 else name
    found = "several attributes" if named else "no attribute"
    names = _names(attributes, attributes) or "none"
    raise ValueError(f"{path}: {found} '{name}'; there are {names}; name one or its id")


def _names(attributes: dict, keys: Iterable[str]) -> str:
    """The names and ids of some attributes, for a message."""
    return ", ".join(f"'{attributes[key].get('aname')}' (id {key})" for key in keys)


def _choose(path: Path, attributes: dict, metadata: dict, column: str | None) -> str:
    """The id of the attribute to read. Raises ValueError if it is unsuitable or ambiguous."""
    if column is not None:
        key = _find(path, attributes, column)
        if attributes[key].get("anchor_id") not in (SEGMENT, FILE):
            raise ValueError(
                f"{path}: attribute '{column}' is of {attributes[key].get('anchor_id')}, neither "
                f"of segments ({SEGMENT}) nor of files ({FILE}); choose another"
            )
        return key
    used = {key for item in metadata.values() if len(item["z"]) == 2 for key in item["av"]}
    temporal = [key for key in attributes if key in used]
    if len(temporal) == 1:
        return temporal[0]
    names = _names(attributes, temporal) or "no attribute"
    raise ValueError(f"{path}: segments have {names}; choose one with column, or annotate")


def _clips(path: Path, project: dict, collected: Collected) -> dict[str, str]:
    """The video of each view; problems name views without exactly one."""
    prefixes = project.get("config", {}).get("file", {}).get("loc_prefix", {})
    clips = {}
    for view, content in project.get("view", {}).items():
        files = [project["file"].get(str(fid)) for fid in content["fid_list"]]
        if len(files) != 1 or files[0] is None or files[0].get("type", VIDEO) != VIDEO:
            names = ", ".join(str(file and file.get("fname")) for file in files)
            collected.refuse(f"view '{view}'", f"shows {names or 'nothing'}; expected one video")
            continue
        file = files[0]
        names = [plain_path(file["fname"])]
        source, location = file.get("src") or "", file.get("loc", LOCAL)
        if location == DISK and source:
            names.insert(0, plain_path(prefixes.get(str(location), "") + source))
        elif location == HTTP and source:
            names.append(Path(urlparse(source).path).name)
        clips[str(view)] = written_clip(path, names)
    return clips


def _values(attribute: dict, value: str | None, several: bool = False) -> list[str]:
    """The value of an attribute: its text, or the name of the option; of check boxes, if `several`,
    those of all that are ticked. Raises ValueError.
    """
    name, options = attribute.get("aname"), attribute.get("options", {})
    if value is None:
        raise ValueError(f"no '{name}'; choose one or remove the segment")
    if attribute.get("type") == TEXT:
        return [value.strip()]
    keys = [value.strip(",")]
    if attribute.get("type") == CHECKBOX and "," in keys[0]:
        if not several:
            raise ValueError(
                f"several '{name}' at once ({value}); one label a segment, or multi_label: true"
            )
        keys = keys[0].split(",")
    for key in keys:
        if key and key not in options:
            available = ", ".join(map(repr, options.values()))
            raise ValueError(f"'{name}' has no option '{key}'; there are {available}")
    return [options[key].strip() if key else "" for key in keys]


def write_via(path: Path, clip: Path | str, segments: Sequence[Span]) -> None:
    """Write a project with one video and its segments, to the full precision of their seconds.

    clip: the video's path, relative to the working directory.
    """
    path, video = Path(path), Path(clip).absolute()
    labels = list(dict.fromkeys(span["label"] for span in segments))
    ids = {label: str(number) for number, label in enumerate(labels, 1)}
    attribute = {
        "aname": "strand",
        "anchor_id": SEGMENT,
        "type": SELECT,
        "desc": "read by Strand",
        "options": {number: label for label, number in ids.items()},
        "default_option_id": "",
    }
    file = {"fid": "1", "fname": video.name, "type": VIDEO, "loc": DISK, "src": video.as_posix()}
    metadata = {
        f"1_{number:08d}": {
            "vid": "1",
            "flg": 0,
            "z": [float(span["start"]), float(span["end"])],
            "xy": [],
            "av": {"1": ids[span["label"]]},
        }
        for number, span in enumerate(segments, 1)
    }
    project = _settings(path.stem) | {
        "attribute": {"1": attribute},
        "file": {"1": file},
        "metadata": metadata,
        "view": {"1": {"fid_list": ["1"]}},
    }
    write_whole(path, json.dumps(project, ensure_ascii=False))


def _settings(name: str) -> dict:
    """The parts of a VIA project other than its files and annotations."""
    return {
        "project": {
            "pid": "__VIA_PROJECT_ID__",  # VIA fills these three in when a project is shared
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": name,
            "creator": "Strand",
            "created": int(time.time() * 1000),
            "data_format_version": "3.1.1",
            "vid_list": ["1"],
        },
        "config": {
            "file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}},
            "ui": {
                "file_content_align": "center",
                "file_metadata_editor_visible": True,
                "spatial_metadata_editor_visible": True,
                "temporal_segment_metadata_editor_visible": True,
                "spatial_region_label_attribute_id": "",
                "gtimeline_visible_row_count": "4",
            },
        },
    }
