"""Context manager that limits torch to one thread per operation."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run torch operations on one thread each; the previous setting is restored on exit.

    Several batches in parallel on one core each are faster than one batch on all cores, and for
    small operations waking the other threads takes longer than the operation itself.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
