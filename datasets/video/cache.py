"""On-disk cache of decoded video frames, memory-mapped: no video is decoded twice.

Each clip is stored as soon as it is decoded, so an interrupted first pass is resumed. The key is
the file's content (of large files their size and three parts) and the reader's options. The times
are written last: if they exist, the frames are complete.
"""

import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..digests import UNKNOWN, digest_all
from ..environment import MachineError, raise_if_machine, writing
from ..limits.opening import open_regular
from ..text.token_cache import ADVICE, HASHED_BYTES, cache_folder, key_of
from .decoder import TimedFrame
from .frame_folders import frame_files
from .reader import ClipReader

FORMAT = 3  # 2: times counted from the first frame
PART_BYTES = 2_000_000
# Seconds, then numbers, without a header: np.load parses headers with `ast`, which in threads of
# Python 3.11 occasionally raises a SystemError (python/cpython#106905).
TIMES = np.dtype("<f8")


class Stored(NamedTuple):
    """A clip in the cache.

    file: raw uint8 (T, C, H, W). times, numbers: see Clip. content: a hash of the video.
    """

    file: Path
    times: np.ndarray
    numbers: np.ndarray
    content: str


class FrameCache:
    """The cached clips of one reader.

    cache: the folder; null: strand/frames in $XDG_CACHE_HOME or ~/.cache.
    """

    def __init__(self, reader: ClipReader, cache: str | None = None):
        self.reader, self.folder = reader, cache_folder(cache, "frames")
        self.shape = (reader.channels, reader.height, reader.width)
        self._options = json.dumps([FORMAT, vars(reader)], sort_keys=True)

    def store(self, path: str) -> Stored:
        """Return where the frames of a video are stored, after decoding them if necessary.

        Raises OSError or ValueError that names the video, MachineError that names the folder if it
        cannot be written.
        """
        content = content_of(Path(path))
        key = key_of(self._options, content)
        file = self.folder / key[:2] / f"{key}.frames"
        times = file.with_suffix(".times")
        stored = self._load(file, times, content)
        if stored is None:
            self._decode(path, file, times)
            stored = self._load(file, times, content)
            if stored is None:
                raise MachineError(f"{file}: could not be written whole; is the disk full?")
        return stored

    def frames(self, stored: Stored) -> np.ndarray:
        """(T, C, H, W) uint8, mapped: only what is used is read."""
        return np.memmap(stored.file, np.uint8, "r", shape=(len(stored.times), *self.shape))

    def _load(self, file: Path, times: Path, content: str) -> Stored | None:
        """The stored clip; None if it is missing or damaged, and to be decoded."""
        try:
            seconds, numbers = np.fromfile(times, TIMES).reshape(2, -1)
            if file.stat().st_size != len(seconds) * int(np.prod(self.shape)):
                return None
            return Stored(file, seconds, numbers.astype(np.int64), content)
        except (OSError, ValueError) as error:
            raise_if_machine(error, file)
            return None

    def _decode(self, path: str, file: Path, times: Path) -> None:
        """Decode to disk frame by frame, in bounded memory; renamed when complete."""
        frames: list[tuple[float, int]] = []
        with writing(file.parent, ADVICE):
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = f"{file}.{uuid.uuid4().hex}"  # mkstemp's would be unreadable to others
            out = open(temporary, "xb", buffering=0)  # noqa: SIM115, closed below
        try:
            with out:  # unbuffered: a full disk is found by the write, not after the block
                for frame in self._frames(path):
                    with writing(file.parent, ADVICE):
                        write_all(out, np.ascontiguousarray(frame.pixels))
                    frames.append((frame.seconds, frame.number))
            with writing(file.parent, ADVICE):
                os.replace(temporary, file)
                # not tofile, which reports no error of its last write
                Path(f"{temporary}.times").write_bytes(np.array(frames, TIMES).T.tobytes())
                os.replace(f"{temporary}.times", times)
        finally:
            for left in (temporary, f"{temporary}.times"):
                with suppress(FileNotFoundError):
                    os.unlink(left)

    def _frames(self, path: str) -> Iterator[TimedFrame]:
        """Iterate over the frames while decoding; a fixed number of them fits into memory."""
        if self.reader.frames is None:
            return self.reader.stream(path)
        clip = self.reader.read_clip(path)
        return map(TimedFrame, clip.times.tolist(), clip.numbers.tolist(), clip.frames)


def write_all(file: io.RawIOBase, array: np.ndarray) -> None:
    """Write a contiguous array to an unbuffered file, which may take it in several parts."""
    left = memoryview(array).cast("B")
    while left:
        left = left[file.write(left) :]


def content_of(path: Path) -> str:
    """A hash of a file's content; for a large file, of its size and three parts; for a folder of
    images that of all of them, in their order.
    """
    if path.is_dir():
        contents = "".join(map(content_of, frame_files(path)))
        return hashlib.blake2b(contents.encode(), digest_size=16).hexdigest()
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with open_regular(path) as file:
        if size <= HASHED_BYTES:
            digest.update(file.read())
        else:
            for start in (0, size // 2, size - PART_BYTES):
                file.seek(start)
                digest.update(file.read(PART_BYTES))
    return digest.hexdigest()


def content_digest(content: str) -> int:
    """The digest of a video, given its `content_of`."""
    return int(content[:16], 16) or 1


def clip_digests(paths: Sequence[str]) -> np.ndarray:
    """Digests (N,) uint64 of videos, UNKNOWN for one that cannot be read; copies have one."""

    def digest(path: str) -> int:
        try:
            return content_digest(content_of(Path(path)))
        except (OSError, ValueError) as error:
            raise_if_machine(error, path)
            return UNKNOWN

    return digest_all(paths, digest)
