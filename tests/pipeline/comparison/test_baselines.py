"""Baselines: the changes to a config, and the most frequent answer counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from models.heads.labels import IGNORED
from pipeline.comparison.baselines import (
    mean_pooling,
    most_frequent_label,
    most_frequent_step,
    most_frequent_text,
    one_frame,
    score_majority,
    whole_samples,
    with_baselines,
)
from pipeline.comparison.settings import read_settings
from pipeline.comparison.variants import Variant, read_variants
from tests.support.films import film

CLIPS = """
model:
  encoder:
    class_path: models.FrameCNN
    init_args: {channels: [4], grid: 2, difference: true}
  recurrent:
    class_path: models.RecurrentStack
    init_args: {hidden_size: 4, num_layers: 1}
  head:
    class_path: models.SequenceClassificationHead
    init_args: {dropout: 0.1}
data:
  source:
    class_path: datasets.Clips
    init_args: {root: films, table: labels.csv, height: 8, width: 8, rate_hz: 5, window: 3}
  workers: 0
trainer:
  max_epochs: 1
"""


def parts(encoder: str = "FrameCNN", head: str = "SequenceClassificationHead", **source) -> dict:
    """The resolved options that the changes depend on."""
    return {
        "init_from": None,
        "model": {
            "encoder": {"class_path": f"models.{encoder}", "init_args": {"difference": True}},
            "recurrent": {"class_path": "models.RecurrentStack", "init_args": {}},
            "head": {"class_path": f"models.{head}", "init_args": {}},
        },
        "data": {"source": {"class_path": "datasets.Clips", "init_args": source}},
    }


EACH = ("model.recurrent=models.MovingMean", "model.recurrent.window=1")


def test_one_frame_of_a_clip_is_its_middle():
    changes, reason = one_frame(parts(frames=None, rate_hz=5.0))
    assert reason == "" and changes == (
        *EACH, "model.head.pooling=mean", "model.encoder.difference=false",
        "data.source.rate_hz=null", "data.source.frames=1",
    )  # fmt: skip


@pytest.mark.parametrize("head", ["TokenClassificationHead", "CTCHead"])
def test_frames_with_labels_of_their_own_are_all_read_each_by_itself(head):
    changes, reason = one_frame(parts(head=head, frames=None))
    assert reason == "" and changes == (*EACH, "model.encoder.difference=false")
    assert mean_pooling(parts(head=head), 15) == (EACH[0], "model.recurrent.window=15")


def test_a_refined_head_is_replaced_by_a_plain_one():
    refined = parts(head="RefinedTokenHead")
    assert one_frame(refined)[0][2] == "model.head=models.TokenClassificationHead"
    assert mean_pooling(refined, 5)[-1] == "model.head=models.TokenClassificationHead"


def test_no_one_frame_baseline_without_frames():
    assert one_frame(parts("TokenEmbedding")) == ((), "its input is no video")
    assert one_frame(parts("LineCNN", "CTCHead"))[1] == "its input is no video"
    assert one_frame(parts())[1] == "datasets.Clips cannot give the middle frame alone"


def test_mean_pooling_of_a_clip_is_over_all_of_it():
    assert mean_pooling(parts(), 15) == (*EACH, "model.head.pooling=mean")
    assert mean_pooling(parts("TokenEmbedding"), 15) == (*EACH, "model.head.pooling=mean")


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="--mean_window 16: give an odd number"):
        with_baselines([], 16)


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """Five videos of two people: up up down | up down."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("films").mkdir()
    labels = {"a0": "up", "a1": "up", "a2": "down", "b0": "up", "b1": "down"}
    for index, name in enumerate(labels):
        film(Path(f"films/{name}.mp4"), [40 * index + t for t in range(5)], size=(16, 16))
    rows = [f"{name}.mp4,{label},{name[0]}" for name, label in labels.items()]
    Path("films/labels.csv").write_text("clip,label,group\n" + "\n".join(rows) + "\n", "utf-8")
    Path("clips.yaml").write_text(CLIPS, encoding="utf-8")
    return Path("clips.yaml")


def test_the_changes_are_parsed_as_intended(config):
    """By `fit`: options of the replaced class are dropped, shared ones stay."""
    (variant,) = read_variants(
        [str(config)], read_settings(["data.source.validation=0", "trainer.max_epochs=3"])
    )
    rows, notes = with_baselines([variant], 15)
    assert notes == []
    names = ["clips", "clips, majority", "clips, one frame", "clips, mean pooling"]
    assert [row.name for row in rows] == names
    assert [row.counted for row in rows] == [False, True, False, False]
    _, _, framewise, pooled = (row.options for row in rows)
    for options in (framewise, pooled):
        assert options["model"]["recurrent"] == {
            "class_path": "models.MovingMean", "init_args": {"window": 1},
        }  # fmt: skip
        head = options["model"]["head"]["init_args"]
        assert (head["pooling"], head["dropout"]) == ("mean", 0.1)
        assert options["trainer"]["max_epochs"] == 3
    encoders = [row.options["model"]["encoder"]["init_args"]["difference"] for row in rows]
    assert encoders == [True, True, False, True]
    source = framewise["data"]["source"]["init_args"]
    assert (source["frames"], source["rate_hz"], source["validation"]) == (1, None, 0)
    assert pooled["data"] == variant.options["data"]


def test_baselines_of_a_fine_tuned_config_start_from_random_weights(monkeypatch):
    given = []
    monkeypatch.setattr(
        "pipeline.comparison.baselines.options_of",
        lambda path, overrides: given.append(overrides) or {},
    )
    options = parts(frames=None) | {"init_from": "runs/words/best.safetensors"}
    variant = Variant("lips", "lips", Path("lips.yaml"), ("init_from=x",), options)
    _, notes = with_baselines([variant], 15)
    assert len(given) == 2
    assert all(o[0] == "init_from=x" and o[-1] == "init_from=null" for o in given)
    message = "the baselines of lips start from nothing: the recurrent part of runs/words/best"
    assert notes[0].startswith(message)


def test_the_majority_of_clips(config):
    """Of up up down in training it is `up`, correct for one of b's two clips."""
    (variant,) = read_variants(
        [str(config)], read_settings(['data.source.test=["b"]', "data.source.validation=0"])
    )
    score = score_majority(variant.options, "test", "clips")
    assert score.names == ["b0.mp4", "b1.mp4"] and score.groups == ["b", "b"]
    assert (score.metric, score.numerators.tolist()) == ("accuracy", [1, 0])
    assert score.other_values() == {"mean_class_accuracy": 50.0}
    with pytest.raises(ValueError, match="clips: the validation split is empty"):
        score_majority(variant.options, "validation", "clips")


def test_the_most_frequent_label_and_its_share():
    label = most_frequent_label([np.array(i) for i in (2, 0, 2, 0, 1)])
    assert (label.id, label.confidence) == (0, 0.4)  # of two equal counts the smaller label


def test_the_most_frequent_transcript():
    text = most_frequent_text([np.array(ids) for ids in ([1, 2], [3], [1, 2], [3], [1, 2])])
    assert text.ids == [1, 2]


def test_the_most_frequent_step():
    known = [np.array([2, IGNORED, IGNORED, IGNORED]), np.array([0, 2, 1])]
    assert most_frequent_step(known, 3, "x") == [2]
    several = [np.array([[1, 0, 1], [1, 0, 0]]), np.array([[1, 1, IGNORED], [0, 0, IGNORED]])]
    assert most_frequent_step(several, 3, "x") == [0]  # the second: 1 of 4 steps, the third: 1 of 2
    with pytest.raises(ValueError, match="x: no step of the training split is labelled"):
        most_frequent_step([np.full(3, IGNORED)], 3, "x")


def test_whole_clips_are_counted():
    data = {"source": {"init_args": {"window": 64, "speed": 0.1, "root": "r"}}}
    assert whole_samples(data)["source"]["init_args"] == {"window": 0, "speed": 0, "root": "r"}
    assert data["source"]["init_args"]["window"] == 64
