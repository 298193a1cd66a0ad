"""Files that appear whole or not at all, and outputs that are no inputs."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datasets.environment import MachineError
from datasets.output.files import open_log, open_whole, refuse_overlap, replacing, write_whole

ROOT = Path(__file__).parents[3]


@pytest.fixture
def target(tmp_path) -> Path:
    path = tmp_path / "read.tsv"
    path.write_text("old", "utf-8")
    return path


def test_a_file_is_the_old_one_until_the_new_one_is_whole(target):
    with open_whole(target) as file:
        file.write("new\r\n\udcff")
        file.flush()
        assert target.read_text("utf-8") == "old"
    assert target.read_bytes() == b"new\r\n\\udcff"
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_old_file_and_nothing_else(target):
    def interrupted() -> None:
        with open_whole(target) as file:
            file.write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text("utf-8") == "old" and list(target.parent.iterdir()) == [target]


def test_a_line_of_a_log_is_there_at_once_and_the_first_replaces_the_old_ones(target):
    target.write_text("old and long", "utf-8")
    (target.parent / "link").symlink_to(target)
    with open_log(target.parent / "link") as write:
        assert target.read_text("utf-8") == "old and long"
        with pytest.raises(ValueError, match=r"read\.tsv: another process"), open_log(target):
            pass
        for end in ("a\udcff\n", "a\udcff\nb\n"):
            write(end.split("\n")[-2])
            assert target.read_bytes() == end.encode("utf-8", "backslashreplace")
    with open_log(target):
        pass
    assert target.read_bytes() == b""


def test_an_error_before_the_first_line_of_a_log_changes_nothing(target):
    for path in (target, target.parent / "new"):
        with pytest.raises(KeyboardInterrupt), open_log(path):
            raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == [target] and target.read_text("utf-8") == "old"
    missing = pytest.raises(OSError, match=r"none/x: No such file or directory; name another place")
    with missing, open_log(target.parent / "none/x"):
        pass


def test_a_killed_process_leaves_the_old_file_and_the_next_one_takes_over(target):
    code = (
        "import sys, time; from datasets.output.files import replacing\n"
        "with replacing(sys.argv[1]) as new: new.write_text('half'); print('there', flush=True); "
        "time.sleep(60)"
    )
    arguments = [sys.executable, "-c", code, target]
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"there\n"
    with pytest.raises(ValueError, match=r"read\.tsv: another process is writing it"):
        write_whole(target, "mine")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert target.read_text("utf-8") == "old"
    write_whole(target, "mine")
    assert target.read_text("utf-8") == "mine" and list(target.parent.iterdir()) == [target]


def test_an_existing_file_keeps_its_mode_and_a_link_its_place(target):
    target.chmod(0o640)
    link = target.with_name("link")
    link.symlink_to(target.name)
    write_whole(link, "new")
    assert link.is_symlink() and target.read_text("utf-8") == "new"
    assert target.stat().st_mode & 0o777 == 0o640
    before = os.umask(0o027)
    try:
        write_whole(target.with_name("other"), "new")
    finally:
        os.umask(before)
    assert target.with_name("other").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_device_is_written_itself_and_a_full_disk_names_it():
    with pytest.raises(MachineError, match=r"^/dev/full: No space left on device; free"):
        write_whole("/dev/full", "new")
    assert os.path.exists("/dev/full") and not os.path.isfile("/dev/full")


def test_a_full_disk_names_the_file_and_leaves_the_old_one(target, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match=rf"^{target}: No space left on device"):
        write_whole(target, "new")
    assert target.read_text("utf-8") == "old" and list(target.parent.iterdir()) == [target]


def test_a_folder_and_a_missing_one_are_named(tmp_path):
    with pytest.raises(OSError, match=rf"^{tmp_path}: Is a directory; name another place"):
        write_whole(tmp_path, "new")
    with pytest.raises(OSError, match=rf"^{tmp_path}/none/a: No such file or directory; name"):
        write_whole(tmp_path / "none" / "a", "new")


def test_an_error_of_what_is_read_meanwhile_is_not_the_outputs(target):
    with pytest.raises(FileNotFoundError, match=r"none\.png"), replacing(target):
        target.with_name("none.png").read_bytes()


def test_writers_never_interleave(target):
    code = (
        "import sys; from datasets.output.files import open_whole\n"
        "with open_whole(sys.argv[1]) as file:\n"
        "    for _ in range(20000): print(sys.argv[2] * 50, file=file, flush=True)"
    )
    arguments = [sys.executable, "-c", code, target]
    writers = [
        subprocess.Popen([*arguments, c], cwd=ROOT, stderr=subprocess.DEVNULL) for c in "abc"
    ]
    codes = [writer.wait(60) for writer in writers]
    assert 0 in codes
    assert len(set(target.read_text("utf-8").split())) == 1  # 20,000 equal lines
    assert target.stat().st_size == 20000 * 51


OUTPUTS = {
    "a.png": "a file of the data",
    "labels.tsv": "a file of the data",
    "sub/b.gt.txt": "a file of the data",
    "via.json": "a file of the data",
    "scores.json": None,
    "new.png": None,
    "leave_out.tsv": None,
    "../bundle.safetensors": "which is read",
    "../link.safetensors": "which is read",
    "../other.safetensors": None,
}


@pytest.mark.parametrize(("name", "says"), OUTPUTS.items())
def test_no_output_is_a_file_that_is_read_or_a_file_of_the_data(tmp_path, name, says):
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    for path in ("a.png", "labels.tsv", "sub/b.gt.txt", "leave_out.tsv"):
        (data / path).write_text("there", "utf-8")
    (data / "via.json").write_text(json.dumps({"attribute": {}, "metadata": {}}), "utf-8")
    (data / "scores.json").write_text(json.dumps({"cer": 1.0}), "utf-8")
    for path in ("bundle.safetensors", "other.safetensors"):
        (tmp_path / path).write_text(path, "utf-8")
    (tmp_path / "link.safetensors").hardlink_to(tmp_path / "bundle.safetensors")
    arguments = [("--json", data / name)], [tmp_path / "bundle.safetensors", "a text\0"], [data]
    if says is None:
        refuse_overlap(*arguments)
    else:
        with pytest.raises(ValueError, match=rf"--json .*{Path(name).name}: .*{says}"):
            refuse_overlap(*arguments)


def test_the_check_of_many_inputs_takes_no_time(tmp_path):
    (tmp_path / "out").write_text("", "utf-8")
    started = time.perf_counter()
    refuse_overlap([("--output", tmp_path / "out")], [f"{tmp_path}/{i}" for i in range(20_000)])
    assert time.perf_counter() - started < 2


def test_a_link_in_the_place_of_the_new_file_is_refused(tmp_path):
    (tmp_path / "kept").write_text("kept", "utf-8")
    (tmp_path / ".o.partial").symlink_to(tmp_path / "kept")
    with pytest.raises(ValueError, match="a link; remove it"):
        write_whole(tmp_path / "o", "new")
    assert (tmp_path / "kept").read_text("utf-8") == "kept" and not (tmp_path / "o").exists()
