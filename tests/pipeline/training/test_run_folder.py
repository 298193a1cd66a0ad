"""Run folders belong to one training, and hold what a new or a copied one needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from pipeline.training.run_folder import LOCK

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("folder")
LAST = "checkpoints/last.ckpt"
# takes the folder of a run, and keeps it until its input ends
HOLDER = """
import sys
from types import SimpleNamespace
from pipeline.training.run_folder import RunFolder
folder = RunFolder(SimpleNamespace(name=None, ckpt_path=None, config=["words.yaml"]), fit=True)
print(folder.name, flush=True)
sys.stdin.read()
"""


def contents(folder: str) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def test_a_second_training_of_a_name_is_refused(command, run):
    run("fit", "-c", "words.yaml", "--name=mine")
    before = contents("runs/mine")
    code, _, err = command("fit", "-c", "words.yaml", "--name=mine")
    assert code == 2 and err == (
        "error: runs/mine: there is a training of this name; give another --name, or go on with "
        "it: --ckpt_path runs/mine/checkpoints/last.ckpt\n"
    )
    assert contents("runs/mine") == before


def test_a_folder_without_a_checkpoint_is_taken_again(run):
    """As one is left by a training that is killed in its first epoch."""
    Path("runs/mine/checkpoints").mkdir(parents=True)
    Path("runs/mine/history.jsonl").write_text('{"epoch": 1', encoding="utf-8")
    run("fit", "-c", "words.yaml", "--name=mine", "--trainer.max_epochs=1")
    lines = Path("runs/mine/history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1]


def test_an_error_before_the_training_leaves_no_folder(command):
    code, _, err = command("fit", "-c", "words.yaml", "--init_from=lines-hand")
    assert code == 2 and "--init_from: the bundle prepares its input" in err
    assert list(Path("runs").iterdir()) == []


def test_a_new_training_from_the_config_of_a_resumed_one_starts_anew(run):
    run("fit", "-c", "words.yaml", "--name=mine", "--trainer.max_epochs=1")
    again = ("fit", "-c", "runs/mine/config.yaml", "--trainer.max_epochs=2")
    run(*again, f"--ckpt_path=runs/mine/{LAST}")
    config = yaml.safe_load(Path("runs/mine/config.yaml").read_text(encoding="utf-8"))
    assert config["ckpt_path"] is None and config["name"] is None
    out = run("fit", "-c", "runs/mine/config.yaml")
    assert "run folder: runs/config (" in out and "epoch 2: accuracy" in out


def test_a_copied_folder_goes_on_in_the_copy(run):
    run("fit", "-c", "words.yaml", "--name=mine", "--trainer.max_epochs=1")
    shutil.copytree("runs/mine", "runs/copy")
    before = contents("runs/mine")
    again = ("fit", "-c", "runs/copy/config.yaml", "--trainer.max_epochs=2")
    out = run(*again, f"--ckpt_path=runs/copy/{LAST}")
    assert "run folder: runs/copy (" in out and contents("runs/mine") == before
    history = Path("runs/copy/history.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(history) == 2


def test_a_new_name_goes_on_with_the_history_and_the_best_of_another_run(run):
    run("fit", "-c", "words.yaml", "--name=mine")
    with open("runs/mine/history.jsonl", "a", encoding="utf-8") as file:
        file.write("{}\n")  # of an epoch after the checkpoint
    checkpoint = torch.load(f"runs/mine/{LAST}", weights_only=True)
    (best,) = (state for key, state in checkpoint["callbacks"].items() if "BestBundle" in key)
    best["best"] = -1.0  # nothing will be better
    torch.save(checkpoint, f"runs/mine/{LAST}")
    before = contents("runs/mine")
    more = ("--name=new", f"--ckpt_path=runs/mine/{LAST}", "--trainer.max_epochs=3")
    out = run("fit", "-c", "words.yaml", *more)
    lines = Path("runs/new/history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    assert lines[:2] == before["runs/mine/history.jsonl"].decode().splitlines()[:2]
    assert json.loads(Path("runs/new/result.json").read_text("utf-8"))["epochs"] == 3
    assert contents("runs/new")["runs/new/best.safetensors"] == before["runs/mine/best.safetensors"]
    assert "run folder: runs/new (best.safetensors" in out and contents("runs/mine") == before


def test_a_checkpoint_alone_goes_on_without_a_history_and_says_so(run):
    run("fit", "-c", "words.yaml", "--name=mine", "--trainer.max_epochs=1")
    shutil.copy(f"runs/mine/{LAST}", "last.ckpt")
    more = ("--name=new", "--ckpt_path=last.ckpt", "--trainer.max_epochs=2")
    out = run("fit", "-c", "words.yaml", *more)
    assert "runs/new/history.jsonl: has 0 of the 1 epochs before the checkpoint" in out
    assert Path("runs/new/best.safetensors").exists()


def test_trainings_that_start_at_once_have_folders_of_their_own(command):
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER], env={"PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        names = sorted(holder.stdout.readline().strip() for holder in holders)
        assert names == ["words", "words-2", "words-3"]
        code, _, err = command("fit", "-c", "words.yaml", "--name=words-2")
        assert code == 2 and "runs/words-2: another training writes into this folder now" in err
    finally:
        for holder in holders:
            holder.communicate("")
    assert Path("runs/words-2", LOCK).exists()
    code, _, _ = command("fit", "-c", "words.yaml", "--name=words-2", "--trainer.max_epochs=1")
    assert code == 0  # a lock ends with its process


@pytest.mark.parametrize("name", ["../out", "/tmp/strand-out", "a/../../out"])
def test_a_name_that_leads_out_of_runs_is_refused(command, name):
    code, _, err = command("fit", "-c", "words.yaml", f"--name={name}")
    assert code == 2 and f"--name {name}: leads out of runs" in err
    assert not Path("out").exists()


def test_a_url_of_a_checkpoint_is_refused(command):
    code, _, err = command("fit", "-c", "words.yaml", "--ckpt_path=http://127.0.0.1:9/x.ckpt")
    assert code == 2 and "a URL; download the checkpoint" in err
