"""The recipe of the line reader, one trick at a time: each row differs from the first in one thing.

    python -m benchmarks.lines.recipe --data FOLDER

Every row is a training of its own from the same first weights, on as many lines; all are scored on
the validation groups that the config keeps out (nothing is measured on test lines). Trainings that
are done are kept under runs/compare/NAME: the same command goes on where it was.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.class_paths import allow_imports
from pipeline.comparison.options import options_of
from pipeline.comparison.scores import trained_rows
from pipeline.comparison.table import VariantResults
from pipeline.comparison.trial_runner import Runner
from pipeline.comparison.trials import plan_trials
from pipeline.comparison.variants import Variant
from pipeline.evaluation.split_scores import SampleScores
from pipeline.interrupts import INTERRUPTED
from pipeline.training.messages import quieten_lightning

from ..table import aligned

BASE = "base"
# what the fullest augmentation does besides the config's own: wear, a bad scan, an old page
MORE = [
    ("albumentations.ElasticTransform", {"alpha": 12, "sigma": 4, "border_mode": 1, "p": 0.3}),
    ("albumentations.Morphological", {"scale": [2, 2], "operation": "dilation", "p": 0.07}),
    ("albumentations.Morphological", {"scale": [2, 2], "operation": "erosion", "p": 0.07}),
    ("albumentations.GaussianBlur", {"blur_limit": [3, 5], "p": 0.2}),
    ("datasets.BleedThrough", {"p": 0.15}),
    ("datasets.UnevenPaper", {"p": 0.15}),
    ("albumentations.GaussNoise", {"std_range": [0.01, 0.06], "p": 0.2}),
    ("albumentations.ImageCompression", {"quality_range": [15, 70], "p": 0.2}),
]
COLUMNS = 512  # that lines are pressed into: about the mean width of a line at 32 pixels' height
Rows = dict[str, tuple[str, ...]]  # name of a row -> KEY=VALUE


def rows_of(options: dict) -> Rows:
    """All rows; options: the base's, resolved."""
    data, epochs = options["data"], options["trainer"]["max_epochs"]
    more = [{"class_path": name, "init_args": arguments} for name, arguments in MORE]
    squeezed = {"class_path": "benchmarks.lines.squeezed.Squeezed"}
    squeezed["init_args"] = {"source": data["source"], "columns": COLUMNS}
    shares = f"data.source.init_args.epochs={epochs}"
    return {
        BASE: (),
        "aspect ratio not kept": (f"data.source={json.dumps(squeezed)}",),
        "rows: concat": ("model.encoder.init_args.rows=concat",),
        "no CTC shortcut": ("model.shortcut=null",),
        "no augmentation": ("data.augmentations=null",),
        "full augmentation": (f"data.augmentations={json.dumps(data['augmentations'] + more)}",),
        "synthetic lines only": (mixing(1, 1), shares),
        "real lines only": (mixing(0, 0), shares),
        "synthetic to real": (mixing(0.8, 0.2), shares),
        "weights averaged": ("model.average_decay=0.998",),
        "one cycle": ("model.schedule=one_cycle",),
        "constant rate": ("model.schedule=constant",),
    }


def mixing(start: float, end: float) -> str:
    return f"data.source.init_args.added_share=[{start}, {end}]"


def variants_of(config: Path, changes: Sequence[str], chosen: Sequence[str]) -> list[Variant]:
    """The rows to train; changes: KEY=VALUE for all of them. Raises ValueError for unknown rows."""
    allow_imports(["benchmarks.lines.squeezed"])
    base = options_of(config, changes)
    rows = rows_of(base)
    unknown = [name for name in chosen if name not in rows]
    if unknown:
        raise ValueError(f"--rows {', '.join(unknown)}: there are {', '.join(rows)}")
    made = []
    for name, own in rows.items():
        if name == BASE or not chosen or name in chosen:
            overrides = (*changes, *own)
            stem = name.replace(":", "").replace(" ", "-")
            options = options_of(config, overrides) if own else base
            made.append(Variant(name, stem, config, overrides, options))
    return made


def of_folder(scores: SampleScores, folder: str) -> SampleScores:
    """The samples of one folder; groups are pages where all its samples are of one group."""
    here = [i for i, name in enumerate(scores.names) if Path(name).parent.name == folder]
    names = [scores.names[i] for i in here]
    groups = [scores.groups[i] for i in here]
    if len(set(groups)) == 1:
        groups = [Path(name).stem.partition("__")[0] for name in names]
    counts = np.array(scores.numerators)[here], np.array(scores.denominators)[here]
    return SampleScores(scores.metric, names, groups, *counts)


def cells_of(trained: VariantResults, base: VariantResults, folders: Sequence[str]) -> list[str]:
    """A row of the table."""
    parameters = trained.results[0]["parameters"]
    cells = [trained.name, f"{parameters / 1e6:.2f} M"]
    for folder in folders:
        ours, theirs = of_folder(trained.scores[0], folder), of_folder(base.scores[0], folder)
        low, high = ours.interval()
        cells.append(f"{ours.value:.2f} ({low:.2f}-{high:.2f})")
        gap = ours.minus(theirs)
        low, high = gap.interval()
        cells.append("" if trained is base else f"{gap.value:+.2f} ({low:+.2f} to {high:+.2f})")
    speed = statistics.median(row["samples_per_second"] for row in trained.histories[0])
    return [*cells, f"{speed:.0f}", f"{trained.results[0]['seconds'] / 60:.1f}"]


def table(found: Sequence[VariantResults], markdown: bool) -> str:
    """The rows in the order of `rows_of`, the base first, and what they are."""
    base = found[0]
    folders = sorted({Path(name).parent.name for name in base.scores[0].names})
    head = ["row", "parameters"]
    for folder in folders:
        head += [f"{folder}: CER % (95 %)", "to the base"]
    rows = [cells_of(trained, base, folders) for trained in found]
    counted = ", ".join(f"{len(of_folder(base.scores[0], name).names)} {name}" for name in folders)
    note = (
        f"Validation lines: {counted}. Intervals: bootstrap by group (by page where there is one "
        "group only); to the base: paired, on the same lines. One training a row: the spread "
        "between seeds comes on top. lines/s: of training, the median epoch's."
    )
    return aligned([[*head, "lines/s", "minutes"], *rows], markdown) + "\n\n" + note


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("configs/lines_recipe.yaml"))
    parser.add_argument("--data", help="what the config's folders are relative to (STRAND_DATA)")
    parser.add_argument("--rows", nargs="*", default=[], help="only these, beside the base")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE for every row")
    parser.add_argument("--name", default="recipe", help="the runs' folder below runs/compare")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of each training")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 if a training failed, 2 for misuse, 130 after Ctrl-C."""
    options = parse(arguments)
    if options.data:
        os.environ["STRAND_DATA"] = options.data
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(options.threads)
    quieten_lightning()
    try:
        variants = variants_of(options.config, options.set, options.rows)
        trials = plan_trials(variants, 1, options.name)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        failures = Runner(1).train(trials)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED
    found = trained_rows(variants, trials, {}, "validation")
    if found and found[0].name == BASE:
        print(table(found, options.format == "markdown"))
    print(*(f"error: {text}" for text in failures), sep="\n", file=sys.stderr, end="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
