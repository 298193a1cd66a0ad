"""Labels that overlap: written by every format, read again, and made targets of every step."""

import csv
import json

import numpy as np
import pytest

from datasets.video.annotations.boris import write_boris
from datasets.video.annotations.elan import write_elan
from datasets.video.annotations.files import read_annotations, several_labels_at
from datasets.video.annotations.via import CHECKBOX, SEGMENT, write_via

SPANS = [
    {"start": 0.0, "end": 0.8, "start_frame": 0, "end_frame": 8, "label": "walk"},
    {"start": 0.4, "end": 1.2, "start_frame": 4, "end_frame": 12, "label": "eat"},
    {"start": 1.0, "end": 1.2, "start_frame": 10, "end_frame": 12, "label": "walk"},
]
IDS = {"eat": 0, "walk": 1}


def write_table(path, clip, spans) -> None:
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, ["clip", *SPANS[0]])
        rows.writeheader()
        rows.writerows({"clip": clip} | span for span in spans)


WRITERS = {
    "boris": lambda path, clip, spans: write_boris(path, None, {clip: spans}),
    "eaf": write_elan,
    "via": write_via,
    "csv": write_table,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_written_of_overlapping_labels_is_read_again(tmp_path, kind):
    path, clip = tmp_path / f"read.{kind}", "a.mp4"
    WRITERS[kind](path, clip, SPANS)
    (found,), problems = read_annotations(path, multi_label=True)
    assert problems == [] and len(found.segments) == 3
    targets = several_labels_at(found.segments, np.arange(12) / 10, np.arange(12), IDS, set())
    assert targets[:, IDS["walk"]].tolist() == [1] * 8 + [0, 0, 1, 1]
    assert targets[:, IDS["eat"]].tolist() == [0] * 4 + [1] * 8
    if kind != "eaf":  # which has a tier for each label, and one must be chosen
        with pytest.raises(ValueError, match="one label is left, 'walk'; overlapping are 'walk'"):
            read_annotations(path)


def test_ticked_boxes_of_via_are_labels_of_one_segment(tmp_path):

    path = tmp_path / "p.json"
    write_via(path, "a.mp4", SPANS[:1])
    project = json.loads(path.read_text())
    options = {"1": "walk", "2": "eat"}
    project["attribute"]["1"] |= {"type": CHECKBOX, "options": options, "anchor_id": SEGMENT}
    project["metadata"]["1_00000001"]["av"]["1"] = "1,2"
    path.write_text(json.dumps(project))
    (found,), _ = read_annotations(path, multi_label=True)
    assert [s.label for s in found.segments] == ["walk", "eat"]
    with pytest.raises(ValueError, match="one label a segment, or multi_label: true"):
        read_annotations(path)
