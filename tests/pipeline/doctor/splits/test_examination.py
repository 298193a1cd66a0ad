"""`doctor --config`: the split of lines, clips and texts, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.films import film
from tests.support.small import noise_line, write_image


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def write_config(source: str, **options) -> str:
    content = {"data": {"source": {"class_path": f"datasets.{source}", "init_args": options}}}
    Path("c.yaml").write_text(json.dumps(content))
    return "c.yaml"


def examine(command, kind: str, *arguments: str, code: int = 0) -> tuple[str, dict]:
    """What the terminal shows, its lines joined, and what --json has of a kind."""
    done = command("doctor", "--config", "c.yaml", "--json", "found.json", *arguments)
    assert done.code == code, done.err
    return " ".join(done.out.split()), json.loads(Path("found.json").read_text())[kind]


def test_the_split_of_texts(here, command):
    rows = ["text,label,group\n"]
    for place in range(40):
        label = "ab"[place % 2] if place < 36 else "c"
        rows.append(f"text number {place} of all,{label},g{place // 2 if place < 36 else 99}\n")
    rows.append("Text NUMBER 0 of all!,a,g17\nlost\n")
    Path("t.csv").write_text("".join(rows))
    write_config("Reviews", root="t.csv", validation=0.1, test=["g17"])
    out, found = examine(command, "split", code=1)
    assert found["parts"]["test"] == {"samples": 3, "groups": 1, "labels": 2}
    assert found["labels"]["a"] == {"train": 15, "validation": 2, "test": 2, "groups": 18}
    assert found["labels"]["c"]["groups"] == 1
    warnings = " ".join(found["warnings"])
    assert "test has 2 of 3 labels: it lacks 'c' (in 1 of 19 groups)" in warnings
    assert "1 of 19 groups of two samples or more have one label only: g99 ('c')" in warnings
    assert "1 of 3 labels in one group only: 'c' (g99)" in warnings
    assert "1 text of test in train too, word for word: t.csv row 41 (t.csv row 1);" in warnings
    assert "broken t.csv: row 42: line 43" in out and found["totals"]["left out"] == 1
    assert "news test: 3 samples in 1 group (g17); a 2, b 1" in out


def write_clips(name: str = "{camera}/{number}.mp4") -> None:
    """Twelve films of three cameras, the last camera of one label; one film stands twice."""
    rows = ["clip,label,group\n"]
    for place in range(12):
        camera, label = f"cam{place // 4}", ("run", "sit")[place % 2 if place < 8 else 0]
        path = name.format(camera=camera, number=place, label=label)
        Path("films", path).parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0 if place == 11 else place)  # the last is the first
        frames = [np.kron(rng.integers(0, 255, (4, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
                  for _ in range(6)]  # fmt: skip
        film(Path("films", path), frames, rate=10 if place < 11 else 12)
        rows.append(f"{path},{label},{camera}\n")
    Path("films/labels.csv").write_text("".join(rows))


def test_the_split_of_clips(here, command):
    write_clips()
    options = {"root": "films", "table": "labels.csv", "height": 32, "width": 48}
    write_config("Clips", **options, validation=[], test=["cam2"])
    out, found = examine(command, "split")
    assert found["parts"] == {
        "train": {"samples": 8, "groups": 2, "labels": 2},
        "validation": {"samples": 0, "groups": 0, "labels": 0},
        "test": {"samples": 4, "groups": 1, "labels": 1},
    }
    assert found["labels"]["sit"] == {"train": 4, "validation": 0, "test": 0, "groups": 2}
    assert "mend 1 clip of test like one of train, frame by frame: cam2/11.mp4 (cam0/0.mp4)" in out
    assert "1 of 3 groups of two samples or more have one label only: cam2 ('run')" in out
    assert "test has 1 of 2 labels: it lacks 'sit' (in 2 of 3 groups)" in out
    assert "news train: 8 samples in 2 groups (cam0, cam1); run 4, sit 4" in out


def test_one_label_for_each_folder_of_clips(here, command):
    write_clips("{label} room/{number}.mp4")
    table = Path("films/labels.csv").read_text().splitlines()
    Path("films/labels.csv").write_text("\n".join(row.rpartition(",")[0] for row in table))
    options = {"root": "films", "height": 32, "width": 48}
    write_config("Clips", **options, table="labels.csv", validation=0.2)
    warnings = " ".join(examine(command, "split")[1]["warnings"])
    assert "one label per folder: run room ('run'), sit room ('sit')" in warnings
    # the folder of a class says what the class is
    Path("films/labels.csv").unlink()
    write_config("Clips", **options, validation=0.2)
    warnings = " ".join(examine(command, "split")[1]["warnings"])
    assert "per folder" not in warnings


def test_a_split_that_training_refuses_is_told_and_its_data_are_shown(here, command):
    write_clips()
    table = Path("films/labels.csv").read_text().splitlines()
    rows = [row for row in table if not row.startswith(("cam0", "cam1")) or ",run," in row]
    rows = [row.replace(",run,cam0", ",sit,cam0") for row in rows if "cam1" not in row]
    Path("films/labels.csv").write_text("\n".join(rows))
    options = {"root": "films", "table": "labels.csv", "height": 32, "width": 48}
    write_config("Clips", **options, validation=0.2)
    out, found = examine(command, "split", code=1)
    assert "broken c.yaml: films: validation: 2 groups of 2 labels cannot be divided" in out
    assert found["parts"]["train"] == {"samples": 6, "groups": 2, "labels": 2}
    assert "one label per group: cam0 ('sit'), cam2 ('run')" in out
    assert command("fit", "-c", "c.yaml").code == 2


def test_the_split_of_lines(here, command):
    for place in range(8):
        write_image(Path(f"lines/{'abcd'[place // 2]}__{place}.png"), noise_line(place, 60))
        with open("lines/labels.tsv", "a") as table:
            table.write(f"{'abcd'[place // 2]}__{place}.png\ttext {place}\n")
    folder = {"root": "lines", "validation": ["b"], "test": ["c"]}
    write_config("RealLines", folders=[folder])
    out, found = examine(command, "lines")
    assert found["parts"] == {
        "train": {"samples": 4, "groups": 2},
        "validation": {"samples": 2, "groups": 1},
        "test": {"samples": 2, "groups": 1},
    }
    assert "news train: 4 samples in 2 groups (a, d)" in out
    command("doctor", "lines", "--json", "found.json")  # a folder alone has no parts
    assert "parts" not in json.loads(Path("found.json").read_text())["lines"]


def test_the_split_of_made_data_and_what_has_none(here, command):
    write_config("SyntheticReviews", count=8, validation=4, test=0)
    _, found = examine(command, "split")
    assert found["parts"]["validation"] == {"samples": 4, "groups": 1} and not found["labels"]
    done = command("doctor", "--config", "c.yaml", "--model", "lines-en")
    assert done.code == 2 and "--model goes with text lines; there are none" in done.err
    Path("c.yaml").write_text("model: {}\n")
    done = command("doctor", "--config", "c.yaml")
    assert done.code == 2 and "c.yaml: no data.source in it" in done.err
    write_config("SyntheticReviews", count=0, validation=4, test=0)
    done = command("doctor", "--config", "c.yaml")
    assert done.code == 2 and "count=0; give at least 1" in done.err
    write_config("Reviews", root="gone.csv")
    done = command("doctor", "--config", "c.yaml")
    assert done.code == 2 and "gone.csv" in done.err and "Traceback" not in done.err
