"""A new typeface from few lines: fine-tuned from a bundle, and trained from scratch.

    python -m benchmarks.lines.few_lines --output FOLDER [--data CONFIG] [--markdown]

The typeface is one that the project makes (or `--fonts`), and with `--data` that of real lines,
whose works or pages are kept whole. Both starts train on the same lines for the same steps with
the same config, but for the rate. Each point is a training in its own process and a file under
FOLDER/points; points that are there are not measured again, so the command can be broken off.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import yaml
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from datasets.lines.folders import LineFolder
from datasets.lines.listing import transcripts
from datasets.lines.tables import read_table
from datasets.output.text import print_notes
from pipeline.reading.bundle_files import bundle_name
from pipeline.reading.prediction import load_recognizer
from pipeline.scoring.metrics import Normalization, compute_scores, tally_texts
from pipeline.scoring.readings import text_of

from ..table import aligned
from .few_lines_data import make_blackletter, make_lines, take_lines, write_few

ROOT = Path(__file__).parents[2]
COLUMNS = ["typeface", "lines", "start", "CER % (95 %)", "steps", "seconds"]
BATCH, EPOCHS = 16, 8  # few lines are repeated until an epoch is an eighth of the training
SCRATCH_RATE = 2.0e-3  # a network without any knowledge takes larger steps
STARTS = {"fine-tuned": "#2b6cb0", "from scratch": "#d9480f", "as it is": "#495057"}


@dataclass(frozen=True)
class Task:
    """One training. lines: 0 is none, the bundle as it is."""

    typeface: str
    lines: int
    start: str
    model: str
    steps: int
    seconds: int

    @property
    def name(self) -> str:
        return f"{self.typeface}-{self.lines}-{self.start}".replace(" ", "_")


@dataclass(frozen=True)
class Point:
    """What came out: percent with its interval, optimizer steps, seconds with all start-up."""

    task: Task
    cer: float
    low: float
    high: float
    steps: int
    seconds: float


def score(bundle: str, labels: Path) -> tuple[float, float, float]:
    """CER of a bundle on the lines of a label file in percent, read greedily, with its interval."""
    recognizer = load_recognizer(bundle)
    recognizer.bundle.decoder = None  # a language model of the first bundle is none of the new one
    paths, texts, groups = zip(*transcripts(LineFolder(str(labels))), strict=True)
    readings = [reading for _, reading in recognizer.read(map(str, paths))]
    failed = [reading for reading in readings if isinstance(reading, str)]
    if failed:
        raise ValueError(f"{len(failed)} test lines cannot be read; the first: {failed[0]}")
    said = [text_of(reading, recognizer.bundle.labels) for reading in readings]
    found = compute_scores(tally_texts(said, texts, groups, Normalization()))["cer"]
    return found.value, found.low, found.high


def write_config(task: Task, base: Path, labels: Path, path: Path) -> None:
    """The base config with the few lines as its data, for this many steps or seconds."""
    config = yaml.safe_load(base.read_text(encoding="utf-8"))
    total = BATCH * task.steps
    repeat = max(1, round(total / EPOCHS / task.lines))
    folder = {"root": str(labels), "validation": ["validation"], "weight": repeat}
    config["data"]["source"] = {
        "class_path": "datasets.RealLines",
        "init_args": {"folders": [folder]},
    }
    epochs = max(1, round(total / task.lines / repeat))
    limit = time.strftime("00:%H:%M:%S", time.gmtime(task.seconds))
    config["trainer"] |= {"max_epochs": epochs, "max_time": limit, "enable_progress_bar": False}
    config["data"] |= {"batch_size": BATCH, "batch_steps": None}  # a step is as many lines
    config["init_from"] = task.model if task.start == "fine-tuned" else None
    if task.start != "fine-tuned":
        config["model"]["learning_rate"] = SCRATCH_RATE
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


def train(task: Task, output: Path, base: Path, remember: str | None) -> tuple[Path, int]:
    """-> the bundle of a training and its steps. Raises RuntimeError with the end of its log."""
    labels = write_few(output / task.typeface, task.lines)
    config = output / f"{task.name}.yaml"
    write_config(task, base, labels.resolve(), config)
    command = [sys.executable, str(ROOT / "run.py"), "fit", "-c", config.name, "--name", task.name]
    if remember and task.start == "fine-tuned":
        command += ["--remember", str(Path(remember).resolve())]
    log = output / f"{task.name}.log"
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(command, cwd=output, stdout=file, stderr=file, check=False).returncode
    if code:
        end = "\n".join(log.read_text(encoding="utf-8").splitlines()[-3:])
        raise RuntimeError(f"{task.name}: training failed with status {code}; see {log}\n{end}")
    run = output / "runs" / task.name
    checkpoint = torch.load(run / "checkpoints/last.ckpt", map_location="meta", weights_only=True)
    return run / "best.safetensors", checkpoint["global_step"]


def measure(task: Task, output: Path, base: Path, remember: str | None) -> Point:
    """The point of a task, from its file if an earlier run of this command left it there."""
    file = output / "points" / f"{task.name}.json"
    if file.exists():
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["task"] == asdict(task):
            return Point(task, **{name: kept[name] for name in kept.keys() - {"task"}})
    print_notes(f"{task.name} ...")
    started = time.perf_counter()
    bundle, steps = (
        train(task, output, base, remember) if task.lines else (find_model(task.model), 0)
    )
    spent = time.perf_counter() - started if task.lines else 0.0
    point = Point(task, *score(str(bundle), output / task.typeface / "test.tsv"), steps, spent)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(point), indent=1), encoding="utf-8")
    return point


def find_model(name: str) -> str:
    """A bundle's file by its whole path, for trainings run elsewhere; a name as it is."""
    return str(Path(name).resolve()) if Path(name).is_file() else name


def prepare(output: Path, options: argparse.Namespace) -> list[str]:
    """Lay the lines of each typeface into its folder, if they are not there -> its names."""
    names = ["made"] + ["real"] * bool(options.data)
    for name in names:
        folder = output / name
        if (folder / "test.tsv").exists():  # the last one to be written
            continue
        folder.mkdir(parents=True, exist_ok=True)
        if name == "real":
            take_lines(folder, options.data)
        else:
            fonts = options.fonts or [str(make_blackletter(output / "blackletter.ttf"))]
            make_lines(folder, fonts, max(options.sizes), 60, 200)
    return names


def plan(output: Path, names: list[str], options: argparse.Namespace) -> list[Task]:
    """Per typeface the bundle as it is, then both starts from each number of lines there are."""
    tasks, rest = [], (find_model(options.model), options.steps, options.seconds)
    for name in names:
        there = len(read_table(output / name / "train.tsv", 3))
        tasks.append(Task(name, 0, "as it is", *rest))
        for size in sorted({min(size, there) for size in options.sizes}):
            tasks += [Task(name, size, start, *rest) for start in ("fine-tuned", "from scratch")]
    return tasks


def row(point: Point) -> list[str]:
    cer = f"{point.cer:.2f} ({point.low:.2f}-{point.high:.2f})"
    start = [point.task.typeface, str(point.task.lines), point.task.start]
    return [*start, cer, str(point.steps), f"{point.seconds:.0f}"]


def draw(points: list[Point], model: str) -> Figure:
    """CER over the number of lines, a panel for each typeface."""
    names = list(dict.fromkeys(point.task.typeface for point in points))
    figure = Figure(figsize=(5.2 * len(names) + 0.6, 4.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [point for point in points if point.task.typeface == name]
        for start, colour in STARTS.items():
            shown = [p for p in own if p.task.start == start]
            if start == "as it is":
                axes.axhline(
                    shown[0].cer, color=colour, ls="--", label=f"{bundle_name(model)} {start}"
                )
                continue
            reach = [[p.cer - p.low for p in shown], [p.high - p.cer for p in shown]]
            across, up = [p.task.lines for p in shown], [p.cer for p in shown]
            axes.errorbar(across, up, reach, color=colour, marker="o", capsize=3, label=start)
        sizes = sorted({p.task.lines for p in own} - {0})
        axes.set(xscale="log", yscale="log", xticks=sizes, xlabel="lines of the new typeface")
        axes.xaxis.set_minor_locator(NullLocator())
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
        axes.set_title("made blackletter" if name == "made" else "real lines, works kept out")
        axes.set_ylabel("test CER (%), bars: 95 % interval")
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description="The table and picture of docs/fine-tuning.md.")
    parser.add_argument("--output", type=Path, required=True, help="folder for all that is made")
    parser.add_argument("--data", help="a config of real lines, such as configs/lines_fraktur.yaml")
    parser.add_argument("--fonts", nargs="+", help="font files instead of the made blackletter")
    parser.add_argument("--model", default="lines-en", help="the bundle to start from")
    parser.add_argument("--base", type=Path, default=ROOT / "configs/lines_fraktur.yaml")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--steps", type=int, default=300, help="of 16 lines each")
    parser.add_argument("--seconds", type=int, default=170, help="bound of each training")
    parser.add_argument("--remember", help="old lines to score before and after (see fit)")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--picture", type=Path, help="such as docs/few_lines.png")
    options = parser.parse_args()
    output = options.output.resolve()
    tasks = plan(output, prepare(output, options), options)
    points = [measure(task, output, options.base, options.remember) for task in tasks]
    print(aligned([COLUMNS, *map(row, points)], options.markdown))
    if options.picture:
        draw(points, options.model).savefig(options.picture, dpi=110)


if __name__ == "__main__":
    main()
