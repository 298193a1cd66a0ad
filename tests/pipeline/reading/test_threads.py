"""One thread per operation within the context, the previous number after it."""

import cv2
import pytest
import torch

from pipeline.reading.threads import single_threaded


def fail_with_one_thread() -> None:
    with single_threaded():
        assert torch.get_num_threads() == cv2.getNumThreads() == 1
        raise ValueError("on the way")


def test_the_number_of_threads_is_restored():
    before, images = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    try:
        with pytest.raises(ValueError, match="on the way"):
            fail_with_one_thread()
        assert torch.get_num_threads() == cv2.getNumThreads() == 2
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(images)
