"""Open data files: regular ones only, and no more bytes of them than a reader takes."""

import gzip
import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 2**30  # of a file that is read whole
MAX_EXPANDED = 2**28  # of the content of a compressed file
MAX_XML = 2**26  # of an XML file, whose tree takes some ten times as much


def check_regular(path: Path | str) -> None:
    """Raise ValueError for a pipe, a device or a socket, whose reading might never end."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # opening it says why
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(f"{path}: a pipe, a device or a socket, no file; give a file")


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading. Raises ValueError if it is not a regular one, or OSError."""
    check_regular(path)
    return open(path, "rb")


def read_bytes(path: Path | str, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file. Raises ValueError if it is none or has more bytes, OSError."""
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        size = os.stat(path).st_size
        raise ValueError(f"{path}: {size:,} bytes; files of this kind are read up to {limit:,}")
    return content


def expand_gzip(content: bytes, path: Path | str, limit: int = MAX_EXPANDED) -> bytes:
    """Return the content of gzip data. Raises ValueError if it is damaged or has more bytes."""
    import io

    try:
        with gzip.open(io.BytesIO(content)) as file:
            expanded = file.read(limit + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error}); save it again") from error
    if len(expanded) > limit:
        raise ValueError(
            f"{path}: {len(content):,} bytes of gzip hold more than {limit:,}; files of this kind "
            "do not"
        )
    return expanded
