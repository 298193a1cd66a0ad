"""A folder of 100 clips of which 5 are broken trains on the other 95 and names the 5."""

import wave
from pathlib import Path

import numpy as np
import pytest

from datasets import Clips
from datasets.video.sample_film import film

CONFIG = """
model:
  encoder:
    class_path: models.FrameCNN
    init_args: {channels: [4], grid: 2}
  recurrent:
    class_path: models.RecurrentStack
    init_args: {hidden_size: 4, num_layers: 1}
  head:
    class_path: models.SequenceClassificationHead
data:
  source:
    class_path: datasets.Clips
    init_args: {root: films, table: labels.csv, height: 8, width: 8, validation: 0.2, cache: cache}
  batch_size: 32
  workers: 0
trainer:
  max_epochs: 1
"""
BROKEN = {
    "004.mp4": "is empty",
    "020.mp4": "is a text file",
    "037.mp4": "cannot be read as a video",
    "055.mp4": "holds sound, no video",
    "099.mp4": "no such file (labels.csv, line 101)",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """100 clips of 8 frames, brighter or darker as they go on; those of BROKEN are spoilt."""
    folder = tmp_path_factory.mktemp("clips") / "films"
    folder.mkdir()
    rows = ["clip,label"]
    for place in range(100):
        name = f"{place:03}.mp4"
        rows.append(f"{name},{'brighter' if place % 2 else 'darker'}")
        shades = np.linspace(40, 200, 8)[:: 1 if place % 2 else -1] + place / 4
        film(
            shades.astype(np.uint8)[:, None, None, None].repeat(16, 2).repeat(16, 3), folder / name
        )
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    empty, text, cut, sound, gone = (folder / name for name in BROKEN)
    empty.write_bytes(b"")
    text.write_text("a text that was given a film's name\n")
    cut.write_bytes(cut.read_bytes()[:600])
    with wave.open(str(sound), "wb") as file:  # what it holds is said by its content
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    gone.unlink()
    return folder


@pytest.fixture
def films(made, monkeypatch) -> Path:
    monkeypatch.chdir(made.parent)
    return made


def test_95_of_100_clips_train_and_5_are_named(films, command):
    Path("clips.yaml").write_text(CONFIG, encoding="utf-8")
    code, out, err = command("fit", "-c", "clips.yaml")
    assert code == 0, err
    said = " ".join((out + err).split())
    for name, reason in BROKEN.items():
        assert f"{films.name}/{name}" in said and reason in said, (name, said[:2000])
    assert Path("runs/clips/best.safetensors").is_file()


def test_no_clip_takes_anothers_place(films):
    source = Clips("films", 8, 8, table="labels.csv", validation=0.2, cache="cache")
    splits = [source.split(name) for name in ("train", "validation", "test")]
    names = [name for split in splits for name in split.names]
    good = {f"{place:03}.mp4" for place in range(100)} - set(BROKEN)
    assert len(names) == 95 and {Path(name).name for name in names} == good
    assert {Path(p.name).name for p in source.problems} == set(BROKEN)
    reasons = {Path(p.name).name: p.reason for p in source.problems}
    for name, says in BROKEN.items():
        assert says in reasons[name] and "\n" not in reasons[name]
    for split in splits:
        for place, name in enumerate(split.names):
            frames, target = split.read(place)
            rises = frames[-1].mean() > frames[0].mean()
            assert source.labels[int(target)] == ("brighter" if rises else "darker")
            assert rises == bool(int(Path(name).stem) % 2)
