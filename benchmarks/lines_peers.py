"""Our line reader beside Tesseract 5: the same held-out lines, the same machine, the same run.

    python -m benchmarks.lines_peers --data FOLDER

Every reader decodes the image files itself, from a warm file cache. Ours is timed around
`recognizer.predict`, weights loaded, after one warm-up on a few lines; Tesseract reads a set in one
process, and its time includes that one start-up. A peer is a function from paths to a `Reading`:
add it in `peers_here`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from pipeline.metrics import Normalization, Score, scores, tally_texts

from .table import aligned

WARM_UP_LINES = 8
COLUMNS = ["set", "lines", "groups", "reader", "CER % (95 %)", "WER %", "exact %", "lines/s"]
COLUMNS += ["ours is faster"]


class LineSet(NamedTuple):
    """The held-out lines of one folder: N paths, transcripts and groups."""

    name: str
    paths: list[str]
    texts: list[str]
    groups: list[str]
    ignore_case: bool


class Reading(NamedTuple):
    """What a reader made of N images, in order, in how many seconds; problems: failed inputs."""

    texts: list[str]
    seconds: float
    problems: list[str]


class Row(NamedTuple):
    """One line of the table; ratio: our lines per second / this reader's, on this set."""

    lines: LineSet
    reader: str
    reading: Reading
    scores: dict[str, Score]
    ratio: float


Reader = Callable[[Sequence[str]], Reading]


def folders_of(config: Path) -> list[dict]:
    """The arguments of every LineFolder of a config's source, or of the sources that it mixes."""
    source = yaml.safe_load(config.read_text(encoding="utf-8")).get("data", {}).get("source", {})
    options = source.get("init_args", {})
    parts = [part.get("init_args", {}) for part in options.get("sources", [])]
    folders = [folder for part in (options, *parts) for folder in part.get("folders", [])]
    if not folders:
        raise ValueError(f"{config}: no folders under data.source; give a config of real lines")
    return folders


def held_out_sets(config: Path, split: str, limit: int | None) -> list[LineSet]:
    """Each folder of a config's `data.source`, as a set of the first `limit` lines of `split`."""
    from datasets.lines import LineFolder, RealLines, transcripts

    sets = []
    for options in folders_of(config):
        folder, name = LineFolder(**options), Path(options["root"]).name
        # Every character of the labels: else lines with one that we cannot read would be left out.
        letters = {letter for _, text, _ in transcripts(folder) for letter in text}
        real = RealLines([folder], alphabet="".join(sorted(letters)))
        part = real.split(split)
        if real.problems:
            first = real.problems[0].reason
            remark(f"{name}: {len(real.problems)} lines cannot be used; the first: {first}")
        if not part.names:
            remark(f"{name}: no {split} lines, left out")
            continue
        groups = part.groups
        if len(set(groups)) == 1:  # one book is no sample of books, but its pages are one of pages
            groups = [Path(path).stem.partition("__")[0] for path in part.names]
        columns = ([*column[:limit]] for column in (part.names, part.texts, groups))
        sets.append(LineSet(name, *columns, is_without_lower_case(part.texts)))
    return sets


def is_without_lower_case(texts: Sequence[str]) -> bool:
    """Labels in capitals only do not tell the case of the print: compare without case."""
    return not any(letter.islower() for text in texts for letter in text)


def strand_reader(model: str) -> Reader:
    """Our bundle, loaded once."""
    from pipeline.prediction import load_recognizer

    recognizer = load_recognizer(model)

    def read(paths: Sequence[str]) -> Reading:
        list(recognizer.predict(paths[:WARM_UP_LINES]))
        start = time.perf_counter()
        records = list(recognizer.predict(paths))
        seconds = time.perf_counter() - start
        problems = [f"{r['input']}: {r['error']}" for r in records if r.get("error")]
        return Reading([r.get("text") or "" for r in records], seconds, problems)

    return read


def read_with_tesseract(paths: Sequence[str]) -> Reading:
    """One process over a list of images, each one line of text (`--psm 7`), start-up included."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "images.txt")
        listed.write_bytes(b"".join(os.fsencode(os.path.abspath(path)) + b"\n" for path in paths))
        command = ["tesseract", str(listed), "stdout", "--psm", "7", "-l", "eng"]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        seconds = time.perf_counter() - start
    if done.returncode:
        last = "\n  ".join(done.stderr.strip().splitlines()[-3:])
        raise RuntimeError(
            f"tesseract gave up on {len(paths)} images (exit {done.returncode}); it said:\n  {last}"
        )
    return Reading(split_pages(done.stdout, len(paths)), seconds, [])


def split_pages(output: str, count: int) -> list[str]:
    """Tesseract's output for `count` images -> their texts, several lines joined with a space.

    Tesseract 5 puts a form feed between two pages, Tesseract 4 behind each.
    """
    pages = output.split("\f")
    if len(pages) == count + 1 and not pages[-1].strip():
        pages.pop()
    if len(pages) != count:
        raise ValueError(
            f"tesseract answered {len(pages)} pages for {count} images, so no text can be matched "
            "to its image; check that every file holds one image"
        )
    return [" ".join(page.split()) for page in pages]


def peers_here() -> tuple[dict[str, Reader], list[str]]:
    """The peers that this machine has, by name, and a remark for each that it lacks."""
    if shutil.which("tesseract") is None:
        return {}, [
            "Tesseract is missing (Debian: apt install tesseract-ocr): only ours is measured"
        ]
    said = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True)
    if "eng" not in said.stdout.split():
        return {}, ["Tesseract lacks English (Debian: apt install tesseract-ocr-eng): only ours"]
    said = subprocess.run(["tesseract", "--version"], capture_output=True, text=True)
    return {f"Tesseract {said.stdout.split()[1]}": read_with_tesseract}, []


def measure(sets: Sequence[LineSet], readers: dict[str, Reader]) -> list[Row]:
    """Every set by every reader, one at a time; the first reader is ours."""
    rows = []
    for lines in sets:
        for path in lines.paths:  # warms the file cache, for whoever comes first
            Path(path).read_bytes()
        normalization = Normalization(ignore_case=lines.ignore_case, fold_punctuation=True)
        our_seconds = None
        for name, read in readers.items():
            remark(f"{lines.name}: {name} reads {len(lines.paths)} lines ...")
            reading = read(lines.paths)
            our_seconds = our_seconds or reading.seconds
            tally = tally_texts(reading.texts, lines.texts, lines.groups, normalization)
            rows.append(Row(lines, name, reading, scores(tally), reading.seconds / our_seconds))
    return rows


def format_table(rows: Sequence[Row], markdown: bool) -> str:
    """Aligned columns, or a Markdown table."""
    return aligned([COLUMNS, *map(row_cells, rows)], markdown)


def row_cells(row: Row) -> list[str]:
    cer = row.scores["cer"]
    interval = f"{cer.low:.2f}-{cer.high:.2f}" if cer.groups > 1 else "one group"
    return [
        row.lines.name + " (no case)" * row.lines.ignore_case,
        str(cer.n),
        str(cer.groups),
        row.reader,
        f"{cer.value:.2f} ({interval})",
        f"{row.scores['wer'].value:.2f}",
        f"{row.scores['exact'].value:.1f}",
        f"{cer.n / row.reading.seconds:.1f}",
        f"x {row.ratio:.1f}",
    ]


def conditions(threads: int) -> str:
    """What the figures were measured under."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"Compared: {Normalization(fold_punctuation=True).describe()}; without case (no case) "
        "where the labels hold no lower-case letter. CER, WER: sum of edits / sum of lengths; "
        "interval: bootstrap over groups (over the pages where a set has one group only).\n"
        f"Time: {cores} cores; ours {threads} torch threads, weights loaded, after a warm-up on "
        f"{WARM_UP_LINES} lines; Tesseract one process a set with its start-up, OMP_THREAD_LIMIT "
        f"{os.environ.get('OMP_THREAD_LIMIT', 'not set')}. Each reads the image files itself."
    )


def remark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("configs/lines_printed.yaml"))
    parser.add_argument("--model", default="lines-en", help="bundle: a path or a name in the zoo")
    parser.add_argument("--data", help="what the config's folders are relative to (STRAND_DATA)")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--limit", type=int, help="only the first LIMIT lines of each set")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit {options.limit}: at least 1 line of each set must be read")
    if options.data:
        os.environ["STRAND_DATA"] = options.data
    sets = held_out_sets(options.config, options.split, options.limit)
    peers, remarks = peers_here()
    rows = measure(sets, {Path(options.model).stem: strand_reader(options.model), **peers})

    import torch

    print(format_table(rows, options.format == "markdown"), end="\n\n")
    print(conditions(torch.get_num_threads()))
    remarks += [f"Failed, counted as empty: {p}" for row in rows for p in row.reading.problems]
    print(*remarks, sep="\n")


if __name__ == "__main__":
    main()
