"""Files appear whole or not at all: written beside their place and renamed at the end.

Every command writes its files through this module.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from ..environment import ADVICE, MachineError, is_machine
from ..files import ANNOTATION_SUFFIXES, IMAGE_SUFFIXES, TRANSCRIPT, VIDEO_SUFFIXES, has_suffix
from ..limits.roots import is_inside

ENCODED = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
LABEL_NAMES = {"labels.tsv", "labels.csv", "groups.tsv"}
# of the files in a data folder; other .tsv tables may be what the doctor has written there
DATA_SUFFIXES = (
    *IMAGE_SUFFIXES, *VIDEO_SUFFIXES, TRANSCRIPT, ".xml", ".txt", ".parquet", ".mdb", ".gz", ".tgz",
    *(suffix for suffix in ANNOTATION_SUFFIXES if suffix != ".tsv"),
)  # fmt: skip
PROJECTS = (b'"behaviors_conf"', b'"attribute"')  # keys of BORIS' and VIA's projects


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield the path of a new file beside `path`, which takes its place when the block ends.

    If the block raises, or the process is killed, `path` is what it was. A link keeps its place,
    an existing file its mode. What is no regular file (a pipe, /dev/stdout) is yielded itself.
    Raises OSError that names `path` if it cannot be written (MachineError on a full disk), and
    ValueError if another process is writing it.
    """
    if not is_replaceable(path):
        with output_errors(path, Path(path)):
            yield Path(path)
        return
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.partial")
    with output_errors(path, new):
        file = open_locked(new, path)
        try:
            mode = os.stat(target if target.exists() else file).st_mode & 0o7777
            yield new
            with open(new, "rb") as written:
                os.fsync(written.fileno())
            os.chmod(new, mode)
            os.replace(new, target)
        except BaseException:
            with suppress(FileNotFoundError):
                new.unlink()
            raise
        finally:
            os.close(file)


@contextmanager
def open_whole(path: str | Path) -> Iterator[IO[str]]:
    """Open a UTF-8 text file that appears as `path`, whole, when the block ends; see `replacing`.

    Characters that UTF-8 cannot hold are written as escapes, line ends as they are.
    """
    with replacing(path) as new, open(new, "w", **ENCODED) as file:
        yield file


@contextmanager
def open_log(path: str | Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that adds a line to the UTF-8 file `path`, where it is when that returns.

    For what comes without an end: a kill leaves the lines so far. The first line, or the end of the
    block without error, removes what an existing file held. Raises OSError that names `path` if it
    cannot be written (MachineError on a full disk), and ValueError if another process is writing.
    """
    is_file, is_new = is_replaceable(path), not os.path.exists(path)
    target = Path(os.path.realpath(path)) if is_file else Path(path)
    with output_errors(path, target):
        place = open_locked(target, path) if is_file else target
        with open(place, "w", **ENCODED) as file:
            lines = 0

            def write(line: str) -> None:
                nonlocal lines
                if is_file and not lines:
                    file.truncate(0)
                file.write(f"{line}\n")
                file.flush()
                lines += 1

            try:
                yield write
            except BaseException:
                if is_new and not lines:
                    target.unlink()
                raise
            if is_file and not lines:
                file.truncate(0)


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file, in UTF-8 if it is a text, that appears whole or not at all; see `replacing`."""
    if isinstance(content, str):
        content = content.encode(ENCODED["encoding"], ENCODED["errors"])
    with replacing(path) as new:
        new.write_bytes(content)


def is_replaceable(path: str | Path) -> bool:
    """Whether a path is, or would become, a regular file: no pipe, device or folder."""
    return os.path.isfile(path) or not os.path.exists(path)


@contextmanager
def output_errors(path: str | Path, new: Path) -> Iterator[None]:
    """Raise an OSError of writing `new`, for `path`, as one that names `path`."""
    try:
        yield
    except MachineError:
        raise
    except OSError as error:
        own = error.filename in (str(new), str(path), None) or error.filename2 == str(path)
        if error.errno is None or isinstance(error, BrokenPipeError) or not own:
            raise
        if is_machine(error):
            raise MachineError(f"{path}: {error.strerror}; {ADVICE[error.errno]}") from error
        raise OSError(f"{path}: {error.strerror}; name another place") from error


def open_locked(new: Path, path: str | Path) -> int:
    """Create a file, or open what a killed process left of it, and lock it; returns its descriptor.

    The system unlocks it when it is closed, or when the process ends, however it ends. Raises
    ValueError, about `path`, if another process has locked it, or if it is a link or no file.
    """
    while True:
        file = _open_own(new, path)
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise ValueError(
                f"{path}: another process is writing it; wait for its end, or name another file"
            ) from error
        except OSError:
            pass  # a file system without locks
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(new)):
                return file
        os.close(file)  # the one before has just renamed or removed it


def _open_own(new: Path, path: str | Path) -> int:
    flags = os.O_RDWR | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    what = f"{path}: {new}, where it is written first, is"
    try:
        file = os.open(new, flags, 0o666)
    except OSError as error:
        if os.path.islink(new):
            raise ValueError(f"{what} a link; remove it") from error
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ValueError(f"{what} no file; remove it")
    return file


def refuse_overlap(
    outputs: Iterable[tuple[str, str | Path | None]],
    read: Iterable[str | Path],
    data: Iterable[str | Path] = (),
    suffixes: Collection[str] = DATA_SUFFIXES,
) -> None:
    """Raise ValueError if a file to be written is one that is read.

    outputs: options and their files. read: files; of a folder, all files in it. data: files and
    folders in which no labels and no file with one of the suffixes is written over.
    """
    for option, output in outputs:
        if output is None or not os.path.isfile(output):
            continue
        path, status = Path(os.path.realpath(output)), os.stat(output)
        for source in read:
            if is_same(source, status) or is_below(path, source):
                raise ValueError(
                    f"{option} {output}: would be written over {source}, which is read; name "
                    "another file"
                )
        for source in map(Path, data):
            folder = source if source.is_dir() else source.parent
            labelled = is_below(path, folder) and is_data(path, suffixes)
            if path == source.resolve() or labelled:
                raise ValueError(
                    f"{option} {output}: is a file of the data in {folder}; name another file"
                )


def is_same(source: str | Path, status: os.stat_result) -> bool:
    """Whether this is the path of the file with that status, by this or another name."""
    try:
        return os.path.samestat(os.stat(source), status)
    except (OSError, ValueError):  # a text, perhaps, and no path
        return False


def is_below(path: Path, folder: str | Path) -> bool:
    """Whether a real path lies in what is a folder, and no text or file."""
    return os.path.isdir(folder) and is_inside(path, os.path.realpath(folder))


def is_data(path: Path, suffixes: Collection[str]) -> bool:
    """Whether an existing file has a name of labels, or one of the suffixes; JSON only as the
    project of an annotation tool, since scores are JSON too.
    """
    if path.name.lower() in LABEL_NAMES:
        return True
    if path.suffix.lower() == ".json" and has_suffix(path, suffixes):
        content = path.read_bytes()
        return any(key in content for key in PROJECTS)
    return has_suffix(path, suffixes)
