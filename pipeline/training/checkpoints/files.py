"""Checkpoint files: written whole or not at all."""

import io
from pathlib import Path

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from datasets.output.files import write_whole


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoints, written beside their target and renamed.

    Lightning's own are written in TMPDIR, and copied if that is another file system: a process
    killed while it copies leaves half a checkpoint in place of the one before.
    """

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options=None) -> None:
        """Raises MachineError, which names the path, if the file cannot be written."""
        buffer = io.BytesIO()  # torch's own writer reports a full disk without its cause
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getbuffer())
