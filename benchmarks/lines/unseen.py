"""How lines of a source are read that no training has seen, and what more labelled lines buy.

    python -m benchmarks.lines.unseen --data FOLDER [--parts sources curve]

The first training of all sees no real line, only those that the config's SyntheticLines make. From
its bundle start, for equally long, one training on all folders, one without each source (`sources`)
and one on each of --limits real lines, in whole groups, as often an epoch as all of them (`curve`).
Folders whose names begin with the same two words, such as en_sroie_more, are one source. A source
that was left out is scored on its training and validation lines; nothing is measured on test lines.
Trainings that are done are kept under runs/compare/NAME: the same command goes on where it was.
"""

import argparse
import copy
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.lines.folders import LineFolder
from datasets.lines.source import RealLines
from pipeline.comparison.options import options_of
from pipeline.comparison.trial_runner import Runner
from pipeline.comparison.trials import Trial, plan_trials
from pipeline.comparison.variants import Variant
from pipeline.interrupts import INTERRUPTED
from pipeline.reading.prediction import load_recognizer
from pipeline.reading.records import reading_confidence
from pipeline.scoring.metrics import Normalization, Score, compute_scores, tally_texts
from pipeline.scoring.readings import text_of
from pipeline.scoring.temperature import (
    chance_calibration_error,
    expected_calibration_error,
    num_bins,
)
from pipeline.training.command_line import quieten_lightning

from ..table import aligned, score_cell

SYNTHETIC = "datasets.SyntheticLines"
START, ALL = "no real lines", "all"


class Lines(NamedTuple):
    """Lines of one source: their images, transcripts and groups."""

    paths: list[str]
    texts: list[str]
    groups: list[str]
    any_case: bool


class Unseen(NamedTuple):
    """How one bundle reads some lines. ece, chance: of the confidence that a line is right, in
    percent (`expected_calibration_error`), and what exact confidences would show by chance.
    """

    cer: Score
    exact: Score
    ece: float
    chance: float


def source_of(folder: LineFolder) -> str:
    """The source of a folder: the first two words of its name."""
    return "_".join(Path(folder.root).name.split("_")[:2])


def real_parts(options: dict) -> Iterator[dict]:
    """The options of each RealLines in a config's resolved options, mixed or not."""
    parts = [options["data"]["source"]]
    for part in parts:
        own = part["init_args"]
        parts += own.get("sources", [])
        if "folders" in own:
            yield own


def folders_of(options: dict) -> list[LineFolder]:
    return [LineFolder(**folder) for own in real_parts(options) for folder in own["folders"]]


def without_source(options: dict, source: str) -> dict:
    """A copy of the options without the folders of a source."""
    changed = copy.deepcopy(options)
    for own in real_parts(changed):
        own["folders"] = [f for f in own["folders"] if source_of(LineFolder(**f)) != source]
    return changed


def limited(options: dict, limit: int, total: int) -> dict:
    """A copy of the options with `limit` of `total` real lines, which come as often an epoch."""
    changed = copy.deepcopy(options)
    for own in real_parts(changed):
        own["limit"] = limit
        for folder in own["folders"]:
            folder["weight"] *= total / limit
    return changed


def synthetic_only(options: dict) -> dict:
    """A copy of the options without real lines. Raises ValueError if nothing is left."""
    changed = copy.deepcopy(options)
    source = changed["data"]["source"]
    sources = source["init_args"].get("sources", [])
    kept = [part for part in sources if part["class_path"].endswith("SyntheticLines")]
    if not kept:
        raise ValueError("the config mixes no datasets.SyntheticLines, which the start is made of")
    source["init_args"]["sources"] = kept
    return changed


def variant(name: str, config: Path, options: dict, changes: Sequence[str]) -> Variant:
    """A row: the changed source and more KEY=VALUE."""
    source = f"data.source={json.dumps(options['data']['source'], ensure_ascii=False)}"
    overrides = (source, *changes)
    stem = name.replace(" ", "-")
    return Variant(name, stem, config, overrides, options_of(config, overrides))


def count_training_lines(options: dict) -> int:
    return sum(len(RealLines(**kwargs).lines["train"]) for kwargs in source_arguments(options))


def source_arguments(options: dict) -> Iterator[dict]:
    """The arguments of each RealLines, its folders as LineFolder."""
    for own in real_parts(options):
        yield own | {"folders": [LineFolder(**folder) for folder in own["folders"]]}


def kept_lines(options: dict, source: str, splits: Sequence[str]) -> Lines:
    """The lines of a source in these splits, as all folders of the config together split them."""
    found, any_case = [], False
    for arguments in source_arguments(options):
        real, folders = RealLines(**arguments), arguments["folders"]
        own = {i for i, folder in enumerate(folders) if source_of(folder) == source}
        found += [line for split in splits for line in real.lines[split] if line.folder in own]
        any_case |= any(folders[i].any_case for i in own)
    columns = ([getattr(line, key) for line in found] for key in ("path", "text", "group"))
    return Lines(*columns, any_case)


def read_lines(bundle: Path, lines: Lines) -> Unseen:
    """Read lines greedily by a bundle and score them."""
    recognizer = load_recognizer(str(bundle))
    recognizer.bundle.decoder = None
    readings = [reading for _, reading in recognizer.read(lines.paths)]
    readable = [not isinstance(reading, str) for reading in readings]
    texts = [
        text_of(reading, recognizer.bundle.labels) if good else ""
        for reading, good in zip(readings, readable, strict=True)
    ]
    normalization = Normalization(lines.any_case, fold_punctuation=True)
    tally = tally_texts(texts, lines.texts, lines.groups, normalization)
    scores, exact = compute_scores(tally), tally.counts["exact"][0][:, 0].astype(bool)
    confidences = [reading_confidence(recognizer.bundle, r) for r in readings if type(r) is not str]
    bins = num_bins(len(confidences))
    ece = expected_calibration_error(confidences, exact[np.array(readable)], bins)
    return Unseen(scores["cer"], scores["exact"], ece, chance_calibration_error(confidences, bins))


def source_rows(options: dict, trials: Sequence[Trial]) -> list[list[str]]:
    """The table of sources: each read by the training without it, and by that with all folders."""
    done = {trial.name: trial.bundle for trial in trials if trial.done()}
    rows = []
    for source in dict.fromkeys(map(source_of, folders_of(options))):
        bundle = done.get(f"without {source}")
        if bundle is None or ALL not in done:
            continue
        unseen = kept_lines(options, source, ["train", "validation"])
        found = read_lines(bundle, unseen)
        row = [source, str(len(unseen.paths)), str(len(set(unseen.groups)))]
        row += [score_cell(found.cer), f"{found.exact.value:.0f}"]
        row.append(f"{found.ece:.1f} ({found.chance:.1f})")
        kept = kept_lines(options, source, ["validation"])
        if kept.paths:
            with_it, without = (read_lines(b, kept).cer.value for b in (done[ALL], bundle))
            row += [str(len(kept.paths)), f"{without:.2f}", f"{with_it:.2f}"]
        rows.append(row + ["-"] * (9 - len(row)))
    return rows


SOURCES = ["source", "lines", "groups", "CER % never seen (95 %)", "exact %", "ECE % (by chance)"]
SOURCES += ["validation lines", "CER % never seen", "CER % other groups seen"]


def curve_rows(options: dict, trials: Sequence[Trial]) -> list[list[str]]:
    """The learning curve: CER on each source's validation lines by number of real lines."""
    sources = list(dict.fromkeys(map(source_of, folders_of(options))))
    kept = {source: kept_lines(options, source, ["validation"]) for source in sources}
    kept = {source: lines for source, lines in kept.items() if lines.paths}
    rows = [["real lines", *kept]]
    for trial in trials:
        if trial.done() and not trial.name.startswith("without"):
            cells = [f"{read_lines(trial.bundle, lines).cer.value:.2f}" for lines in kept.values()]
            rows.append([trial.name, *cells])
    return rows


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
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    return parser.parse_args(arguments)


def later_variants(options: argparse.Namespace, base: dict, start: Path) -> list[Variant]:
    """The trainings that start from the first one's bundle."""
    changes = (*options.set, f"init_from={start}", f"trainer.max_time={options.time}")
    made = [variant(ALL, options.config, base, changes)]
    if "sources" in options.parts:
        for source in dict.fromkeys(map(source_of, folders_of(base))):
            changed = without_source(base, source)
            made.append(variant(f"without {source}", options.config, changed, changes))
    if "curve" in options.parts:
        total = count_training_lines(base)
        for limit in sorted(options.limits):
            if limit < total:
                changed = limited(base, limit, total)
                made.append(variant(f"{limit} lines", options.config, changed, changes))
    return made


def run(options: argparse.Namespace) -> int:
    """Train what is not trained yet, and print the tables."""
    base = options_of(options.config, options.set)
    first = (*options.set, "init_from=null", f"trainer.max_time={options.start}")
    start = plan_trials(
        [variant(START, options.config, synthetic_only(base), first)], 1, options.name
    )
    runner = Runner(options.jobs)
    failures = runner.train(start)
    trials = []
    if not failures:
        trials = plan_trials(later_variants(options, base, start[0].bundle), 1, options.name)
        failures = runner.train(trials)
    markdown = options.format == "markdown"
    if "sources" in options.parts:
        print(aligned([SOURCES, *source_rows(base, trials)], markdown), end="\n\n")
    if "curve" in options.parts:
        print(aligned(curve_rows(base, [*start, *trials]), markdown))
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
