"""Checkpoint files are whole, whatever TMPDIR is and whenever the process is killed."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

from datasets.environment import MachineError
from pipeline.training.checkpoints.files import AtomicCheckpoints

ROOT = Path(__file__).parents[4]
# writes checkpoints of 24 MB, number after number, until it is killed
WRITER = """
import torch
from pipeline.training.checkpoints.files import AtomicCheckpoints
number = 0
while True:
    AtomicCheckpoints().save_checkpoint({"all": torch.full((6_000_000,), number)}, "last.ckpt")
    print(number, flush=True)
    number += 1
"""


def test_a_checkpoint_is_written_and_read(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"a": torch.ones(2)}, path)
    assert torch.equal(torch.load(path, weights_only=True)["a"], torch.ones(2))
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


def test_one_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"a": 1}, path)

    def full(self, content) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MachineError, match=r"last\.ckpt: No space left on device; free some"):
        AtomicCheckpoints().save_checkpoint({"a": 2}, path)
    assert torch.load(path, weights_only=True) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.slow
def test_a_kill_while_writing_leaves_a_whole_checkpoint(tmp_path):
    for delay in (0.0, 0.05, 0.1):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER)],
            cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "TMPDIR": "/dev/shm"},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        written = int(process.stdout.readline())
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        written = max([written, *map(int, process.communicate()[0].split())])
        content = torch.load(tmp_path / "last.ckpt", weights_only=True)["all"]
        assert content[0] >= written and (content == content[0]).all()
