"""Resolve paths of data: as given, or relative to $STRAND_DATA."""

import os
from pathlib import Path


def resolve_data_path(root: str) -> Path:
    """Return a data path as given if it exists, else the one below $STRAND_DATA.

    Raises FileNotFoundError, with the paths that were tried, if neither exists.
    """
    candidates = [Path(root).expanduser()]
    if not candidates[0].is_absolute() and os.environ.get("STRAND_DATA"):
        candidates.append(Path(os.environ["STRAND_DATA"]) / root)
    for path in candidates:
        if path.exists():
            return path
    message = f"no such data: {' or '.join(map(str, candidates))}"
    if len(candidates) == 1:
        message += "; set STRAND_DATA to the folder that holds it, or correct the path"
    raise FileNotFoundError(message)
