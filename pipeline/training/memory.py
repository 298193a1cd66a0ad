"""Peak memory of this process."""

import math
import sys
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None

STATUS = Path("/proc/self/status")


def peak_memory_mib() -> float:
    """The largest resident set size of this process so far in MiB; nan if the system has none.

    On Linux this is VmHWM. `ru_maxrss` would do for a process started from a shell, but the child
    of a large program starts with the peak of that program, not its own.
    """
    if STATUS.exists():
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if resource is None:
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
