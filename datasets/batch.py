"""`Sample` and `SequenceBatch`, and the padding between them. Axis 1 of a batch is always time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

IGNORED = -100  # target value that losses and metrics skip


class Sample(NamedTuple):
    """One labelled sequence.

    inputs: (T, ...): line columns (W, C, H) uint8, frames (T, C, H, W) uint8, words (T,) int64.
    target: int64: () one label; (S,) the symbols of a string, or one label per step; (T, L)
        several labels per step.
    """

    inputs: np.ndarray
    target: np.ndarray


class SequenceBatch(NamedTuple):
    """A batch of right-padded samples; a NamedTuple, which `pin_memory` and device transfer handle.

    inputs: (B, T, ...) padded with 0.
    lengths: (B,) number of steps of each input, without padding; may be 0.
    targets: (B,) one label, or (B, S) / (B, T, L) padded with -100.
    target_lengths: (B,) number of steps of each target, without padding; 1 for one label.
    indices: (B,) index of each sample in its dataset, so that an error can name the file.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    indices: Tensor


def pad(arrays: Sequence[np.ndarray], value: int) -> np.ndarray:
    """Stack arrays (T_i, ...) into (B, max T, ...), right-padded with `value`."""
    longest = max((len(a) for a in arrays), default=0)
    padded = np.full((len(arrays), longest, *arrays[0].shape[1:]), value, dtype=arrays[0].dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded


def collate(samples: Sequence[tuple[int, Sample]]) -> SequenceBatch:
    """Combine (index in the dataset, sample) pairs into one batch."""
    indices, items = zip(*samples, strict=True)
    targets = [np.asarray(item.target, dtype=np.int64) for item in items]
    one_label = targets[0].ndim == 0
    return SequenceBatch(
        inputs=torch.from_numpy(pad([item.inputs for item in items], 0)),
        lengths=torch.tensor([len(item.inputs) for item in items]),
        targets=torch.from_numpy(np.stack(targets) if one_label else pad(targets, IGNORED)),
        target_lengths=torch.tensor([1 if one_label else len(t) for t in targets]),
        indices=torch.tensor(indices),
    )
