"""`run.py models`: figures are those of each bundle's metadata and card."""

import shutil

import pytest

from pipeline.commands.models import speed
from pipeline.reading import bundle_files


@pytest.fixture
def zoo(tmp_path, monkeypatch, bundle_file):
    monkeypatch.setattr(bundle_files, "ZOO", tmp_path)
    for name in ("tiny", "tiny-live"):
        shutil.copy(bundle_file, tmp_path / f"{name}.safetensors")
    return tmp_path


def test_each_bundle_is_told_by_its_metadata_and_card(zoo, command):
    (zoo / "tiny.md").write_text(
        "# tiny, tiny-live\n\nReads noise\nas letters. Not well.\n\n**Speed.** On a core, `tiny`: "
        "1,250 lines a second, alone;\n`tiny-live`: 7.5 lines a second.\n"
    )
    out = command("models").out.splitlines()
    size = f"{(zoo / 'tiny.safetensors').stat().st_size / 1e6:.1f} MB"
    assert out[0].split(maxsplit=1) == ["tiny", "Reads noise as letters"]
    assert out[1].strip() == f"cer 12.50 % on validation; {size}; 1,250 lines a second, alone"
    assert out[2].startswith("tiny-live ") and out[3].endswith("; 7.5 lines a second")


def test_without_a_card_it_says_so(zoo, command):
    outcome = command("models")
    assert outcome.code == 0
    assert outcome.out.count("no card beside it") == outcome.out.count("speed not in its card") == 2


def test_a_damaged_bundle_is_named(zoo, command):
    (zoo / "tiny.safetensors").write_bytes(b"no")
    outcome = command("models")
    assert outcome.code == 2 and "tiny.safetensors: not a bundle" in outcome.err


def test_all_that_ship_have_a_card_with_a_speed(command):
    out = command("models").out
    assert len(out.splitlines()) == 2 * len(list(bundle_files.ZOO.glob("*.safetensors"))) > 0
    assert "no card" not in out and "speed not in" not in out


def test_a_number_of_something_else_is_no_speed():
    assert speed("Frames come at 25 a second. 12 labels.", "x") == ""
