"""Cache of decoded frames: no video is decoded twice, and damaged entries are replaced."""

import os
from pathlib import Path

import av
import numpy as np
import pytest

from datasets import ClipReader
from datasets.video import cache as frame_cache
from datasets.video.cache import FrameCache, content_of
from tests.support.films import film

READER = ClipReader(8, 12)


def stored_frames(cache: FrameCache, path: str) -> np.ndarray:
    return np.array(cache.frames(cache.store(path)))


@pytest.fixture
def clip(tmp_path) -> str:
    return film(tmp_path / "c.mp4", [20 + 12 * i for i in range(15)])


@pytest.fixture
def cache(tmp_path) -> FrameCache:
    return FrameCache(READER, str(tmp_path / "cache"))


def test_the_cache_gives_what_the_reader_reads(cache, clip):
    read = READER.read_clip(clip)
    stored = cache.store(clip)
    np.testing.assert_array_equal(cache.frames(stored), read.frames)
    np.testing.assert_array_equal(stored.times, read.times)
    np.testing.assert_array_equal(stored.numbers, read.numbers)


def test_the_second_look_never_decodes(cache, clip, monkeypatch):
    first = stored_frames(cache, clip)
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("decoded again"))
    np.testing.assert_array_equal(stored_frames(FrameCache(READER, str(cache.folder)), clip), first)


def test_a_renamed_file_is_known_by_its_content(cache, clip, tmp_path, monkeypatch):
    cache.store(clip)
    other = Path(clip).rename(tmp_path / "other.mp4")
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("decoded again"))
    cache.store(str(other))


def test_other_options_and_other_content_are_other_entries(cache, clip, tmp_path):
    small = FrameCache(ClipReader(4, 6), str(cache.folder))
    sparse = FrameCache(ClipReader(8, 12, rate_hz=2), str(cache.folder))
    assert stored_frames(cache, clip).shape == (15, 1, 8, 12)
    assert stored_frames(small, clip).shape == (15, 1, 4, 6)
    assert stored_frames(sparse, clip).shape == (3, 1, 8, 12)
    film(clip, [200] * 3)
    assert stored_frames(cache, clip).mean() == pytest.approx(200, abs=4)
    assert content_of(Path(clip)) != content_of(Path(film(tmp_path / "d.mp4", [99] * 3)))


def test_what_is_damaged_is_made_again(cache, clip):
    stored = cache.store(clip)
    whole = stored.file.read_bytes()
    times = stored.file.with_suffix(".times")
    for file, size in ((stored.file, 10), (times, 0), (times, 16), (times, 13)):
        os.truncate(file, size)
        assert cache.store(clip).file.read_bytes() == whole


def test_no_python_is_parsed_to_find_a_clip(cache, clip, monkeypatch):
    """Parsing in threads can fail: Python 3.11's `ast` (python/cpython#106905)."""
    monkeypatch.setattr("ast.literal_eval", lambda *_: pytest.fail("parsed"))
    assert len(cache.store(clip).times) == len(cache.store(clip).times) == 15


def test_a_broken_video_leaves_nothing_behind(cache, tmp_path):
    (tmp_path / "bad.mp4").write_text("not a video")
    with pytest.raises(ValueError, match=r"bad\.mp4"):
        cache.store(str(tmp_path / "bad.mp4"))
    assert not [p for p in cache.folder.rglob("*") if p.is_file()]


def test_a_fixed_number_of_frames_is_kept_too(clip, tmp_path):
    reader = ClipReader(8, 12, frames=4)
    cache = FrameCache(reader, str(tmp_path / "cache"))
    np.testing.assert_array_equal(stored_frames(cache, clip), reader.read(clip))


def test_a_folder_that_cannot_be_written_is_named(clip, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="give a folder for `cache`"):
        FrameCache(READER, str(tmp_path / "file")).store(clip)


def test_a_large_video_is_known_by_its_parts_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(frame_cache, "HASHED_BYTES", 50)
    monkeypatch.setattr(frame_cache, "PART_BYTES", 10)
    content = bytes(range(100))
    (tmp_path / "a.mp4").write_bytes(content)
    (tmp_path / "b.mp4").write_bytes(content)
    same = content_of(tmp_path / "a.mp4")
    assert content_of(tmp_path / "b.mp4") == same
    for offset in (0, 55, 99):
        (tmp_path / "b.mp4").write_bytes(content[:offset] + b"!" + content[offset + 1 :])
        assert content_of(tmp_path / "b.mp4") != same
