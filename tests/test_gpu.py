"""What only a CUDA GPU can show: `pytest -m gpu`."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from datasets import LineReader
from models import CTCHead, LineCNN, RecurrentStack
from pipeline.reading.bundle import Bundle
from pipeline.reading.prediction import Recognizer
from tests.support.networks import connect

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine"),
]
LENGTHS = torch.tensor([7, 3, 0, 11])


@pytest.fixture(autouse=True)
def full_precision():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_the_gpu_reads_padded_batches_as_the_cpu_does(cell, direction):
    torch.manual_seed(0)
    stack = RecurrentStack(5, 8, 2, cell, direction)
    features = torch.randn(4, 12, 5)
    here, finals = stack.run(features, LENGTHS)
    there, finals_there = stack.cuda().run(features.cuda(), LENGTHS.cuda())
    assert_close(there.cpu(), here, rtol=0, atol=1e-5)
    for ours, theirs in zip(finals, finals_there, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert_close(b.cpu(), a, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_gradients_flow_in_evaluation_mode_too(cell):
    """cuDNN refuses this of torch's own modules."""
    stack = RecurrentStack(5, 8, 1, cell).cuda().eval()
    features = torch.randn(4, 12, 5, device="cuda", requires_grad=True)
    stack(features, LENGTHS.cuda()).sum().backward()
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().sum() > 0


def test_a_line_reader_says_the_same_on_both(monkeypatch):
    torch.manual_seed(0)
    labels = list("abcdefgh")
    model = connect(32, 8, LineCNN, lambda n: RecurrentStack(n, 16), CTCHead).eval()
    inputs = [np.random.default_rng(i).integers(0, 256, (40 + i, 1, 32), np.uint8) for i in (0, 9)]
    on_gpu = Recognizer(Bundle(model, labels, LineReader(32)))
    on_gpu.precision = torch.float32
    said = on_gpu.infer(inputs)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    on_cpu = Recognizer(Bundle(model, labels, LineReader(32)))
    on_cpu.precision = torch.float32
    assert [r.ids for r in said] == [r.ids for r in on_cpu.infer(inputs)]
