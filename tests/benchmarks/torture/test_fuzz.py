"""Damaged files are refused by name or answered; all else is a failure."""

import re
from importlib import import_module

import pytest

from benchmarks.torture.fuzz import fuzz_kind, is_refused
from benchmarks.torture.kinds import MODULES, NAMES, Kind, load_kind


@pytest.mark.parametrize("module", MODULES)
def test_each_kind_is_where_its_name_says(module):
    kinds = import_module(f"benchmarks.torture.kinds.{module}").KINDS
    assert tuple(kinds) == MODULES[module]


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_valid(name, tmp_path):
    kind = load_kind(name)
    seeds = kind.seeds(tmp_path)
    path = tmp_path / f"fuzzed{kind.suffix}"
    path.parent.mkdir(exist_ok=True)
    for seed in seeds:
        path.write_bytes(seed)
        assert not is_refused(kind, path)


def test_a_refusal_names_the_file(tmp_path):
    def refuses(reason: Exception) -> bool:
        def read(path):
            raise reason

        return is_refused(Kind(".png", lambda _: [], (lambda path: None, read)), tmp_path / "a.png")

    assert refuses(ValueError("a.png: damaged")) and refuses(OSError(f"{tmp_path}: full"))
    assert not is_refused(Kind(".png", lambda _: [], ()), tmp_path / "a.png")
    with pytest.raises(AssertionError, match="no file named: 'damaged'"):
        refuses(ValueError("damaged"))
    with pytest.raises(KeyError):
        refuses(KeyError("a.png"))


@pytest.mark.slow
def test_a_kind_is_fuzzed_in_a_process_of_its_own():
    """Its memory is its own: this process holds PyTorch, and now half a gigabyte more."""
    ballast = b"1" * 2**29
    outcome = fuzz_kind("images", 15)
    assert outcome.times > 10 and outcome.lost == 0 and len(ballast) == 2**29
    found = re.fullmatch(
        r"([\d,]+) refused by name; peak ([\d,]+) MB, (\d+) MB before", outcome.of_these
    )
    assert int(found[3]) < 800  # PyTorch included
