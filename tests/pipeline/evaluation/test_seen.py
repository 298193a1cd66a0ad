"""Nobody is scored on what taught him: bundles know their samples, however files are called."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.torch import save_file

from pipeline.evaluation.seen import describe_seen
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.scoring.seen_samples import SeenSamples
from tests.support.films import film
from tests.support.opinions import opinion_bundle
from tests.support.small import WORDS, noise_line, tiny_bundle, write_image, write_lines

BEST = "runs/lines/best.safetensors"
CLIPS = """
model:
  encoder: {class_path: models.FrameCNN, init_args: {channels: [4], grid: 2}}
  recurrent: {class_path: models.RecurrentStack, init_args: {hidden_size: 4, num_layers: 1}}
  head: {class_path: models.SequenceClassificationHead}
data:
  source:
    class_path: datasets.Clips
    init_args: {root: films, table: labels.csv, height: 16, width: 16, validation: [b], cache: c}
  workers: 0
trainer: {max_epochs: 1}
"""


@pytest.fixture
def trained(folder, command) -> str:
    """A bundle of two validation lines (p0, p1) and three to train on."""
    write_lines("ab", "ba", "ab", "aab", "b")
    done = command("fit", "-c", "lines.yaml")
    assert done.code == 0, done.err
    return BEST


def evaluated(command, *options: object) -> tuple[dict, str]:
    done = command("evaluate", *options, "--json", "s.json")
    assert done.code == 0, done.err
    return json.loads(Path("s.json").read_text()), done.out


def new_folder(names: dict[str, object]) -> Path:
    """Labelled lines `new/NAME`, each a copy of a file or new noise."""
    Path("new").mkdir()
    for name, content in names.items():
        path = Path("new", name)
        image = cv2.imread(str(content), 0) if isinstance(content, str) else noise_line(content, 40)
        write_image(path, image)
        path.with_suffix(".gt.txt").write_text("ab\n")
    return Path("new")


def test_lines_are_known_under_other_names_and_in_other_files(command, trained):
    """A copy in another format is the same line; new ones are scored."""
    copies = {"c__1.bmp": "lines/p2__.png", "d__1.tif": "lines/p0__.png", "e__1.png": 70}
    data = new_folder(copies | {"f__1.png": 71})
    found, out = evaluated(command, "--model", trained, "--data", data)
    assert (found["n"], found["seen"]) == (2, 2)
    told = "1 of these 4 lines was in training, 1 chose its epoch"
    assert f"{told}: the other 2 are scored\n" in out
    for name in ("c__1", "d__1"):
        Path(f"new/{name}.gt.txt").unlink()
        next(Path("new").glob(f"{name}.*")).unlink()
    alone, out = evaluated(command, "--model", trained, "--data", data)
    assert alone["cer"] == found["cer"] and "seen" not in alone and "of these" not in out


def test_all_are_scored_if_asked_and_refused_if_none_is_new(command, trained):
    done = command("evaluate", "--model", trained, "--data", "lines")
    assert done.code == 2 and done.err.count("\n") == 1 and not done.out
    assert "has seen all 5 lines (3 were in training, 2 chose its epoch)" in done.err
    assert "give new ones, or score these with --include_seen" in done.err
    done = command("report", "--model", trained, "--data", "lines")
    assert done.code == 2 and "--include_seen" in done.err
    found, out = evaluated(command, "--model", trained, "--data", "lines", "--include_seen")
    assert (found["n"], found["seen"]) == (5, 5) and "all are scored; it would read new" in out


def test_the_validation_split_is_scored_when_it_is_asked_for(command, trained):
    found, out = evaluated(command, "--model", trained, "--config", "lines.yaml")
    assert found["n"] == 2
    assert "2 of these 2 lines chose its epoch: all are scored; it would" in out


def test_a_report_leaves_out_what_either_bundle_has_seen(command, trained):
    data = new_folder({"c__1.png": "lines/p2__.png", "e__1.png": 70, "f__1.png": 71})
    other = tiny_bundle()
    other.seen = SeenSamples().add("train", load_bundle(trained).seen.digests["train"][:0])
    save_bundle(other, Path("other.safetensors"))
    for model, beside in ((trained, "other.safetensors"), ("other.safetensors", trained)):
        done = command("report", "--model", model, "--data", data, "--beside", beside)
        assert done.code == 0, done.err
        page = Path("report.html").read_text(encoding="utf-8")
        told = "lines: 1 of these 3 lines was in training: the other 2 are scored"
        assert told in done.out and told in page and "<dt>lines</dt><dd>2<" in page
    alone = command("report", "--model", trained, "--data", data)
    assert "\n1 of these 3 lines was in training" in f"\n{alone.out}"


def test_fine_tuning_calibration_and_language_model_add_what_they_use(command, trained):
    first = load_bundle(trained).seen
    assert {role: len(d) for role, d in first.digests.items()} == {"train": 3, "validation": 2}
    for name in Path("lines").glob("*"):
        name.unlink()
    for place in range(4):
        write_image(Path(f"lines/p{place}__.png"), noise_line(50 + place, width=40))
        Path(f"lines/p{place}__.gt.txt").write_text("ab\n")
    done = command("fit", "-c", "lines.yaml", "--init_from", trained, "--name", "tuned")
    assert done.code == 0, done.err
    tuned = load_bundle("runs/tuned/best.safetensors").seen
    assert len(tuned.digests["train"]) == 5 and len(tuned.digests["validation"]) == 4
    assert tuned.complete and set(first.digests["train"]) < set(tuned.digests["train"])
    data = new_folder({f"{place}__1.png": 80 + place for place in range(3)})
    done = command("calibrate", "--model", trained, "--data", data, "--output", "c.safetensors")
    assert done.code == 0, done.err
    assert len(load_bundle("c.safetensors").seen.digests["calibration"]) == 3
    done = command("evaluate", "--model", "c.safetensors", "--data", data)
    assert done.code == 2 and "(3 fitted its confidence)" in done.err
    done = command("calibrate", "--model", "runs/tuned/best.safetensors", "--data", "lines",
                   "--output", "d.safetensors")  # fmt: skip
    assert "2 of these 4 lines were in training, where it is surer" in done.err


def test_a_start_that_does_not_know_its_samples_is_told(command, trained):
    bundle = load_bundle(trained)
    bundle.seen = None
    save_bundle(bundle, Path("old.safetensors"))
    done = command("fit", "-c", "lines.yaml", "--init_from", "old.safetensors", "--name", "tuned")
    assert done.code == 0, done.err
    seen = load_bundle("runs/tuned/best.safetensors").seen
    assert not seen.complete and len(seen.digests["train"]) == 3
    data = new_folder({"c__1.png": 70, "d__1.png": 71})
    _, out = evaluated(command, "--model", "runs/tuned/best.safetensors", "--data", data)
    assert out.rstrip().endswith("does not say what its start was trained on")
    found, out = evaluated(command, "--model", "old.safetensors", "--data", "lines")
    assert found["n"] == 5 and out.rstrip().endswith("does not say what it was trained on")


def test_texts_are_known_in_other_case_and_spacing(command, folder):
    rows = [f"it was good {c},positive\nit was bad {c},negative\n" for c in "abcdefgh"]
    Path("r.csv").write_text("text,label\n" + "".join(rows))
    config = yaml.safe_load(WORDS)
    config["data"]["source"] = {
        "class_path": "datasets.Reviews",
        "init_args": {"root": "r.csv", "cache": "c", "validation": 0.25, "min_count": 1},
    }
    Path("words.yaml").write_text(yaml.safe_dump(config))
    done = command("fit", "-c", "words.yaml")
    assert done.code == 0, done.err
    seen = load_bundle("runs/words/best.safetensors").seen
    assert {r: len(d) for r, d in seen.digests.items()} == {"train": 12, "validation": 4}
    texts = ["It was  GOOD a", "it was<br />bad a", "it was good b", "it is new", "so is it"]
    Path("new.csv").write_text("text,label\n" + "".join(f"{t},positive\n" for t in texts))
    found, out = evaluated(command, "--model", "runs/words/best.safetensors", "--data", "new.csv")
    assert (found["n"], found["seen"]) == (2, 3) and "of these 5 reviews" in out
    done = command("fit", "-c", "words.yaml", "--name", "again")  # from the cache
    again = load_bundle("runs/again/best.safetensors").seen
    assert np.array_equal(again.digests["train"], seen.digests["train"])


def test_made_samples_need_no_digests(command, folder):
    Path("words.yaml").write_text(WORDS)
    assert command("fit", "-c", "words.yaml", "--trainer.max_epochs=1").code == 0
    assert load_bundle("runs/words/best.safetensors").seen == SeenSamples()
    found, out = evaluated(command, "--model", "runs/words/best.safetensors",
                           "--config", "words.yaml", "--split", "test")  # fmt: skip
    assert found["n"] == 4 and "does not say" not in out and "of these" not in out


def test_clips_are_known_by_their_content(command, folder):
    Path("films").mkdir()
    for place, name in enumerate(["a0", "a1", "b0", "b1"]):
        film(f"films/{name}.mp4", [40 * place] * 12)
    rows = [f"{n}.mp4,{'in' if n[1] == '0' else 'out'},{n[0]}" for n in ("a0", "a1", "b0", "b1")]
    Path("films/labels.csv").write_text("clip,label,group\n" + "\n".join(rows) + "\n")
    Path("clips.yaml").write_text(CLIPS)
    assert command("fit", "-c", "clips.yaml").code == 0
    for label, source in (("in", "films/a0.mp4"), ("out", "films/b1.mp4")):
        Path("new", label).mkdir(parents=True)
        shutil.copy(source, f"new/{label}/copy.mp4")
        film(f"new/{label}/new.mp4", [77] * 12)
    model = "runs/clips/best.safetensors"
    found, out = evaluated(command, "--model", model, "--data", "new")
    assert (found["n"], found["seen"]) == (2, 2) and "1 of these 4 clips was in training" in out
    done = command("report", "--model", model, "--data", "new")
    assert done.code == 0 and "the other 2 are scored" in done.out
    page = Path("report.html").read_text(encoding="utf-8")
    assert "1 of these 4 clips was in training, 1 chose its epoch" in page
    assert "<dt>videos</dt><dd>2<" in page


def test_a_bundle_keeps_its_samples_and_refuses_damaged_ones(tmp_path):
    bundle = opinion_bundle()
    digests = np.array([2**64 - 1, 7, 7, 0, 3], np.uint64)
    bundle.seen = SeenSamples().add("train", digests).add("validation", digests[:0])
    save_bundle(bundle, tmp_path / "b.safetensors")
    seen = load_bundle(str(tmp_path / "b.safetensors")).seen
    assert seen.digests["train"].tolist() == [3, 7, 2**64 - 1] and seen.complete
    found = seen.roles_of(np.array([7, 5, 2**64 - 1, 0], np.uint64))
    assert found == ["train", None, "train", None]
    with safe_open(tmp_path / "b.safetensors", framework="pt") as file:
        metadata, weights = file.metadata(), {k: file.get_tensor(k) for k in list(file.keys())}
    weights["seen.train"] = weights["seen.train"].float()
    save_file(weights, tmp_path / "damaged.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match=r"damaged digests of samples .seen.train.; copy the bund"):
        load_bundle(str(tmp_path / "damaged.safetensors"))


def test_the_line_says_what_each_was(command):
    roles = ["train"] * 224 + ["validation"] * 30 + [None] * 46
    assert describe_seen(roles, 46, "lines") == [
        "224 of these 300 lines were in training, 30 chose its epoch: the other 46 are scored"
    ]
    (line,) = describe_seen(roles, 76, "lines")
    assert line.endswith(": 76 are scored; it would read new ones less well")
    assert describe_seen([None] * 3, 3, "lines") == []
