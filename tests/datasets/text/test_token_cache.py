"""The cache of arrays: entries are complete or missing, also with concurrent writers and damage."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from datasets.text.token_cache import cache_folder, fingerprint, key_of, load_entry, store_entry

ARRAYS = {"ids": np.arange(12, dtype=np.int32).reshape(6, 2), "empty": np.empty(0, np.int64)}
FACTS = {"symbols": ["a", "\ud800", "영"]}


def same(entry) -> bool:
    arrays = {name: np.load(path, mmap_mode="r" if name == "ids" else None)
              for name, path in entry.arrays.items()}  # fmt: skip
    return entry.facts == FACTS and all((arrays[n] == a).all() for n, a in ARRAYS.items())


def test_what_was_stored_is_loaded(tmp_path):
    assert load_entry(tmp_path / "k") is None
    assert same(store_entry(tmp_path / "deep" / "k", FACTS, ARRAYS))
    assert same(load_entry(tmp_path / "deep" / "k"))
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["k"]


@pytest.mark.parametrize("damage", [
    lambda k: (k / "ids.npy").write_bytes((k / "ids.npy").read_bytes()[:-1]),
    lambda k: (k / "ids.npy").unlink(),
    lambda k: (k / "entry.json").write_text("{"),
    lambda k: (k / "entry.json").write_text("[]"),
    lambda k: (k / "entry.json").unlink(),
])  # fmt: skip
def test_a_damaged_entry_is_none_and_is_replaced(tmp_path, damage):
    store_entry(tmp_path / "k", FACTS, ARRAYS)
    damage(tmp_path / "k")
    assert load_entry(tmp_path / "k") is None
    assert same(store_entry(tmp_path / "k", FACTS, ARRAYS)) and same(load_entry(tmp_path / "k"))
    assert [p.name for p in tmp_path.iterdir()] == ["k"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store_entry(tmp_path / "k", FACTS, ARRAYS)
    assert list(tmp_path.iterdir()) == []


def test_several_may_write_the_same_entry_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: store_entry(tmp_path / "k", FACTS, ARRAYS), range(16)))
    assert all(map(same, found)) and [p.name for p in tmp_path.iterdir()] == ["k"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file: cannot write here .*give a folder for `cache`"):
        store_entry(tmp_path / "file" / "k", FACTS, ARRAYS)


def test_a_small_file_is_known_by_its_content(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("one")
    before = fingerprint([path])
    os.utime(path, (1, 1))
    assert fingerprint([path]) == before
    path.write_text("two")  # the same size
    os.utime(path, (1, 1))
    assert fingerprint([path]) != before


def test_large_and_many_files_are_known_by_size_and_time(tmp_path, monkeypatch):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text("x")
        os.utime(path, (1, 1))
    before = fingerprint(paths)
    assert fingerprint(paths) == before != fingerprint(paths[:1])
    os.utime(paths[1], (1, 2))
    assert fingerprint(paths) != before
    monkeypatch.setattr("datasets.text.token_cache.HASHED_BYTES", 0)
    before = fingerprint(paths[:1])
    paths[0].write_text("xy")
    assert fingerprint(paths[:1]) != before


def test_the_key_depends_on_every_part():
    assert key_of(1, "a") == key_of(1, "a")
    assert len({key_of(1, "a"), key_of(1, "b"), key_of("1", "a"), key_of(1, "a", None)}) == 4


def test_the_folder_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder(None) == tmp_path / "strand" / "reviews"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder(None) == Path.home() / ".cache" / "strand" / "reviews"
    assert cache_folder("x") == Path("x")
