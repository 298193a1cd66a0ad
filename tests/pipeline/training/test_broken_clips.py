"""Training on a folder of 100 clips of which 5 are broken: 95 are used and the 5 are reported."""

import wave
from pathlib import Path

import numpy as np
import pytest

from datasets import Clips
from datasets.video.sample_film import write_sample_video

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
def clips_folder(tmp_path_factory) -> Path:
    """100 clips of 8 frames that get brighter or darker; those of BROKEN are damaged."""
    folder = tmp_path_factory.mktemp("clips") / "films"
    folder.mkdir()
    rows = ["clip,label"]
    for i in range(100):
        name = f"{i:03}.mp4"
        rows.append(f"{name},{'brighter' if i % 2 else 'darker'}")
        shades = np.linspace(40, 200, 8)[:: 1 if i % 2 else -1] + i / 4
        frames = shades.astype(np.uint8)[:, None, None, None].repeat(16, 2).repeat(16, 3)
        write_sample_video(frames, folder / name)
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    empty, text, cut, sound, gone = (folder / name for name in BROKEN)
    empty.write_bytes(b"")
    text.write_text("a text that was given a film's name\n")
    cut.write_bytes(cut.read_bytes()[:600])
    with wave.open(str(sound), "wb") as file:  # sound, whatever its suffix
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    gone.unlink()
    return folder


@pytest.fixture
def videos(clips_folder, monkeypatch) -> Path:
    monkeypatch.chdir(clips_folder.parent)
    return clips_folder


def test_95_of_100_clips_train_and_5_are_named(videos, command):
    Path("clips.yaml").write_text(CONFIG, encoding="utf-8")
    code, out, err = command("fit", "-c", "clips.yaml")
    assert code == 0, err
    output = " ".join((out + err).split())
    for name, reason in BROKEN.items():
        assert f"{videos.name}/{name}" in output and reason in output, (name, output[:2000])
    assert Path("runs/clips/best.safetensors").is_file()


def test_each_clip_keeps_its_own_frames_and_label(videos):
    source = Clips("films", 8, 8, table="labels.csv", validation=0.2, cache="cache")
    splits = [source.split(name) for name in ("train", "validation", "test")]
    names = [name for split in splits for name in split.names]
    good = {f"{i:03}.mp4" for i in range(100)} - set(BROKEN)
    assert len(names) == 95 and {Path(name).name for name in names} == good
    assert {Path(p.name).name for p in source.problems} == set(BROKEN)
    reasons = {Path(p.name).name: p.reason for p in source.problems}
    for name, reason in BROKEN.items():
        assert reason in reasons[name] and "\n" not in reasons[name]
    for split in splits:
        for i, name in enumerate(split.names):
            frames, target = split.read(i)
            rises = frames[-1].mean() > frames[0].mean()
            assert source.labels[int(target)] == ("brighter" if rises else "darker")
            assert rises == bool(int(Path(name).stem) % 2)
