"""Several labels at once, from one table through fit, evaluate and predict back into a table."""

import json
from pathlib import Path

import pytest

from datasets.video.annotations.files import read_annotations
from tests.support.films import film

CONFIG = """
model:
  encoder: {class_path: models.FrameCNN, init_args: {channels: [4], grid: 1}}
  recurrent: {class_path: models.RecurrentStack, init_args: {hidden_size: 8}}
  head: {class_path: models.TokenClassificationHead, init_args: {multi_label: true}}
  learning_rate: 3.0e-2
  warmup_steps: 0
data:
  source:
    class_path: datasets.Clips
    init_args:
      {root: videos, table: labels.csv, target: steps, multi_label: true, height: 8, width: 8,
       validation: [v], cache: cache}
  workers: 0
trainer: {max_epochs: 40, accelerator: cpu, enable_progress_bar: false}
"""


@pytest.fixture
def table(tmp_path, monkeypatch) -> str:
    """Films that get brighter: `dim` below half, `light` from a quarter on; both in between."""
    monkeypatch.chdir(tmp_path)
    Path("videos").mkdir()
    rows = ["clip,start_frame,end_frame,label,group"]
    for index in range(5):
        film(f"videos/{index}.mp4", [5 * index + 15 * t for t in range(16)], size=(32, 32))
        group = "v" if index == 4 else index
        rows += [f"{index}.mp4,0,10,dim,{group}", f"{index}.mp4,5,16,light,{group}"]
    Path("videos/labels.csv").write_text("\n".join(rows) + "\n")
    Path("several.yaml").write_text(CONFIG)
    return "videos/labels.csv"


def test_several_labels_from_a_table_and_back(run, command, table):
    out = run("fit", "-c", "several.yaml")
    assert "4 train, 1 validation; 2 labels" in out and "mean_label_f1" in out
    bundle = "runs/several/best.safetensors"
    scored = ("--data", table, "--include_seen", "--json", "scores.json")
    out = run("evaluate", "--model", bundle, *scored)
    assert json.loads(Path("scores.json").read_text())["mean_label_f1"] > 70 and "light" in out
    run("predict", "--model", bundle, "videos/4.mp4", "--format", "csv", "--output", "read.csv")
    (found,), problems = read_annotations("read.csv", multi_label=True)
    assert problems == [] and {s.label for s in found.segments} == {"dim", "light"}
    bounds = {segment.label: segment.bounds for segment in found.segments}
    assert bounds["light"][0] < bounds["dim"][1]  # they overlap
    code, _, err = command(
        "fit", "-c", "several.yaml", "--model.head.init_args.multi_label=false", "--name=one"
    )
    assert code == 2 and "set multi_label alike in the head and in the data's source" in err
