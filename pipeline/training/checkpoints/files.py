"""Checkpoint files: written whole or not at all."""

import io
from pathlib import Path

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from datasets.environment import replacing


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoints, written beside their target and renamed.

    Lightning's own are written in TMPDIR, and copied if that is another file system: a process
    killed while it copies leaves half a checkpoint in place of the one before.
    """

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options=None) -> None:
        """Raises MachineError, which names the path, if the file cannot be written."""
        buffer = io.BytesIO()  # torch's own writer reports a full disk without its cause
        torch.save(checkpoint, buffer)
        with replacing(Path(path)) as file:
            file.write(buffer.getbuffer())
