"""Bundles: round trip, clear errors for damaged files, and no code execution."""

import builtins
import errno
import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.testing import assert_close

from datasets import LineReader
from models import BagOfTokens, CTCHead
from pipeline.reading.bundle import (
    FORMAT,
    Bundle,
    build_network,
    load_bundle,
    part_spec,
    read_metadata,
    save_bundle,
)
from pipeline.reading.bundle_files import ZOO, bundle_name, find_bundle
from pipeline.reading.prediction import Recognizer
from tests.support.opinions import opinion_bundle
from tests.support.small import ALPHABET, tiny_bundle, tiny_model


def half_weights(model):
    """Round the weights to float16, as a bundle file does."""
    model.load_state_dict(
        {k: w.half().float() if w.is_floating_point() else w for k, w in model.state_dict().items()}
    )
    return model


def rewrite(source, target, change=lambda content: None, weights=lambda w: w):
    """Copy a bundle with changed metadata (`change`) and weights; return its path."""
    content = read_metadata(source)
    change(content)
    saved = {k: w.contiguous() for k, w in weights(load_file(source)).items()}
    save_file(saved, target, metadata={"strand": json.dumps(content)})
    return str(target)


@pytest.fixture
def changed(bundle_file, tmp_path):
    """change -> the path of a bundle whose metadata was changed by it."""
    return lambda change: rewrite(bundle_file, tmp_path / "changed.safetensors", change)


def test_round_trip_gives_the_same_logits(bundle_file):
    inputs = torch.randint(256, (3, 40, 1, 16), dtype=torch.uint8)
    lengths = torch.tensor([40, 9, 0])
    logits, steps = load_bundle(str(bundle_file)).model(inputs, lengths)
    expected, expected_steps = half_weights(tiny_model())(inputs, lengths)
    assert_close(logits, expected, rtol=0, atol=1e-6)
    assert steps.tolist() == expected_steps.tolist()


def test_labels_reader_scores_and_card_are_kept(bundle_file):
    loaded, original = load_bundle(str(bundle_file)), tiny_bundle()
    assert loaded.labels == list(ALPHABET)
    assert part_spec(loaded.reader) == part_spec(LineReader(16, 500, True))
    assert (loaded.scores, loaded.card) == (original.scores, original.card)
    assert not loaded.model.training
    assert {w.dtype for w in loaded.model.state_dict().values()} == {torch.float32, torch.int64}


def test_the_file_holds_half_floats_and_no_shortcut(tmp_path):
    bundle = tiny_bundle()
    bundle.model.shortcut = CTCHead(bundle.model.encoder.output_size, len(ALPHABET))
    save_bundle(bundle, tmp_path / "new" / "b.safetensors")
    weights = load_file(tmp_path / "new" / "b.safetensors")
    assert weights.keys() == tiny_model().state_dict().keys()
    assert {w.dtype for w in weights.values()} == {torch.float16, torch.int64}
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["b.safetensors"]


def test_a_network_that_a_recognizer_has_folded_is_not_written(bundle_file, tmp_path):
    path = tmp_path / "b.safetensors"
    path.write_bytes(bundle_file.read_bytes())
    bundle, kept = load_bundle(str(path)), path.read_bytes()
    Recognizer(bundle)
    with pytest.raises(ValueError, match=r"b\.safetensors: not written, .* 18 weights do not fit"):
        save_bundle(bundle, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and path.read_bytes() == kept
    load_bundle(str(path))


def test_saving_draws_no_random_numbers(tmp_path, monkeypatch):
    """Bundles are saved during training; a regnet draws even on the meta device."""

    def build_as_regnet(*arguments):
        torch.rand(3)
        return build_network(*arguments)

    monkeypatch.setattr("pipeline.reading.bundle.build_network", build_as_regnet)
    bundle, before = tiny_bundle(), torch.get_rng_state()
    save_bundle(bundle, tmp_path / "b.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def wide_bundle() -> Bundle:
    bundle = opinion_bundle()
    bundle.model.wide = BagOfTokens(4, 2).eval()
    texts, labels = torch.tensor([[2, 1], [3, 1]]), torch.tensor([1, 0])
    bundle.model.wide.count([(texts, torch.tensor([2, 2]), labels, labels)])
    return bundle


def test_a_wide_part_is_kept_with_its_weights(tmp_path):
    path = tmp_path / "b.safetensors"
    save_bundle(wide_bundle(), path)
    loaded = load_bundle(str(path)).model
    assert read_metadata(path)["parts"]["wide"]["options"]["scale"] == 0.3
    inputs, lengths = torch.tensor([[2, 1, 0]]), torch.tensor([2])
    expected, _ = half_weights(wide_bundle().model)(inputs, lengths)
    assert_close(loaded(inputs, lengths)[0], expected, rtol=0, atol=1e-6)
    (record,) = Recognizer(load_bundle(str(path))).predict(["good"])
    assert record["label"] == "positive"
    loaded.wide = None
    assert (loaded(inputs, lengths)[0] - expected).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_labels": 4}, "2 labels, but the wide part tells 4 apart"),
     ({"input_size": 9}, "the wide part takes 9 ids, but the encoder 4")],
)  # fmt: skip
def test_a_wide_part_that_does_not_fit_is_refused(tmp_path, options, message):
    save_bundle(wide_bundle(), tmp_path / "b.safetensors")
    damage = lambda content: content["parts"]["wide"]["options"].update(options)  # noqa: E731
    path = rewrite(tmp_path / "b.safetensors", tmp_path / "c.safetensors", damage)
    with pytest.raises(ValueError, match=message):
        load_bundle(path)


def test_a_bundle_is_found_by_path_or_zoo_name(bundle_file, tmp_path, monkeypatch):
    assert find_bundle(str(bundle_file)) == bundle_file
    with pytest.raises(FileNotFoundError, match=r"no such bundle: .*nowhere\.safetensors"):
        find_bundle(str(tmp_path / "nowhere.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"a folder; there is no .*best\.safetensors"):
        find_bundle(str(tmp_path))
    monkeypatch.setattr("pipeline.reading.bundle_files.ZOO", bundle_file.parent)
    assert find_bundle("tiny") == bundle_file
    with pytest.raises(FileNotFoundError, match="no bundle 'tina'; shipped are: tiny; or give a"):
        find_bundle("tina")
    assert ZOO.name == "zoo" and ZOO.parent.name == "models"


def test_a_checkpoint_or_a_folder_points_at_the_bundle_of_the_run(bundle_file, tmp_path):
    run = tmp_path / "runs" / "mine"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    for given in (run / "checkpoints" / "best.ckpt", run / "checkpoints", run):
        with pytest.raises(FileNotFoundError, match=r"there is no .*mine.best\.safetensors yet"):
            find_bundle(str(given))
    shutil.copy(bundle_file, run / "best.safetensors")
    for given in (run / "checkpoints" / "best.ckpt", run / "checkpoints", run):
        with pytest.raises(FileNotFoundError, match=rf"give {run}/best\.safetensors$"):
            find_bundle(str(given))


def test_a_folder_does_not_hide_the_shipped_bundle_of_its_name(bundle_file, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.reading.bundle_files.ZOO", bundle_file.parent)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert find_bundle("tiny") == bundle_file


def test_a_bundle_is_called_by_its_run(tmp_path, monkeypatch):
    assert bundle_name("runs/my_lines/best.safetensors") == "my_lines"
    assert bundle_name("other.safetensors") == "other" and bundle_name("lines-en") == "lines-en"
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert bundle_name("best.safetensors") == "mine"


def test_damaged_files_are_named(bundle_file, tmp_path):
    path = tmp_path / "b.safetensors"
    for content in (bundle_file.read_bytes()[:-100], b"no safetensors at all", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"b\.safetensors: not a bundle, or .*{len(content)}"):
            load_bundle(str(path))


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"w": torch.ones(2)}, path, metadata=metadata)
        with pytest.raises(ValueError, match=r"foreign\.safetensors: .* not a Strand bundle"):
            load_bundle(str(path))


@pytest.mark.parametrize(
    "metadata", ["{", "[]", "{}", '{"format": "x"}', '{"format": 1, "parts": 1}']
)
def test_damaged_metadata_is_one_clear_error(tmp_path, metadata):
    path = tmp_path / "b.safetensors"
    save_file({"w": torch.ones(2)}, path, metadata={"strand": metadata})
    with pytest.raises(ValueError, match=r"b\.safetensors: damaged metadata"):
        load_bundle(str(path))


@pytest.mark.parametrize("field", ["labels", "reader", "parts"])
def test_missing_fields_are_named(changed, field):
    missing = "head" if field == "parts" else field
    with pytest.raises(ValueError, match=f"the metadata lacks .*{missing}"):
        load_bundle(changed(lambda content: content.pop(field)))


def test_a_newer_format_asks_for_an_update(changed):
    with pytest.raises(ValueError, match=rf"format {FORMAT + 1}, this Strand reads up to {FORMAT}"):
        load_bundle(changed(lambda content: content.update(format=FORMAT + 1)))


NO_HEADS = ["NoSuchHead", "LineCNN", "SequenceModel", "Head", "__doc__", "os.system", "system"]
NO_HEADS += ["builtins.eval", "eval", "torch.load", "heads", "models.heads.labels.CTCHead", ""]


@pytest.mark.parametrize("name", NO_HEADS)
def test_only_exported_classes_of_the_right_kind_are_built(changed, name, monkeypatch):
    def ran(*_, **__):
        raise AssertionError("code ran")

    monkeypatch.setattr(os, "system", ran)
    monkeypatch.setattr(builtins, "eval", ran)
    spec = {"class": name, "options": {"command": "touch x", "input_size": 1, "num_labels": 1}}
    with pytest.raises(ValueError, match=rf"changed\.safetensors: (')?{name}"):
        load_bundle(changed(lambda content: content["parts"].update(head=spec)))


@pytest.mark.parametrize("name", ["Source", "SyntheticLines", "LineFolder", "import_module", "os"])
def test_only_readers_read(changed, name):
    with pytest.raises(ValueError, match=f"'{name}' is no Reader of this version"):
        load_bundle(changed(lambda content: content["reader"].update({"class": name})))


def test_no_weight_is_unpickled(bundle_file, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load unpickles"))
    monkeypatch.setattr("pickle.Unpickler", lambda *_, **__: pytest.fail("unpickled"))
    assert load_bundle(str(bundle_file)).labels == list(ALPHABET)


def test_unknown_and_impossible_options_name_the_part(changed):
    def unknown(content):
        content["parts"]["recurrent"]["options"]["hiden_size"] = 3

    def impossible(content):
        content["parts"]["encoder"]["options"]["width_reduction"] = 3

    with pytest.raises(ValueError, match=r"RecurrentStack does not take these .*hiden_size"):
        load_bundle(changed(unknown))
    with pytest.raises(ValueError, match=r"LineCNN does not take these options .*power of two"):
        load_bundle(changed(impossible))


def test_weights_that_do_not_fit_are_one_clear_error(bundle_file, changed, tmp_path):
    def larger(content):
        content["parts"]["head"]["options"]["num_labels"] = 30
        content["labels"] = list("abcdefghijklmnopqrstuvwxyzABCD")

    with pytest.raises(ValueError, match=r"2 weights .*head\.linear\.weight is \(10, .* \(31, "):
        load_bundle(changed(larger))
    path = tmp_path / "weights.safetensors"
    bias = "head.linear.bias"
    rewrite(bundle_file, path, weights=lambda w: {k: w[k] for k in w if k != bias})
    with pytest.raises(ValueError, match=r"1 weights .*head\.linear\.bias is missing"):
        load_bundle(str(path))
    rewrite(bundle_file, path, weights=lambda w: w | {"head.extra": torch.ones(3)})
    with pytest.raises(ValueError, match=r"head\.extra is \(3,\), the network has none"):
        load_bundle(str(path))


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_weights_that_are_not_finite_are_not_read(bundle_file, tmp_path, value):
    path, name = tmp_path / "b.safetensors", "head.linear.bias"
    rewrite(bundle_file, path, weights=lambda w: w | {name: torch.full_like(w[name], value)})
    with pytest.raises(ValueError, match=r"b\.safetensors: 1 of \d+ weights are not finite .head"):
        load_bundle(str(path))


def test_a_decoder_that_is_null_is_none(changed):
    assert load_bundle(changed(lambda content: content.update(decoder=None))).decoder is None


def test_parts_that_do_not_fit_each_other_are_refused(changed):
    with pytest.raises(ValueError, match="8 labels, but the head tells 9 apart"):
        load_bundle(changed(lambda content: content["labels"].pop()))

    def narrower(content):
        content["parts"]["head"]["options"]["input_size"] = 4

    with pytest.raises(ValueError, match=r"the head takes 4 features, but .* gives 16"):
        load_bundle(changed(narrower))


def test_a_failed_write_leaves_the_old_bundle(tmp_path, monkeypatch):
    path = tmp_path / "b.safetensors"
    save_bundle(tiny_bundle(), path)
    before = path.read_bytes()

    def full(file):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"{path}: disk full; free some space"):
        save_bundle(tiny_bundle(seed=1), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_saving_leaves_the_network_as_it_was(tmp_path):
    bundle = tiny_bundle()
    bundle.model.train()
    save_bundle(bundle, tmp_path / "b.safetensors")
    assert bundle.model.training
    assert isinstance(bundle.model.head.linear, nn.Linear)
    assert_close(bundle.model.state_dict(), tiny_model().state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 70_000.0])
def test_weights_that_are_not_finite_are_not_written(tmp_path, value):
    """70 000 is infinite in float16."""
    path = tmp_path / "b.safetensors"
    save_bundle(tiny_bundle(), path)
    before, bundle = path.read_bytes(), tiny_bundle(seed=1)
    bundle.model.head.linear.bias.data[0] = value
    message = r"b\.safetensors: not written, for 1 of \d+ weights are not finite \(head\.linear"
    with pytest.raises(ValueError, match=message):
        save_bundle(bundle, path)
    assert path.read_bytes() == before


def test_a_bundle_has_the_mode_of_other_files(tmp_path):
    save_bundle(tiny_bundle(), tmp_path / "b.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "b.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
