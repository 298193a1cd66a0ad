"""The peers of our line reader, each warm, over lines that it has in memory before the clock."""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from datasets.output.text import print_notes

WARM_UP_LINES = 8
LANGUAGES = {"en": ("eng",), "fr": ("fra",), "de": ("frk", "Fraktur")}  # German sets: blackletter
WORKER = Path(__file__).with_name("peer_worker.py")


class Reading(NamedTuple):
    """What a reader made of N images, in order, in how many seconds; problems: failed inputs.

    texts: of a page the pairs of polygon and text of its lines.
    """

    texts: list
    seconds: float
    problems: list[str]


class Reader(NamedTuple):
    """One reader over one set of lines that it holds: its name, and how it reads all of them."""

    name: str
    read: Callable[[], Reading]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every comparison with peers."""
    parser.add_argument("--repeat", type=int, default=3, help="times that each set is read")
    parser.add_argument("--threads", type=int, default=2, help="of each reader")
    parser.add_argument("--rapidocr", metavar="PYTHON", help="a Python that has rapidocr")
    parser.add_argument("--tesserocr", metavar="PYTHON", help="a Python that has tesserocr")
    parser.add_argument("--format", choices=("text", "markdown"), default="text")


def take_turns(readers: Sequence[Reader], repeat: int, name: str, count: int) -> list[Reading]:
    """Let each reader read in turn, `repeat` times -> its first reading, with the median time.

    name, count: of the set and of its images, for a note on each turn.
    """
    readings: list[list[Reading]] = [[] for _ in readers]
    for turn in range(repeat):
        for reader, found in zip(readers, readings, strict=True):
            print_notes(f"{name}: {reader.name} reads {count} ({turn + 1}) ...")
            found.append(reader.read())
    return [
        found[0]._replace(seconds=statistics.median(reading.seconds for reading in found))
        for found in readings
    ]


def peers_of(
    name: str, paths: Sequence[str], options: argparse.Namespace, stack: ExitStack
) -> list[Reader]:
    """The peers that this machine has, over one set; names on standard error what it lacks."""
    readers, here = [], sys.executable
    rapid = options.rapidocr or (here if importlib.util.find_spec("rapidocr") else None)
    if rapid:
        readers.append(rapidocr(rapid, options.threads, paths, stack))
    else:
        print_notes(
            "RapidOCR is missing: name a Python that has it (pip install rapidocr): --rapidocr"
        )
    library = options.tesserocr or (here if importlib.util.find_spec("tesserocr") else None)
    for language in languages_here(name, options.tesseract_language):
        if library:
            every = options.every_way
            readers += tesserocr(library, options.threads, language, paths, stack, every)
        else:
            print_notes(
                "Tesseract's library is missing: name a Python that has tesserocr: --tesserocr"
            )
        readers.append(command_line(options.threads, language, paths))
    return readers


def languages_here(name: str, chosen: Sequence[str]) -> list[str]:
    """Tesseract's languages for a set that are installed: as chosen, or by the set's name."""
    if shutil.which("tesseract") is None:
        print_notes("Tesseract is missing (Debian: apt install tesseract-ocr)")
        return []
    given = dict(option.split("=", 1) for option in chosen)
    wanted = given[name].split(",") if name in given else LANGUAGES.get(name[:2], ("eng",))
    said = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True)
    installed = said.stdout.split()
    for language in set(wanted).difference(installed):
        print_notes(f"Tesseract lacks {language} (Debian: apt install tesseract-ocr-...); left out")
    return [language for language in wanted if language in installed]


class Worker:
    """A `peer_worker` in a Python of its own; closing it ends the process."""

    def __init__(self, python: str, arguments: Sequence[str], openmp_threads: int):
        self.command = [python, str(WORKER), *arguments]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"OMP_THREAD_LIMIT": str(openmp_threads)},
        )  # fmt: skip
        self.name = self._answer()["name"]

    def ask(self, **request: object) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{' '.join(self.command)}: ended with exit {self.process.wait()} and no answer; "
                "what it said is above"
            )
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def fastest(ways: Sequence[Reader]) -> Reader:
    """Of several ways to run one reader, the one that read the warm-up lines fastest."""
    return min(ways, key=lambda way: way.read().seconds)


def rapidocr(python: str, threads: int, paths: Sequence[str], stack: ExitStack) -> Reader:
    """RapidOCR with batches of 1 or 6 lines, whichever is faster on a few lines of the set."""
    worker = Worker(python, ["rapidocr", str(threads)], threads)
    stack.callback(worker.close)
    worker.ask(open=list(paths))

    def way(batch: int, count: int | None) -> Reader:
        return Reader(f"{worker.name}, batch {batch}", lambda: reading_of([worker], count, batch))

    for batch in (1, 6):
        way(batch, WARM_UP_LINES).read()  # warm, before the two are compared
    chosen = fastest([way(batch, 2 * WARM_UP_LINES) for batch in (1, 6)])
    return way(int(chosen.name.rpartition(" ")[2]), None)


def tesserocr(
    python: str, threads: int, language: str, paths: Sequence[str], stack: ExitStack, every: bool
) -> list[Reader]:
    """Tesseract's library as one process of so many threads, or so many processes of one thread:
    the faster of them, or every one.
    """
    ways = {}
    for processes in sorted({1, threads}):
        arguments = ["tesseract", language, tessdata()]
        workers = [Worker(python, arguments, threads // processes or 1) for _ in range(processes)]
        for place, worker in enumerate(workers):
            stack.callback(worker.close)
            worker.ask(open=list(paths[place::processes]))
        reading_of(workers, WARM_UP_LINES, None)
        name = f"{workers[0].name}, {processes} x {threads // processes or 1} threads"
        ways[name] = workers
    short = [
        Reader(name, lambda w=w: reading_of(w, -(-2 * WARM_UP_LINES // len(w)), None))
        for name, w in ways.items()
    ]
    names = [reader.name for reader in short] if every else [fastest(short).name]
    return [Reader(name, lambda w=ways[name]: reading_of(w, None, None)) for name in names]


def reading_of(workers: Sequence[Worker], count: int | None, batch: int | None) -> Reading:
    """All at once; each has every `len(workers)`-th line. The time is that of the slowest."""
    with ThreadPoolExecutor(len(workers)) as pool:
        parts = list(pool.map(lambda worker: worker.ask(read=count, batch=batch), workers))
    texts: list = [""] * sum(len(part["texts"]) for part in parts)
    for place, part in enumerate(parts):
        texts[place :: len(parts)] = part["texts"]
    return Reading(texts, max(part["seconds"] for part in parts), [])


def tessdata() -> str:
    """The folder of the installed languages, as the command line tells it."""
    said = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True).stdout
    return said.split('"')[1]


def command_line(threads: int, language: str, paths: Sequence[str]) -> Reader:
    """`tesseract` over files, start-up included: one process, or one a core with a share each."""
    said = subprocess.run(["tesseract", "--version"], capture_output=True, text=True).stdout

    def way(processes: int, chosen: Sequence[str]) -> Reader:
        each = threads // processes or 1
        name = f"Tesseract {said.split()[1]} {language}, command line, {processes} x {each} threads"
        return Reader(name, lambda: read_with_tesseract(chosen, language, processes, each))

    few = paths[: 2 * WARM_UP_LINES]
    counts = sorted({1, threads})
    best = fastest([way(count, few) for count in counts]).name
    return next(w for w in (way(count, paths) for count in counts) if w.name == best)


def read_with_tesseract(
    paths: Sequence[str], language: str = "eng", processes: int = 1, threads: int = 1
) -> Reading:
    """Images, each one line of text (`--psm 7`), by so many processes at once."""
    shares = [paths[place::processes] for place in range(min(processes, len(paths)))]
    start = time.perf_counter()
    with ThreadPoolExecutor(max(1, len(shares))) as pool:
        found = list(pool.map(lambda share: one_process(share, language, threads), shares))
    seconds, texts = time.perf_counter() - start, [""] * len(paths)
    for place, part in enumerate(found):
        texts[place::processes] = part
    return Reading(texts, seconds, [])


def one_process(paths: Sequence[str], language: str, threads: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "images.txt")
        listed.write_bytes(b"".join(os.fsencode(os.path.abspath(path)) + b"\n" for path in paths))
        done = subprocess.run(
            ["tesseract", str(listed), "stdout", "--psm", "7", "-l", language],
            capture_output=True, encoding="utf-8", errors="replace",
            env=os.environ | {"OMP_THREAD_LIMIT": str(threads)},
        )  # fmt: skip
    if done.returncode:
        last = "\n  ".join(done.stderr.strip().splitlines()[-3:])
        raise RuntimeError(
            f"tesseract gave up on {len(paths)} images (exit {done.returncode}); it said:\n  {last}"
        )
    return split_pages(done.stdout, len(paths))


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
