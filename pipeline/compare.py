"""compare: train each config with each seed, then one table and one picture."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from .comparison import Trained, explain, markdown, read_beside, row_of, terminal, write_csv
from .parsing import StrictParser
from .split_scores import SampleScores, data_of, load_scores, score_split
from .training import INTERRUPTED, quieten_lightning
from .trial_runner import Runner
from .trials import RUNS, Trial, plan

WIDTH = 150  # of a table that is written into a file or a pipe
COUNTED = "python -m benchmarks.reviews_counted --json counted.json --split"


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py compare",
        usage="python run.py compare CONFIG... [--seeds N] (--help lists the options)",
    )
    parser.add_argument("configs", nargs="+", help="YAML files, one row of the table each")
    parser.add_argument("--seeds", type=int, default=1, help="train with seeds 0 to N - 1")
    parser.add_argument("--name", default="compare", help="the runs' folder below runs/compare")
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="trainings at a time, each with its share of the cores; without a GPU, as many as "
        "there are cores finish soonest",
    )
    parser.add_argument(
        "--split",
        type=Literal["validation", "test"],
        default="validation",
        help="what to score on; test data is for the very end, after all choices",
    )
    parser.add_argument(
        "--output", type=str | None, help="folder of table and picture (default: the runs' folder)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        help="KEY=VALUE for every config, such as trainer.max_epochs=1; may be repeated",
    )
    parser.add_argument(
        "--beside",
        action="append",
        default=[],
        help="a JSON list of {name, score, low, high, seconds, note} to stand in the table; may "
        "be repeated",
    )
    return parser


def main(arguments: list[str]) -> int:
    """0, or 1 if a training failed (the others are compared), 2 for misuse, 130 after Ctrl-C."""
    options = build_parser().parse_args(arguments[1:])
    quieten_lightning()
    try:
        return compare(options)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def compare(options, runner: Runner | None = None) -> int:
    """All that can be wrong with the options is found before the first training."""
    for name in ("seeds", "jobs"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} {getattr(options, name)}: at least 1")
    if Path(options.name).name != options.name:
        raise ValueError(f"--name {options.name}: one folder's name, without a path")
    for change in options.set:
        if "=" not in change or change.startswith("-"):
            raise ValueError(f"--set {change}: give KEY=VALUE, such as trainer.max_epochs=1")
    beside = [row for path in options.beside for row in read_beside(path)]
    trials = plan(options.configs, options.seeds, options.name, options.set)
    output = Path(options.output) if options.output else RUNS / "compare" / options.name
    output.mkdir(parents=True, exist_ok=True)
    failures = (runner or Runner(options.jobs)).train(trials)
    trained = gather(trials, options.split)
    if not trained:
        raise ValueError(f"nothing to compare: all {len(failures)} trainings failed; see above")
    rows = [row_of(one, trained[0]) for one in trained] + beside
    told = explain(rows, trained, options.split)
    write(rows, trained, told, options.split, output)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(terminal(rows))
    print(told)
    if not beside and reads_reviews(trials):
        print(f"counted baselines to stand beside: {COUNTED} {options.split}")
        print("and then compare again with: --beside counted.json")
    print(f"written: {output}/table.csv, table.md, compare.png")
    for text in failures:
        print(f"error: {text}", file=sys.stderr)
    return 1 if failures else 0


def gather(trials: Sequence[Trial], split: str) -> list[Trained]:
    """What is done, by config; scored on the split now unless it was before."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.done():
            found.setdefault(trial.name, []).append(trial)
    return [
        Trained(
            name,
            score(group, split),
            [trial.result() for trial in group],
            [trial.history() for trial in group],
        )
        for name, group in found.items()
    ]


def score(group: Sequence[Trial], split: str) -> list[SampleScores]:
    """The seeds of a config on a split; its data is made once, and only if it must be."""
    data, scores = None, []
    for trial in group:
        path = trial.folder / f"samples-{split}.npz"
        if not path.exists() or path.stat().st_mtime < trial.bundle.stat().st_mtime:
            data = data or data_of(trial.folder / "config.yaml")
            score_split(trial.bundle, data, split).save(path)
        scores.append(load_scores(path))
    return scores


def write(rows, trained: list[Trained], told: str, split: str, output: Path) -> None:
    """table.csv, table.md and compare.png."""
    from .comparison_plot import draw  # matplotlib takes a second

    write_csv(rows, output / "table.csv")
    (output / "table.md").write_text(markdown(rows, told), encoding="utf-8")
    draw(rows, trained, split).savefig(output / "compare.png", dpi=150)


def reads_reviews(trials: Sequence[Trial]) -> bool:
    """Whether the counted baselines could be measured on this data: reviews that were not made."""
    name = trials[0].options["data"]["source"]["class_path"].rpartition(".")[2]
    return "Review" in name and not name.startswith("Synthetic")
