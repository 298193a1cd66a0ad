"""Beside kraken: the same lines, the same cores, as many minutes of training from nothing.

    python -m benchmarks.lines.kraken_comparison --kraken PYTHON --data FOLDER

PYTHON is one that has kraken 7 (pip install kraken, in an environment of its own). One after the
other: kraken's default network by its own trainer; the same network trained by Strand, for its
speed only; and configs/lines_books.yaml. Book g is for choosing, the kept-out book is read at last.
What is measured is kept in runs/lines_kraken: with --resume a run that was cut off goes on there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from datasets.output.text import print_notes
from pipeline.evaluation.config_folders import folders_of_config
from pipeline.scoring.metrics import Normalization, Score, compute_scores, tally_texts

from .kept_results import Result, kept, table
from .kraken_data import Lines, describe_part, write_pairs
from .peers import held_out_sets

ROOT = Path(__file__).resolve().parents[2]
SIDE = Path(__file__).with_name("kraken_worker.py")
ROWS = ("kraken", "same", "own")
WARM_UP_LINES = 8
RUNS = Path("runs") / "lines_kraken"

# [1,120,0,1 Cr3,13,32 Do0.1,2 Mp2,2 Cr3,13,32 Do0.1,2 Mp2,2 Cr3,9,64 Do0.1,2 Mp2,2 Cr3,9,64
#  Do0.1,2 S1(1x0)1,3 Lbx200 Do0.1,2 Lbx200 Do0.1,2 Lbx200 Do] in our parts
ENCODER = {
    "channels": [32, 32, 64, 64],
    "kernel_widths": [13, 13, 9, 9],
    "width_reduction": 8,
    "rows": "concat",
    "norm": False,
    "block_dropout": 0.1,
    "dropout": 0.1,
}
RECURRENT = {"hidden_size": 200, "num_layers": 3, "dropout": 0.1}
SAME = (
    "model.encoder=" + json.dumps({"class_path": "models.LineCNN", "init_args": ENCODER}),
    "model.recurrent="
    + json.dumps({"class_path": "models.RecurrentStack", "init_args": RECURRENT}),
    "model.head=" + json.dumps({"class_path": "models.CTCHead", "init_args": {"dropout": 0.5}}),
    "model.shortcut=null",
    "model.learning_rate=1.0e-3",
    "model.weight_decay=0.0",
    "model.schedule=constant",
    "model.warmup_steps=0",
    "data.source.init_args.height=120",
    "data.augmentations=null",
    "data.batch_steps=45000",
    "trainer.limit_val_batches=1",
)


def score_texts(test: Lines, texts: Sequence[str]) -> Score:
    """CER in percent, punctuation folded as in lines_peers."""
    return compute_scores(
        tally_texts(texts, test.texts, test.groups, Normalization(fold_punctuation=True))
    )["cer"]


def run_kraken(options: argparse.Namespace, parts: dict[str, Lines]) -> Result:
    """Its own process, until it has read the test lines."""
    with tempfile.TemporaryDirectory() as name:
        folder, test = Path(name), parts["test"]
        numbers = [str(place) for place in range(len(test.paths))]
        job = {
            "train": write_pairs(folder / "train", parts["train"], parts["train"].texts),
            "validation": write_pairs(
                folder / "validation", parts["validation"], parts["validation"].texts
            ),
            "test": write_pairs(folder / "test", test, numbers),
            "seconds": options.minutes * 60,
            "batch": options.kraken_batch,
            "precision": options.kraken_precision,
            "threads": options.threads,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        print_notes(f"kraken trains for {options.minutes:g} minutes ...")
        command = [options.kraken, str(SIDE), str(folder / "job.json"), str(folder / "answer.json")]
        # in a folder of its own: our `datasets` must not stand in for another library
        done = subprocess.run(command, cwd=folder, env=environment(options.threads))
        if done.returncode:
            raise RuntimeError(f"kraken ended with exit status {done.returncode}; see above")
        answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    note = f"kraken: {answer['lines']} lines trained, the last validation after "
    print_notes(f"{note}{answer['validated']}; accuracies {answer['accuracies']}")
    reading = len(answer["texts"]) / answer["reading_seconds"]
    cer = score_texts(test, answer["texts"])
    return Result("kraken", answer["parameters"], answer["lines_per_second"], reading, cer)


def run_ours(
    options: argparse.Namespace, name: str, minutes: float, changes: Sequence[str]
) -> tuple[dict, Path]:
    """`fit` for so many minutes -> its result.json and its bundle.

    It validates after each epoch: else the weights at the stop would never be compared.
    """
    folder = RUNS / name
    seconds = round(minutes * 60)
    days = f"00:{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    command = [sys.executable, str(ROOT / "run.py"), "fit", "-c", str(options.config)]
    command += [f"--{change}" for change in changes]
    command += [f"--name=lines_kraken/{name}", f"--trainer.max_time={days}"]
    command += ["--trainer.check_val_every_n_epoch=1"]
    print_notes(f"{name} trains for {minutes:g} minutes ...")
    done = subprocess.run(
        [*command, "--trainer.enable_progress_bar=false"],
        env=environment(options.threads),
        stdout=sys.stderr,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: fit ended with exit status {done.returncode}; see above")
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result, folder / "best.safetensors"


def run_same(options: argparse.Namespace) -> Result:
    result, _ = run_ours(options, "same", options.speed_minutes, SAME)
    return Result("Strand, kraken's network", result["parameters"], result["samples_per_second"])


def run_own(options: argparse.Namespace, test: Lines) -> Result:
    result, bundle = run_ours(options, "own", options.minutes, ())
    texts, seconds = read_files(bundle, test.paths)
    return Result(
        f"Strand, {options.config.stem}.yaml",
        result["parameters"],
        result["samples_per_second"],
        len(test.paths) / seconds,
        score_texts(test, texts),
    )


def read_files(bundle: Path, paths: Sequence[str]) -> tuple[list[str], float]:
    """Texts, and the seconds from files to texts, weights loaded and warm."""
    from pipeline.reading.prediction import load_recognizer

    recognizer = load_recognizer(str(bundle))
    list(recognizer.predict(paths[:WARM_UP_LINES]))
    start = time.perf_counter()
    records = list(recognizer.predict(paths))
    seconds = time.perf_counter() - start
    for record in records:
        if record.get("error"):
            print_notes(f"failed, counted as empty: {record['input']}: {record['error']}")
    return [record.get("text") or "" for record in records], seconds


def environment(threads: int) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def conditions(options: argparse.Namespace, parts: dict[str, Lines]) -> str:
    """What the figures were measured under."""
    counts = ", ".join(f"{len(part.paths)} {name}" for name, part in parts.items())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"Lines: {counts}. {options.minutes:g} minutes of training from nothing by the clock, "
        f"validation included, on {cores} cores, {options.threads} threads and a worker for data; "
        f"training lines/s without validation. kraken: batch {options.kraken_batch}, "
        f"{options.kraken_precision}, else its defaults; the weights of its best validation. "
        f"Strand with kraken's network: {options.speed_minutes:g} minutes, for its speed. Reading: "
        "from files to texts, after a warm-up. CER: sum of edits / sum of lengths, "
        f"{Normalization(fold_punctuation=True).describe()}; interval: bootstrap over groups (over "
        "pages where there is one group)."
    )


def task_of(name: str, options: argparse.Namespace, parts: dict[str, Lines]) -> dict:
    """What a row hangs on, as far as a user can change it."""
    used = ["threads"] + {
        "kraken": ["minutes", "kraken_batch", "kraken_precision"],
        "same": ["speed_minutes"],
        "own": ["minutes"],
    }[name]
    task = {key: getattr(options, key) for key in used}
    lines = {split: len(part.paths) for split, part in parts.items()}
    return task | {"config": options.config.read_text(encoding="utf-8"), "lines": lines}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kraken", help="a Python that has kraken 7")
    parser.add_argument("--config", type=Path, default=ROOT / "configs/lines_books.yaml")
    parser.add_argument("--data", help="what the config's folders are relative to (STRAND_DATA)")
    parser.add_argument("--minutes", type=float, default=12.0, help="of training each")
    parser.add_argument(
        "--speed_minutes", type=float, default=2.0, help="for kraken's network here"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kraken_batch", type=int, default=1, help="lines (1 is its default)")
    parser.add_argument("--kraken_precision", default="bf16-mixed")
    parser.add_argument(
        "--resume", action="store_true", help="take the rows that an earlier run has measured"
    )
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args(arguments)
    if "kraken" in options.rows and not options.kraken:
        parser.error("--kraken: give a Python that has kraken 7, or leave it out of --rows")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.data:
        os.environ["STRAND_DATA"] = options.data
    if len(folders_of_config(options.config)) != 1:
        raise ValueError(f"{options.config}: several folders; the comparison is on one")
    parts = {}
    for split in ("train", "validation", "test"):
        found = held_out_sets(options.config, split, None)[0]
        parts[split] = Lines(found.paths, found.texts, found.groups, found.files)
        print_notes(describe_part(split, parts[split]))
    import torch

    torch.set_num_threads(options.threads)
    runs = {
        "kraken": lambda: run_kraken(options, parts),
        "same": lambda: run_same(options),
        "own": lambda: run_own(options, parts["test"]),
    }
    results = [
        kept(RUNS / f"{name}.json", task_of(name, options, parts), runs[name], options.resume)
        for name in ROWS
        if name in options.rows
    ]
    print(table(results, options.format == "markdown"), conditions(options, parts), sep="\n\n")


if __name__ == "__main__":
    main()
