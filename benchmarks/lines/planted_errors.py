"""What the doctor finds of errors that were planted in lines that are right.

    python -m benchmarks.lines.planted_errors [--data FOLDER --groups g --group_pattern "(.)"]
        [--model lines-en]

Without --data the lines are made here. Each kind is planted into a copy of its own, into a share of
the lines; whatever else the doctor gives that kind counts against its precision, also what was
wrong with the lines before. With --model labels are swapped and letters exchanged, too, in several
rounds, and the table says how many of them stand in the top 5 % of the ranking by doubt.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.lines.folders import LineFolder
from datasets.lines.listing import transcripts
from datasets.lines.reader import load_line
from datasets.lines.synthetic.source import SyntheticLines
from pipeline.doctor.line_checks import Finding
from pipeline.doctor.line_examination import Examined, examine_lines
from pipeline.doctor.line_files import ListedLine, join_listings, list_folder
from pipeline.doctor.line_suspects import LabelScorer, ScoredReading, suspect_findings
from pipeline.reading.bundle import load_bundle
from pipeline.reading.prediction import Recognizer

from ..table import aligned
from .planted_lines import PLANTS, Row, misspelt, write_rows

SHARE, SWAPPED = 0.05, 0.02  # of the lines: of each mechanical kind, and of swapped labels
TOP = 0.05  # of the ranking
DOUBTED = ("swapped", "one character")
ALSO = {  # the doctor's names
    "strange character": ("rare character", "not in the alphabet"),
    "control characters": ("control characters", "breaks or controls"),
}


class Found(NamedTuple):
    """Of one kind: lines spoiled, those of them that were named, other lines that were.

    before: those of the others that had a finding of this kind before anything was planted.
    """

    kind: str
    planted: int
    found: int
    others: int
    before: int
    missed: list[str]


class Ranked(NamedTuple):
    """Of one kind, over all rounds: lines spoiled, how many are in the top, how many are named."""

    kind: str
    planted: int
    top: int
    named: int


def made_lines(count: int, seed: int) -> list[Row]:
    """Lines of books, letters and receipts in the project's own typesetting."""
    source = SyntheticLines(count=1, validation=0, test=0, seed=seed)
    source.counts["train"] = 4 * count
    lines, rows = source.split("train"), []
    for place in range(len(lines)):
        text, image = lines.draw(place)
        if lines.looks[place] == "book" and len(text) > 7 and len(rows) < count:
            rows.append(Row(f"{place:05d}.png", text, f"g{place % 7}", image))
    return rows


def real_lines(folder: LineFolder, groups: Sequence[str]) -> list[Row]:
    """Lines of a folder, of these groups or all."""
    found = [row for row in transcripts(folder) if not groups or row[2] in groups]
    return [Row(i.name, text, group, load_line(str(i))) for i, text, group in found]


def fresh(rows: Sequence[Row]) -> list[Row]:
    return [Row(row.name, row.text, row.group, row.image) for row in rows]


def examine(rows: list[Row], model: str | None) -> Examined:
    with tempfile.TemporaryDirectory() as root:
        folders = write_rows(rows, Path(root))
        return examine_lines(
            join_listings([list_folder(LineFolder(str(f)), False) for f in folders]), model
        )


def mechanical(
    rows: Sequence[Row], kinds: Sequence[str], model: str | None, share: float, seed: int
) -> list[Found]:
    """One doctor's visit a kind."""
    clean = examine(fresh(rows), model).findings
    results = []
    for kind in kinds:
        rng = np.random.default_rng([seed, list(PLANTS).index(kind)])
        spoiled = fresh(rows)
        long = [place for place, row in enumerate(rows) if len(row.text or "") > 7]
        places = rng.permutation(long)[: max(1, round(share * len(rows)))]
        for place in places:
            PLANTS[kind](rng, spoiled, int(place))
        names = ALSO.get(kind, (kind,))
        named = lines_named(examine(spoiled, model).findings, names)
        others = named - {rows[place].name for place in places}
        planted = {rows[place].name for place in places}
        missed = sorted(planted - named)
        before = len(others & lines_named(clean, names))
        found = len(planted & named)
        results.append(Found(kind, len(planted), found, len(others), before, missed))
    return results


def lines_named(findings: Sequence[Finding], kinds: Sequence[str]) -> set[str]:
    names = {Path(one.line.path).name for one in findings if one.kind in kinds}
    return {name.removeprefix("copy_") for name in names}


def doubted(rows: Sequence[Row], model: str, rounds: int, seed: int) -> list[Ranked]:
    """Swapped labels, then labels with one wrong letter, SWAPPED of the lines in each round."""
    judge = LabelScorer(Recognizer(load_bundle(model)))
    with tempfile.TemporaryDirectory() as root:
        (folder,) = write_rows(fresh(rows), Path(root))
        lines = list_folder(LineFolder(str(folder)), True).lines
        clean = judge.read(lines)
        return [one_kind(kind, judge, lines, clean, rounds, seed) for kind in DOUBTED]


def one_kind(
    kind: str,
    judge: LabelScorer,
    lines: list[ListedLine],
    clean: list[ScoredReading],
    rounds: int,
    seed: int,
) -> Ranked:
    """Only the lines that a round spoils are read again; the others are read as before."""
    planted = top = named = 0
    for turn in range(rounds):
        rng = np.random.default_rng([seed, turn])
        spoiled, readings = list(lines), list(clean)
        count = max(2, round(SWAPPED * len(lines)) // 2 * 2)
        places = rng.permutation(len(lines))[:count].tolist()
        texts = {place: misspelt(rng, lines[place].text or "") for place in places}
        if kind == "swapped":
            pairs = list(zip(places[::2], places[1::2], strict=True))
            texts = {a: lines[b].text for pair in pairs for a, b in (pair, pair[::-1])}
        places = [place for place in places if texts[place] != lines[place].text]
        for place in places:
            spoiled[place] = lines[place]._replace(text=texts[place])
        again = judge.read([spoiled[place] for place in places])
        for place, reading in zip(places, again, strict=True):
            readings[place] = reading
        ranking = sorted(range(len(lines)), key=lambda place: -readings[place].margin)
        kinds = ("swapped",) if kind == "swapped" else ("suspect", "swapped")
        found = suspect_findings(spoiled, readings)
        named_lines = {finding.line.name for finding in found if finding.kind in kinds}
        planted += len(places)
        top += len(set(places) & set(ranking[: round(TOP * len(lines))]))
        named += len({lines[place].name for place in places} & named_lines)
    return Ranked(kind, planted, top, named)


def mechanical_table(found: Sequence[Found]) -> str:
    names = ["kind", "planted", "found", "recall %", "others", "there before", "precision %"]
    cells = [names]
    for one in found:
        said = one.found + one.others
        precision = f"{100 * one.found / said:.1f}" if said else "-"
        recall = f"{100 * one.found / one.planted:.1f}"
        counts = [str(n) for n in (one.others, one.before)]
        cells.append([one.kind, str(one.planted), str(one.found), recall, *counts, precision])
    return aligned(cells, markdown=True)


def doubt_table(ranked: Sequence[Ranked]) -> str:
    cells = [["kind", "planted", "in the top 5 %", "%", "named", "%"]]
    for one in ranked:
        first, second = (f"{100 * n / one.planted:.1f}" for n in (one.top, one.named))
        cells.append([one.kind, str(one.planted), str(one.top), first, str(one.named), second])
    return aligned(cells, markdown=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="a folder of lines; without it they are made here")
    parser.add_argument("--groups", nargs="*", default=[], help="of that folder, all without")
    parser.add_argument("--group_pattern", default="(.+?)__")
    parser.add_argument("--lines", type=int, default=400, help="to make, or the most to take")
    parser.add_argument("--model", help="a bundle that has not been trained on these lines")
    parser.add_argument("--kinds", nargs="*", default=list(PLANTS), choices=list(PLANTS))
    parser.add_argument("--share", type=float, default=SHARE, help="of the lines, for each kind")
    parser.add_argument("--rounds", type=int, default=10, help="of swapped labels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.data:
        folder = LineFolder(options.data, options.group_pattern)
        rows = real_lines(folder, options.groups)
        keep = np.random.default_rng(options.seed).permutation(len(rows))[: options.lines]
        rows = [rows[place] for place in sorted(keep)]
    else:
        rows = made_lines(options.lines, options.seed)
    model, seed = options.model, options.seed
    found = mechanical(rows, options.kinds, model, options.share, seed)
    print(f"{len(rows)} lines")
    print(mechanical_table(found))
    for one in found:
        if one.missed:
            print(f"missed, {one.kind}: {', '.join(one.missed[:5])}")
    if model:
        print(f"{len(rows)} lines, labels spoiled in {options.rounds} rounds")
        print(doubt_table(doubted(rows, model, options.rounds, seed)))


if __name__ == "__main__":
    main()
