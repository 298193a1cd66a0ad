"""Writes the sample videos of the demo, clips of one motion and videos of events."""

import argparse
import csv
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from .synthetic import MOTIONS, SyntheticClips, SyntheticEvents

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "clips"
SEED = 1888  # the configs train on seed 0
MOTION_CLIPS, EVENT_FILMS = 2 * len(MOTIONS), 4
DRAWN = 32  # pixels of the synthetic frames; each is encoded as ZOOM x ZOOM pixels
ZOOM = 2
RATE_HZ = 25
QUALITY = "20"  # of x264: lower values keep noise and enlarge the file, higher ones blur edges


def write_sample_video(frames: np.ndarray, path: Path) -> None:
    """Encode frames (T, 1, H, W) uint8 as grey H.264 with RATE_HZ frames a second.

    Single-threaded and without the encoder's date, so that the same frames give the same bytes.
    """
    import av

    height, width = (edge * ZOOM for edge in frames.shape[2:])
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # no B-frames: with them x264 is not deterministic
        stream.options = {"crf": QUALITY, "preset": "slow", "bf": "0", "flags": "+bitexact"}
        stream.codec_context.thread_count = 1
        for pixels in frames[:, 0]:
            luma = np.rint(16 + pixels * (219 / 255)).astype(np.uint8)  # limited range
            luma = luma.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
            chroma = np.full((height // 2, width), 128, np.uint8)
            planes = np.concatenate([luma, chroma])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())


def segments(ids: np.ndarray, labels: Sequence[str]) -> list[tuple[int, int, str]]:
    """Label ids of the frames (T,) -> runs (first frame, end exclusive, label)."""
    runs, start = [], 0
    for label, run in groupby(ids.tolist()):
        end = start + len(list(run))
        runs.append((start, end, labels[label]))
        start = end
    return runs


def write_table(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with these column names and rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def write_samples(out: Path) -> None:
    """Write the sample videos and their tables to a folder.

    OUT/motionNN.mp4 with clips.csv (clip,label), OUT/eventsN.mp4 with events.csv (segments).
    """
    out.mkdir(parents=True, exist_ok=True)
    motions = SyntheticClips(MOTION_CLIPS, 0, 0, SEED, DRAWN)
    rows: list[tuple] = []
    for index in range(MOTION_CLIPS):
        sample = motions.split("train").read(index)
        rows.append((f"motion{index + 1:02}.mp4", motions.labels[int(sample.target)]))
        write_sample_video(sample.inputs, out / rows[-1][0])
    write_table(out / "clips.csv", ("clip", "label"), rows)
    events, rows = SyntheticEvents(EVENT_FILMS, 0, 0, SEED, DRAWN), []
    for index in range(EVENT_FILMS):
        sample, name = events.split("train").read(index), f"events{index + 1}.mp4"
        rows += [(name, *run) for run in segments(sample.target, events.labels)]
        write_sample_video(sample.inputs, out / name)
    write_table(out / "events.csv", ("clip", "start_frame", "end_frame", "label"), rows)


if __name__ == "__main__":
    program = "python -m datasets.video.sample_film"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=SAMPLES)
    write_samples(parser.parse_args().out)
