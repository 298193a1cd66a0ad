"""A full disk or too many open files stop the run; a broken file is named and the rest goes on."""

import errno
import os
import resource
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from datasets import ClipReader, Clips, LineFolder, RealLines
from datasets.environment import (
    MachineError,
    note_busy,
    raise_if_machine,
    shared_memory_is_small,
)
from datasets.images import decode_grey
from datasets.lines import cache as line_cache
from datasets.lines.normalization.line import NormalLine
from datasets.text.tables import column_names
from datasets.text.token_cache import load_entry, store_entry
from datasets.video.cache import FrameCache
from datasets.video.decoder import decode_video
from tests.support.films import film
from tests.support.small import noise_line, write_image

MACHINE = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
           errno.EIO]  # fmt: skip


@contextmanager
def no_more_files():
    """Every further open fails with EMFILE, as with too many workers."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def file_size_limit(size: int):
    """A file cannot grow beyond so many bytes: the kernel's stand-in for a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def clip(tmp_path) -> str:
    return film(tmp_path / "c.mp4", [20 + 12 * i for i in range(15)])


@pytest.fixture
def lines(tmp_path) -> Path:
    for index in range(4):
        write_image(tmp_path / "lines" / f"{index}.png", noise_line(index))
        (tmp_path / "lines" / f"{index}.gt.txt").write_text("ab", encoding="utf-8")
    return tmp_path / "lines"


def load(root: Path) -> RealLines:
    return RealLines([LineFolder(str(root))], height=16, max_width=500)


@pytest.mark.parametrize("number", MACHINE)
def test_an_error_of_the_machine_is_raised_with_the_file_and_what_to_do(number):
    with pytest.raises(MachineError, match=r"^a/b\.png: .*; .+$"):
        raise_if_machine(OSError(number, os.strerror(number), "a/b.png"))
    error = ValueError("cannot be read")
    error.__cause__ = OSError(number, os.strerror(number))
    with pytest.raises(MachineError, match=r"^c: "):  # also as the cause of a reader's error
        raise_if_machine(error, "c")


@pytest.mark.parametrize("error", [
    PermissionError(errno.EACCES, "Permission denied", "a.png"), FileNotFoundError(2, "gone"),
    IsADirectoryError(errno.EISDIR, "a folder"), OSError("the file is empty"), ValueError("no"),
])  # fmt: skip
def test_an_error_of_the_sample_is_not(error):
    raise_if_machine(error, "a.png")


def test_too_many_open_files_do_not_shrink_a_folder_of_lines(lines, monkeypatch):
    def open_one(name: str, crop: str) -> NormalLine:
        if name.endswith("2.png"):
            with no_more_files():
                return NormalLine(decode_grey(Path(name).read_bytes(), name), False)
        return NormalLine(noise_line(0), False)

    monkeypatch.setattr(line_cache, "load_normal_line", open_one)
    monkeypatch.setattr(line_cache, "ThreadPoolExecutor", SameThread)
    with pytest.raises(MachineError, match=r"2\.png: Too many open files; raise the limit"):
        load(lines)


class SameThread:
    """An executor without threads, so that a limit holds for one task only."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    map = staticmethod(map)


def test_a_broken_image_is_still_a_problem_of_one_sample(lines):
    (lines / "2.png").write_bytes(b"no image")
    assert [Path(problem.name).name for problem in load(lines).problems] == ["2.png"]


def test_an_unwritable_cache_stops_the_run_and_is_named(clip, tmp_path):
    (tmp_path / "file").write_text("")
    Path(tmp_path / "t.csv").write_text("clip,label\nc.mp4,a\n", encoding="utf-8")
    with pytest.raises(MachineError, match=r"file.*cannot write here.*`cache`"):
        Clips(str(tmp_path), 8, 8, table="t.csv", cache=str(tmp_path / "file"))


@pytest.mark.parametrize("size", [1, 100, 1439])  # the clip has 15 * 96 = 1440 bytes
def test_a_cache_that_fills_up_in_a_clip_stops_the_run_and_leaves_no_part(clip, tmp_path, size):
    cache = FrameCache(ClipReader(8, 12), str(tmp_path / "cache"))
    with file_size_limit(size), pytest.raises(MachineError, match=r"cache.*cannot write here"):
        cache.store(clip)
    assert not [path for path in cache.folder.rglob("*") if path.is_file()]
    assert len(cache.store(clip).times) == 15


def test_times_that_cannot_be_written_stop_the_run_too(clip, tmp_path):
    cache = FrameCache(ClipReader(2, 4), str(tmp_path / "cache"))  # 120 bytes, 240 of times
    with file_size_limit(150), pytest.raises(MachineError, match=r"cache.*cannot write here"):
        cache.store(clip)


def test_token_cache_on_a_full_disk(tmp_path):
    arrays = {"ids": np.arange(1000)}
    with file_size_limit(500), pytest.raises(MachineError, match=f"{tmp_path}: cannot write here"):
        store_entry(tmp_path / "k", {}, arrays)
    assert list(tmp_path.iterdir()) == []
    store_entry(tmp_path / "k", {}, arrays)
    with no_more_files(), pytest.raises(MachineError, match="Too many open files"):
        load_entry(tmp_path / "k")  # not: missing, and to be made again


def test_a_video_and_a_table_that_cannot_be_opened_for_want_of_files(clip, tmp_path):
    next(decode_video(clip, 8, 8, 1))  # modules are loaded
    with no_more_files(), pytest.raises(OSError, match="Too many open files") as caught:
        next(decode_video(clip, 8, 8, 1))
    with pytest.raises(MachineError, match=r"Too many open files"):
        raise_if_machine(caught.value, clip)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(ValueError, match="cannot be read as parquet"):
        column_names(tmp_path / "t.parquet")
    with no_more_files(), pytest.raises(MachineError, match="Too many open files"):
        column_names(tmp_path / "t.parquet")


def test_what_ffmpeg_says_of_damaged_files_is_not_the_machines():
    import av

    for number in (errno.EIO, errno.ENOMEM):
        kind = av.error.classes[number]
        error = ValueError("c.mp4: breaks off")
        error.__cause__ = kind(number, "damaged", "c.mp4")
        raise_if_machine(error)


def test_a_busy_machine_is_told_to_several_threads(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.getloadavg", lambda: (6.25, 0.0, 0.0))
    assert note_busy(4).startswith("this machine is busy (load 6.2 on 4 cores): ")
    assert note_busy(1) == ""
    monkeypatch.setattr("os.getloadavg", lambda: (1.0, 9.0, 9.0))
    assert note_busy(4) == ""


@pytest.mark.parametrize(("free", "small"), [(64 * 2**20, True), (2**30, False)])
def test_dockers_shared_memory_is_small(monkeypatch, free, small):
    status = SimpleNamespace(f_bavail=free // 4096, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: status)
    assert shared_memory_is_small() == small


def test_a_system_without_shared_memory_has_enough(monkeypatch):
    monkeypatch.setattr("datasets.environment.SHARED_MEMORY", "/none")
    assert not shared_memory_is_small()


def test_an_error_that_is_its_own_cause_ends():
    """As those of pikepdf are."""
    error = ValueError("damaged")
    cause = KeyError("x")
    cause.__cause__ = cause
    error.__cause__ = cause
    raise_if_machine(error, "a.pdf")
