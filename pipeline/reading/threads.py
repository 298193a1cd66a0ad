"""Context manager that limits torch and OpenCV to one thread per operation."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run each operation of torch and OpenCV on one thread; the settings before are restored on
    exit.

    Several batches in parallel on one core each are faster than one batch on all cores, and for
    small operations waking the other threads takes longer than the operation itself.
    """
    before, before_images = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(before_images)
