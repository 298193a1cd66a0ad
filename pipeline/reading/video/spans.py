"""Runs of equal step labels -> segments of a video, in seconds and frame numbers."""

import math
from collections.abc import Iterable

import numpy as np

LONE_SECONDS = 0.04  # assumed duration of a video with a single step


def median_step(places: np.ndarray, lone: float = LONE_SECONDS) -> float:
    """Median difference of the (T,) times or frame numbers of steps; `lone` if T is 1."""
    return float(np.median(np.diff(places))) if len(places) > 1 else lone


def end_of_last_step(times: np.ndarray, numbers: np.ndarray) -> tuple[float, int]:
    """End (seconds, frame number, exclusive) of the last of the steps (T,).

    The last step is taken to last as long as the median step.
    """
    frame = int(numbers[-1]) + max(1, math.ceil(median_step(numbers, 1.0)))
    return float(times[-1]) + median_step(times), frame


def segment_record(
    start: float, end: float, start_frame: int, end_frame: int, label: str, sure: float
) -> dict:
    """One segment as a record holds it: ends are exclusive, `sure` is its confidence."""
    return {
        "start": round(float(start), 3),
        "end": round(float(end), 3),
        "start_frame": int(start_frame),
        "end_frame": int(end_frame),
        "label": label,
        "confidence": round(sure, 4),
    }


def segment_records(
    runs: Iterable[tuple[int, int, str, float]], times: np.ndarray, numbers: np.ndarray
) -> list[dict]:
    """Convert runs (first step, end exclusive, label, confidence) to segments of a video.

    times, numbers: (T,) of the steps. Step i lasts until times[i + 1], the last one as long as the
    median step.
    """
    if not len(times):
        return []
    end, end_frame = end_of_last_step(times, numbers)
    seconds, frames = np.append(times, end), np.append(numbers, end_frame)
    return [
        segment_record(seconds[start], seconds[end], frames[start], frames[end], label, confidence)
        for start, end, label, confidence in runs
    ]
