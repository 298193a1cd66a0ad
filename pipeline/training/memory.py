"""How much memory this process has had at most."""

import math
import sys
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None

STATUS = Path("/proc/self/status")


def peak_memory_mib() -> float:
    """The largest resident set of this process so far, in MiB; nan where nobody counts it.

    Linux counts it in VmHWM. Its `ru_maxrss` would do for a process started from a shell, but a
    child of a large program starts with that program's peak, not with its own.
    """
    if STATUS.exists():
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if resource is None:
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
