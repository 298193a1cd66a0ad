"""compare: train each config with each seed and write one table and one figure of the scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from datasets import SequenceDataModule
from datasets.output.files import refuse_overlap, replacing, write_whole
from datasets.output.text import make_console, print_error, print_lines

from ..comparison.baselines import score_majority, with_baselines
from ..comparison.files import read_external_rows, write_csv, write_json
from ..comparison.folds import BY_GROUP, Fold, join_folds, make_folds, sum_results
from ..comparison.table import (
    VariantResults,
    describe_table,
    make_row,
    markdown_table,
    terminal_table,
)
from ..comparison.trial_runner import Runner
from ..comparison.trials import RUNS, Trial, Variant, plan_trials, read_variants
from ..evaluation.split_scores import SampleScores, data_module_of_run, load_scores, score_split
from ..parsing import StrictParser
from ..training.messages import quieten_lightning
from .options import run_command

WRITTEN = ("table.csv", "table.md", "table.json", "compare.png")
WIDTH = 150  # of a table that is written into a file or a pipe
COUNTED = "python -m benchmarks.reviews.counted --json counted.json --split"


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py compare",
        usage="python run.py compare CONFIG... [--seeds N] (--help lists the options)",
    )
    parser.add_argument("configs", nargs="+", help="YAML files, one row of the table each")
    parser.add_argument("--seeds", type=int, default=1, help="train with seeds 0 to N - 1")
    parser.add_argument("--name", default="compare", help="folder of the runs below runs/compare")
    text = "concurrent trainings, which share the CPU cores; without a GPU, one per core is fastest"
    parser.add_argument("--jobs", type=int, default=1, help=text)
    add_test_options(parser)
    text = "folder of table and figure; default: the folder of the runs"
    parser.add_argument("--output", type=str | None, help=text)
    for name, text in {
        "--set": "KEY=VALUE for every config, such as trainer.max_epochs=1; repeatable",
        "--beside": "JSON list of rows {name, score, low, high, seconds, note}; repeatable",
    }.items():
        parser.add_argument(name, action="append", default=[], help=text)
    return parser


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
    options = build_parser().parse_args(arguments[1:])
    quieten_lightning()
    try:
        return run_command(compare, options)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on where it was") from None


def check_options(options) -> None:
    """Raises ValueError for a value that cannot be used."""
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


def compare(options, runner: Runner | None = None) -> int:
    """Train, score, write and print; errors in the options are raised before the first training."""
    check_options(options)
    beside = [row for path in options.beside for row in read_external_rows(path)]
    variants, notes = read_variants(options.configs, options.set), []
    folds = {}
    if options.folds:
        folds = {v.config: make_folds(v.options, options.folds, v.name) for v in variants}
        if any(v.options["init_from"] for v in variants):
            notes.append("init_from: that bundle must never have seen any of these groups")
    if options.baselines:
        variants, baseline_notes = with_baselines(variants, options.mean_window)
        notes += baseline_notes
    trials = plan_trials(variants, options.seeds, options.name, folds)
    output = Path(options.output) if options.output else RUNS / "compare" / options.name
    refuse_overlap([("--output", output / name) for name in WRITTEN], options.beside)
    output.mkdir(parents=True, exist_ok=True)
    failures = (runner or Runner(options.jobs)).train(trials)
    split = "test" if folds else options.split or "validation"
    trained = trained_rows(variants, trials, folds, split)
    if not trained:
        raise ValueError(f"nothing to compare: {len(failures)} trainings failed; see above")
    rows = [make_row(config, trained[0]) for config in trained] + beside
    explanation = "\n".join([describe_table(rows, trained, split), *notes])
    write_results(rows, trained, explanation, split, output)
    console = make_console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(terminal_table(rows))
    print_lines(*explanation.splitlines())
    if not beside and reads_reviews(trials):
        print(f"counted baselines to stand beside: {COUNTED} {split}")
        print("and then compare again with: --beside counted.json")
    print_lines(f"written: {output}/{', '.join(WRITTEN)}")
    for text in failures:
        print_error(text)
    return 1 if failures else 0


def trained_rows(
    variants: Sequence[Variant],
    trials: Sequence[Trial],
    folds: Mapping[Path, Sequence[Fold]],
    split: str,
) -> list[VariantResults]:
    """Scores of each variant, from the seeds of which all folds are trained.

    The first variant that was trained comes first, as the one the others are compared with; the
    others keep their order. Counted baselines are scored only if something was trained.
    """
    rows = {}
    for variant in variants:
        own = [trial for trial in trials if trial.name == variant.name]
        unfinished = {trial.seed for trial in own if not trial.done()}
        done = [trial for trial in own if trial.seed not in unfinished]
        if done:
            rows[variant.name] = trained_row(variant, done, folds.get(variant.config, ()), split)
    if not rows:
        return []
    first = next(iter(rows))
    for variant in variants:
        if variant.counted:
            own = folds.get(variant.config, ())
            rows[variant.name] = VariantResults(
                variant.name, [majority_scores(variant, own, split)], [], [], len(own), variant.note
            )
    ordered = [rows[variant.name] for variant in variants if variant.name in rows]
    return sorted(ordered, key=lambda row: row.name != first)


def trained_row(
    variant: Variant, trials: Sequence[Trial], folds: Sequence[Fold], split: str
) -> VariantResults:
    """Scores and results of a variant by seed; those of folds are joined."""
    scores, results = [], []
    for seed, parts in score_trials(trials, split).items():
        own = [trial.result() for trial in trials if trial.seed == seed]
        scores.append(join_folds(folds, parts, variant.name) if folds else parts[0])
        results.append(sum_results(own) if folds else own[0])
    histories = [trial.history() for trial in trials]
    return VariantResults(variant.name, scores, results, histories, len(folds), variant.note)


def score_trials(trials: Sequence[Trial], split: str) -> dict[int, list[SampleScores]]:
    """Scores of a variant's folds by seed, kept in files; a fold's data is built at most once."""
    by_seed: dict[int, list[SampleScores]] = {}
    built: tuple[Fold | None, SequenceDataModule] | None = None
    for trial in trials:
        path = trial.folder / f"samples-{split}.npz"
        if not path.exists() or path.stat().st_mtime < trial.bundle.stat().st_mtime:
            if built is None or built[0] != trial.fold:
                built = (trial.fold, data_module_of_run(trial.folder / "config.yaml"))
            score_split(trial.bundle, built[1], split).save(path)
        by_seed.setdefault(trial.seed, []).append(load_scores(path))
    return by_seed


def majority_scores(variant: Variant, folds: Sequence[Fold], split: str) -> SampleScores:
    """Scores of the majority baseline."""
    if not folds:
        return score_majority(variant.options, split, variant.name)
    parts = [score_majority(fold.apply(variant.options), split, variant.name) for fold in folds]
    return join_folds(folds, parts, variant.name)


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
