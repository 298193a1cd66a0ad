"""The YAML of README and docs trains as it stands, from nothing and from a bundle."""

import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from pipeline.reading.bundle import load_bundle, read_metadata
from tests.support.films import film
from tests.support.small import noise_line, write_image

ROOT = Path(__file__).parents[4]
FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
# a part of a config is shown where it stands: these are whole ones
CONFIGS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, block in enumerate(FENCE.findall(page.read_text("utf-8")))
    if "source" in (yaml.safe_load(block).get("data") or {})
]
SHORT = ["--trainer.max_epochs=1", "--data.workers=0"]


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """What the snippets name: two folders of lines, two of videos and a table of reviews."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are small
    rows = []
    for place in range(10):
        write_image(tmp_path / f"my_lines/p{place}__.png", noise_line(place, width=60, height=30))
        rows.append(f"p{place}__.png\tab{'cd'[place % 2]}\n")
    Path("my_lines/labels.tsv").write_text("".join(rows), encoding="utf-8")
    texts = [
        f"a {('bad', 'good')[i % 2]} film,{('negative', 'positive')[i % 2]}" for i in range(30)
    ]
    Path("my_reviews.csv").write_text("\n".join(["text,label", *texts]) + "\n", encoding="utf-8")
    rows = ["clip,start,end,label,animal"]
    Path("my_videos").mkdir()
    for place in range(10):
        film(Path(f"my_videos/c{place}.mp4"), [20 * place + step for step in range(12)], rate=6)
        rows += [f"c{place}.mp4,0,1,walks,a{place}", f"c{place}.mp4,1,2,rests,a{place}"]
    Path("my_videos/labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for place in range(10):
        line = Path(f"catalogues/book{place}/1.png")
        write_image(line, noise_line(place, width=60, height=30))
        line.with_suffix(".gt.txt").write_text("ab" + "cd"[place % 2], encoding="utf-8")
        Path("room").mkdir(exist_ok=True)
        shutil.copy(f"my_videos/c{place}.mp4", f"room/202006{25 + place // 3}_{place}.mp4")
    rows = ["clip,start,end,label"]
    for clip in sorted(Path("room").iterdir()):
        rows += [f"{clip.name},0,0.5,none", f"{clip.name},0.5,1,walk", f"{clip.name},1,2,sit"]
    Path("room/events.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.mark.parametrize("block", CONFIGS)
def test_a_snippet_trains_with_and_without_a_bundle(block, command, data):
    Path("mine.yaml").write_text(block, encoding="utf-8")
    first = command("fit", "-c", "mine.yaml", *SHORT)
    assert first.code == 0, first.err
    assert "epoch 1: " in first.out
    start = load_bundle("runs/mine/best.safetensors")
    second = command("fit", "-c", "mine.yaml", "--init_from=runs/mine/best.safetensors", *SHORT)
    assert second.code == 0, second.err
    assert "--init_from: all weights" in second.out
    assert re.search(r"before \(mine\): \w+ [\d.]+ %.*\n  after \(mine-2\): \w+ ", second.out)
    assert read_metadata(Path("runs/mine-2/best.safetensors"))["labels"] == start.labels


def test_there_are_snippets_of_all_three_kinds():
    text = "".join(param.values[0] for param in CONFIGS)
    assert all(f"datasets.{name}" in text for name in ("RealLines", "Reviews", "Clips"))
    assert len(CONFIGS) >= 4
