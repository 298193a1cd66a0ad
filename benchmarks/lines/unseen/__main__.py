"""How lines of a source are read that no training has seen, and what more labelled lines buy.

    python -m benchmarks.lines.unseen --data FOLDER [--parts sources curve]

The first training of all sees no real line, only those that the config's SyntheticLines make. From
its bundle start, for equally long, one training on all folders, one without each source (`sources`)
and one on each of --limits real lines, in whole groups, as often an epoch as all of them (`curve`).
Folders whose names begin with the same two words, such as en_sroie_more, are one source. A source
that was left out is scored on its training and validation lines; nothing is measured on test lines.
Its confidence is that of the training without it, and beside it as fitted to the lines of all other
sources by the trainings without these; --calibrate BUNDLE --output F fits a bundle's confidence so.
Trainings that are done are kept under runs/compare/NAME: the same command goes on where it was.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.comparison.options import options_of
from pipeline.comparison.trial_runner import Runner
from pipeline.comparison.trials import plan_trials
from pipeline.interrupts import INTERRUPTED
from pipeline.reading.bundle import load_bundle, save_bundle
from pipeline.scoring.temperature import Calibration, decoder_name
from pipeline.training.messages import quieten_lightning

from ...table import aligned
from .scores import curve_rows, joint_fit, read_unseen, source_rows
from .variants import START, later_variants, synthetic_only, variant


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("configs/lines_base.yaml"))
    parser.add_argument("--data", help="what the config's folders are relative to (STRAND_DATA)")
    parser.add_argument("--parts", nargs="+", choices=("sources", "curve"), default=["sources"])
    parser.add_argument("--limits", nargs="+", type=int, default=[1000, 3000])
    parser.add_argument("--start", default="00:00:40:00", help="time of the first training")
    parser.add_argument("--time", default="00:00:06:00", help="time of each further training")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE for every training")
    parser.add_argument("--name", default="unseen", help="the runs' folder below runs/compare")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, of a thread each")
    parser.add_argument("--calibrate", help="bundle of the same labels to fit the confidence of")
    parser.add_argument("--output", type=Path, help="where --calibrate writes it")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args(arguments)
    if (options.calibrate is None) != (options.output is None):
        parser.error("--calibrate and --output go together")
    return options


def train(options: argparse.Namespace, base: dict) -> tuple[dict[str, Path], list[str]]:
    """Train what is not trained yet; returns the bundles by name, and what failed."""
    first = (*options.set, "init_from=null", f"trainer.max_time={options.start}")
    start = variant(START, options.config, synthetic_only(base), first)
    trials, runner = plan_trials([start], 1, options.name), Runner(options.jobs)
    failures = runner.train(trials)
    if not failures:
        changes = (f"init_from={trials[0].bundle}", f"trainer.max_time={options.time}")
        later = later_variants(
            options.config, base, (*options.set, *changes), options.parts, options.limits
        )
        trials += plan_trials(later, 1, options.name)
        failures = runner.train(trials[1:])
    return {trial.name: trial.bundle for trial in trials if trial.done()}, failures


def calibrate(options: argparse.Namespace, base: dict, bundles: dict[str, Path]) -> None:
    """Fit the confidence of --calibrate to lines of sources never seen, and write the bundle.

    Raises ValueError if a source has no training without it, or the labels differ.
    """
    bundle = load_bundle(options.calibrate)
    labels = {tuple(load_bundle(str(path)).labels) for path in bundles.values()}
    if labels != {tuple(bundle.labels)}:
        raise ValueError(f"--calibrate {options.calibrate}: reads other characters than these")
    reads = [read for _, read in read_unseen(base, bundles, bundle.decoder).values()]
    if not reads:
        raise ValueError("--calibrate takes --parts sources, whose trainings are done")
    fitted, decoder = joint_fit(reads), decoder_name(bundle.decoder)
    strings = bundle.calibration.strings | {decoder: fitted}
    bundle.calibration = Calibration(bundle.calibration.temperature, strings)
    save_bundle(bundle, options.output)
    print(f"{options.output}: slope {fitted.slope:.3f}, offset {fitted.offset:.3f} ({decoder})")


def run(options: argparse.Namespace) -> int:
    """Train what is not trained yet, print the tables, and write the calibrated bundle."""
    base = options_of(options.config, options.set)
    bundles, failures = train(options, base)
    markdown = options.format == "markdown"
    if "sources" in options.parts:
        rows = source_rows(base, bundles, read_unseen(base, bundles))
        print(aligned(rows, markdown), end="\n\n")
    if "curve" in options.parts:
        print(aligned(curve_rows(base, bundles), markdown), end="\n\n")
    if options.calibrate and not failures:
        calibrate(options, base, bundles)
    print(*(f"error: {text}" for text in failures), sep="\n", file=sys.stderr, end="")
    return 1 if failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 if a training failed, 2 for misuse, 130 after Ctrl-C."""
    options = parse(arguments)
    if options.data:
        os.environ["STRAND_DATA"] = options.data
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    quieten_lightning()
    try:
        return run(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
