"""fetch: download a public data set once, resume after a lost connection, verify its checksum."""

import hashlib
import http.client
import os
import re
import shutil
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from datasets.output.files import open_locked
from datasets.output.text import make_console, print_error, print_lines

from ..parsing import StrictParser

ATTEMPTS = 6
PAUSE_S = 1.0  # before the second attempt, twice as long before each further one
TIMEOUT_S = 30
CHUNK = 1 << 18
ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}  # by the length of a checksum


class Archive(NamedTuple):
    """A file to download. size: bytes, if known."""

    name: str
    url: str
    checksum: str
    size: int | None


KNOWN = {
    # Maas et al. 2011, 50,000 labelled movie reviews; torchtext and Keras give the same checksum
    "imdb": Archive(
        "aclImdb_v1.tar.gz",
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "7c2ac02c03563afcf9b574c7e56c153a",
        84_125_825,
    )
}


class DroppedError(Exception):
    """The connection was lost or refused; another attempt may succeed."""


def build_parser() -> StrictParser:
    """The parser of the command."""
    parser = StrictParser(
        prog="run.py fetch", usage="python run.py fetch NAME ... (--help lists the options)"
    )
    parser.add_argument("name", type=Literal["imdb"], help="the data set")
    for name, text in {
        "--to": "folder; default: NAME in $STRAND_DATA, or in data/",
        "--url": "mirror of the same file",
        "--checksum": "md5, sha1 or sha256 of another version, in hexadecimal",
    }.items():
        parser.add_argument(name, type=str | None, help=text)
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if the file could not be fetched, 2 for misuse.

    Raises KeyboardInterrupt after Ctrl-C.
    """
    options = build_parser().parse_args(arguments[1:])
    archive = KNOWN[options.name]
    if options.url:
        archive = archive._replace(url=options.url)
    if options.checksum:
        archive = archive._replace(checksum=options.checksum.lower(), size=None)
        if not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", archive.checksum):
            print_error(
                f"--checksum {options.checksum}: give 32 (md5), 40 (sha1) or 64 (sha256) "
                "hexadecimal digits"
            )
            return 2
    folder = Path(options.to or Path(os.environ.get("STRAND_DATA") or "data", options.name))
    try:
        print_lines(fetch(archive, folder.expanduser()))
        return 0
    except (OSError, ValueError) as error:
        print_error(error)
        return 1
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on where this one stopped") from None


def fetch(archive: Archive, folder: Path) -> str:
    """Download the archive if it is not there yet, and return a line on the outcome.

    Raises OSError or ValueError saying what went wrong; a wrong download is removed.
    """
    path, partial = folder / archive.name, folder / f"{archive.name}.partial"
    if path.exists():
        problem = mismatch(path, archive)
        if problem is None:
            return f"{path}: is there already, and its checksum is right"
        raise ValueError(f"{path}: {problem}; move it away, then fetch again")
    folder.mkdir(parents=True, exist_ok=True)
    file = open_locked(partial, path)
    try:
        complete(partial, archive)
        partial.replace(path)
    except BaseException:
        if size_of(partial) == 0:
            partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return f"{path}: {path.stat().st_size} bytes, and the checksum is right"


def complete(partial: Path, archive: Archive) -> None:
    """Download what is missing of the archive. Raises as `fetch` does."""
    have = size_of(partial)
    free = shutil.disk_usage(partial.parent).free
    if archive.size is not None and archive.size - have > free:
        raise OSError(
            f"{partial.parent}: {archive.size - have} bytes to fetch, {free} free; make room"
        )
    if have != archive.size:
        download(archive.url, partial)
    problem = mismatch(partial, archive)
    if problem is not None:
        partial.unlink()
        raise ValueError(
            f"{archive.url}: {problem}; it was removed: fetch again, or from a mirror with --url"
        )


def mismatch(path: Path, archive: Archive) -> str | None:
    """How a file differs from the archive in size or checksum; None if it does not."""
    size = path.stat().st_size
    if archive.size is not None and size != archive.size:
        return f"{size} bytes, it should have {archive.size}"
    algorithm = ALGORITHMS[len(archive.checksum)]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).hexdigest()
    return None if digest == archive.checksum else f"{algorithm} {digest}, not {archive.checksum}"


def size_of(path: Path) -> int:
    """Size in bytes; 0 if there is no such file."""
    return path.stat().st_size if path.exists() else 0


def download(url: str, partial: Path) -> None:
    """Append to `partial` until it is complete, with a progress bar.

    Raises OSError naming the URL if it is refused, or lost too often.
    """
    console = make_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    columns += (TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(partial.name.removesuffix(".partial"), total=None)
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_S * 2 ** (attempt - 1))
            try:
                return receive(url, partial, lambda done, total: bar.update(
                    task, completed=done, total=total))  # fmt: skip
            except DroppedError as error:
                reason = str(error)
    raise OSError(
        f"{url}: {reason}; gave up after {ATTEMPTS} attempts with {size_of(partial)} bytes in "
        f"{partial}; check the network, then the same command goes on from there"
    )


def receive(url: str, partial: Path, report: Callable[[int, int | None], object]) -> None:
    """Request the missing bytes once. report: called with bytes so far and in total, if known.

    Raises DroppedError if another attempt may succeed, OSError if not.
    """
    start = size_of(partial)
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=TIMEOUT_S) as answer:
            if start and not continues(answer, start):
                start = 0  # the server sends the whole file
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length and length.isdecimal() else None
            with partial.open("ab" if start else "wb") as file:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    report(file.tell(), total)
                have = file.tell()
    except HTTPError as error:
        if error.code == 416 and start:  # `partial` is as long as the file, or longer
            if error.headers.get("Content-Range", "") != f"bytes */{start}":
                os.truncate(partial, 0)  # not removed: it is locked
                raise DroppedError("the file there is shorter than what is here") from error
            return
        if error.code >= 500 or error.code == 429:
            raise DroppedError(f"the server says {error.code} {error.reason}") from error
        raise OSError(
            f"{url}: the server says {error.code} {error.reason}; give another address with --url"
        ) from error
    except URLError as error:
        raise DroppedError(f"no connection ({error.reason})") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise DroppedError(f"the connection was lost ({error or type(error).__name__})") from error
    if total is not None and have < total:
        raise DroppedError(f"the connection was lost at {have} of {total} bytes")


def continues(answer: http.client.HTTPResponse, start: int) -> bool:
    """Whether a response holds the file from byte `start` on, as requested."""
    content_range = answer.headers.get("Content-Range", "")
    return answer.status == 206 and content_range.startswith(f"bytes {start}-")
