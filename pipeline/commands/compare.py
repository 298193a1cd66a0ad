"""compare: train each config with each seed, then one table and one picture."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from datasets import SequenceDataModule

from ..comparison.baselines import majority, with_baselines
from ..comparison.files import read_beside, write_csv, write_json
from ..comparison.folds import BY_GROUP, Fold, find_folds, join_folds, sum_results
from ..comparison.table import Trained, explain, markdown, row_of, terminal
from ..comparison.trial_runner import Runner
from ..comparison.trials import RUNS, Trial, Variant, plan, read_variants
from ..evaluation.split_scores import SampleScores, data_of, load_scores, score_split
from ..parsing import StrictParser
from ..training.command_line import INTERRUPTED, quieten_lightning

WIDTH = 150  # of a table that is written into a file or a pipe
COUNTED = "python -m benchmarks.reviews.counted --json counted.json --split"


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
    add_tests(parser)
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


def add_tests(parser: StrictParser) -> None:
    """What is scored, and what it must beat."""
    parser.add_argument(
        "--split",
        type=Literal["validation", "test"] | None,
        help="what to score on (default: validation); test data is for the very end, after all "
        "choices",
    )
    parser.add_argument(
        "--folds",
        nargs="?",
        const=BY_GROUP,
        type=str | None,
        help="keep each group of the data out of one training, and score all of them as one test; "
        "with a number the groups are dealt into so many folds",
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="beside each config: the most frequent answer, one frame at a time, and means "
        "instead of recurrence",
    )
    parser.add_argument(
        "--mean_window",
        type=int,
        default=15,
        help="steps of these means where each step has a label of its own",
    )


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
    if options.folds and options.split == "validation":
        raise ValueError("--split validation: with --folds each group is a test; leave --split out")
    beside = [row for path in options.beside for row in read_beside(path)]
    variants, told = read_variants(options.configs, options.set), []
    folds = {
        v.config: find_folds(v.options, options.folds, v.name) for v in variants if options.folds
    }
    if options.folds and any(v.options["init_from"] for v in variants):
        told.append("init_from: that bundle must never have seen any of these groups")
    if options.baselines:
        variants, more = with_baselines(variants, options.mean_window)
        told += more
    trials = plan(variants, options.seeds, options.name, folds)
    output = Path(options.output) if options.output else RUNS / "compare" / options.name
    output.mkdir(parents=True, exist_ok=True)
    failures = (runner or Runner(options.jobs)).train(trials)
    split = "test" if folds else options.split or "validation"
    trained = gather(variants, trials, folds, split)
    if not trained:
        raise ValueError(f"nothing to compare: {len(failures)} trainings failed; see above")
    rows = [row_of(one, trained[0]) for one in trained] + beside
    told = "\n".join([explain(rows, trained, split), *told])
    write(rows, trained, told, split, output)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(terminal(rows))
    print(told)
    if not beside and reads_reviews(trials):
        print(f"counted baselines to stand beside: {COUNTED} {split}")
        print("and then compare again with: --beside counted.json")
    print(f"written: {output}/table.csv, table.md, table.json, compare.png")
    for text in failures:
        print(f"error: {text}", file=sys.stderr)
    return 1 if failures else 0


def gather(
    variants: Sequence[Variant],
    trials: Sequence[Trial],
    folds: Mapping[Path, Sequence[Fold]],
    split: str,
) -> list[Trained]:
    """What is done, by row: seeds of which all folds are; scored now unless it was before.

    What is counted comes last of all: nothing if nothing was trained.
    """
    found = {}
    for variant in variants:
        own = [trial for trial in trials if trial.name == variant.name]
        seeds = {trial.seed for trial in own} - {trial.seed for trial in own if not trial.done()}
        done = [trial for trial in own if trial.seed in seeds]
        if done:
            found[variant.name] = trained_of(variant, done, folds.get(variant.config, ()), split)
    if not found:
        return []
    for variant in variants:
        if variant.counted:
            own = folds.get(variant.config, ())
            found[variant.name] = Trained(
                variant.name, [count(variant, own, split)], [], [], len(own), variant.note
            )
    first = next(iter(found))  # what was trained is what all others are compared with
    order = {variant.name: place for place, variant in enumerate(variants)}
    return sorted(found.values(), key=lambda one: (one.name != first, order[one.name]))


def trained_of(
    variant: Variant, trials: Sequence[Trial], folds: Sequence[Fold], split: str
) -> Trained:
    scores, results = [], []
    for seed, scored in score(trials, split).items():
        own = [trial.result() for trial in trials if trial.seed == seed]
        scores.append(join_folds(folds, scored, variant.name) if folds else scored[0])
        results.append(sum_results(own) if folds else own[0])
    histories = [trial.history() for trial in trials]
    return Trained(variant.name, scores, results, histories, len(folds), variant.note)


def score(trials: Sequence[Trial], split: str) -> dict[int, list[SampleScores]]:
    """Trials of a row -> by seed its folds; the data of a fold is made once, and only if needed."""
    found: dict[int, list[SampleScores]] = {}
    made: tuple[Fold | None, SequenceDataModule] | None = None
    for trial in trials:
        path = trial.folder / f"samples-{split}.npz"
        if not path.exists() or path.stat().st_mtime < trial.bundle.stat().st_mtime:
            if made is None or made[0] != trial.fold:
                made = (trial.fold, data_of(trial.folder / "config.yaml"))
            score_split(trial.bundle, made[1], split).save(path)
        found.setdefault(trial.seed, []).append(load_scores(path))
    return found


def count(variant: Variant, folds: Sequence[Fold], split: str) -> SampleScores:
    """The majority baseline."""
    if not folds:
        return majority(variant.options, split, variant.name)
    counted = [majority(fold.apply(variant.options), split, variant.name) for fold in folds]
    return join_folds(folds, counted, variant.name)


def write(rows, trained: list[Trained], told: str, split: str, output: Path) -> None:
    """table.csv, table.md, table.json and compare.png."""
    from ..comparison.plot import draw  # matplotlib takes a second

    write_csv(rows, output / "table.csv")
    write_json(rows, output / "table.json")
    (output / "table.md").write_text(markdown(rows, told), encoding="utf-8")
    draw(rows, trained, split).savefig(output / "compare.png", dpi=150)


def reads_reviews(trials: Sequence[Trial]) -> bool:
    """Whether the counted baselines could be measured on this data: reviews that were not made."""
    name = trials[0].options["data"]["source"]["class_path"].rpartition(".")[2]
    return "Review" in name and not name.startswith("Synthetic")
