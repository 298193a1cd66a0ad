"""A cell of one's own, added as docs/variants.md says: exact, streamed, trained and bundled."""

import inspect
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Literal, get_args

import pytest
import torch
from torch.testing import assert_close

from datasets import LineReader
from models import CTCHead, LineCNN, RecurrentStack
from models.recurrent.cells import CELLS, Cell, CellName
from models.recurrent.layer import RecurrentLayer
from models.recurrent.stack import warn_slow_loop
from pipeline.reading.bundle import Bundle, load_bundle, save_bundle
from tests.support.networks import connect

ROOT = Path(__file__).parents[3]


class Leaky(Cell):
    """h = a h + (1 - a) tanh(W x + U h) with a learned leak a for each unit."""

    gates, states = 1, 1

    def shapes(self, input_size: int, hidden_size: int, projection: int) -> dict[str, tuple]:
        return super().shapes(input_size, hidden_size, projection) | {"leak": (hidden_size,)}

    def step(self, weights):
        recurrent, kept = weights["weight_hh"].t(), weights["leak"].sigmoid()

        def step(x, state):
            (h,) = state
            return (kept * h + (1 - kept) * torch.addmm(x, h, recurrent).tanh(),)

        return step


@pytest.fixture(autouse=True)
def leaky(monkeypatch):
    """The two lines in cells.py: a name and a row."""
    monkeypatch.setitem(CELLS, "leaky", Leaky())
    names = Literal[*get_args(CellName), "leaky"]
    for part in (RecurrentStack, RecurrentLayer):
        monkeypatch.setitem(part.__init__.__annotations__, "cell", names)
    warn_slow_loop.cache_clear()


def test_it_says_once_that_it_is_a_loop():
    with pytest.warns(UserWarning, match="cell leaky runs in a loop over time: a training step"):
        RecurrentStack(4, 3, cell="leaky")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RecurrentStack(4, 3, cell="leaky")


@pytest.mark.filterwarnings("ignore:cell leaky")
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_padding_changes_nothing(direction):
    torch.manual_seed(0)
    stack = RecurrentStack(4, 3, 2, cell="leaky", direction=direction).double()
    features = torch.randn(3, 9, 4, dtype=torch.float64)
    lengths = torch.tensor([5, 9, 1])
    together = stack(features, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = stack(features[row : row + 1, :length], lengths[row : row + 1])
        assert_close(together[row : row + 1, :length], alone, rtol=0, atol=1e-12)
        assert (together[row, length:] == 0).all()
    if direction == "forward":
        first, state = stack.step(features[:, :4])
        rest, _ = stack.step(features[:, 4:], state)
        whole = stack(features, torch.full((3,), 9))
        assert_close(torch.cat([first, rest], 1), whole, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:cell leaky")
def test_it_is_bundled(tmp_path):
    model = connect(
        16,
        4,
        lambda size: LineCNN(size, [4, 6], width_reduction=2, height_reduction=4),
        lambda size: RecurrentStack(size, 3, cell="leaky"),
        lambda size, count: CTCHead(size, count),
    ).eval()
    torch.nn.init.constant_(model.recurrent.layers[0].core.leak_l0, 0.5)
    save_bundle(Bundle(model, list("abcd"), LineReader(16)), tmp_path / "own.safetensors")
    again = load_bundle(str(tmp_path / "own.safetensors")).model.recurrent
    assert again.cell == "leaky"
    assert_close(again.layers[0].core.leak_l0, torch.full((3,), 0.5))


@pytest.mark.slow
def test_it_trains_from_a_config(folder):
    """In a copy of the program with the class, its name and its row written into cells.py."""
    for room in ("pipeline", "models", "datasets"):
        ignored = shutil.ignore_patterns("zoo", "__pycache__")
        shutil.copytree(ROOT / room, folder / room, ignore=ignored)
    shutil.copy(ROOT / "run.py", folder)
    cells = folder / "models/recurrent/cells.py"
    text = cells.read_text("utf-8")
    text = text.replace('"min_lstm", "min_gru",\n', '"min_lstm", "min_gru", "leaky",\n')
    text = text.replace("CELLS: dict", f"{inspect.getsource(Leaky)}\n\nCELLS: dict")
    text = text.replace('"min_gru": MinGRU(),\n', '"min_gru": MinGRU(), "leaky": Leaky(),\n')
    cells.write_text(text, "utf-8")
    bundle = "runs/words/best.safetensors"
    for arguments in (
        ("fit", "-c", "words.yaml", "--model.recurrent.cell=leaky"),
        ("predict", "a fine film", "--model", bundle),
    ):
        done = subprocess.run(
            [sys.executable, "run.py", *arguments], cwd=folder, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(("positive", "negative"))
