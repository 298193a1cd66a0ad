"""`fit`, `validate` and `test` end to end: run folders, resuming, Ctrl-C and fine-tuning."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from pipeline.reading.bundle import load_bundle, read_metadata, save_bundle
from pipeline.training import command_line
from pipeline.training.recognizer import SequenceRecognizer
from tests.support.small import write_lines

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("folder")


def weights_of(checkpoint: str) -> dict:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def record_start(monkeypatch) -> list[dict]:
    """Record the weights that each later `fit` starts with, in the list returned."""
    starts = []
    monkeypatch.setattr(
        SequenceRecognizer,
        "on_train_start",
        lambda self: starts.append({k: v.clone() for k, v in self.model.state_dict().items()}),
    )
    return starts


def interrupt_at(monkeypatch, step: int, error: type[BaseException] = KeyboardInterrupt) -> None:
    """Make later trainings raise the error after the given step."""

    def stop(module, *_) -> None:
        if module.global_step == step:
            raise error

    monkeypatch.setattr(SequenceRecognizer, "on_train_batch_end", stop)


@pytest.fixture
def lines_bundle(run) -> str:
    """The bundle of a short training on four lines."""
    write_lines("ab", "ba", "ab", "aab")
    run("fit", "-c", "lines.yaml")
    return "runs/lines/best.safetensors"


def test_a_run_writes_its_folder(run):
    out = run("fit", "-c", "words.yaml")
    path = Path("runs/words")
    assert "run folder: runs/words (" in out
    assert sorted(p.name for p in (path / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert (path / "config.yaml").exists() and list(path.glob("events.out.tfevents.*"))
    assert "samples: 12 train, 8 validation; 2 labels; 3 batches an epoch" in out
    assert "epoch 2: accuracy" in out
    metadata = read_metadata(path / "best.safetensors")
    assert metadata["labels"] == ["negative", "positive"]
    assert 0 <= metadata["scores"]["validation/accuracy"] <= 100


def test_the_best_bundle_predicts(command):
    command("fit", "-c", "words.yaml")
    model = ("--model", "runs/words/best.safetensors", "--format", "jsonl")
    code, out, err = command("predict", "a good film .", "i could never love it .", *model)
    assert (code, err) == (0, "")
    assert out.count('"label": "') == 2 and '"input": "a good film ."' in out


def test_runs_are_never_overwritten(run):
    run("fit", "-c", "words.yaml", "--trainer.max_epochs=1")
    first = Path("runs/words/best.safetensors").read_bytes()
    assert "run folder: runs/words-2 (" in run("fit", "-c", "words.yaml", "--seed_everything=1")
    assert Path("runs/words/best.safetensors").read_bytes() == first
    assert "runs/words-3 (" in run("fit", "-c", "words.yaml")
    assert "runs/mine (" in run("fit", "-c", "words.yaml", "--name=mine")


def test_resuming_equals_training_at_once(run):
    run("fit", "-c", "words.yaml", "--trainer.max_epochs=4", "--name=whole")
    run("fit", "-c", "words.yaml", "--name=parts")
    half = weights_of("runs/parts/checkpoints/last.ckpt")
    again = ("--ckpt_path", "runs/parts/checkpoints/last.ckpt", "--trainer.max_epochs=4")
    assert "run folder: runs/parts (" in run("fit", "-c", "runs/parts/config.yaml", *again)
    whole = weights_of("runs/whole/checkpoints/last.ckpt")
    assert_close(weights_of("runs/parts/checkpoints/last.ckpt"), whole, rtol=0, atol=1e-6)
    with pytest.raises(AssertionError):  # the second half has changed the weights
        assert_close(half, whole, rtol=0, atol=1e-4)
    best = [load_file(f"runs/{name}/best.safetensors") for name in ("whole", "parts")]
    assert_close(*best, rtol=0, atol=1e-3)


@pytest.mark.parametrize("step", [2, 4])
def test_ctrl_c_leaves_a_resumable_run(command, run, monkeypatch, step):
    """Within the first and within the second epoch, of 3 steps each."""
    with monkeypatch.context() as patch:
        interrupt_at(patch, step)
        code, out, _ = command("fit", "-c", "words.yaml")
    last = "runs/words/checkpoints/last.ckpt"
    hint = f"python run.py fit -c runs/words/config.yaml --ckpt_path {last}"
    assert code == 130 and out.splitlines()[-1] == f"interrupted; go on with: {hint}"
    assert torch.load(last, weights_only=True)["global_step"] == step
    assert "epoch 2: accuracy" in run(*hint.split()[2:])
    assert torch.load(last, weights_only=True)["global_step"] == 6


def test_errors_do_not_overwrite_the_best_checkpoint(command, monkeypatch):
    interrupt_at(monkeypatch, 5, ArithmeticError)
    with pytest.raises(ArithmeticError):
        command("fit", "-c", "words.yaml")
    folder = Path("runs/words/checkpoints")
    steps = {p.name: torch.load(p, weights_only=True)["global_step"] for p in folder.iterdir()}
    assert steps == {"best.ckpt": 3, "last.ckpt": 5}


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_ctrl_c_in_a_terminal(folder, number):
    """The program as a subprocess: its exit status and messages, without any warnings."""
    arguments = ["fit", "-c", "words.yaml", "--trainer.max_epochs=-1"]
    arguments += ["--early_stopping.patience=100000"]
    process = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "run.py"), *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},
    )  # fmt: skip
    best, deadline = folder / "runs/words/best.safetensors", time.monotonic() + 60
    while not best.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # prints the stack of each thread
        out, err = process.communicate()
    assert process.returncode == 130, err
    assert "interrupted; go on with: python run.py fit -c runs/words/config.yaml" in out
    assert (folder / "runs/words/checkpoints/last.ckpt").exists()
    for noise in ("Tip:", "deprecated", "args parameter", "Warning", "Traceback", "many workers"):
        assert noise not in err


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_training_with_an_error(folder):
    arguments = ["fit", "-c", "words.yaml", "--trainer.max_epochs=-1", "--data.workers=1"]
    arguments += ["--early_stopping.patience=100000", "--data.source.init_args.count=400"]
    process = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "run.py"), *arguments],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    last, deadline = folder / "runs/words/checkpoints/last.ckpt", time.monotonic() + 60
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not last.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    while process.poll() is None and time.monotonic() < deadline + 60:
        # one that has just done its work for an epoch may die: the next ones are there soon
        for child in children.read_text("utf-8").split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if b"run.py" in Path(f"/proc/{child}/cmdline").read_bytes():  # a fork: a worker
                    os.kill(int(child), signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    _, err = process.communicate(timeout=60)
    # Python itself prints one for an error in a finalizer, as of the loader of a dead worker
    assert process.returncode == 2 and err.count("Traceback") == err.count("Exception ignored")
    assert "error: a process that reads the data died (DataLoader worker" in err
    assert "go on with: python run.py fit -c runs/words/config.yaml --ckpt_path" in err


def test_validate_and_test_take_a_checkpoint(run):
    run("fit", "-c", "words.yaml")
    before = Path("runs/words/config.yaml").read_bytes()
    written = Path("runs/words/best.safetensors").stat().st_mtime_ns
    for name in ("validate", "test"):
        checkpoint = ("--ckpt_path", Path("runs/words/checkpoints/best.ckpt").absolute())
        assert "accuracy" in run(name, "-c", "words.yaml", *checkpoint)
    assert Path("runs/words/config.yaml").read_bytes() == before
    assert Path("runs/words/best.safetensors").stat().st_mtime_ns == written
    assert [p.name for p in Path("runs").iterdir()] == ["words"]


@pytest.mark.parametrize("native", [True, False])
def test_without_bfloat16_it_trains_in_float32_with_a_message(run, monkeypatch, native):
    monkeypatch.setattr(command_line, "has_native_bfloat16", lambda device: native)
    given = ("fit", "-c", "words.yaml", "--trainer.precision=bf16-mixed")
    out = run(*given, "--trainer.max_epochs=1")
    assert ("no bfloat16: training in float32" in out) == (not native)
    config = Path("runs/words/config.yaml").read_text(encoding="utf-8")
    assert f"precision: {'bf16-mixed' if native else '32-true'}" in config


def test_a_checkpoint_keeps_the_words_and_refuses_others(command, run):
    """With as many other words all weights would fit, but belong to the wrong words."""
    for words in ("good bad film", "good bad plot"):
        rows = "".join(f"{words} {words},{i % 2}\n" for i in range(8))
        Path("reviews.csv").write_text("text,label\n" + rows, encoding="utf-8")
        source = {"class_path": "datasets.Reviews", "init_args": {"root": "reviews.csv"}}
        source["init_args"] |= {"validation": 0.25, "cache": "cache", "min_count": 1, "test": 0.0}
        given = ["fit", "-c", "words.yaml", f"--data.source={json.dumps(source)}"]
        if words.endswith("film"):
            run(*given)
            last = Path("runs/words/checkpoints/last.ckpt")
            reader = torch.load(last, weights_only=True)["reader"]
            assert reader["options"]["symbols"] == ["bad", "film", "good"]
    code, _, err = command(*given, "--ckpt_path", last)
    assert code == 2 and "error: the checkpoint's input was prepared by TextReader" in err
    assert "'plot'" in err and "use the data, and its options" in err


def test_a_checkpoint_of_other_labels_or_sizes_is_refused(command, lines_bundle):
    again = ("fit", "-c", "lines.yaml", "--ckpt_path", "runs/lines/checkpoints/last.ckpt")
    code, _, err = command(*again, "--model.recurrent.hidden_size=5")
    assert code == 2 and "error: the checkpoint: " in err and "weights do not fit the net" in err
    write_lines("ab", "ba", "ac", "aac")
    code, _, err = command(*again)
    message = "the checkpoint's labels ['a', 'b'] differ from the data's ['a', 'b', 'c']; use"
    assert code == 2 and f"error: {message}" in err


def test_init_from_starts_with_the_weights_of_the_bundle(run, lines_bundle, monkeypatch):
    starts = record_start(monkeypatch)
    run("fit", "-c", "lines.yaml", "--init_from", lines_bundle)
    assert_close(starts[0], dict(load_bundle(lines_bundle).model.state_dict()), rtol=0, atol=0)
    run("fit", "-c", "lines.yaml")
    with pytest.raises(AssertionError):
        assert_close(starts[1], starts[0], rtol=0, atol=1e-3)


def test_init_from_decides_the_labels(run, lines_bundle, tmp_path):
    bundle = load_bundle(lines_bundle)
    bundle.labels.reverse()
    save_bundle(bundle, tmp_path / "ba.safetensors")
    write_lines("ab", "ba", "axyb", "aab")
    given = ("fit", "-c", "lines.yaml", "--init_from", "ba.safetensors")
    out = run(*given, "--alphabet=keep")
    assert "left out: 1 samples" in out
    reason = "cannot encode 'x' (U+0078) 'y' (U+0079): not in the alphabet of 2"
    assert f"lines/p2__.png: {reason}" in out
    assert read_metadata(Path("runs/lines-2/best.safetensors"))["labels"] == ["b", "a"]
    out = run(*given, "--remember=lines")
    assert "2 labels kept, 2 new, 0 dropped\n" in out and "left out" not in out
    metadata = read_metadata(Path("runs/lines-3/best.safetensors"))
    assert metadata["labels"] == ["b", "a", "x", "y"]
    before, after = (metadata["scores"][f"old/lines/{name}"] for name in ("cer_before", "cer"))
    summary = f"ba: lines (4 lines) {before:.2f} -> {after:.2f} % CER"
    assert metadata["card"]["forgetting"] == summary and f"forgetting: {summary}\n" in out


def test_a_run_that_ends_before_a_validation_reports_it(run, lines_bundle):
    """With --remember too: there is no new bundle to score."""
    message = "(ended before the first validation; last.ckpt is there)\n"
    more = ("--init_from", lines_bundle, "--remember=lines")
    for name, given in ("plain", ()), ("tuned", more):
        never = ("--trainer.check_val_every_n_epoch=2", f"--name={name}")
        out = run("fit", "-c", "lines.yaml", *never, *given)
        assert f"run folder: runs/{name} {message}" in out and "forgetting" not in out
        assert Path(f"runs/{name}/checkpoints/last.ckpt").exists()
        assert not Path(f"runs/{name}/best.safetensors").exists()
    out = run("fit", "-c", "lines.yaml", "--trainer.max_epochs=0", "--name=none")
    assert "run folder: runs/none (ended before the first validation; nothing was saved)" in out


def test_init_from_refuses_what_does_not_fit(command, lines_bundle):
    code, _, err = command("fit", "-c", "words.yaml", "--remember=lines")
    assert code == 2 and "error: --remember goes with --init_from" in err
    given = ("--init_from", lines_bundle)
    code, _, err = command("fit", "-c", "lines.yaml", *given, "--model.recurrent.hidden_size=5")
    assert code == 2 and "error: --init_from: " in err and "weights do not fit the network" in err
    code, _, err = command("fit", "-c", "words.yaml", *given)
    assert code == 2 and "--init_from: the bundle prepares its input with LineReader" in err


def test_a_transcript_too_long_is_reported_and_scored_but_not_in_the_loss(run, monkeypatch):
    """40 columns leave 20 steps; 21 letters, or 11 equal ones with blanks between, need more."""
    write_lines("ab", "ab" * 10 + "a", "ab", "a" * 11, "a" * 10)
    losses = []
    step = SequenceRecognizer._step

    def record(self, batch, stage):
        losses.append(step(self, batch, stage))
        return losses[-1]

    monkeypatch.setattr(SequenceRecognizer, "_step", record)
    out = run("fit", "-c", "lines.yaml")
    lines = [line for line in out.splitlines() if line.startswith("not in the loss: ")]
    assert [line.split(":")[1].strip() for line in lines] == ["lines/p3__.png", "lines/p1__.png"]
    assert "lines/p3__.png: the target needs 21 steps but the encoder leaves 20; widen" in lines[0]
    assert all(value is None or value.isfinite() for value in losses)
    assert "over 2 groups" in out  # p0 and p1 are both scored
    metadata = read_metadata(Path("runs/lines/best.safetensors"))
    assert metadata["scores"]["validation/cer"] >= 50


def test_lines_left_out_are_named_before_the_first_step(run):
    write_lines("ab", "ba", "ab", "aab")
    Path("lines/p2__.png").write_bytes(b"")
    out = run("fit", "-c", "lines.yaml")
    assert "left out: 1 samples\n  lines/p2__.png: the file is empty (0 bytes); copy it" in out
    assert out.index("left out") < out.index("epoch 1")
