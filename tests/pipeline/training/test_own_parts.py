"""The part of one's own in docs/training.md trains, is bundled, and reads."""

import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.small import write_lines

PAGE = Path(__file__).parents[3] / "docs" / "training.md"


@pytest.mark.usefixtures("folder")
def test_the_part_of_the_documentation(run, command, monkeypatch):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    Path("mine.py").write_text(code, "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the working folder is added to it
    write_lines("ab", "ba", "ab", "aab")
    options = ("--model.encoder=mine.Columns", "--allow_import=mine")
    run("fit", "-c", "lines.yaml", *options)
    read = ("predict", "lines", "--model=runs/lines/best.safetensors", "--format=jsonl")
    assert command(*read).code == 2
    rows = [json.loads(line) for line in run(*read, "--allow_import=mine").splitlines()]
    assert len(rows) == 4 and all("text" in row for row in rows)
    run("fit", "-c", "lines.yaml", *options, "--init_from=runs/lines/best.safetensors")
    sys.modules.pop("mine")


@pytest.mark.usefixtures("folder")
def test_an_encoder_without_its_input_size_is_refused_before_it_trains(command, monkeypatch):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    lost = code.replace("input_size: int", "height: int = 16").replace("input_size", "height")
    Path("lost.py").write_text(lost, "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_lines("ab", "ba", "ab", "aab")
    outcome = command(
        "fit", "-c", "lines.yaml", "--model.encoder=lost.Columns", "--allow_import=lost"
    )
    sys.modules.pop("lost", None)
    assert outcome.code == 2 and "keep its first argument as self.input_size" in outcome.err
    assert not Path("runs/lines/best.safetensors").exists()
