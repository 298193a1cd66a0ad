"""Broken metadata of bundles: one line that names the file, before anything is built of it."""

import copy
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.decoding.beam import BeamSearch
from models.decoding.character_lm import CharacterLM
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.reading.bundle_schema import read_metadata
from tests.support.opinions import opinion_bundle
from tests.support.small import ALPHABET, tiny_bundle

GONE = object()
WRONG = [None, -1, 10**400, float("inf"), "x", [1] * 1000, [[]], GONE]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, object]:
    """A bundle of lines with a beam search, and one of texts."""
    folder = tmp_path_factory.mktemp("bundles")
    lines = tiny_bundle()
    lines.decoder = BeamSearch(lines.labels)
    for name, bundle in {"lines": lines, "texts": opinion_bundle()}.items():
        save_bundle(bundle, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in ("lines", "texts")}


def places(content: object, place: tuple = ()) -> Iterator[tuple]:
    """Where a value stands in nested content; of a list, the first item."""
    if place:
        yield place
    items = content.items() if isinstance(content, dict) else ()
    items = list(enumerate(content))[:1] if isinstance(content, list) else items
    for key, value in items:
        yield from places(value, (*place, key))


def put(content: dict, place: tuple, value: object) -> dict:
    changed = inner = copy.deepcopy(content)
    for key in place[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


def refusal(path: Path) -> str | None:
    """Why a bundle is refused; None if it is loaded."""
    try:
        load_bundle(str(path))
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", ["lines", "texts"])
def test_no_wrong_value_anywhere_is_more_than_a_line(files, tmp_path, name):
    content, weights = read_metadata(files[name]), load_file(files[name])
    path, refused, slowest = tmp_path / "b.safetensors", 0, 0.0
    for place in places(content):
        for value in WRONG:
            changed = put(content, place, value)
            save_file(weights, path, metadata={"strand": json.dumps(changed)})
            start = time.monotonic()
            said = refusal(path)
            refused += said is not None
            assert said is None or (said.startswith(str(path)) and "\n" not in said)
            slowest = max(slowest, time.monotonic() - start)
    assert refused > 250 and slowest < 5


CASES = [
    ({"labels": [*"abcdefgha"]}, "two labels are 'a'"),
    ({"labels": [*"abcdefgh", ""]}, r"labels\.8: String should have at least 1 character"),
    ({"labels": 3}, "labels: Input should be a valid "),
    ({"scores": {"cer": "low"}}, r"scores\.cer: Input should be a valid number"),
    ({"parts": {"encoder": 1, "recurrent": {}, "head": {}}}, r"parts\.encoder: Input should be"),
    ({"reader": {"class": "LineReader", "options": {"height": 17}}}, "reader gives 17 .* takes 16"),
    ({"reader": {"class": "LineReader", "options": {"height": 10**9}}}, "height 1000000000: at mo"),
    ({"reader": {"class": "LineReader", "options": {"height": "16"}}}, "height .*integer"),
    ({"format": float("inf")}, "cannot convert float infinity"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "says"), CASES)
def test_what_is_wrong_is_said(files, tmp_path, change, says):
    path = tmp_path / "b.safetensors"
    content = json.dumps(read_metadata(files["lines"]) | change)
    save_file(load_file(files["lines"]), path, metadata={"strand": content})
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: .*{says}"):
        load_bundle(str(path))


def test_what_is_returned_is_what_was_checked(files, tmp_path):
    path, content = tmp_path / "b.safetensors", read_metadata(files["lines"])
    twice = json.dumps(content | {"scores": {"cer": 3}, "later": [1]})[:-1] + ', "format": 1}'
    save_file(load_file(files["lines"]), path, metadata={"strand": twice})
    read = read_metadata(path)
    assert read == content | {"scores": {"cer": 3.0}, "later": [1]}
    assert isinstance(read["scores"]["cer"], float)  # as the schema has it


@pytest.mark.parametrize("field", ["card", "calibration", "later"])
def test_half_a_character_is_damaged_metadata(files, tmp_path, field):
    """A lone surrogate, which JSON can hold and no text can."""
    path, content = tmp_path / "b.safetensors", read_metadata(files["lines"])
    text = json.dumps(content | {field: {"x": "\ud800"}})
    save_file(load_file(files["lines"]), path, metadata={"strand": text})
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: damaged metadata"):
        load_bundle(str(path))


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_json_is_damaged_metadata(files, tmp_path, depth):
    path = tmp_path / "b.safetensors"
    content = json.dumps(read_metadata(files["lines"]))
    deep = content[:-1] + ', "card": ' + "[" * depth + "]" * depth + "}"
    save_file(load_file(files["lines"]), path, metadata={"strand": deep})
    with pytest.raises(ValueError, match="damaged metadata"):
        load_bundle(str(path))


def test_a_decoder_that_would_never_end_is_refused(files, tmp_path):
    path, content = tmp_path / "b.safetensors", read_metadata(files["lines"])
    content["decoder"]["width"] = 100_000
    save_file(load_file(files["lines"]), path, metadata={"strand": json.dumps(content)})
    with pytest.raises(ValueError, match=r"decoder\.width: Input should be less than or equal"):
        load_bundle(str(path))


def test_a_search_that_tries_too_much_a_step_is_refused(files, tmp_path):
    path, content = tmp_path / "b.safetensors", read_metadata(files["lines"])
    assert content["decoder"]["width"] <= 64 and len(content["labels"]) > 2
    content["decoder"] |= {"width": 1000, "threshold": 0.0}
    content["labels"] = [chr(0x4E00 + i) for i in range(500)]
    save_file(load_file(files["lines"]), path, metadata={"strand": json.dumps(content)})
    with pytest.raises(ValueError, match="a search of width 1000 that tries 500 symbols a step"):
        read_metadata(path)


def test_a_language_model_cannot_grow_beyond_its_file():
    size = len(ALPHABET)
    tensors = {
        "1.symbols": torch.arange(size + 1, dtype=torch.uint8),
        "1.costs": torch.zeros(size + 1, dtype=torch.uint8),
    }
    assert CharacterLM.from_tensors(size, tensors).order == 1
    children = {"1.children": torch.full((size + 1,), 255, dtype=torch.uint8)}
    more = {"2.symbols": tensors["1.symbols"], "2.costs": tensors["1.costs"]}
    with pytest.raises(ValueError, match=r"damaged language model .2550 2-grams, not 10"):
        CharacterLM.from_tensors(size, tensors | children | more)
    with pytest.raises(ValueError, match="not in order"):
        CharacterLM.from_tensors(size, tensors | {"1.symbols": tensors["1.symbols"].flip(0)})
    short = {name: tensor[:-2] for name, tensor in tensors.items()}
    with pytest.raises(ValueError, match="not all of 9 symbols"):
        CharacterLM.from_tensors(size, short)
