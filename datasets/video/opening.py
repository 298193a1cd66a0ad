"""Open video files with PyAV: files only, none that they name, and the stream that is read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..limits.opening import check_regular, named_errors

MAX_PIXELS = 2**25  # of a frame: 7680 x 4320
# FFmpeg's names of the formats of files that hold what they show: no playlists or sequences, which
# name other files. Sound, and images as clips of one frame, are told apart later
FORMATS = ",".join((
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi,gif,nut,mxf", "mpeg,mpegts,mpegvideo",
    "asf,asf_o", "flv,live_flv", "ogg", "wav,mp3,flac,aac",
    "png_pipe,jpeg_pipe,bmp_pipe,tiff_pipe,webp_pipe,j2k_pipe,pbm_pipe,pgm_pipe,ppm_pipe,pam_pipe",
))  # fmt: skip


@contextmanager
def opened(
    path: str, exact: bool = True, live: bool = False, container_format: str | None = None
) -> Iterator[tuple]:
    """Open a file -> (container, video stream), in a `with` statement.

    exact=False: faster, but with wrong pixels. live: see `open_container`. Raises OSError or
    ValueError that names the file.
    """
    import av  # slow to import, and not needed for lines

    try:
        container = open_container(path, live, container_format)
    except FileNotFoundError as error:  # PyAV's is an FFmpegError too
        raise FileNotFoundError(f"{path}: no such file") from error
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and not isinstance(error, ValueError):
            raise OSError(f"{path}: {error.strerror}") from error
        raise ValueError(f"{path}: {_diagnose(path)} ({error.strerror})") from error
    with container:
        stream = choose_stream(path, container)
        if stream.codec_context is None:
            raise ValueError(f"{path}: a codec that this FFmpeg does not decode; convert it")
        # one thread: clips are small, and workers decode in parallel
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        skip = {} if exact else {"skip_loop_filter": "all"}
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)} | skip
        with named_errors(path):
            yield container, stream


def open_container(path: str, live: bool = False, container_format: str | None = None):
    """Open a video file with PyAV: by its path, so that `take: 2.mp4` is no protocol, and nothing
    that it names is opened.

    live: a pipe or a URL too. Raises ValueError for what is no regular file, FFmpegError.
    """
    import av

    # titles may be in any encoding, and are not used
    titles = {"metadata_errors": "ignore"}
    if live and not os.path.isfile(path):
        return av.open(path, format=container_format, **titles)
    check_regular(path)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    return av.open(f"file:{path}", options=options, **titles)


def choose_stream(path: str, container):
    """The video stream that is read: the first one marked as default, or else the first.

    Raises ValueError that names the file, if it holds none.
    """
    from av.stream import Disposition

    found = videos(container)
    if not found:
        streams = container.streams
        if not streams.video and not streams.audio:
            raise ValueError(f"{path}: holds nothing that can be shown; is it complete?")
        content = "a cover picture" if streams.video else "sound"
        raise ValueError(f"{path}: holds {content}, no video; give another file")
    return next((s for s in found if s.disposition & Disposition.default), found[0])


def videos(container) -> list:
    """The video streams except cover pictures."""
    from av.stream import Disposition

    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def _diagnose(path: str) -> str:
    """What a file that FFmpeg cannot open is, and what to do."""
    if not os.path.isfile(path):  # a pipe or a URL
        return "gives nothing that can be read as a video"
    with open(path, "rb") as file:
        start = file.read(64)
    if not start:
        return "is empty; copy it again"
    if start.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the video itself; run `git lfs pull`"
    if all(32 <= byte < 127 or byte in b"\r\n\t" for byte in start):
        return "is a text file, not a video; give the video itself"
    return "cannot be read as a video; is it complete? convert it otherwise"
