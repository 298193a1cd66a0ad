"""Video projects of VIA 3 (JSON): temporal segments or labels of files, and readings written.

Structure: via-3.x.y of the VGG Image Annotator (project data format 3.1.1).
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlparse

from ...source import Problem
from .elan import plain_path
from .segments import ClipAnnotation, Collected, Span, TimeSegment, written_clip

SEGMENT, FILE = "FILE1_Z2_XY0", "FILE1_Z0_XY0"  # what an attribute is anchored to
TEXT, CHECKBOX, SELECT = 1, 2, 4  # its kind of input; 3 (radio) reads like 4
VIDEO = 4  # kind of file
LOCAL, HTTP, DISK = 1, 2, 3  # where a file is


def read_via(
    path: Path, project: dict, collected: Collected, column: str | None, group: str | None
) -> tuple[list[ClipAnnotation], list[Problem]]:
    """Segments of a temporal attribute, or labels of an attribute of whole files.

    column: the attribute's name or id; None takes the only temporal one in use. group: that of an
    attribute of whole files. Raises ValueError if an attribute has to be chosen.
    """
    attributes, metadata = project["attribute"], project["metadata"]
    chosen = _choose(path, attributes, metadata, column)
    of_files = attributes[chosen].get("anchor_id") == FILE
    grouping = None if group is None else _find(path, attributes, group)
    clips = _clips(path, project, collected)
    groups = {
        str(one["vid"]): one["av"][grouping]
        for one in metadata.values()
        if grouping is not None and not one["z"] and grouping in one["av"]
    }
    still = 0
    for name, one in metadata.items():
        place, clip = f"metadata '{name}'", clips.get(str(one["vid"]))
        if clip is None:
            continue  # its view is among the problems
        if (one["z"] and of_files) or (not one["z"] and not of_files):
            continue
        if len(one["z"]) == 1 or one.get("xy"):
            still += 1
            continue
        try:
            label = _value(attributes[chosen], one["av"].get(chosen))
            its = groups.get(str(one["vid"]))
            its = None if its is None else _value(attributes[grouping], its)
        except ValueError as error:
            collected.refuse(place, f"{clip}: {error}")
            continue
        if of_files:
            collected.add_whole(place, ClipAnnotation(clip, label=label, group=its))
        else:
            start, end = map(float, one["z"][:2])
            collected.add_segment(place, clip, TimeSegment(start, end, label), its)
    if still:
        collected.refuse("metadata", f"{still} regions or single frames are no segments; left out")
    return collected.result()


def _find(path: Path, attributes: dict, name: str) -> str:
    """The id of an attribute by its name, or by the id itself. Raises ValueError."""
    named = [key for key, one in attributes.items() if one.get("aname") == name]
    if len(named) == 1 or name in attributes:
        return named[0] if len(named) == 1 else name
    there = ", ".join(f"'{one.get('aname')}' (id {key})" for key, one in attributes.items())
    many = "several attributes" if named else "no attribute"
    raise ValueError(f"{path}: {many} '{name}'; there are {there or 'none'}; name one or its id")


def _choose(path: Path, attributes: dict, metadata: dict, column: str | None) -> str:
    if column is not None:
        key = _find(path, attributes, column)
        if attributes[key].get("anchor_id") not in (SEGMENT, FILE):
            raise ValueError(
                f"{path}: attribute '{column}' is of {attributes[key].get('anchor_id')}, neither "
                f"of segments ({SEGMENT}) nor of files ({FILE}); choose another"
            )
        return key
    used = {key for one in metadata.values() if len(one["z"]) == 2 for key in one["av"]}
    temporal = [key for key in attributes if key in used]
    if len(temporal) == 1:
        return temporal[0]
    there = ", ".join(f"'{attributes[key].get('aname')}' (id {key})" for key in temporal)
    raise ValueError(
        f"{path}: segments have {there or 'no attribute'}; choose one with column, or annotate"
    )


def _clips(path: Path, project: dict, collected: Collected) -> dict[str, str]:
    """The video of each view; a view without exactly one is named."""
    prefixes = project.get("config", {}).get("file", {}).get("loc_prefix", {})
    clips = {}
    for view, content in project.get("view", {}).items():
        files = [project["file"].get(str(fid)) for fid in content["fid_list"]]
        if len(files) != 1 or files[0] is None or files[0].get("type", VIDEO) != VIDEO:
            names = ", ".join(str(one and one.get("fname")) for one in files)
            collected.refuse(f"view '{view}'", f"shows {names or 'nothing'}; expected one video")
            continue
        one = files[0]
        names = [plain_path(one["fname"])]
        source, place = one.get("src") or "", one.get("loc", LOCAL)
        if place == DISK and source:
            names.insert(0, plain_path(prefixes.get(str(place), "") + source))
        elif place == HTTP and source:
            names.append(Path(urlparse(source).path).name)
        clips[str(view)] = written_clip(path, names)
    return clips


def _value(attribute: dict, value: str | None) -> str:
    """What an attribute says: its text, or the name of the option. Raises ValueError."""
    name, options = attribute.get("aname"), attribute.get("options", {})
    if value is None:
        raise ValueError(f"no '{name}'; choose one or remove the segment")
    if attribute.get("type") == TEXT:
        return value.strip()
    if attribute.get("type") == CHECKBOX and "," in value.strip(","):
        raise ValueError(f"several '{name}' at once ({value}); one label a segment")
    key = value.strip(",")
    if key and key not in options:
        there = ", ".join(map(repr, options.values()))
        raise ValueError(f"'{name}' has no option '{key}'; there are {there}")
    return options[key].strip() if key else ""


def write_via(path: Path, clip: Path | str, segments: Sequence[Span]) -> None:
    """A project with one video and its segments, to the full precision of their seconds.

    clip: the video's path from the working directory on.
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
    file = {
        "fid": "1",
        "fname": video.name,
        "type": VIDEO,
        "loc": DISK,
        "src": video.as_posix(),
    }
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
    path.write_text(json.dumps(project, ensure_ascii=False), encoding="utf-8")


def _settings(name: str) -> dict:
    """What VIA keeps about a project besides its files and annotations."""
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
