"""Padding and collating."""

import numpy as np
import pytest
import torch

from datasets.batch import IGNORED, Sample, collate, pad


def samples(targets: list) -> list[tuple[int, Sample]]:
    """Two lines of 3 and 5 columns, with indices 7 and 2 in their dataset."""
    lines = [np.full((3, 1, 4), 9, np.uint8), np.full((5, 1, 4), 8, np.uint8)]
    return [(i, Sample(x, np.array(t))) for i, x, t in zip((7, 2), lines, targets, strict=True)]


def test_inputs_are_padded_with_zeros_and_keep_their_type():
    batch = collate(samples([[0], [1]]))
    assert batch.inputs.shape == (2, 5, 1, 4) and batch.inputs.dtype == torch.uint8
    assert (batch.inputs[0, :3] == 9).all() and (batch.inputs[0, 3:] == 0).all()
    assert (batch.inputs[1] == 8).all()
    assert (batch.lengths.tolist(), batch.indices.tolist()) == ([3, 5], [7, 2])


def test_strings_are_padded_with_the_ignored_label():
    batch = collate(samples([[4, 5, 6], [1]]))
    assert batch.targets.tolist() == [[4, 5, 6], [1, IGNORED, IGNORED]]
    assert batch.targets.dtype == torch.int64 and batch.target_lengths.tolist() == [3, 1]


def test_one_label_each_makes_a_row_of_labels():
    batch = collate(samples([4, 0]))
    assert batch.targets.tolist() == [4, 0] and batch.target_lengths.tolist() == [1, 1]


def test_several_labels_a_step_are_padded_over_steps():
    batch = collate(samples([[[0, 1]] * 3, [[1, 0]] * 5]))
    assert batch.targets.shape == (2, 5, 2) and batch.target_lengths.tolist() == [3, 5]
    assert (batch.targets[0, 3:] == IGNORED).all() and (batch.targets[1] != IGNORED).all()


def test_samples_of_no_steps_and_no_symbols_are_kept():
    empty = Sample(np.zeros((0, 1, 4), np.uint8), np.zeros(0, np.int64))
    batch = collate([*samples([[1], [2]]), (3, empty)])
    assert batch.lengths.tolist() == [3, 5, 0] and batch.target_lengths.tolist() == [1, 1, 0]
    assert (batch.targets[2] == IGNORED).all() and (batch.inputs[2] == 0).all()
    alone = collate([(3, empty)])
    assert alone.inputs.shape == (1, 0, 1, 4) and alone.targets.shape == (1, 0)


def test_a_batch_shares_no_memory_with_its_samples():
    (_, sample), *_ = items = samples([[1], [2]])
    batch = collate(items)
    sample.inputs[:] = 0
    assert (batch.inputs[0, :3] == 9).all()


def test_pad_keeps_the_type_and_the_value():
    padded = pad([np.array([1, 2], np.int64), np.array([3], np.int64)], -1)
    assert padded.tolist() == [[1, 2], [3, -1]] and padded.dtype == np.int64


def test_samples_of_another_height_cannot_be_one_batch():
    with pytest.raises(ValueError, match="broadcast"):
        pad([np.zeros((2, 4)), np.zeros((2, 5))], 0)
