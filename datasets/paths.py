"""Where data lies: as given, or under $STRAND_DATA."""

import os
from pathlib import Path


def resolve(root: str) -> Path:
    """A data path as given, or under $STRAND_DATA.

    Raises FileNotFoundError that says where it looked.
    """
    tried = [Path(root).expanduser()]
    if not tried[0].is_absolute() and os.environ.get("STRAND_DATA"):
        tried.append(Path(os.environ["STRAND_DATA"]) / root)
    for path in tried:
        if path.exists():
            return path
    hint = (
        ""
        if len(tried) > 1
        else "; set STRAND_DATA to the folder that holds it, or correct the path"
    )
    raise FileNotFoundError(f"no such data: {' or '.join(map(str, tried))}{hint}")
