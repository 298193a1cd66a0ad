"""What a config leaves open comes from the bundle or the task, and what it names stays."""

from types import SimpleNamespace

import pytest

from datasets import LineReader
from datasets.video.reader import ClipReader
from pipeline.training.defaults.choice import choose_defaults, take_reader_options
from pipeline.training.defaults.given_options import given_options

RECURRENT = {"class_path": "models.RecurrentStack", "init_args": {"hidden_size": 5}}


def source(name: str, **options) -> dict:
    return {"data": {"source": {"class_path": f"datasets.{name}", **options}}}


HEADS = [
    (source("RealLines"), "LineCNN", "CTCHead"),
    (source("Mixture", sources=[{"class_path": "datasets.RealLines"}]), "LineCNN", "CTCHead"),
    (source("Reviews"), "TokenEmbedding", "SequenceClassificationHead"),
    (source("SyntheticTags"), "TokenEmbedding", "TokenClassificationHead"),
    (source("Clips"), "FrameCNN", "SequenceClassificationHead"),
    (source("Clips", target="steps"), "FrameCNN", "TokenClassificationHead"),
    (source("Clips", target="text"), "FrameCNN", "CTCHead"),
]


@pytest.mark.parametrize(("given", "encoder", "head"), HEADS)
def test_the_network_fits_the_source(given, encoder, head):
    values, note = choose_defaults(given)
    assert values["model.encoder"]["class_path"] == f"models.{encoder}"
    assert values["model.head"]["class_path"] == f"models.{head}"
    assert encoder in note and head in note and "the default for" in note


def test_what_the_config_names_is_whole_and_gets_no_other_default():
    given = source("RealLines") | {"model": {"recurrent": RECURRENT}}
    assert choose_defaults(given).values.keys() == {"model.encoder", "model.head"}
    given["model"] |= {"encoder": "models.LineCNN", "head": {"class_path": "models.CTCHead"}}
    assert choose_defaults(given) == ({}, "")
    assert choose_defaults(source("Unknown")) == choose_defaults({}) == ({}, "")


def test_a_limit_of_the_training_stays_the_configs():
    assert "trainer.max_epochs" in choose_defaults(source("Reviews")).values
    for limit in ("max_steps", "max_time", "max_epochs"):
        given = source("Reviews") | {"trainer": {limit: 3}}
        assert "trainer.max_epochs" not in choose_defaults(given).values


def test_the_bundle_gives_its_parts_without_their_sizes(bundle_file):
    given = source("RealLines") | {"init_from": str(bundle_file)}
    values, note = choose_defaults(given)
    assert values["model.encoder"]["init_args"]["channels"] == [4, 6, 5]
    assert values["model.recurrent"]["init_args"]["hidden_size"] == 8
    assert not {"input_size", "num_labels"} & values["model.head"]["init_args"].keys()
    assert note.startswith(f"network: LineCNN, RecurrentStack, CTCHead of {bundle_file}")
    other = choose_defaults(source("Reviews") | {"init_from": str(bundle_file)}).values
    assert other["model.encoder"]["class_path"] == "models.TokenEmbedding"


def test_reader_options_are_taken_where_none_are_named():
    bundle = SimpleNamespace(reader=LineReader(16, 500), labels=["a"])
    lines = {"class_path": "datasets.RealLines", "init_args": {"height": 40, "max_width": 9}}
    made = {"class_path": "datasets.SyntheticLines", "init_args": {"height": 40}}
    parsed = {"class_path": "datasets.Mixture", "init_args": {"sources": [lines, made]}}
    given = source("Mixture", sources=[{"class_path": "datasets.RealLines", "max_width": 9},
                                       {"class_path": "datasets.SyntheticLines"}])  # fmt: skip
    take_reader_options(parsed, given["data"]["source"], bundle, "b.safetensors")
    assert lines["init_args"] == {"height": 16, "max_width": 9}
    assert made["init_args"] == {"height": 16}


def test_a_reader_of_another_kind_gives_nothing():
    bundle = SimpleNamespace(reader=ClipReader(8, 8), labels=["a"])
    lines = {"class_path": "datasets.RealLines", "init_args": {"height": 40}}
    take_reader_options(lines, "datasets.RealLines", bundle, "b.safetensors")
    assert lines["init_args"] == {"height": 40}


def test_later_options_win_and_init_args_are_no_level_of_their_own(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("data: {source: {class_path: A, init_args: {height: 1, deep: {x: 1}}}}\n")
    second.write_text("data: {source: {class_path: A, init_args: {height: 2}}, batch_size: 3}\n")
    given = given_options(["fit", "-c", str(first), f"--config={second}", "--name", "n",
                           "--data.source.init_args.width=7", "--bad=[",
                           "-c", "none.yaml"])  # fmt: skip
    assert given == {
        "data": {"source": {"class_path": "A", "height": 2, "deep": {"x": 1}, "width": 7},
                 "batch_size": 3},
        "name": "n",
    }  # fmt: skip
    changed = given_options(["fit", "-c", str(first), "--data.source=datasets.B"])
    assert changed["data"]["source"] == "datasets.B"


def test_several_labels_a_step_have_a_head_for_them():
    head = choose_defaults(source("Clips", target="steps", multi_label=True)).values["model.head"]
    assert head["init_args"] == {"dropout": 0.3, "multi_label": True}
