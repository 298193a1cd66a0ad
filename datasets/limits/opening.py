"""Open data files: regular ones only, and no more bytes of them than a reader needs."""

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 2**29  # of a file that is read whole: an image, a project
MAX_EXPANDED = 2**27  # of the content of such a file that is compressed
MAX_RATIO = 200  # of content to compressed bytes, beyond MAX_EXPANDED; texts have less than 20
MAX_TEXT = 2**26  # of one text
MAX_XML = 2**26  # of an XML file, whose tree takes some ten times as much


def check_regular(path: Path | str) -> None:
    """Raise ValueError for a pipe, a device or a socket, whose reading might never end."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return  # opening it says why
    _check_mode(mode, path)


def _check_mode(mode: int, path: Path | str) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(f"{path}: a pipe, a device or a socket, no file; give a file")


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for a pipe's other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading. Raises ValueError if it is not a regular one, or OSError."""
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115, the caller closes it
    try:
        _check_mode(os.fstat(file.fileno()).st_mode, path)
    except ValueError:
        file.close()
        raise
    return file


def read_bytes(path: Path | str, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file.

    Raises ValueError if it is no regular file or has more bytes, OSError if it cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"{path}: {size:,} bytes; such files are read up to {limit:,} bytes")
        return file.read()


class BoundedStream:
    """A stream of expanded bytes that ends with ValueError after `limit` of them."""

    def __init__(self, stream: BinaryIO, path: Path | str, limit: int):
        self.stream, self.path, self.limit, self.left = stream, path, limit, limit

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size` of them, or all."""
        content = self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(
                f"{self.path}: expands to more than {self.limit:,} bytes, which no such file has"
            )
        return content


def expanded_limit(size: int) -> int:
    """The largest content of a compressed file of so many bytes."""
    return MAX_EXPANDED + MAX_RATIO * size


def expand_gzip(content: bytes, path: Path | str) -> bytes:
    """Return the content of gzip data. Raises ValueError if it is damaged or expands too much."""
    try:
        with gzip.open(io.BytesIO(content)) as file:
            return BoundedStream(file, path, MAX_EXPANDED).read()
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error}); save it again") from error


@contextmanager
def named_errors(name: object) -> Iterator[None]:
    """Turn what a damaged input makes its readers raise into ValueError that names it.

    A ValueError and an OSError that name no file get the name.
    """
    try:
        yield
    except ValueError as error:
        if str(name) in str(error) or os.sep in str(error):
            raise
        raise ValueError(f"{name}: {error}") from error
    except MemoryError as error:
        raise ValueError(f"{name}: takes more memory than there is ({error})") from error
    except RecursionError as error:
        raise ValueError(f"{name}: damaged, nested too deeply") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        kind = type(error).__name__
        raise ValueError(f"{name}: damaged, cannot be read ({kind}: {error})") from error
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(name)
        raise
    except Exception as error:
        cv2 = sys.modules.get("cv2")
        if cv2 is None or not isinstance(error, cv2.error):
            raise
        raise ValueError(f"{name}: cannot be read as an image ({error.err})") from error
