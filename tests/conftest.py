"""The fixtures that the tests of every room share; what makes their inputs is in `support/`.

Lightning is imported here, before any test imports scikit-learn: typing keeps the first order of
equal unions, and behind scikit-learn the trainer's limit_train_batches=1 reads as 1.0, all batches.
Each training has one thread: on busy cores, several wait for each other.
"""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import pytorch_lightning  # noqa: F401

from pipeline.class_paths import allow_imports
from pipeline.cli import main
from pipeline.reading.bundle import save_bundle
from pipeline.reading.prediction import Recognizer, load_recognizer
from tests.support.small import LINES, WORDS, tiny_bundle


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch, tmp_path_factory):
    """Tests make their own data and caches, whatever this machine has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("STRAND_DATA", raising=False)
    for name in ("STRAND_ROOTS", "STRAND_ALLOW_OUTSIDE"):
        monkeypatch.setenv(name, "")  # so that it is as before after the test
        monkeypatch.delenv(name)


@pytest.fixture
def command(monkeypatch) -> Iterator[Callable[..., Outcome]]:
    """`python run.py ARGUMENTS...` inside this process."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.delenv("STRAND_RUN", raising=False)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([str(a) for a in arguments])
                code = 0
            except SystemExit as stop:
                code = stop.code or 0
        return Outcome(code, out.getvalue(), err.getvalue())

    monkeypatch.setattr(sys, "argv", ["run.py"])
    yield run
    allow_imports([])


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "tiny.safetensors"
    save_bundle(tiny_bundle(), path)
    return path


@pytest.fixture(scope="session")
def expected(bundle_file) -> Recognizer:
    return load_recognizer(str(bundle_file))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The test runs in a folder of its own with two configs, and with Ctrl-C as it was."""
    monkeypatch.chdir(tmp_path)
    Path("words.yaml").write_text(WORDS, encoding="utf-8")
    Path("lines.yaml").write_text(LINES, encoding="utf-8")
    before = signal.getsignal(signal.SIGINT)
    yield tmp_path
    signal.signal(signal.SIGINT, before)
