"""Reviews a second in training: Strand beside the loops that people write, and beside Keras.

    python -m benchmarks.reviews.speed --data imdb [--seconds 60] [--keras PYTHON]

Everyone trains on the same arrays of word ids, on this machine's CPU, one after the other, each in
a process of its own with the same number of threads. Start-up, tokenising and a warm-up are left
out; whatever happens between two steps is not. `--keras` is a Python that has Keras 3 and
TensorFlow, in its own environment (`python -m venv keras; keras/bin/pip install tensorflow-cpu`).
"""

import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import yaml

from datasets.files import resolve_data_path
from datasets.output.text import print_notes

from ..table import aligned
from . import loops as reviews_loops
from .loops import LOOPS, has_bfloat16

ROOT = Path(__file__).parents[2]
EPOCH = re.compile(r"^epoch \d+: .*?([\d.]+) samples/s", re.MULTILINE)
EPOCH_BATCHES = 30  # of Strand's shortened epochs; each tells its speed, the first is the warm-up
COLUMNS = ["training", "reads", "precision", "reviews/s", "lowest-highest", "ratio"]
ONE_LAYER, KERAS_SHAPE = "400 words, 1 x BiLSTM 128, batch 64", "200 words, 2 x BiLSTM 64, batch 32"
KERAS_OPTIONS = {
    "model.encoder.init_args.embedding_size": 128,
    "model.recurrent.init_args.hidden_size": 64,
    "model.recurrent.init_args.num_layers": 2,
    "model.head.init_args.pooling": "last",
    "data.source.init_args.max_length": 200,
    "data.batch_size": 32,
}
TITLES = {
    "packed": "PyTorch, packed sequences (tutorials)",
    "padded": "PyTorch, padding read as words",
    "padded_bfloat16": "PyTorch, padding read as words",
    "careful": "PyTorch, by hand: buckets, flipped, max",
}


class Contender(NamedTuple):
    """A training in a process of its own.

    shape: what it trains. reference: the contender's name that its ratio is to.
    read: what the command printed -> reviews a second of one of its equal processes.
    """

    name: str
    shape: str
    precision: str
    reference: str
    command: list[str]
    read: Callable[[str], float]
    processes: int = 1


def last_json(output: str) -> float:
    """The speed in the JSON line that a loop or Keras ends with."""
    return float(json.loads(output.strip().splitlines()[-1])["reviews_per_second"])


def strand_speed(output: str) -> float:
    """What `run.py fit` printed -> reviews a second of its first process.

    All epochs are of as many reviews, so the harmonic mean of their speeds is all reviews / all
    seconds. The first is the warm-up; the last is left out if others remain, for the clock may have
    cut it short.
    Raises ValueError if fewer than two epochs were printed.
    """
    rates = [float(speed) for speed in EPOCH.findall(output)]
    if len(rates) < 2:
        raise ValueError(
            f"{len(rates)} epochs of {EPOCH_BATCHES} batches fit into the time, and the first is "
            "only the warm-up; give more --seconds"
        )
    return statistics.harmonic_mean(rates[1:-1] or rates[1:])


def strand_command(
    config: Path, root: Path, seconds: float, options: dict[str, str | int]
) -> list[str]:
    """`run.py fit` on the CPU: epochs of a few batches until the time is over."""
    whole = math.ceil(seconds)
    options = {
        "data.source.init_args.root": str(root),
        "trainer.accelerator": "cpu",
        "trainer.max_time": f"00:{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}",
        "trainer.max_epochs": 10**6,
        "trainer.limit_train_batches": EPOCH_BATCHES,
        "trainer.limit_val_batches": 1,
        "trainer.enable_progress_bar": "false",
        "early_stopping.patience": 10**6,
        "name": "speed",
        **options,
    }
    return [
        *(str(ROOT / "run.py"), "fit", "-c", str(config.resolve())),
        *(f"--{key}={value}" for key, value in options.items()),
    ]


def training_file(data: str) -> Path:
    """Its table of training reviews alone, if data is a folder of tables: `fit` counts the reviews
    of each split when it starts, and what is timed here must not open the test reviews.
    """
    root = resolve_data_path(data).resolve()
    tables = [root / f"train{suffix}" for suffix in (".parquet", ".csv", ".tsv")]
    return next((table for table in tables if table.is_file()), root)


def contenders(
    config: Path, root: Path, arrays: Path, seconds: float, threads: int, keras: str | None
) -> tuple[list[Contender], list[str]]:
    """Those that this machine can run, and a remark for each that it cannot."""
    limits = ["--arrays", str(arrays), "--seconds", str(seconds)]
    packed, strand, remarks = TITLES["packed"], f"Strand, {config.stem}", []
    loops = {n: loop for n, loop in LOOPS.items() if loop.precision == "float32" or has_bfloat16()}
    if len(loops) < len(LOOPS):
        remarks.append("This processor's LSTM has no bfloat16: the loops in it were not tried.")
    found = [
        Contender(
            *(TITLES[name], ONE_LAYER, loop.precision, packed),
            [sys.executable, "-m", "benchmarks.reviews.loops", name, *limits],
            last_json,
        )
        for name, loop in loops.items()
    ]

    def fit(options: dict[str, str | int]) -> list[str]:
        return [sys.executable, *strand_command(config, root, seconds, options)]

    precision = config_precision(config)
    found.append(Contender(strand, ONE_LAYER, precision, packed, fit({}), strand_speed))
    if threads > 1:
        both = fit({"trainer.devices": 2, "trainer.strategy": "ddp"})
        title = f"{strand}, two processes"
        found.append(Contender(title, ONE_LAYER, precision, packed, both, strand_speed, 2))
    else:
        remarks.append("Two processes were not tried: there is one thread.")
    peer = "Keras, bidirectional_lstm_imdb"
    if keras:
        command = [keras, str(ROOT / "benchmarks" / "reviews" / "keras_loop.py"), *limits]
        command += ["--threads", str(threads)]
        found.append(Contender(peer, KERAS_SHAPE, "float32", peer, command, last_json))
    else:
        remarks.append("Keras was not tried: give --keras a Python that has it.")
    for option, name in (("32-true", "float32"), (None, precision)):
        options = KERAS_OPTIONS | ({"trainer.precision": option} if option else {})
        found.append(Contender(strand, KERAS_SHAPE, name, peer, fit(options), strand_speed))
    return found, remarks


def config_precision(config: Path) -> str:
    """The precision that a config trains in, as the other contenders call it."""
    given = yaml.safe_load(config.read_text(encoding="utf-8")).get("trainer", {}).get("precision")
    return "bfloat16" if str(given).startswith("bf16") else "float32"


def run_once(contender: Contender, threads: int) -> float:
    """Reviews a second. Raises RuntimeError with the last words of a process that failed."""
    share = str(max(1, threads // contender.processes))
    environment = os.environ | {"OMP_NUM_THREADS": share}
    if contender.command[0] == sys.executable:
        environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:  # `run.py fit` writes runs/ where it is started
        done = subprocess.run(
            contender.command, capture_output=True, text=True, cwd=folder, env=environment
        )
    if done.returncode:
        last = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise RuntimeError(f"{contender.name} broke off (exit {done.returncode}):\n  {last}")
    return contender.processes * contender.read(done.stdout)


def measure(
    found: Sequence[Contender], repeats: int, run: Callable[[Contender], float]
) -> list[list[float]]:
    """Speeds of each, (contenders, repeats): all of them in turn, so that a slow hour is shared."""
    speeds: list[list[float]] = [[] for _ in found]
    for repeat in range(repeats):
        for contender, rates in zip(found, speeds, strict=True):
            print_notes(f"{repeat + 1} of {repeats}: {contender.name}, {contender.shape} ...")
            rates.append(run(contender))
    return speeds


def format_table(
    found: Sequence[Contender], speeds: Sequence[Sequence[float]], markdown: bool
) -> str:
    """Aligned columns, or a Markdown table; the ratio is of medians, to the reference's."""
    medians = [statistics.median(rates) for rates in speeds]
    known = {c.name: m for c, m in zip(found, medians, strict=True) if c.name == c.reference}
    cells = [COLUMNS]
    for contender, rates, median in zip(found, speeds, medians, strict=True):
        base = known.get(contender.reference)
        cells.append([contender.name, contender.shape, contender.precision, f"{median:.0f}"])
        cells[-1] += [
            f"{min(rates):.0f}-{max(rates):.0f}",
            f"x {median / base:.2f}" if base else "-",
        ]
    return aligned(cells, markdown)


def conditions(threads: int, seconds: float, repeats: int, error: float) -> str:
    """What the figures were measured under."""
    return (
        f"Median of {repeats} runs of {seconds:g} s, {threads} threads in all of "
        f"{os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}. Embedding 128, "
        "same word ids for all; ratio: to the packed loop, at the lower shape to Keras.\n"
        f"Strand's BiLSTM differs from a packed one with its weights by at most {error:.1e} "
        "(float32, 64 reviews)."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="imdb", help="as given, or under STRAND_DATA")
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "imdb" / "bilstm.yaml")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--keras", metavar="PYTHON", help="that has keras and tensorflow")
    parser.add_argument("--only", default="", help="contenders whose name holds this")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.repeats < 1 or options.threads < 1:
        parser.error("--seconds must be above 0, --repeats and --threads at least 1")
    root = training_file(options.data)
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder, "reviews.npz")
        reviews_loops.save_reviews(arrays, reviews_loops.tokens_of(options.config, root))
        found, remarks = contenders(
            *(options.config, root, arrays, options.seconds, options.threads, options.keras)
        )
        found = [c for c in found if options.only.lower() in c.name.lower()]
        speeds = measure(found, options.repeats, lambda c: run_once(c, options.threads))
        error = reviews_loops.largest_error(reviews_loops.load_reviews(arrays))
    print(format_table(found, speeds, options.format == "markdown"), end="\n\n")
    print(conditions(options.threads, options.seconds, options.repeats, error), *remarks, sep="\n")


if __name__ == "__main__":
    main()
