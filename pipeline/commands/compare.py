"""compare: train configs, grids or a search, or take runs; one table and figure of the scores."""

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from datasets.output.files import refuse_overlap, replacing, write_whole
from datasets.output.text import make_console, print_error, print_lines
from datasets.source import Split

from ..comparison.baselines import with_baselines
from ..comparison.files import read_external_rows, write_csv, write_json
from ..comparison.folds import BY_GROUP
from ..comparison.runs import read_runs, run_rows
from ..comparison.scores import check_filled, folds_of, trained_rows
from ..comparison.settings import Setting, read_settings
from ..comparison.table import (
    VariantResults,
    describe_table,
    make_row,
    markdown_table,
    terminal_table,
)
from ..comparison.trial_runner import Runner
from ..comparison.trials import RUNS, Trial, plan_trials
from ..comparison.variants import read_variants
from ..parsing import StrictParser
from ..training.messages import quieten_lightning
from .options import run_command

WRITTEN = ("table.csv", "table.md", "table.json", "compare.png")
OF_SEARCH = ("best.yaml", "trials.csv")
WIDTH = 150  # of a table that is written into a file or a pipe
OF_TRAINING = {"set": [], "seeds": 1, "folds": None, "baselines": False, "trials": None}  # defaults
OF_FIT = re.compile(r"--\w+\.[\w.]+")  # options of trainings have dots, those of compare have none
SHOWN = 10  # of a search's trainings in the table, the best ones
COUNTED = "python -m benchmarks.reviews.counted --json counted.json --split"


class Outcome(NamedTuple):
    """What was compared.

    rows: the first is the one that the others are compared with. notes: to print below the table.
    failures: error messages. closing: lines to print at the end.
    """

    rows: list[VariantResults]
    notes: list[str]
    failures: list[str]
    closing: list[str]


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py compare",
        usage="python run.py compare CONFIG... [--seeds N] | --runs RUN... (--help lists the "
        "options)",
    )
    text = "YAML files, a row of the table each; with --set, one for each combination of values"
    parser.add_argument("configs", nargs="*", help=text)
    text = "instead of configs: folders of finished runs of `fit`, or globs"
    parser.add_argument("--runs", nargs="+", type=str, default=[], help=text)
    parser.add_argument("--seeds", type=int, default=1, help="train with seeds 0 to N - 1")
    parser.add_argument("--name", default="compare", help="folder of the runs below runs/compare")
    text = "concurrent trainings, which share the CPU cores; without a GPU, one per core is fastest"
    parser.add_argument("--jobs", type=int, default=1, help=text)
    add_test_options(parser)
    add_search_options(parser)
    text = "folder of table and figure; default: the folder of the runs"
    parser.add_argument("--output", type=str | None, help=text)
    for name, text in {
        "--set": "KEY=VALUE for every config, such as trainer.max_epochs=1; KEY=A,B for each "
        "value; with --trials also KEY=log:1e-4..1e-2, int:32..256, float:0..0.5; repeatable",
        "--beside": "JSON list of rows {name, score, low, high, seconds, note}; repeatable",
    }.items():
        parser.add_argument(name, action="append", default=[], help=text)
    return parser


def add_search_options(parser: StrictParser) -> None:
    """Searching in the ranges and lists of --set; needs Optuna."""
    text = "search with N trainings for the values of --set with the lowest validation error"
    parser.add_argument("--trials", type=int | None, metavar="N", help=text)
    text = "how --trials draws values: by Parzen estimators of the good ones, or at random"
    parser.add_argument("--sampler", type=Literal["tpe", "random"], default="tpe", help=text)
    text = "by what --trials stops trainings early: their validation error, beside that of others"
    choices = Literal["median", "hyperband", "none"]
    parser.add_argument("--pruner", type=choices, default="median", help=text)


def add_test_options(parser: StrictParser) -> None:
    """What is scored, and the baselines."""
    text = "split to score; default: validation. Use test only once all choices are made"
    parser.add_argument("--split", type=Literal["validation", "test"] | None, help=text)
    parser.add_argument(
        "--folds",
        nargs="?",
        const=BY_GROUP,
        type=str | None,
        help="cross-validation by group, scored as one test set; with a number that many folds of "
        "groups, else one fold per group",
    )
    text = "add for each config: majority class, single frames, mean pooling for recurrence"
    parser.add_argument("--baselines", action="store_true", help=text)
    text = "steps that are averaged by mean pooling where each step has a label"
    parser.add_argument("--mean_window", type=int, default=15, help=text)


def main(arguments: list[str]) -> int:
    """0, or 1 if a training failed (the others are compared), 2 for misuse.

    Raises KeyboardInterrupt after Ctrl-C.
    """
    parser = build_parser()
    if of_fit := next(filter(OF_FIT.match, arguments[1:]), None):
        key, _, value = of_fit.removeprefix("--").partition("=")
        parser.error(f"{of_fit}: an option of the trainings; give --set {key}={value or 'VALUE'}")
    options = parser.parse_args(arguments[1:])
    quieten_lightning()
    try:
        return run_command(compare, options)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on where it was") from None


def check_options(options) -> None:
    """Raises ValueError for a value that cannot be used."""
    if bool(options.configs) == bool(options.runs):
        raise ValueError("give configs to train, or --runs with the folders of finished runs")
    for name in ("seeds", "jobs", "trials"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} {value}: at least 1")
    if Path(options.name).name != options.name:
        raise ValueError(f"--name {options.name}: one folder's name, without a path")
    if options.folds and options.split == "validation":
        raise ValueError("--split validation: with --folds each group is a test; leave --split out")
    if options.runs:
        refuse(options, "--runs trains nothing", "set", "seeds", "folds", "baselines", "trials")
    if options.trials:
        refuse(options, "--trials searches with one seed", "seeds", "folds", "baselines")
        if options.split == "test":
            raise ValueError("--trials chooses by validation; score the best on the test split")
        if len(options.configs) > 1:
            raise ValueError("--trials searches in one config; give one")


def refuse(options, why: str, *names: str) -> None:
    """Raise ValueError if one of the options is given. names: in OF_TRAINING."""
    for name in names:
        if getattr(options, name) != OF_TRAINING[name]:
            raise ValueError(f"{why}; leave --{name} out")


def compare(options, runner: Runner | None = None) -> int:
    """Train, score, write and print; errors in the options are raised before the first training."""
    check_options(options)
    beside = [row for path in options.beside for row in read_external_rows(path)]
    settings = read_settings(options.set)
    output = Path(options.output) if options.output else RUNS / "compare" / options.name
    written = WRITTEN + OF_SEARCH * bool(options.trials)
    outputs = [("--output", output / name) for name in written]
    refuse_overlap(outputs, [*options.beside, *options.configs])
    split = "test" if options.folds else options.split or "validation"
    runner = runner or Runner(options.jobs)
    if options.runs:
        outcome = compare_runs(options, split, output)
    elif options.trials:
        outcome = search(options, settings, output, runner)
    else:
        outcome = train(options, settings, split, output, runner)
    if not outcome.rows:
        ends = f"{len(outcome.failures)} trainings failed; see above"
        raise ValueError(f"nothing to compare: {ends if outcome.failures else 'none was finished'}")
    rows = [make_row(config, outcome.rows[0]) for config in outcome.rows] + beside
    explanation = "\n".join([describe_table(rows, outcome.rows, split), *outcome.notes])
    write_results(rows, outcome.rows, explanation, split, output)
    console = make_console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(terminal_table(rows))
    print_lines(*explanation.splitlines(), *outcome.closing)
    print_lines(f"written: {output}/{', '.join(written)}")
    for text in outcome.failures:
        print_error(text)
    return 1 if outcome.failures else 0


def train(
    options, settings: Sequence[Setting], split: Split, output: Path, runner: Runner
) -> Outcome:
    """Train each config with each combination of the settings' values."""
    check_no_ranges(settings)
    variants, notes, folds = read_variants(options.configs, settings), [], {}
    if options.folds:
        folds = folds_of(variants, options.folds)
        if any(v.options["init_from"] for v in variants):
            notes.append("init_from: that bundle must never have seen any of these groups")
    if options.baselines:
        variants, baseline_notes = with_baselines(variants, options.mean_window)
        notes += baseline_notes
    trials = plan_trials(variants, options.seeds, options.name, folds)
    if not folds:
        unfinished = {trial.name for trial in trials if not trial.done()}
        check_filled([v for v in variants if v.name in unfinished], split)
    output.mkdir(parents=True, exist_ok=True)
    failures = runner.train(trials)
    closing = []
    if not options.beside and reads_reviews(trials):
        closing = [f"counted baselines to stand beside: {COUNTED} {split}"]
        closing.append("and then compare again with: --beside counted.json")
    return Outcome(trained_rows(variants, trials, folds, split), notes, failures, closing)


def check_no_ranges(settings: Sequence[Setting]) -> None:
    """Raise ValueError for a range, in which only a search can draw values."""
    for setting in settings:
        if setting.range:
            raise ValueError(
                f"--set {setting.key}: a range needs --trials N; or give values: {setting.key}=A,B"
            )


def search(options, settings: Sequence[Setting], output: Path, runner: Runner) -> Outcome:
    """Search for the best values of the settings that vary."""
    if find_spec("optuna") is None:
        raise ValueError("--trials needs Optuna: pip install optuna")
    from ..comparison.search import Search, check_settings  # an extra

    varying = [setting for setting in settings if setting.varies]
    (variant,) = read_variants(options.configs, [s for s in settings if not s.varies])
    check_settings(variant, varying, options.trials)
    check_filled([variant], "validation")
    sought = Search(variant, varying, options.trials, options.name, options.sampler, options.pruner)
    output.mkdir(parents=True, exist_ok=True)
    failures = runner.train(sought.trials(), sought)
    rows = sought.rows(SHOWN)
    if not rows:
        return Outcome([], [], failures, [])
    notes = [
        f"{sought.describe()}; above are the best, by the error that chose them: score the first "
        f"on test data, once: python run.py compare {output}/best.yaml --split test"
    ]
    return Outcome(rows, notes, failures, sought.write(output))


def compare_runs(options, split: Split, output: Path) -> Outcome:
    """Score runs that were trained before. Raises ValueError if none can be scored."""
    runs, left_out = read_runs(options.runs)
    output.mkdir(parents=True, exist_ok=True)
    rows, problems = run_rows(runs, split)
    if not rows:
        raise ValueError("; ".join(problems))
    return Outcome(rows, left_out, problems, [])


def write_results(
    rows, trained: list[VariantResults], explanation: str, split: str, output: Path
) -> None:
    """Write table.csv, table.md, table.json and compare.png."""
    from ..comparison.plot import plot_comparison  # matplotlib takes a second

    write_csv(rows, output / "table.csv")
    write_json(rows, output / "table.json")
    write_whole(output / "table.md", markdown_table(rows, explanation))
    with replacing(output / "compare.png") as new:
        plot_comparison(rows, trained, split).savefig(new, format="png", dpi=150)


def reads_reviews(trials: Sequence[Trial]) -> bool:
    """Whether the data are real reviews, on which counted baselines can be measured."""
    name = trials[0].options["data"]["source"]["class_path"].rpartition(".")[2]
    return "Review" in name and not name.startswith("Synthetic")
