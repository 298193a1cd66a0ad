"""`fit`, `predict`, `evaluate` and `doctor` agree on what a folder holds: counts and names."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml

from datasets import ClipReader
from models import FrameCNN, RecurrentStack, SequenceClassificationHead
from pipeline.reading.bundle import Bundle, save_bundle
from tests.support.films import film
from tests.support.networks import connect
from tests.support.small import LINES, break_images, noise_line, write_image

FILM = """
model:
  encoder: {class_path: models.FrameCNN, init_args: {channels: [4], grid: 2}}
  recurrent: {class_path: models.RecurrentStack, init_args: {hidden_size: 4, num_layers: 1}}
  head: {class_path: models.SequenceClassificationHead}
data:
  source: {class_path: datasets.Clips}
  workers: 0
trainer: {max_epochs: 1}
"""


def fitted(command, text: str, **options: object) -> tuple[int, set[str]]:
    """The number of samples that fit counts, and the files that it names as left out."""
    config = yaml.safe_load(text)
    config["data"]["source"]["init_args"] = options
    Path("c.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = command("fit", "-c", "c.yaml", "--name", "r")
    assert done.code == 0, done.err
    counts = re.search(r"samples: (\d+) train, (\d+) validation", done.out)
    count = re.search(r"left out: (\d+) samples", done.out)
    _, _, named = done.out.partition("left out:")
    names = files_in(named.partition("epoch")[0])
    assert int(count[1]) == len(names)
    return int(counts[1]) + int(counts[2]), names


def predicted(command, model: Path, root: str) -> tuple[set[str], set[str]]:
    """The files that predict answers, and those for which it has an error."""
    done = command("predict", root, "--model", model, "--format", "jsonl")
    records = [json.loads(row) for row in done.out.splitlines()]
    bad = {Path(record["input"]).name for record in records if "error" in record}
    return {Path(record["input"]).name for record in records} - bad, bad


def files_in(text: str) -> set[str]:
    """The names of images and films in a text."""
    return set(re.findall(r"[\w.]+\.(?:png|mp4)(?=[:' ,(]|$)", text))


@pytest.mark.parametrize("table", [True, False])
def test_lines(command, tmp_path, monkeypatch, bundle_file, table):
    monkeypatch.chdir(tmp_path)
    good = [f"p{place // 2}__{place}.png" for place in range(8)]
    texts = dict.fromkeys(good, "abc") | {"p9__empty.png": " "}
    for place, name in enumerate(texts):
        write_image(Path("lines") / name, noise_line(place, 60))
    broken = {path.name for path in break_images(Path("lines"))}
    texts |= dict.fromkeys(broken, "abc")
    write_image(Path("lines/bare.png"), noise_line(99, 60))  # nobody has typed it
    for name, text in texts.items():
        if table:
            with open("lines/labels.tsv", "a", encoding="utf-8") as file:
                file.write(f"{name}\t{text}\n")
        else:
            Path("lines", name).with_suffix(".gt.txt").write_text(text + "\n")
    count, left_out = fitted(
        command, LINES, folders=[{"root": "lines", "validation": 0.3}], height=16, max_width=500
    )
    silent = {"bare.png", "p9__empty.png"}  # the images are whole, the text is missing
    assert count == len(good) and left_out == broken | silent
    read, failed = predicted(command, bundle_file, "lines")
    assert read == set(good) | silent and failed == broken - {"g_missing.png"}
    done = command("evaluate", "--model", bundle_file, "--data", "lines", "--json", "e.json")
    counted = {name for row in done.err.splitlines() if "counted" in row for name in files_in(row)}
    unscored = {name for row in done.err.splitlines() if "scored" in row for name in files_in(row)}
    assert counted == broken and unscored == silent
    assert json.loads(Path("e.json").read_text())["n"] == len(good) + len(broken)
    assert command("doctor", "lines", "--json", "d.json").code == 1
    result = json.loads(Path("d.json").read_text())["lines"]
    kinds = ("unreadable", "no image", "no transcript", "empty transcript")
    found = {Path(f["file"]).name for f in result["findings"] if f["kind"] in kinds}
    assert found == left_out and result["totals"]["lines"] == count + len(left_out)


@pytest.mark.parametrize("table", [True, False])
def test_clips(command, tmp_path, monkeypatch, table):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    labels = ["run", "walk"]
    good = [f"{labels[place % 2]}/c{place}.mp4" for place in range(6)]
    clips = [*good, "run/broken.mp4", "walk/empty.mp4"]
    for place, name in enumerate(clips):
        Path("films", name).parent.mkdir(parents=True, exist_ok=True)
        film(Path("films", name), [30 * place] * 6)
    Path("films/run/broken.mp4").write_bytes(b"no film")
    Path("films/walk/empty.mp4").write_bytes(b"")
    Path("films/walk/.hidden").write_bytes(b"")
    left_out, data, options = {"broken.mp4", "empty.mp4"}, "films", {}
    if table:
        film("films/walk/bare.mp4", [99] * 6)  # no row names it
        rows = [f"{name},{name.partition('/')[0]}\n" for name in clips]
        Path("films/labels.csv").write_text("clip,label\n" + "".join(rows) + "run/gone.mp4,run\n")
        left_out |= {"bare.mp4", "gone.mp4"}
        data, options = "films/labels.csv", {"table": "labels.csv"}
    options |= {"height": 16, "width": 16, "validation": 0.4, "cache": "cache"}
    count, named = fitted(command, FILM, root="films", **options)
    assert count == len(good) and named == left_out
    model = connect(
        1,
        2,
        lambda size: FrameCNN(size, channels=(4,), grid=2),
        lambda size: RecurrentStack(size, hidden_size=4, num_layers=1),
        SequenceClassificationHead,
    )
    save_bundle(Bundle(model.eval(), labels, ClipReader(16, 16)), Path("m.safetensors"))
    read, failed = predicted(command, Path("m.safetensors"), "films")
    assert read - {"bare.mp4"} == {Path(name).name for name in good}
    assert failed == left_out - {"bare.mp4", "gone.mp4"}
    done = command("evaluate", "--model", "m.safetensors", "--data", data, "--json", "e.json")
    assert files_in(done.err) == left_out
    scored = len(good) + len(left_out - {"bare.mp4"})
    assert json.loads(Path("e.json").read_text())["n"] == scored
    command("doctor", "films", "--json", "d.json")
    result = json.loads(Path("d.json").read_text())["videos"]
    errors = {Path(row["file"]).name for row in result["files"] if "error" in row}
    bare = files_in("".join(w for w in result["warnings"] if "without an annotation" in w))
    assert errors | bare == left_out
    assert len(result["files"]) == count + len(left_out)
