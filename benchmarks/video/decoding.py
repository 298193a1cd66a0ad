"""Frames a second from a video file to a model's pixels: Strand, OpenCV, torchcodec, one thread.

    python -m benchmarks.video.decoding [--data ut_interaction/clips] [--repeats 5]

Everyone opens each clip and leaves it as one array (T, C, height, width) uint8. At a model's size
that is the area average of every frame; `own resize` is torchcodec's bilinear one, other pixels.
Contenders take turns on every clip, so that whatever else the machine does hits all alike; a
figure is the median over the repeats, in seconds of this process's CPU. Without `--data` it films
its own clips. torchcodec is optional: `pip install torchcodec`, and FFmpeg's libraries.
"""

import argparse
import importlib.metadata
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import torch

from datasets.files import VIDEO_SUFFIXES, find_files, resolve_data_path
from datasets.video.decoder import decode_video, describe_video

from ..table import aligned

MODEL_SIZES = ((48, 64, 1), (80, 112, 3), (64, 96, 3))
COLUMNS = ["to", "decoder", "frames/s", "lowest-highest", "to the fastest other", "differs by"]
STRAND = "Strand"


class Target(NamedTuple):
    """What each frame becomes. height, width: None leaves them as the clip's are."""

    height: int | None
    width: int | None
    channels: int

    def of(self, shown: tuple[int, int]) -> tuple[int, int]:
        return (self.height or shown[0], self.width or shown[1])

    def __str__(self) -> str:
        size = f"{self.width} x {self.height}" if self.width else "full size"
        return f"{size} {'grey' if self.channels == 1 else 'RGB'}"


Reader = Callable[[str, tuple[int, int], int], np.ndarray]


def by_strand(path: str, size: tuple[int, int], channels: int) -> np.ndarray:
    return np.stack([frame.pixels for frame in decode_video(path, *size, channels)])


def by_opencv(path: str, size: tuple[int, int], channels: int) -> np.ndarray:
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    frames = []
    while True:
        more, picture = capture.read()
        if not more:
            return np.stack(frames)
        frames.append(finished(picture, size, channels, cv2.COLOR_BGR2GRAY, (2, 1, 0)))


def by_torchcodec(path: str, size: tuple[int, int], channels: int) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=1)
    pictures = decoder[:].numpy()
    return np.stack([finished(p, size, channels, cv2.COLOR_RGB2GRAY, (0, 1, 2)) for p in pictures])


def by_torchcodec_resize(path: str, size: tuple[int, int], channels: int) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    order = "NHWC" if channels == 1 else "NCHW"
    decoder = VideoDecoder(
        path, dimension_order=order, num_ffmpeg_threads=1, transforms=[Resize(size)]
    )
    frames = decoder[:]
    if channels == 1:
        return np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY)[None] for f in frames.numpy()])
    return frames.contiguous().numpy()


def finished(
    picture: np.ndarray, size: tuple[int, int], channels: int, to_grey: int, order: Sequence[int]
) -> np.ndarray:
    """(H, W, 3) as decoded -> (C, height, width): grey before scaling, which is the quicker way."""
    if channels == 1:
        picture = cv2.cvtColor(picture, to_grey)
    if picture.shape[:2] != size:
        picture = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    if channels == 1:
        return picture[None]
    pixels = np.empty((3, *size), np.uint8)
    cv2.split(picture, [pixels[place] for place in order])
    return pixels


def readers() -> tuple[dict[str, Reader], str]:
    """The contenders that are here, and a line on the one that is not."""
    found = {STRAND: by_strand, "OpenCV": by_opencv}
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        return found, f"torchcodec: missing ({str(error).splitlines()[0]})"
    found["torchcodec"] = by_torchcodec
    found["torchcodec, own resize"] = by_torchcodec_resize
    return found, ""


def measure(
    clips: Sequence[tuple[str, tuple[int, int], int]],
    target: Target,
    contenders: dict[str, Reader],
    repeats: int,
) -> dict[str, list[float]]:
    """Clips as path, (height, width), frames -> frames a second of each contender and repeat."""
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        spent = dict.fromkeys(contenders, 0.0)
        for path, shown, count in clips:
            size = target.of(shown)
            for name, read in contenders.items():
                start = time.process_time()
                frames = read(path, size, target.channels)
                spent[name] += time.process_time() - start
                if frames.shape != (count, target.channels, *size):
                    raise ValueError(f"{path}: {name} gives {frames.shape}, not {count} frames")
        for name, seconds in spent.items():
            speeds[name].append(sum(count for *_, count in clips) / seconds)
    return speeds


def rows(
    target: Target, speeds: dict[str, list[float]], differences: dict[str, float]
) -> list[list[str]]:
    """One line a contender. The ratio is to the fastest that is not Strand."""
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    fastest = max(median for name, median in medians.items() if name != STRAND)
    return [
        [
            str(target),
            name,
            f"{medians[name]:,.0f}",
            f"{min(found):,.0f}-{max(found):,.0f}",
            f"{medians[name] / fastest:.2f}",
            f"{differences[name]:.2f}",
        ]
        for name, found in speeds.items()
    ]


def compared(
    clip: tuple[str, tuple[int, int], int], target: Target, contenders: dict[str, Reader]
) -> dict[str, float]:
    """The mean difference of each to OpenCV's pixels, in levels of 255, on one clip."""
    path, shown, _ = clip
    found = {
        name: read(path, target.of(shown), target.channels).astype(np.int16)
        for name, read in contenders.items()
    }
    return {name: float(np.abs(a - found["OpenCV"]).mean()) for name, a in found.items()}


def filmed(folder: Path, clips: int, frames: int = 120) -> list[str]:
    """H.264 clips of 224 x 160: a textured square that wanders over a textured ground."""
    paths = []
    for seed in range(clips):
        random = np.random.default_rng(seed)
        ground = cv2.resize(random.integers(40, 200, (20, 28, 3), np.uint8), (224, 160))
        square = cv2.resize(random.integers(0, 255, (6, 6, 3), np.uint8), (48, 48))
        path = str(folder / f"clip{seed}.mp4")
        with av.open(path, "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"crf": "26"})
            stream.width, stream.height, stream.pix_fmt = 224, 160, "yuv420p"
            for i in range(frames):
                picture = ground.copy()
                x, y = (round(k * (1 + np.sin(i / p + seed))) for k, p in ((85, 17), (54, 11)))
                picture[y : y + 48, x : x + 48] = square
                noise = random.integers(0, 6, picture.shape, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture + noise, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        paths.append(path)
    return paths


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a folder of clips, as given, or under STRAND_DATA")
    parser.add_argument("--clips", type=int, default=20, help="at most so many of them")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    contenders, missing = readers()
    with tempfile.TemporaryDirectory() as folder:
        if options.data:
            files = find_files(resolve_data_path(options.data), VIDEO_SUFFIXES)
            paths = [str(path) for path in files[: options.clips]]
        else:
            paths = filmed(Path(folder), min(options.clips, 6))
        if not paths:
            parser.error(f"{options.data}: no clip in there ({', '.join(VIDEO_SUFFIXES)})")
        facts = [(path, describe_video(path)) for path in paths]
        clips = [(path, (found.height, found.width), found.frames) for path, found in facts]
        cells = [COLUMNS]
        for size in ((None, None, 3), *MODEL_SIZES):
            target = Target(*size)
            able = {n: r for n, r in contenders.items() if target.width or "resize" not in n}
            differences = compared(clips[0], target, able)
            cells += rows(target, measure(clips, target, able, options.repeats), differences)
    print(aligned(cells, options.format == "markdown"))
    packages = ("av", "opencv-python-headless", *(["torchcodec"] if not missing else []))
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    sizes = sorted({f"{w} x {h}" for _, (h, w), _ in clips})
    print(
        f"\n{len(clips)} clips, {sum(n for *_, n in clips)} frames, {sizes[0]} to {sizes[-1]}; "
        f"median of {options.repeats}, CPU seconds, one thread; {versions}, {platform.machine()}"
    )
    if missing:
        print(missing)


if __name__ == "__main__":
    main()
