"""fetch: get a public data set once, resumed when a connection drops, checked before it counts."""

import hashlib
import http.client
import os
import re
import shutil
import ssl
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ..parsing import StrictParser

ATTEMPTS = 6
PAUSE_S = 1.0  # before the second attempt, twice as long before each further one
TIMEOUT_S = 30
CHUNK = 1 << 18
ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}  # by the digits of a checksum


class Archive(NamedTuple):
    """A file to fetch. size: bytes, if known."""

    name: str
    url: str
    checksum: str
    size: int | None


KNOWN = {
    # Maas et al. 2011, 50,000 labelled film reviews; torchtext and Keras state the same checksum
    "imdb": Archive(
        "aclImdb_v1.tar.gz",
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "7c2ac02c03563afcf9b574c7e56c153a",
        84_125_825,
    )
}


class DroppedError(Exception):
    """The connection ended early, or there was none: worth another attempt."""


def build_parser() -> StrictParser:
    parser = StrictParser(
        prog="run.py fetch", usage="python run.py fetch NAME ... (--help lists the options)"
    )
    parser.add_argument("name", type=Literal["imdb"], help="the data set")
    parser.add_argument(
        "--to", type=str | None, help="the folder; default: NAME in $STRAND_DATA, or in data/"
    )
    parser.add_argument("--url", type=str | None, help="a mirror that has the same file")
    parser.add_argument(
        "--checksum", type=str | None, help="md5, sha1 or sha256 in hexadecimal, of another version"
    )
    return parser


def main(arguments: list[str]) -> int:
    """0, 1 if the file could not be fetched, 2 for misuse, 130 after Ctrl-C."""
    options = build_parser().parse_args(arguments[1:])
    archive = KNOWN[options.name]
    if options.url:
        archive = archive._replace(url=options.url)
    if options.checksum:
        archive = archive._replace(checksum=options.checksum.lower(), size=None)
        if not re.fullmatch(r"[0-9a-f]+", archive.checksum) or (
            len(archive.checksum) not in ALGORITHMS
        ):
            print(
                f"error: --checksum {options.checksum}: give 32 (md5), 40 (sha1) or 64 (sha256) "
                "hexadecimal digits",
                file=sys.stderr,
            )
            return 2
    folder = Path(options.to or Path(os.environ.get("STRAND_DATA") or "data", options.name))
    try:
        print(fetch(archive, folder.expanduser()))
        return 0
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130


def fetch(archive: Archive, folder: Path) -> str:
    """Download what is not there yet -> a line that says what there is now.

    Raises OSError or ValueError saying what went wrong; a wrong file does not stay.
    """
    path, partial = folder / archive.name, folder / f"{archive.name}.partial"
    if path.exists():
        problem = mismatch(path, archive)
        if problem is None:
            return f"{path}: is there already, and its checksum is right"
        raise ValueError(f"{path}: {problem}; move it away, then fetch again")
    folder.mkdir(parents=True, exist_ok=True)
    have = partial.stat().st_size if partial.exists() else 0
    free = shutil.disk_usage(folder).free
    if archive.size is not None and archive.size - have > free:
        raise OSError(f"{folder}: {archive.size - have} bytes to fetch, {free} free; make room")
    if archive.size is None or have != archive.size:
        download(archive.url, partial)
    problem = mismatch(partial, archive)
    if problem is not None:
        partial.unlink()
        raise ValueError(
            f"{archive.url}: {problem}; it was removed: fetch again, or from a mirror with --url"
        )
    partial.replace(path)
    return f"{path}: {path.stat().st_size} bytes, and the checksum is right"


def mismatch(path: Path, archive: Archive) -> str | None:
    """What tells a file from the archive, if anything."""
    size = path.stat().st_size
    if archive.size is not None and size != archive.size:
        return f"{size} bytes, it should have {archive.size}"
    algorithm = ALGORITHMS[len(archive.checksum)]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    return None if found == archive.checksum else f"{algorithm} {found}, not {archive.checksum}"


def download(url: str, partial: Path) -> None:
    """Append to `partial` until it is whole.

    Raises OSError naming the address if it is refused, or lost too often.
    """
    console = Console(stderr=True)
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
    have = partial.stat().st_size if partial.exists() else 0
    raise OSError(
        f"{url}: {reason}; gave up after {ATTEMPTS} attempts with {have} bytes in {partial}; check "
        "the network, then the same command goes on from there"
    )


def receive(url: str, partial: Path, tell) -> None:
    """One request for the bytes that lack. tell(bytes there, bytes in all or None).

    Raises DroppedError if it is worth trying again, OSError if not.
    """
    start = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=TIMEOUT_S) as answer:
            if start and not goes_on(answer, start):
                start = 0  # the server sends all of it again
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length and length.isdecimal() else None
            with partial.open("ab" if start else "wb") as file:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    tell(file.tell(), total)
                have = file.tell()
    except HTTPError as error:
        if error.code == 416 and start:  # what is there is as long as the file, or longer
            if error.headers.get("Content-Range", "") != f"bytes */{start}":
                partial.unlink()
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


def goes_on(answer: http.client.HTTPResponse, start: int) -> bool:
    """Whether an answer is the rest from this byte on, as was asked."""
    there = answer.headers.get("Content-Range", "")
    return answer.status == 206 and there.startswith(f"bytes {start}-")
