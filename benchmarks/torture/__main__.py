"""All torture, as many at a time as there are cores; one table. `make torture` runs it.

python -m benchmarks.torture [--kills 100] [--write_kills 20] [--predict_kills 20]
    [--fuzz_seconds 5]
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from .fit_kills import rounds
from .fuzz import fuzz_kind
from .kinds import NAMES
from .outcome import Outcome, attempt, table
from .predict_kills import kill_predict


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if something was lost or failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of fit, over all kinds of data")
    parser.add_argument("--write_kills", type=int, default=20, help="of fit inside a write")
    parser.add_argument("--predict_kills", type=int, default=20)
    parser.add_argument("--fuzz_seconds", type=float, default=5, help="for each kind of file")
    options = parser.parse_args(arguments)
    calls = rounds(options.kills, options.write_kills)  # the longest first
    calls += [partial(kill_predict, options.predict_kills)] if options.predict_kills else []
    if options.fuzz_seconds:
        calls += [partial(fuzz_kind, name, options.fuzz_seconds) for name in NAMES]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(row, calls))
    print(table(outcomes, markdown=True))
    return int(any(outcome.lost for outcome in outcomes))


def row(call: partial[Outcome]) -> Outcome:
    return attempt(call, f"{call.func.__name__} {call.args[0]}")


if __name__ == "__main__":
    sys.exit(main())
