"""Damaged files of every kind that is read: each is answered, or refused by one named error.

    python -m benchmarks.torture.fuzz [--seconds 60] [--kinds images PAGE ...]

Hypothesis takes valid files (see `kinds`) apart: it flips, cuts, repeats and inserts bytes, and
puts odd numbers and odd text in the place of others. Each kind has a process and a share of the
seconds of its own. A case fails by an exception that is neither ValueError nor OSError, by a
message that does not name the file, or by taking more than 10 seconds. What fails is shrunk and
printed, with the bytes in base64; the peak of memory is that of the process, beside what it had
before the first case.
"""

import argparse
import base64
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from datasets.limits.roots import allow_outside
from pipeline.training.memory import peak_memory_mib

from .kinds import NAMES, Kind, load_kind
from .outcome import Outcome, table

LIMIT_S = 10  # a case
SHOWN = 6000  # bytes of a case that failed
ODD = [b"1e999", b"-1", b"nan", b"9" * 400, b"0", b"99999999999", b"\x00", b"\xff\xfe", b"\xc3",
       b"../../../etc/passwd", b"http://localhost/x", b"[" * 3000, b"<a>" * 3000, b"\r", b"\t",
       b'"', b"'", b"\x1b[2J", "\u202e".encode(), b"null", b"true", b"{}", b""]  # fmt: skip


class Found(NamedTuple):
    """Counts of the cases of a kind; MiB that its process held before them, and at most."""

    cases: int
    refused: int
    failure: str | None
    before: float
    peak: float


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


def last_case(root: str) -> str:
    """The bytes of the file that was read last, in base64."""
    files = [path for path in Path(root).rglob("*") if "fuzzed" in str(path) and path.is_file()]
    newest = max(files, key=lambda path: path.stat().st_mtime_ns, default=None)
    return "" if newest is None else base64.b64encode(newest.read_bytes()[:SHOWN]).decode()


def stop(*_: object) -> None:
    raise TooSlow(f"{LIMIT_S} s")


class TooSlow(Exception):  # noqa: N818, no error
    """A case took more than LIMIT_S seconds."""


def is_refused(kind: Kind, path: Path) -> bool:
    """Whether a reader refuses a file. Raises what is no refusal that names the file."""
    refused = False
    for read in kind.reads:
        signal.alarm(LIMIT_S)
        try:
            read(path)
        except (ValueError, OSError) as error:
            refused, told = True, str(error)
            assert path.name in told or path.parent.name in told, f"no file named: {told!r}"
        finally:
            signal.alarm(0)
    return refused


def fuzz(name: str, seconds: float, start: int, root: str) -> Found:
    """Fuzz a kind with files in a folder, in a process of its own."""
    kind, cases, refused, failure = load_kind(name), 0, 0, None
    signal.signal(signal.SIGALRM, stop)
    seeds = kind.seeds(Path(root))
    sink = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(sink, stream)  # decoders and Hypothesis write there
    before, end = peak_memory_mib(), time.monotonic() + seconds

    @settings(
        max_examples=10**9,
        database=None,
        deadline=None,
        report_multiple_bugs=False,  # the next run finds the others
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @seed(start)
    @given(mutated(seeds))
    def case(data: bytes) -> None:
        nonlocal cases, refused
        if time.monotonic() > end:
            raise KeyboardInterrupt  # Hypothesis has no limit of time
        cases += 1
        path = new_path(Path(root), kind.suffix, cases)
        path.write_bytes(data)
        allow_outside(False)  # forgets the folders of the cases before
        refused += is_refused(kind, path)

    try:
        case()
    except KeyboardInterrupt:
        pass
    except BaseException as error:
        failure = f"{type(error).__name__}: {str(error)[:300]}\n{last_case(root)}"
    return Found(cases, refused, failure, before, peak_memory_mib())


def fuzz_kind(name: str, seconds: float, start: int = 0) -> Outcome:
    """Fuzz one kind in a process of its own; what fails goes to the standard error."""
    context, begun = multiprocessing.get_context("spawn"), time.perf_counter()
    with tempfile.TemporaryDirectory() as root, ProcessPoolExecutor(1, context) as pool:
        try:
            found = pool.submit(fuzz, name, seconds, start, root).result()
        except BrokenProcessPool as error:
            found = Found(0, 0, f"{error}\n{last_case(root)}", 0.0, 0.0)
    if found.failure:
        print(f"{name}: {found.failure}", file=sys.stderr)
    of_these = f"{found.refused:,} refused by name; peak {found.peak:,.0f} MB"
    of_these += f", {found.before:,.0f} MB before"
    lost, seconds = int(found.failure is not None), time.perf_counter() - begun
    return Outcome(f"damaged {name} read", found.cases, of_these, lost, seconds)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if a case failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each kind")
    parser.add_argument("--kinds", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    outcomes = [fuzz_kind(name, options.seconds, options.seed) for name in options.kinds]
    print(table(outcomes, markdown=True))
    return int(any(outcome.lost for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
