"""fit, validate and test as a user calls them: runs, resuming, Ctrl-C, fine-tuning."""

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
from pipeline.training import command_line as training
from pipeline.training.recognizer import SequenceRecognizer
from tests.support.small import write_lines

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("folder")


def weights_of(checkpoint: str) -> dict:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def record_start(monkeypatch) -> list[dict]:
    """The weights that each later fit starts with."""
    starts = []
    monkeypatch.setattr(
        SequenceRecognizer,
        "on_train_start",
        lambda self: starts.append({k: v.clone() for k, v in self.model.state_dict().items()}),
    )
    return starts


def interrupt_at(monkeypatch, step: int, error: type[BaseException] = KeyboardInterrupt) -> None:
    def stop(module, *_) -> None:
        if module.global_step == step:
            raise error

    monkeypatch.setattr(SequenceRecognizer, "on_train_batch_end", stop)


def test_a_run_writes_its_folder(command):
    code, out, _ = command("fit", "-c", "words.yaml")
    run = Path("runs/words")
    assert code == 0 and "run folder: runs/words (" in out
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert (run / "config.yaml").exists() and list(run.glob("events.out.tfevents.*"))
    assert "samples: 12 train, 8 validation; 2 labels; 3 batches an epoch" in out
    assert "epoch 1: accuracy" in out
    metadata = read_metadata(run / "best.safetensors")
    assert metadata["labels"] == ["negative", "positive"]
    assert 0 <= metadata["scores"]["validation/accuracy"] <= 100


def test_the_best_bundle_predicts(command):
    command("fit", "-c", "words.yaml")
    model = ("--model", "runs/words/best.safetensors", "--format", "jsonl")
    code, out, err = command("predict", "a good film .", "i could never love it .", *model)
    assert (code, err) == (0, "")
    assert out.count('"label": "') == 2 and '"input": "a good film ."' in out


def test_runs_are_never_overwritten(command):
    command("fit", "-c", "words.yaml", "--trainer.max_epochs=1")
    first = Path("runs/words/best.safetensors").read_bytes()
    code, out, _ = command("fit", "-c", "words.yaml", "--seed_everything=1")
    assert code == 0 and "run folder: runs/words-2 (" in out
    assert Path("runs/words/best.safetensors").read_bytes() == first
    assert "runs/words-3 (" in command("fit", "-c", "words.yaml").out
    assert "runs/mine (" in command("fit", "-c", "words.yaml", "--name=mine").out


def test_resuming_equals_training_at_once(command):
    command("fit", "-c", "words.yaml", "--trainer.max_epochs=4", "--name=whole")
    command("fit", "-c", "words.yaml", "--name=parts")
    half = weights_of("runs/parts/checkpoints/last.ckpt")
    again = ("--ckpt_path", "runs/parts/checkpoints/last.ckpt", "--trainer.max_epochs=4")
    code, out, _ = command("fit", "-c", "runs/parts/config.yaml", *again)
    assert code == 0 and "run folder: runs/parts (" in out
    whole = weights_of("runs/whole/checkpoints/last.ckpt")
    assert_close(weights_of("runs/parts/checkpoints/last.ckpt"), whole, rtol=0, atol=1e-6)
    with pytest.raises(AssertionError):  # or there was nothing to learn
        assert_close(half, whole, rtol=0, atol=1e-4)
    best = [load_file(f"runs/{run}/best.safetensors") for run in ("whole", "parts")]
    assert_close(*best, rtol=0, atol=1e-3)


@pytest.mark.parametrize("step", [2, 4])
def test_ctrl_c_leaves_a_resumable_run(command, monkeypatch, step):
    """Of 3 steps an epoch: within the first, and within the second."""
    with monkeypatch.context() as patch:
        interrupt_at(patch, step)
        code, out, _ = command("fit", "-c", "words.yaml")
    last = "runs/words/checkpoints/last.ckpt"
    hint = f"python run.py fit -c runs/words/config.yaml --ckpt_path {last}"
    assert code == 130 and out.splitlines()[-1] == f"interrupted; go on with: {hint}"
    assert torch.load(last, weights_only=True)["global_step"] == step
    code, out, err = command(*hint.split()[2:])
    assert code == 0, err
    assert "epoch 1: accuracy" in out
    assert torch.load(last, weights_only=True)["global_step"] == 6


def test_ctrl_c_and_errors_leave_the_best_alone(command, monkeypatch):
    interrupt_at(monkeypatch, 5, ArithmeticError)
    with pytest.raises(ArithmeticError):
        command("fit", "-c", "words.yaml")
    folder = Path("runs/words/checkpoints")
    steps = {p.name: torch.load(p, weights_only=True)["global_step"] for p in folder.iterdir()}
    assert steps == {"best.ckpt": 3, "last.ckpt": 5}


def test_ctrl_c_in_a_terminal(folder):
    """The whole program, as it is: what it says, and that nothing else is said."""
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
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # it tells in `err` where each thread stands
        out, err = process.communicate()
    assert process.returncode == 130, err
    assert "interrupted; go on with: python run.py fit -c runs/words/config.yaml" in out
    assert (folder / "runs/words/checkpoints/last.ckpt").exists()
    for noise in ("Tip:", "deprecated", "args parameter", "Warning", "Traceback", "many workers"):
        assert noise not in err


def test_validate_and_test_take_a_checkpoint(command):
    command("fit", "-c", "words.yaml")
    before = Path("runs/words/config.yaml").read_bytes()
    written = Path("runs/words/best.safetensors").stat().st_mtime_ns
    for name in ("validate", "test"):
        checkpoint = ("--ckpt_path", Path("runs/words/checkpoints/best.ckpt").absolute())
        code, out, err = command(name, "-c", "words.yaml", *checkpoint)
        assert code == 0, err
        assert "accuracy" in out
    assert Path("runs/words/config.yaml").read_bytes() == before
    assert Path("runs/words/best.safetensors").stat().st_mtime_ns == written
    assert [p.name for p in Path("runs").iterdir()] == ["words"]


@pytest.mark.parametrize("native", [True, False])
def test_without_bfloat16_it_trains_in_float32_and_says_so(command, monkeypatch, native):
    monkeypatch.setattr(training, "multiplies_bfloat16", lambda device: native)
    given = ("fit", "-c", "words.yaml", "--trainer.precision=bf16-mixed")
    code, out, err = command(*given, "--trainer.max_epochs=1")
    assert code == 0, err
    assert ("no bfloat16: training in float32" in out) == (not native)
    kept = Path("runs/words/config.yaml").read_text(encoding="utf-8")
    assert f"precision: {'bf16-mixed' if native else '32-true'}" in kept


def test_a_checkpoint_keeps_the_words_and_refuses_others(command):
    """As many words, but others: every weight would fit, and every word mean something else."""
    for words in ("good bad film", "good bad plot"):
        rows = "".join(f"{words} {words},{i % 2}\n" for i in range(8))
        Path("reviews.csv").write_text("text,label\n" + rows, encoding="utf-8")
        source = {"class_path": "datasets.Reviews", "init_args": {"root": "reviews.csv"}}
        source["init_args"] |= {"validation": 0.25, "cache": "cache", "min_count": 1, "test": 0.0}
        given = ["fit", "-c", "words.yaml", f"--data.source={json.dumps(source)}"]
        if words.endswith("film"):
            code, _, err = command(*given)
            assert code == 0, err
            last = Path("runs/words/checkpoints/last.ckpt")
            kept = torch.load(last, weights_only=True)["reader"]
            assert kept["options"]["symbols"] == ["bad", "film", "good"]
    code, _, err = command(*given, "--ckpt_path", last)
    assert code == 2 and "error: the checkpoint's input was prepared by TextReader" in err
    assert "'plot'" in err and "use the data, and its options" in err


def test_a_checkpoint_of_other_labels_or_sizes_is_refused(command):
    write_lines("ab", "ba", "ab", "aab")
    command("fit", "-c", "lines.yaml")
    again = ("fit", "-c", "lines.yaml", "--ckpt_path", "runs/lines/checkpoints/last.ckpt")
    code, _, err = command(*again, "--model.recurrent.hidden_size=5")
    assert code == 2 and "error: the checkpoint: " in err and "weights do not fit the net" in err
    write_lines("ab", "ba", "ac", "aac")
    code, _, err = command(*again)
    says = "error: the checkpoint's labels ['a', 'b'] differ from the data's ['a', 'b', 'c']; use"
    assert code == 2 and says in err


def test_init_from_goes_on_with_the_bundle(command, monkeypatch):
    write_lines("ab", "ba", "ab", "aab")
    command("fit", "-c", "lines.yaml")
    starts = record_start(monkeypatch)
    bundle = "runs/lines/best.safetensors"
    code, _, err = command("fit", "-c", "lines.yaml", "--init_from", bundle)
    assert code == 0, err
    assert_close(starts[0], dict(load_bundle(bundle).model.state_dict()), rtol=0, atol=0)
    command("fit", "-c", "lines.yaml")
    with pytest.raises(AssertionError):
        assert_close(starts[1], starts[0], rtol=0, atol=1e-3)


def test_init_from_decides_the_labels(command, tmp_path):
    write_lines("ab", "ba", "ab", "aab")
    command("fit", "-c", "lines.yaml")
    bundle = load_bundle("runs/lines/best.safetensors")
    bundle.labels.reverse()
    save_bundle(bundle, tmp_path / "ba.safetensors")
    write_lines("ab", "ba", "axyb", "aab")
    given = ("fit", "-c", "lines.yaml", "--init_from", "ba.safetensors")
    code, out, err = command(*given, "--alphabet=keep")
    assert code == 0, err
    assert "left out: 1 samples" in out
    assert (
        "lines/p2__.png: cannot encode 'x' (U+0078) 'y' (U+0079): not in the alphabet of 2" in out
    )
    assert read_metadata(Path("runs/lines-2/best.safetensors"))["labels"] == ["b", "a"]
    code, out, err = command(*given, "--remember=lines")
    assert code == 0, err
    assert "2 labels kept, 2 new, 0 dropped\n" in out and "left out" not in out
    metadata = read_metadata(Path("runs/lines-3/best.safetensors"))
    assert metadata["labels"] == ["b", "a", "x", "y"]
    was, now = (metadata["scores"][f"old/lines/{name}"] for name in ("cer_before", "cer"))
    told = f"ba: lines (4 lines) {was:.2f} -> {now:.2f} % CER"
    assert metadata["card"]["forgetting"] == told and f"forgetting: {told}\n" in out


def test_a_run_without_a_validation_says_so(command):
    """With --remember too: there is no new bundle to score."""
    write_lines("ab", "ba", "ab", "aab")
    command("fit", "-c", "lines.yaml")
    told = "(ended before the first validation; last.ckpt is there)\n"
    more = ("--init_from", "runs/lines/best.safetensors", "--remember=lines")
    for name, given in ("plain", ()), ("tuned", more):
        never = ("--trainer.check_val_every_n_epoch=2", f"--name={name}")
        code, out, err = command("fit", "-c", "lines.yaml", *never, *given)
        assert code == 0, err
        assert f"run folder: runs/{name} {told}" in out and "forgetting" not in out
        assert Path(f"runs/{name}/checkpoints/last.ckpt").exists()
        assert not Path(f"runs/{name}/best.safetensors").exists()
    _, out, _ = command("fit", "-c", "lines.yaml", "--trainer.max_epochs=0", "--name=none")
    assert "run folder: runs/none (ended before the first validation; nothing was saved)" in out


def test_init_from_refuses_what_does_not_fit(command):
    code, _, err = command("fit", "-c", "words.yaml", "--remember=lines")
    assert code == 2 and "error: --remember goes with --init_from" in err
    write_lines("ab", "ba", "ab", "aab")
    command("fit", "-c", "lines.yaml")
    given = ("--init_from", "runs/lines/best.safetensors")
    code, _, err = command("fit", "-c", "lines.yaml", *given, "--model.recurrent.hidden_size=5")
    assert code == 2 and "error: --init_from: " in err and "weights do not fit the network" in err
    code, _, err = command("fit", "-c", "words.yaml", *given)
    assert code == 2 and "--init_from: the bundle prepares its input with LineReader" in err


def test_a_transcript_too_long_is_named_and_scored_but_not_learned(command, monkeypatch):
    """40 columns leave 20 steps: 21 letters, or 11 equal ones, need more."""
    write_lines("ab", "ab" * 10 + "a", "ab", "a" * 11, "a" * 10)
    losses = []
    step = SequenceRecognizer._step

    def record(self, batch, stage):
        losses.append(step(self, batch, stage))
        return losses[-1]

    monkeypatch.setattr(SequenceRecognizer, "_step", record)
    code, out, err = command("fit", "-c", "lines.yaml")
    assert code == 0, err
    said = [line for line in out.splitlines() if line.startswith("not in the loss: ")]
    assert [line.split(":")[1].strip() for line in said] == ["lines/p3__.png", "lines/p1__.png"]
    assert "lines/p3__.png: the target needs 21 steps but the encoder leaves 20; widen" in said[0]
    assert all(value is None or value.isfinite() for value in losses)
    assert "over 2 groups" in out  # p0 and p1 are both scored
    metadata = read_metadata(Path("runs/lines/best.safetensors"))
    assert metadata["scores"]["validation/cer"] >= 50


def test_lines_left_out_are_named_before_the_first_step(command):
    write_lines("ab", "ba", "ab", "aab")
    Path("lines/p2__.png").write_bytes(b"")
    code, out, _ = command("fit", "-c", "lines.yaml")
    assert code == 0
    assert "left out: 1 samples\n  lines/p2__.png: the file is empty (0 bytes); copy it" in out
    assert out.index("left out") < out.index("epoch 0")
