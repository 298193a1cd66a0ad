"""Damaged files of every kind that is read: each is answered, or refused by one named error.

    python -m benchmarks.torture.fuzz [--seconds 60] [--kinds images page ...]

Hypothesis takes valid files, which this module makes, apart: it flips, cuts, repeats and inserts
bytes, and puts odd numbers and odd text in the place of others. Each reader has a process and a
share of the seconds of its own. A case fails by an exception that is neither ValueError nor
OSError, by a message that does not name the file, or by taking more than 10 seconds. What fails is
shrunk and printed, with the bytes in base64; the peak of memory is that of the process.
"""

import argparse
import base64
import contextlib
import gzip
import io
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import lmdb
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from datasets import LineFolder
from datasets.images import load_grey
from datasets.lines.listing import read_lines
from datasets.pages.files import read_page
from datasets.pages.loading import load_page_line
from datasets.text.files import find_reviews
from datasets.video.annotations.boris import write_boris
from datasets.video.annotations.elan import write_elan
from datasets.video.annotations.files import read_annotations
from datasets.video.annotations.segments import Span
from datasets.video.annotations.via import write_via
from datasets.video.decoder import decode_video
from pipeline.evaluation.labelled_split import source_of_config
from pipeline.reading.bundle import load_bundle, save_bundle
from tests.support.films import film
from tests.support.pages import tesseract, transkribus
from tests.support.small import noise_line, tiny_bundle

from .outcome import Outcome, table

LIMIT_S = 10  # a case
ODD = [b"1e999", b"-1", b"nan", b"9" * 400, b"0", b"99999999999", b"\x00", b"\xff\xfe", b"\xc3",
       b"../../../etc/passwd", b"http://localhost/x", b"[" * 3000, b"<a>" * 3000, b"\r", b"\t",
       b'"', b"'", b"\x1b[2J", "\u202e".encode(), b"null", b"true", b"{}", b""]  # fmt: skip
CONFIG = b"""data:
  source:
    class_path: datasets.Reviews
    init_args: {root: reviews.csv, validation: 0.5, min_count: 1, labels: [good, bad]}
"""
REVIEWS = b"text,label,group\n" + b"".join(
    b'"a %s film, %d",%s,g%d\n' % (word, n, word, n // 2)
    for n, word in enumerate([b"good", b"bad"] * 4)
)


class Kind(NamedTuple):
    """A kind of file. seeds: valid files. suffix: of the file. read: reads the file at a path."""

    suffix: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[Path], object]


def images(folder: Path) -> list[bytes]:
    grey = noise_line(0, 60)
    images = dict.fromkeys((".png", ".jpg", ".tiff", ".bmp", ".webp", ".pgm"), grey)
    images[".png"] = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGRA)
    images[".gif"] = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return [cv2.imencode(ending, image)[1].tobytes() for ending, image in images.items()]


def page(write: Callable[[Path], object]) -> Callable[[Path], list[bytes]]:
    """Seeds of a page; its image stays beside the file that is fuzzed."""
    return lambda folder: [Path(write(folder / "fuzzed.xml")).read_bytes()]


def read_whole_page(path: Path) -> None:
    for line in read_page(path).lines[:8]:
        load_page_line(f"{path}#{line.id}")


def annotation(suffix: str, write: Callable) -> Callable[[Path], list[bytes]]:
    def seeds(folder: Path) -> list[bytes]:
        target = folder / f"seed{suffix}"
        write(target, [span(0.0, 1.0, "walk"), span(1.0, 2.5, "sit")])
        return [target.read_bytes()]

    return seeds


def span(start: float, end: float, label: str) -> Span:
    return Span(start=start, end=end, start_frame=0, end_frame=9, label=label, confidence=0.5)


def elan(file: Path, spans: list[Span]) -> None:
    write_elan(file, "c.mp4", spans)


def boris(file: Path, spans: list[Span]) -> None:
    write_boris(file, None, {"c.mp4": spans})


def via(file: Path, spans: list[Span]) -> None:
    write_via(file, "c.mp4", spans)


def archive(folder: Path) -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for number in range(4):
            name = f"aclImdb/train/{('neg', 'pos')[number % 2]}/{number}_1.txt"
            content = b"a film, number %d" % number
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    plain = gzip.decompress(buffer.getvalue())
    return [buffer.getvalue(), gzip.compress(plain[: len(plain) // 2])]


def database(folder: Path) -> list[bytes]:
    with lmdb.open(str(folder / "seed"), map_size=1 << 20) as base, base.begin(write=True) as edit:
        for number in range(1, 4):
            image = cv2.imencode(".png", noise_line(number))[1].tobytes()
            edit.put(b"image-%09d" % number, image)
            edit.put(b"label-%09d" % number, b"abc")
        edit.put(b"num-samples", b"3")
    return [(folder / "seed/data.mdb").read_bytes()]


def read_database(path: Path) -> None:
    read_lines(LineFolder(str(path.parent)))


def bundle(folder: Path) -> list[bytes]:
    save_bundle(tiny_bundle(), folder / "seed.safetensors")
    return [(folder / "seed.safetensors").read_bytes()]


def movie(folder: Path) -> list[bytes]:
    film(folder / "seed.mp4", [20 * step for step in range(12)], rate=6)
    return [(folder / "seed.mp4").read_bytes()]


def read_config(path: Path) -> None:
    with contextlib.chdir(path.parent):
        Path("reviews.csv").write_bytes(REVIEWS)
        try:
            source_of_config(Path(path.name))
        except SystemExit as end:  # the parser has printed one line on the standard error
            raise ValueError(f"{path.name}: refused") from end


KINDS = {
    "images": Kind(".png", images, lambda path: load_grey(str(path))),
    "PAGE": Kind(".xml", page(transkribus), read_whole_page),
    "ALTO": Kind(".xml", page(tesseract), read_whole_page),
    "ELAN": Kind(".eaf", annotation(".eaf", elan), read_annotations),
    "BORIS": Kind(".boris", annotation(".boris", boris), read_annotations),
    "VIA": Kind(".json", annotation(".json", via), read_annotations),
    "clip tables": Kind(".csv", lambda _: [
        b"clip,start,end,label\nc.mp4,0,1.5,walk\nc.mp4,1.5,2,\"sit, down\"\n",
        b"clip;start_frame;end_frame;label;group\nc.mp4;0;15;walk;a\nd.mp4;15;20;sit;b\n",
    ], read_annotations),
    "line tables": Kind("/labels.tsv", lambda _: [
        b"1.png\tabc\tg\n2.png\t\"b c\"\tg\n", b"file,text\n1.png,abc\n2.png,\"b, c\"\n",
    ], lambda path: read_lines(LineFolder(str(path)))),
    "review tables": Kind(".csv", lambda _: [REVIEWS],
                          lambda path: list(find_reviews(str(path)).rows("train"))),
    "archives": Kind(".tar.gz", archive, lambda path: list(find_reviews(str(path)).rows("train"))),
    "LMDB": Kind("/data.mdb", database, read_database),
    "bundles": Kind(".safetensors", bundle, lambda path: load_bundle(str(path))),
    "videos": Kind(".mp4", movie, lambda path: list(decode_video(str(path), 16, 16, 3))),
    "configs": Kind(".yaml", lambda _: [CONFIG], read_config),
}  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed after one to six changes."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        end = min(len(data), start + draw(st.integers(1, 24)))
        match draw(st.sampled_from(["flip", "cut", "keep", "repeat", "odd", "number"])):
            case "flip" if data:
                data[start] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[start:end]
            case "keep":
                del data[end:]
            case "repeat":
                data[start:start] = bytes(data[start:end]) * draw(st.integers(1, 400))
            case "odd":
                data[start:end] = draw(st.sampled_from(ODD))
            case "number":  # the next digits become another number
                digits = next((i for i in range(start, len(data)) if 48 <= data[i] < 58), None)
                if digits is not None:
                    last = digits
                    while last < len(data) and 48 <= data[last] < 58:
                        last += 1
                    data[digits:last] = draw(st.sampled_from(ODD))
    return bytes(data)


def new_path(root: Path, suffix: str, count: int) -> Path:
    """A file that no cache has seen; those in a folder of their own get a new folder."""
    if not suffix.startswith("/"):
        return root / f"fuzzed{suffix}"
    shutil.rmtree(root / f"fuzzed{count - 1}", ignore_errors=True)
    folder = root / f"fuzzed{count}"
    folder.mkdir(exist_ok=True)
    return folder / suffix[1:]


def stop(*_: object) -> None:
    raise TooSlow(f"{LIMIT_S} s")


class TooSlow(Exception):  # noqa: N818, no error
    """A case took more than LIMIT_S seconds."""


def fuzz(name: str, seconds: float, start: int, queue: multiprocessing.Queue) -> None:
    """Put (cases, refused, failure or None, peak memory in MB) of one kind into the queue."""
    kind, count, refused = KINDS[name], 0, 0
    signal.signal(signal.SIGALRM, stop)
    end, failure = time.monotonic() + seconds, None
    with tempfile.TemporaryDirectory() as root:
        path = Path(root, f"fuzzed{kind.suffix}")
        seeds = kind.seeds(Path(root))
        sink = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(sink, stream)  # decoders and Hypothesis write there

        @settings(
            max_examples=10**9,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @seed(start)
        @given(mutated(seeds))
        def case(data: bytes) -> None:
            nonlocal count, refused, path
            if time.monotonic() > end:
                raise KeyboardInterrupt  # Hypothesis has no limit of time
            count += 1
            path = new_path(Path(root), kind.suffix, count)
            path.write_bytes(data)
            signal.alarm(LIMIT_S)
            try:
                kind.read(path)
            except (ValueError, OSError) as error:
                refused += 1
                told = str(error)
                assert path.name in told or path.parent.name in told, f"no file named: {told!r}"
            finally:
                signal.alarm(0)

        try:
            case()
        except KeyboardInterrupt:
            pass
        except BaseException as error:
            shown = base64.b64encode(path.read_bytes()[:6000]).decode()
            failure = f"{type(error).__name__}: {str(error)[:300]}\n{shown}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    queue.put((count, refused, failure, peak))


def fuzz_kind(name: str, seconds: float, start: int = 0) -> Outcome:
    """Fuzz one kind in a process of its own; what fails goes to the standard error."""
    context = multiprocessing.get_context("spawn")
    queue, begun = context.Queue(), time.perf_counter()
    process = context.Process(target=fuzz, args=(name, seconds, start, queue))
    process.start()
    while process.is_alive() and queue.empty():
        time.sleep(0.2)
    if queue.empty():
        found = (0, 0, f"the process ended by itself ({process.exitcode})", 0.0)
    else:
        found = queue.get()
    process.join()
    count, refused, failure, peak = found
    if failure:
        print(f"{name}: {failure}", file=sys.stderr)
    of_these = f"{refused:,} refused by name; peak {peak:,.0f} MB"
    seconds = time.perf_counter() - begun
    return Outcome(f"damaged {name} read", count, of_these, int(failure is not None), seconds)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if a case failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    outcomes = [fuzz_kind(name, options.seconds, options.seed) for name in options.kinds]
    print(table(outcomes, markdown=True))
    return int(any(outcome.lost for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
