"""Ten hours of video, labelled at every frame: how much memory, how fast, how true.

    python -m benchmarks.video.long_video --hours 10 [--direction forward] [--model BUNDLE]
        [--video FILE]

Without --video a film of moving squares is made (64 x 48, 25 frames a second), and without --model
a small network of random weights reads it, for memory and speed do not depend on what was learned.
--compare reads the first minutes also in one run, and tells how far the long way is from it.
"""

import argparse
import os
import tempfile
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import torch

from datasets import ClipReader
from models import FrameCNN, RecurrentStack, SequenceModel, TokenClassificationHead
from pipeline.reading.bundle import Bundle, load_bundle
from pipeline.reading.chunks import stack_frames
from pipeline.reading.prediction import Recognizer
from pipeline.reading.records import segment_records
from pipeline.scoring.readings import segments
from pipeline.training.memory import peak_memory_mib

from ..table import aligned

HEIGHT, WIDTH, RATE_HZ = 48, 64, 25


def make_film(path: Path, frames: int) -> None:
    """A square that wanders at another speed every ten seconds, as H.264."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "30"}
        stream.time_base = Fraction(1, RATE_HZ)
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)  # luma, then grey chroma
        place, speed = 0, 1
        for number in range(frames):
            if number % (10 * RATE_HZ) == 0:
                speed = int(rng.integers(0, 5))
            place = (place + speed) % (WIDTH - 16)
            picture[:HEIGHT] = 40
            picture[16:32, place : place + 16] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def small_network(direction: str) -> Bundle:
    torch.manual_seed(0)
    encoder = FrameCNN(1, (8, 16, 32), 2, difference=True, strided=True)
    recurrent = RecurrentStack(encoder.output_size, 64, direction=direction)
    model = SequenceModel(encoder, recurrent, TokenClassificationHead(recurrent.output_size, 6))
    with torch.no_grad():
        for weights in model.parameters():  # loud enough to tell one speed from another
            weights.mul_(2.0 if weights.ndim > 1 else 1.0)
    labels = [f"act {number}" for number in range(6)]
    return Bundle(model.eval(), labels, ClipReader(HEIGHT, WIDTH))


def deviation(recognizer: Recognizer, path: str, frames: int) -> list[str]:
    """One run over the first frames against the long way: how many steps get another label."""
    taken = list(islice(recognizer.bundle.reader.stream(path), frames))
    (whole,) = recognizer.infer([stack_frames(taken).frames])
    pieces = recognizer.read_long(path, iter(taken)).reading
    pairs = list(zip(whole.ids, pieces.ids, strict=True))
    other = sum(a != b for a, b in pairs)
    sure = np.abs(np.subtract(whole.confidences, pieces.confidences))
    return [f"{len(pairs)}", f"{other}", f"{sure.max():.1e}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=10.0, help="of the film that is made")
    parser.add_argument("--direction", choices=["forward", "both"], default="both")
    parser.add_argument("--model", help="a bundle that labels frames")
    parser.add_argument("--video", help="a film to read instead of one that is made")
    parser.add_argument("--compare", type=int, default=0, metavar="FRAMES")
    options = parser.parse_args()
    bundle = load_bundle(options.model) if options.model else small_network(options.direction)
    recognizer = Recognizer(bundle)
    with tempfile.TemporaryDirectory() as folder:
        path = options.video or os.path.join(folder, "film.mp4")
        if not options.video:
            started = time.perf_counter()
            make_film(Path(path), round(options.hours * 3600 * RATE_HZ))
            print(f"film made in {time.perf_counter() - started:.0f} s, {os.stat(path).st_size} B")
        before, started, worked = peak_memory_mib(), time.perf_counter(), time.process_time()
        (answer,) = recognizer.answers([path])
        if isinstance(answer.reading, str):
            parser.exit(1, f"error: {answer.reading}\n")
        found = segment_records(
            segments(answer.reading, bundle.labels), answer.times, answer.numbers
        )
        spent, worked = time.perf_counter() - started, time.process_time() - worked
        frames = len(answer.times)
        head = [
            "direction",
            "hours",
            "frames",
            "segments",
            "frames/s",
            "a CPU second",
            "MiB before",
            "MiB peak",
        ]
        row = [bundle.model.recurrent.direction, f"{found[-1]['end'] / 3600:.2f}", f"{frames}"]
        row += [f"{len(found)}", f"{frames / spent:.0f}"]
        row += [f"{frames / worked:.0f}", f"{before:.0f}"]
        print(aligned([head, [*row, f"{peak_memory_mib():.0f}"]], markdown=False))
        if options.compare:
            head = ["frames read both ways", "with another label", "confidence off by at most"]
            rows = [head, deviation(recognizer, path, options.compare)]
            print(aligned(rows, markdown=False))


if __name__ == "__main__":
    main()
