"""evaluate and report with --config: the samples of a split, as fit and test count them."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml

from datasets import ClipReader
from models import (
    FrameCNN,
    RecurrentStack,
    SequenceClassificationHead,
    TokenClassificationHead,
    TokenEmbedding,
)
from pipeline.evaluation.labelled_split import labelled_split, source_of_config
from pipeline.evaluation.split_scores import build_data_module, score_split
from pipeline.fitting import language_model
from pipeline.reading.bundle import Bundle, load_bundle, save_bundle
from pipeline.reading.prediction import Recognizer
from pipeline.training.fine_tuning.forgetting import error_rates, old_lines
from tests.support.films import film
from tests.support.networks import connect
from tests.support.opinions import opinion_bundle
from tests.support.small import LINES, WORDS, noise_line, tiny_bundle, write_image

VIDEO = """
data:
  source:
    class_path: datasets.Clips
    init_args:
      {root: films, table: labels.csv, height: 16, width: 16, target: TARGET, validation: [b],
       test: [c], cache: cache}
"""
LABELS = ["in", "out"]


def write_config(name: str, text: str, **options: object) -> Path:
    """A config; options: of the source, more or changed."""
    content = yaml.safe_load(text)
    content["data"]["source"].setdefault("init_args", {}).update(options)
    Path(name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return Path(name)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lines(here) -> Path:
    """Eight lines in four pages; p3 has an empty transcript, a broken image and a new letter."""
    for place, text in enumerate(["ab", "abc", "ba", "cab", "bac", "", "ca", "aé"]):
        write_image(Path(f"lines/p{place // 2}__{place}.png"), noise_line(place, 60))
        Path(f"lines/p{place // 2}__{place}.gt.txt").write_text(text + "\n", encoding="utf-8")
    folders = [{"root": "lines", "validation": ["p1"], "test": ["p3"]}]
    Path("lines/p0__0.png").write_bytes(b"broken")
    return write_config("lines.yaml", LINES, folders=folders)


def scores(command, model, config, *options: object) -> tuple[dict, str, str]:
    done = command(
        "evaluate", "--model", model, "--config", config, *options, "--json", "scores.json"
    )
    assert done.code == 0, done.err
    return json.loads(Path("scores.json").read_text()), done.out, done.err


def test_lines_are_those_that_fit_counted_and_scored(command, lines):
    """A bundle's validation score is that of its last epoch; the counts are those of the split."""
    trained = command("fit", "-c", lines, "--trainer.max_epochs", 1, "--name", "r")
    assert trained.code == 0, trained.err
    counted = re.search(r"samples: (\d+) train, (\d+) validation", trained.out)
    bundle, config = "runs/r/best.safetensors", "runs/r/config.yaml"
    for given in (lines, config):
        found, out, err = scores(command, bundle, given)
        assert found["n"] == int(counted[2]) == 2
        assert "2 lines, " in out and f"the validation split of {given}" in out
        # what is in no split is named: the broken image, the empty transcript, the new letter
        for name, reason in (("p0__0", "not an image"), ("p2__5", "empty"), ("p3__7", "'é'")):
            assert any(name in row and reason in row for row in err.splitlines())
    kept = load_bundle(bundle).scores
    assert found["cer"] == pytest.approx(kept["validation/cer"], abs=0.01)
    tested = command("test", "-c", config, "--ckpt_path", "runs/r/checkpoints/last.ckpt")
    assert "test, 1 samples" in tested.out
    assert scores(command, bundle, config, "--split", "test")[0]["n"] == 1
    page = command("report", "--model", bundle, "--config", config, "--split", "test")
    assert page.code == 0, page.err
    html = Path("report.html").read_text(encoding="utf-8")
    assert f"1 line of the test split of {config}" in html and "p3__6.png" in html


def test_another_bundle_reads_the_same_lines_at_its_own_height(command, lines, bundle_file):
    changed = yaml.safe_load(lines.read_text())["data"]["source"]["init_args"] | {"height": 24}
    found, *_ = scores(command, bundle_file, write_config("high.yaml", LINES, **changed))
    assert found["n"] == 2
    data = labelled_split(tiny_bundle(), "high.yaml", "test")
    assert data.items == ["lines/p3__6.png"] and data.groups == ["p3"]
    assert [data.labels[i] for i in data.targets[0]] == ["c", "a"]


def test_an_empty_split_says_so(command, lines, bundle_file):
    config = write_config("none.yaml", LINES, folders=[{"root": "lines", "validation": 0.0}])
    done = command("evaluate", "--model", bundle_file, "--config", config)
    assert done.code == 2 and "none.yaml: the validation split is empty; give it groups" in done.err
    assert "p0__0.png" in done.err  # why samples are missing


def test_misuse_is_told_in_one_line(command, lines, bundle_file, here):
    wrong = {
        ("--data", "lines", "--config", lines): "either --data, or --config",
        (): "either --data, or --config",
        ("--config", lines, "--split", "train"): "what it learned from; give validation or test",
        ("--data", "lines", "--split", "validation"): "lines: is not divided into folders or files",
        ("--config", "none.yaml"): "none.yaml",
        ("--config", "lines/p1__2.gt.txt"): "no data.source in it",
        ("--config", write_config("w.yaml", WORDS)): "has texts; the bundle reads images",
    }
    for name in ("evaluate", "report"):
        for options, message in wrong.items():
            done = command(name, "--model", bundle_file, *options)
            assert done.code == 2 and message in done.err, (options, done.err)
            assert done.err.count("\n") == 1


def film_bundle(head=TokenClassificationHead, **reading) -> Bundle:
    """Random weights for films of 16 x 16."""
    torch.manual_seed(0)
    model = connect(
        1,
        2,
        lambda size: FrameCNN(size, channels=(4,), grid=2),
        lambda size: RecurrentStack(size, hidden_size=4, num_layers=1),
        head,
    )
    return Bundle(model.eval(), LABELS, ClipReader(16, 16, **reading))


def films(target: str) -> Path:
    """Six films of three groups, the last one broken."""
    Path("films").mkdir(exist_ok=True)
    steps = target == "steps"
    rows = ["clip,start,end,label,group" if steps else "clip,label,group"]
    for place, group in enumerate("aabbcc"):
        name, label = f"{group}{place}.mp4", LABELS[place % 2]
        film(f"films/{name}", [40 * place] * 12)
        rows.append(f"{name},0,0.6,{label},{group}" if steps else f"{name},{label},{group}")
    Path("films/c5.mp4").write_bytes(b"broken")
    Path("films/labels.csv").write_text("\n".join(rows) + "\n")
    return write_config("clips.yaml", VIDEO.replace("TARGET", target))


@pytest.mark.parametrize("target", ["clip", "steps"])
def test_clips_of_a_split_are_scored_and_shown(command, here, target):
    head = TokenClassificationHead if target == "steps" else SequenceClassificationHead
    save_bundle(film_bundle(head), Path("m.safetensors"))
    config = films(target)
    found, out, err = scores(command, "m.safetensors", config)
    assert found["n"] == 2 and "2 clips, " in out and "c5.mp4" in err
    assert scores(command, "m.safetensors", config, "--split", "test")[0]["n"] == 1
    # the same clips by a table of their own
    rows = Path("films/labels.csv").read_text().splitlines()
    chosen = [row for row in rows[1:] if row.startswith("b")]
    Path("films/b.csv").write_text("\n".join([rows[0], *chosen]) + "\n")
    done = command(
        "evaluate", "--model", "m.safetensors", "--data", "films/b.csv", "--json", "t.json"
    )
    assert done.code == 0
    speed = {"per_second"}
    own = json.loads(Path("t.json").read_text())
    assert {k: v for k, v in own.items() if k not in speed} == {
        k: v for k, v in found.items() if k not in speed
    }
    page = command("report", "--model", "m.safetensors", "--config", config, "--split", "test")
    assert page.code == 0 and "c4.mp4" in Path("report.html").read_text(encoding="utf-8")


def test_steps_of_another_rate_are_refused(command, here):
    config = films("steps")
    save_bundle(film_bundle(rate_hz=5), Path("m.safetensors"))
    done = command("evaluate", "--model", "m.safetensors", "--config", config)
    assert done.code == 2 and "the bundle prepares its input with" in done.err
    wrong = films("clip")
    done = command("evaluate", "--model", "m.safetensors", "--config", wrong)
    assert done.code == 2 and "target=clip, but the bundle has a TokenClass" in done.err


def test_ignored_labels_of_clips_and_steps_are_not_scored(here):
    data = labelled_split(film_bundle(), str(films("steps")), "validation", ["in"])
    assert [set(target.tolist()) for target in data.targets] == [{-100}, {1, -100}]
    bundle = film_bundle(SequenceClassificationHead)
    data = labelled_split(bundle, str(films("clip")), "validation", ["in"])
    assert [int(target) for target in data.targets] == [1] and len(data.items) == 1
    assert data.unscored[-1] == "1 samples have a label of --ignore; not scored"
    with pytest.raises(ValueError, match="all 2 samples have a label of --ignore"):
        labelled_split(bundle, "clips.yaml", "validation", ["in", "out"])


def test_reviews_of_a_split_are_read_as_they_were_written(command, here):
    save_bundle(opinion_bundle(), Path("m.safetensors"))
    rows = [f"good {w},positive\nbad {w},negative\n" for w in "abcdefghij"]
    Path("r.csv").write_text("text,label\n" + "".join(rows) + ",positive\n")
    text = "data: {source: {class_path: datasets.Reviews}}"
    config = write_config("r.yaml", text, root="r.csv", validation=0.25, test=0.1, cache="cache")
    source = source_of_config(config)
    found, out, err = scores(command, "m.safetensors", config)
    assert found["n"] == len(source.split("validation")) == 5 and found["accuracy"] == 100
    assert "5 reviews, " in out and "row 21" in err
    assert scores(command, "m.safetensors", config, "--split", "test")[0]["n"] == 2


@pytest.mark.parametrize("name", ["SyntheticReviews", "SyntheticTags"])
def test_samples_that_a_source_makes_are_scored_as_compare_scores_them(command, here, name):
    head = TokenClassificationHead if name == "SyntheticTags" else SequenceClassificationHead
    counts = {"count": 12, "validation": 8, "test": 0}
    source = {"class_path": f"datasets.{name}", "init_args": counts}
    data = build_data_module({"source": source}, "here")
    Path("made.yaml").write_text(yaml.safe_dump({"data": {"source": source}}))
    encoder = partial(TokenEmbedding, embedding_size=8)
    recurrent = partial(RecurrentStack, hidden_size=6, num_layers=1)
    model = connect(data.input_size, len(data.labels), encoder, recurrent, head)
    save_bundle(Bundle(model.eval(), data.labels, data.source.reader), Path("m.safetensors"))
    found, *_ = scores(command, "m.safetensors", "made.yaml")
    oracle = score_split(Path("m.safetensors"), data, "validation")
    assert found["n"] == len(oracle.names) == 8
    metric = "token_accuracy" if name == "SyntheticTags" else oracle.metric
    assert found[metric] == pytest.approx(oracle.value)
    done = command("evaluate", "--model", "m.safetensors", "--config", "made.yaml", "--split=test")
    assert done.code == 2 and "made.yaml: the test split is empty" in done.err


@pytest.mark.parametrize("name", ["SyntheticClips", "SyntheticEvents"])
def test_made_videos_are_scored_and_shown(command, here, name):
    """Their pictures come from the frames, their times are steps."""
    options = {"count": 4, "validation": 4, "test": 4, "frame_size": 16}
    source = {"class_path": f"datasets.{name}", "init_args": options}
    data = build_data_module({"source": source}, "here")
    head = SequenceClassificationHead if name == "SyntheticClips" else TokenClassificationHead
    model = connect(
        1,
        len(data.labels),
        lambda size: FrameCNN(size, channels=(4,), grid=2),
        lambda size: RecurrentStack(size, hidden_size=4, num_layers=1),
        head,
    )
    save_bundle(Bundle(model.eval(), data.labels, data.source.reader), Path("m.safetensors"))
    Path("made.yaml").write_text(yaml.safe_dump({"data": {"source": source}}))
    found, out, _ = scores(command, "m.safetensors", "made.yaml", "--split", "test")
    assert found["n"] == 4 and "boundary" not in out
    done = command("report", "--model", "m.safetensors", "--config", "made.yaml", "--split=test")
    assert done.code == 0, done.err
    html = Path("report.html").read_text(encoding="utf-8")
    assert "4 videos of the test split of made.yaml" in html and "data:image/jpeg" in html
    if name == "SyntheticEvents":
        assert ">steps</text>" in html and ">seconds</text>" not in html
    else:
        assert "Of the 4 clips that were read" in html


@pytest.fixture
def loud(here) -> Path:
    """A config of lines of unknown case, labelled as loud.safetensors reads them, in capitals."""
    bundle = tiny_bundle()
    bundle.labels = list("abcdABCD7")
    save_bundle(bundle, Path("loud.safetensors"))
    paths = [write_image(Path(f"lines/p{i // 2}__{i}.png"), noise_line(i, 60)) for i in range(8)]
    recognizer = Recognizer(load_bundle("loud.safetensors"))
    for record in recognizer.predict(map(str, paths)):
        assert record["text"] != record["text"].upper()
        text = record["text"].upper()
        Path(record["input"]).with_suffix(".gt.txt").write_text(text, encoding="utf-8")
    folder = {"root": "lines", "validation": ["p0"], "test": ["p1"], "any_case": True}
    return write_config("loud.yaml", LINES, folders=[folder], alphabet="abcdABCD7")


def test_case_is_no_error_where_it_is_unknown(command, loud):
    found, *_ = scores(command, "loud.safetensors", loud)
    config = yaml.safe_load(loud.read_text())
    (folder,) = config["data"]["source"]["init_args"]["folders"]
    strict = write_config("strict.yaml", LINES, folders=[folder | {"any_case": False}],
                          alphabet="abcdABCD7")  # fmt: skip
    counted, *_ = scores(command, "loud.safetensors", strict)
    assert (found["cer"], found["exact"]) == (0, 100) and counted["cer"] > 20
    for given in (loud, strict):
        done = command("report", "--model", "loud.safetensors", "--config", given)
        assert done.code == 0, done.err
    done = command("calibrate", "--model", "loud.safetensors", "--config", loud)
    assert done.code == 0 and "2 read, 100.0 % of them right" in done.out, done.err


def test_a_language_model_learns_the_case_that_is_read(command, loud, monkeypatch):
    learnt = []
    real = language_model.learn_model
    monkeypatch.setattr(language_model, "learn_model", lambda *a: learnt.extend(a[2]) or real(*a))
    done = command("language_model", "--model", "loud.safetensors", "--config", loud,
                   "--output", "out.safetensors", "--order", 2)  # fmt: skip
    assert any(text != text.upper() for text in learnt)
    # four lines teach it nothing; what greedy reading got wrong is told, and that is nothing
    assert "more than the 0 of the greedy reading" in done.err


def test_training_and_evaluation_agree_on_lines_of_any_case(command, loud):
    done = command("fit", "-c", loud, "--trainer.max_epochs", 1, "--name", "r")
    assert done.code == 0, done.err
    found, *_ = scores(command, "runs/r/best.safetensors", loud)
    kept = load_bundle("runs/r/best.safetensors").scores
    assert found["cer"] == pytest.approx(kept["validation/cer"], abs=0.01)


def test_compare_and_remember_know_that_case_is_unknown(loud):
    data = build_data_module(yaml.safe_load(loud.read_text())["data"], "loud.yaml")
    assert score_split(Path("loud.safetensors"), data, "validation").value == 0
    for lines in old_lines("loud.yaml", data.source.reader):
        assert error_rates("loud.safetensors", [lines]) == [0]
        assert error_rates("loud.safetensors", [lines._replace(any_case=False)])[0] > 20
