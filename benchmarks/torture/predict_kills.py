"""`predict --output` killed at random moments and resumed: every input is answered once.

    python -m benchmarks.torture.predict_kills [--kills 20]

Each run but the first is killed (SIGKILL) at a moment drawn from the time that an unbroken run
takes, and resumed until the output is there; then the next one begins. An output counts as lost if
it is not, byte by byte, that of the unbroken run, or if `predict` cannot go on with it.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .outcome import Outcome, table

ROOT = Path(__file__).resolve().parents[2]
INPUTS = 8_000  # eight windows of texts, some seconds
WORDS = ["a", "film", "that", "I", "will", "not", "forget", "and", "would", "never", "see", "again"]
TIMEOUT_S = 600


def kill_predict(kills: int = 20, seed: int = 0) -> Outcome:
    """Kill and resume `predict` that often. Raises RuntimeError if the unbroken run fails."""
    draw, started = random.Random(seed), time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder / "texts.csv", draw)
        whole, output = folder / "whole.jsonl", folder / "read.jsonl"
        partial = output.with_name(f"{output.name}.partial")
        before = time.perf_counter()
        run(folder, whole, TIMEOUT_S)
        seconds = time.perf_counter() - before
        done, kept, outputs, lost, ended = 0, 0, 0, 0, False
        while done < kills or not ended:
            limit = draw.uniform(0, seconds) if done < kills else TIMEOUT_S
            try:
                ended = run(folder, output, limit)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                lost += 1
                if not partial.exists():
                    break  # it fails without anything that a kill has left
                partial.unlink()
                continue
            if ended:
                outputs += 1
                lost += output.read_bytes() != whole.read_bytes()
                output.unlink()
            else:
                done += 1
                kept += partial.exists() and partial.read_bytes().count(b"\n") > 1
    of_these = f"{kept} found records to go on from; {outputs} outputs compared"
    what = f"predict of {INPUTS:,} texts killed"
    return Outcome(what, done, of_these, lost, time.perf_counter() - started)


def write_texts(path: Path, draw: random.Random) -> None:
    """Write a table of INPUTS short texts, all different."""
    rows = (" ".join(draw.choices(WORDS, k=draw.randint(4, 12))) for _ in range(INPUTS))
    path.write_text("text\n" + "".join(f"{row} {i}\n" for i, row in enumerate(rows)), "utf-8")


def run(folder: Path, output: Path, limit: float) -> bool:
    """Whether `predict --resume` ended within `limit` seconds; it is killed else.

    Raises RuntimeError if it ended with an error, or not within TIMEOUT_S.
    """
    command = [sys.executable, str(ROOT / "run.py"), "predict", str(folder / "texts.csv")]
    command += ["--model", "reviews-en", "--format", "jsonl", "--output", str(output), "--resume"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        _, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        if limit >= TIMEOUT_S:
            raise RuntimeError(f"predict did not end within {TIMEOUT_S} s") from None
        return False
    if process.returncode:
        raise RuntimeError(f"predict ended with {process.returncode}: {err}")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    print(table([kill_predict(parser.parse_args().kills)], markdown=True))


if __name__ == "__main__":
    main()
